# SPDX-License-Identifier: BSD-2-Clause
"""Code objects that are made, run and freed in a loop, so that one address has many names.

Sixteen callers each run only functions of their own kind: kind k's are called "k<k>_<i>". A leaf
of another kind than its caller's is misnamed. The second part keeps one function as a caller for
a second, frees it, and has another at the same address.
"""
import truth
from truth import clock

CALLERS = {}
exec(compile("".join("def call_%d(function, n):\n    function(n)\n" % k for k in range(16)),
             "<callers>", "exec"), CALLERS)


def make(name, body):
    space = {"spin": spin}
    exec(compile("def %s(n):\n    %s\n" % (name, body), "<%s>" % name, "exec"), space)
    return space.pop(name)


def spin(n):
    while n:
        n -= 1


def leaves(seconds, seen):
    end = clock() + int(seconds * 1e9)
    i = shared = 0
    while clock() < end:
        kind = i % 16
        function = make("k%d_%d" % (kind, i), "while n: n -= 1")
        address = id(function.__code__)
        shared += seen.get(address, kind) != kind
        seen[address] = kind
        CALLERS["call_%d" % kind](function, 80000)
        del function
        i += 1
    return i, shared


def old_phase(function, n):
    function(n)


def new_phase(function, n):
    function(n)


def repeat(phase, function, seconds):
    end = clock() + int(seconds * 1e9)
    while clock() < end:
        phase(function, 20000)


def callers(seconds):
    """Old, then new at old's address, if the allocator plays along."""
    function = make("old", "spin(n)")
    address = id(function.__code__)
    repeat(old_phase, function, seconds / 3)
    del function
    spare = []
    for _ in range(1000):
        function = make("new", "spin(n)")
        if id(function.__code__) == address:
            break
        spare.append(function)
    repeat(new_phase, function, 2 * seconds / 3)
    return id(function.__code__) == address


def work(seconds):
    made, shared = leaves(seconds / 3, {})
    return {"made": made, "shared": shared, "same": callers(2 * seconds / 3)}


truth.run(work)
