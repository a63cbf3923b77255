# SPDX-License-Identifier: BSD-2-Clause
"""One thread that holds the GIL all the time, one that computes without it."""
import _thread
import hashlib
import sys
import threading

import truth
from truth import clock, cpu

start = _thread.allocate_lock()
end = _thread.allocate_lock()
tid = quantity = 0


def free():
    truth.here()
    hashlib.pbkdf2_hmac("sha256", b"x", b"salt", quantity)


def root():
    global tid
    tid = threading.get_native_id()
    while True:
        start.acquire()
        sys.settrace(truth.tracing)
        t0 = clock()
        free()
        cpu["free"] = clock() - t0
        end.release()


def hold(until):
    while clock() < until:
        pass


def work(seconds):
    global quantity
    quantity = int(seconds * 2e6)
    start.release()
    t0 = clock()
    hold(t0 + int(seconds * 1e9))
    cpu["hold"] = clock() - t0
    end.acquire()
    return {"free": tid, "line": free.__code__.co_firstlineno + 2}


start.acquire()
end.acquire()
_thread.start_new_thread(root, ())
truth.run(work)
