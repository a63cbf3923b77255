# SPDX-License-Identifier: BSD-2-Clause
"""50/30/20 between three functions; 70/20/10 between three lines, with and without calls."""
import truth
from truth import clock, cpu


def half(n):
    while n:
        n -= 1


def third(n):
    while n:
        n -= 1


def fifth(n):
    while n:
        n -= 1


def lines(n):
    """One loop a line, so that each line's time can be taken around it."""
    t0 = clock()
    for _ in range(7 * n): pass
    t1 = clock()
    for _ in range(2 * n): pass
    t2 = clock()
    for _ in range(1 * n): pass
    t3 = clock()
    cpu["line 0"] += t1 - t0
    cpu["line 1"] += t2 - t1
    cpu["line 2"] += t3 - t2


def add(n):
    n + 1


def calls(n):
    t0 = clock()
    for i in range(7 * n): add(i)
    t1 = clock()
    for i in range(2 * n): add(i)
    t2 = clock()
    for i in range(1 * n): add(i)
    t3 = clock()
    cpu["call 0"] += t1 - t0
    cpu["call 1"] += t2 - t1
    cpu["call 2"] += t3 - t2


def functions(n):
    t0 = clock()
    half(5 * n)
    t1 = clock()
    third(3 * n)
    t2 = clock()
    fifth(2 * n)
    t3 = clock()
    cpu["half"] += t1 - t0
    cpu["third"] += t2 - t1
    cpu["fifth"] += t3 - t2


def work(seconds):
    for key in ("half", "third", "fifth", "line 0", "line 1", "line 2", "call 0", "call 1",
                "call 2"):
        cpu[key] = 0
    end = clock() + int(seconds * 1e9)
    i = 0
    while clock() < end:
        # Rounds of ever other lengths: equal ones can keep step with the sampling clock, and then
        # every sample sees the same part of a round.
        i += 1
        n = 1500 + i * 619 % 1000
        functions(2 * n)
        lines(3 * n)
        calls(n)
    first = lines.__code__.co_firstlineno + 3
    return {"lines": [first, first + 2, first + 4],
            "calls": [calls.__code__.co_firstlineno + 2 + i for i in (0, 2, 4)]}


truth.run(work)
