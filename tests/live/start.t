#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Targets that are no Python yet: one that was started a moment ago, one that loads an interpreter
after a while; and Pythons that are refused many times, which is said once."""
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

NR_STARTS = 10
BURN = "import time\nwhile time.process_time() < %g: pass"
LATE = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	void *python, (*initialize)(void);
	int (*run)(const char *);

	sleep(atoi(argv[3]));
	python = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (!python)
		return puts(dlerror());
	initialize = dlsym(python, "Py_Initialize");
	run = dlsym(python, "PyRun_SimpleString");
	initialize();
	return run(argv[2]);
}
"""


def just_started(name, python):
    """As in "app.py & pybpfprof -p $!": its libraries may not be mapped yet."""
    codes = []
    for _ in range(NR_STARTS):
        target = lib.start([python, "-c", BURN % 0.5])
        run = subprocess.run([lib.PROGRAM, "-q", "-p", str(target.pid), "-d", "20ms", "-o",
                              "/dev/null"], stderr=subprocess.DEVNULL, timeout=30)
        codes.append(run.returncode)
        target.kill()
        target.wait()
    lib.ok(3 not in codes, "%s: a Python of a moment ago is a Python" % name, codes)


def late(name, python):
    """Three seconds without an interpreter, then two of CPU: not much of them is missed."""
    home = os.path.dirname(os.path.dirname(python))
    library = glob.glob(home + "/lib/libpython3.[0-9]*.so.1.0")[0]
    source, program = lib.path("late.c"), lib.path("late")
    with open(source, "w") as file:
        file.write(LATE)
    subprocess.run(["cc", "-O1", "-o", program, source, "-ldl"], check=True)
    profiler = lib.Profiler("-F", 199, "--", program, library, BURN % 2, 3, attached=False,
                            env=dict(os.environ, PYTHONHOME=home))
    profile = profiler.wait()
    seconds = profile.total("cpu") / 1e9 if profile else 0
    lib.note("%s: %.2f of 2 s" % (name, seconds))
    lib.ok(seconds >= 1.2, "%s: loaded late, found soon" % name, profiler.stderr())


def refused_once(name, python):
    profiler = lib.Profiler("--all", "-d", 4)
    targets = [lib.start([each, "-c", BURN % 0.3]) for each in [python] * 4 + [sys.executable]]
    for target in targets:
        target.wait(60)
    profiler.wait()
    lines = [line for line in profiler.stderr().splitlines()
             if "is not profiled" in line and "CPython 3.9" in line]
    lib.ok(len(lines) == 1, "%s: four that are refused, one warning" % name, *lines)
    lib.ok(profiler.outcomes().get("refused", 0) > 0, "%s: their time is counted" % name,
           profiler.outcomes())


lib.need()
for test, versions in ((just_started, ("3.11.7", "3.13.0")), (late, ("3.12.1",))):
    lib.for_pythons(test, *versions)
OLD = lib.pyenv("3.9.*")
if OLD:
    refused_once("3.9", OLD)
else:
    lib.skip("3.9: four that are refused", "optional: no CPython 3.9 under pyenv")
lib.done()
