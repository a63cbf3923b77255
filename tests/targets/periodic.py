# SPDX-License-Identifier: BSD-2-Clause
"""Runs for a part of every 10 ms, first one function and then another: a sampler that beats with
the clock sees only one of them."""
import time

import truth
from truth import clock, cpu


def early(n):
    while n:
        n -= 1


def late(n):
    while n:
        n -= 1


def work(seconds):
    cpu["early"] = cpu["late"] = 0
    tick = time.monotonic()
    end = tick + seconds
    while True:
        t0 = clock()
        early(60000)
        t1 = clock()
        late(40000)
        t2 = clock()
        cpu["early"] += t1 - t0
        cpu["late"] += t2 - t1
        tick += 0.01
        if tick > end:
            break
        time.sleep(max(0, tick - time.monotonic()))


truth.run(work)
