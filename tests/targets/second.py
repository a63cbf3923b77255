# SPDX-License-Identifier: BSD-2-Clause
"""What forks.py starts: second.py DESCRIPTOR NANOSECONDS WORD. On "exec" it replaces itself by
itself once more, so that the pid has held three programs."""
import json
import os
import resource
import sys
import time

clock = time.thread_time_ns


def burn_exec(end):
    while clock() < end: pass


def burn_spawn(end):
    while clock() < end: pass


def burn_again(end):
    while clock() < end: pass


def main(descriptor, ns, word):
    t0 = clock()
    {"exec": burn_exec, "spawn": burn_spawn, "again": burn_again}[word](t0 + ns // 2)
    if word == "exec":
        os.execv(sys.executable,
                 [sys.executable, "-B", __file__, str(descriptor), str(ns), "again"])
    if word == "spawn":
        burn_again(clock() + ns // 2)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    os.write(descriptor, json.dumps([clock() - t0, usage.ru_nvcsw + usage.ru_nivcsw]).encode())


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
