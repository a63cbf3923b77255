# SPDX-License-Identifier: BSD-2-Clause
"""Two threads that hand each other a byte thousands of times a second."""
import _thread
import os
import resource
import sys

import truth
from truth import clock, cpu

ping, pong = os.pipe(), os.pipe()
start = _thread.allocate_lock()
end = _thread.allocate_lock()


def step(n):
    while n:
        n -= 1


def player():
    while True:
        start.acquire()
        sys.settrace(truth.tracing)
        t0 = clock()
        while os.read(ping[0], 1) == b"x":
            step(3000)
            os.write(pong[1], b"x")
        cpu["player"] = clock() - t0
        end.release()


def work(seconds):
    start.release()
    t0 = clock()
    before = resource.getrusage(resource.RUSAGE_SELF)
    while clock() < t0 + int(seconds * 1e9):
        os.write(ping[1], b"x")
        os.read(pong[0], 1)
        step(3000)
    after = resource.getrusage(resource.RUSAGE_SELF)
    os.write(ping[1], b".")
    end.acquire()
    cpu["main"] = clock() - t0
    return {"switches": after.ru_nvcsw - before.ru_nvcsw}


start.acquire()
end.acquire()
_thread.start_new_thread(player, ())
truth.run(work)
