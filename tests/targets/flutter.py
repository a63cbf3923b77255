# SPDX-License-Identifier: BSD-2-Clause
"""Two functions that each call their own leaf, alternating as fast as Python can. A pair of one's
caller and the other's leaf does not exist."""
import truth
from truth import clock, cpu


def leaf_a(n):
    return n + 1


def leaf_b(n):
    return n - 1


def hot_a(n):
    leaf_a(n)
    return leaf_a(n)


def hot_b(n):
    return leaf_b(n)


def alternate(n):
    for i in range(n):
        hot_a(i)
        hot_b(i)


def time_paths(n):
    """What one call costs on each path, with the loop's own cost taken off."""
    t0 = clock()
    for i in range(n): hot_a(i)
    t1 = clock()
    for i in range(n): hot_b(i)
    t2 = clock()
    for i in range(n): pass
    t3 = clock()
    cpu["a"] += (t1 - t0) - (t3 - t2)
    cpu["b"] += (t2 - t1) - (t3 - t2)


def work(seconds):
    cpu["a"] = cpu["b"] = 0
    end = clock() + int(seconds * 1e9)
    n = 10000 if seconds > 0.1 else 100
    while True:
        for _ in range(20):
            alternate(n)
        time_paths(n)
        if clock() > end:
            break
    first = alternate.__code__.co_firstlineno
    return {"lines": [first + 2, first + 3]}


truth.run(work)
