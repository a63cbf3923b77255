# SPDX-License-Identifier: BSD-2-Clause
"""A thread that no Python ever ran on, made by a C library: native.py LIBRARY; and, where further
libraries are named, those mapped too."""
import ctypes
import sys
import threading

import truth
from truth import clock, cpu

library = ctypes.PyDLL(sys.argv[1])
library.native_start.restype = ctypes.c_int
library.native_stop.restype = ctypes.c_longlong


def spin(until):
    while clock() < until:
        pass


def work(seconds):
    tid = library.native_start()
    t0 = clock()
    spin(t0 + int(seconds * 1e9))
    cpu["main"] = clock() - t0
    cpu["native"] = library.native_stop()
    return {"native": tid, "main": threading.get_native_id()}


others = [ctypes.CDLL(path) for path in sys.argv[2:]]
truth.run(work)
