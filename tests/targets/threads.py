# SPDX-License-Identifier: BSD-2-Clause
"""Threads of unequal work, each so many frames deep: threads.py THREADS FRAMES.

They start before the rehearsal, and so before anything is attached.
"""
import _thread
import sys
import threading

import truth
from truth import clock

NR, FRAMES = int(sys.argv[1]), int(sys.argv[2])
starts = [_thread.allocate_lock() for _ in range(NR)]
ends = [_thread.allocate_lock() for _ in range(NR)]
tids = [0] * NR
depths = [0] * NR
quantity = 0


def spin(i, n):
    depths[i] = truth.here()
    while n:
        n -= 1


def down(i, depth, n):
    if depth:
        down(i, depth - 1, n)
    else:
        spin(i, n)


def root(i):
    tids[i] = threading.get_native_id()
    while True:
        starts[i].acquire()
        sys.settrace(truth.tracing)
        t0 = clock()
        down(i, FRAMES - 3, (i + 1) * quantity)
        truth.cpu["%d" % tids[i]] = clock() - t0
        ends[i].release()


def work(seconds):
    global quantity
    quantity = int(seconds * 50e6 / NR / (NR + 1))
    for lock in starts:
        lock.release()
    for lock in ends:
        lock.acquire()
    return {"tids": tids, "depths": depths}


for i in range(NR):
    starts[i].acquire()
    ends[i].acquire()
    _thread.start_new_thread(root, (i,))
truth.run(work)
