# SPDX-License-Identifier: BSD-2-Clause
"""Python called back from C, and C that is long under a Python line: sorted, re, json, reduce,
__eq__, __hash__, __del__, import-free classes, comprehensions, lambdas, decorators, calls over
several lines, exec'd code, names that are not ASCII or very long."""
import functools
import hashlib
import json
import re

import truth
from truth import clock

LONG = "very_" + "long_" * 60 + "name"
WIDE = {"größe": 1, "サイズ": 2, "\U00020000": 4}
numbers = list(range(300, 0, -1))
words = "lorem ipsum dolor sit amet " * 20
made = {}

for name in [LONG, *WIDE]:
    exec(compile("def %s(n):\n    while n:\n        n -= 1\n" % name, "<made>", "exec"), made)


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    def __hash__(self):
        return hash(self.x)

    def __lt__(self, other):
        return self.x < other.x

    def __del__(self):
        self.x = None

    @property
    def double(self):
        return self.x + self.x

    @classmethod
    def several(cls, n):
        return [cls(i) for i in range(n)]

    @staticmethod
    def plain(n):
        while n:
            n -= 1


def key(n):
    return -n


def upper(match):
    return match.group().upper()


def default(thing):
    return thing.x


def add(a, b):
    return a + b


def twice(function):
    @functools.wraps(function)
    def wrapper(*args):
        function(*args)
        return function(*args)
    return wrapper


@twice
@functools.lru_cache(maxsize=1)
def decorated(n):
    while n:
        n -= 1


def multi_line(n):
    return add(
        sum(
            i for i in range(n)
        ),
        max(
            range(n),
            key=lambda i:
                i % 7,
        ),
    )


def comprehensions(n):
    return ([i * 2 for i in range(n)], {i for i in range(n)}, {i: i for i in range(n)},
            sorted(range(n), key=lambda i: -i))


def nested(n):
    def inner(n):
        return [j for j in
                (lambda: range(n))()]
    return inner(n)


def long_call(data):
    """All of its time under one line, in C."""
    truth.here()
    hashlib.pbkdf2_hmac("sha256", data, b"salt", 3000)


def long_below_sort(n):
    """Called back from C, and long in C itself."""
    truth.here()
    sum(range(n))
    return n


def reraise(n):
    try:
        raise ValueError(n)
    except ValueError as error:
        try:
            raise KeyError from error
        except KeyError:
            return n
    finally:
        n = 0


def work(seconds):
    end = clock() + int(seconds * 1e9)
    while True:
        sorted(numbers, key=key)
        sorted(Point.several(100))
        re.sub("[a-z]+", upper, words)
        json.dumps([Point(i) for i in range(200)], default=default)
        functools.reduce(add, numbers)
        len({Point(i % 10) for i in range(100)})
        sum(point.double for point in Point.several(50))
        Point.plain(2000)
        decorated(clock() & 1023)
        multi_line(300)
        comprehensions(200)
        nested(300)
        for _ in range(50):
            reraise(1)
        for name in made:
            if name != "__builtins__":
                made[name](3000)
        exec("for i in range(3): key(i)\nadd(1,\n  2)", globals())
        eval("add(key(1), 2)")
        long_call(b"x" * 100)
        sorted([20000, 20001, 20002], key=long_below_sort)
        if clock() > end:
            break
    return {"names": list(WIDE), "long": LONG}


truth.run(work)
