#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A CPU goes offline and comes back while the profiler runs: it is sampled again."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

LAST = max(os.sched_getaffinity(0))
SWITCH = "/sys/devices/system/cpu/cpu%d/online" % LAST


def switch(value):
    with open(SWITCH, "w") as file:
        file.write(value)


lib.need()
if lib.nr_cpus() < 2 or not os.path.exists(SWITCH):
    lib.skip_all("optional: no CPU can be taken offline here")
python = [python for _, python, _ in lib.pythons() if python][-1]
targets = [lib.Target(python, "busy.py") for _ in range(lib.nr_cpus())]
profiler = lib.Profiler("-p", ",".join(str(target.pid) for target in targets), "-F", 999)
for target in targets:
    target.go(4.0)
time.sleep(1)
try:
    switch("0")
except OSError as error:
    lib.skip_all("optional: CPU %d stays online: %s" % (LAST, error.strerror))
try:
    time.sleep(1)
finally:
    switch("1")
for target in targets:
    target.wait()
profile = profiler.stop()
for target in targets:
    target.end()
for i, target in enumerate(targets):
    # Until it is noticed that the CPU is back, at most a second, its ticks are nobody's.
    late = 1e9 / len(targets)
    got = lib.cpu_of(profile, target.pid)
    lib.note("%.3f s of %.3f s" % (got / 1e9, target.cpu_ns / 1e9))
    lib.ok(target.cpu_ns * 0.98 - late <= got <= target.cpu_ns * 1.02,
           "target %d: total CPU" % (i + 1), got, target.cpu_ns)
got = sum(lib.cpu_of(profile, target.pid) for target in targets)
spent = sum(target.cpu_ns for target in targets)
lib.ok(spent - got < 1.1e9, "the CPU is sampled again within a second", got, spent)
lib.ok(sum(profiler.outcomes().values()) == profiler.ledger["expected"], "the ledger closes",
       profiler.ledger)
lib.done()
