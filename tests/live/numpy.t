#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A NumPy program: the lines that call NumPy carry its time, and none is lost, its own threads
included."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

lib.need()
if subprocess.run([lib.DEBIAN, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode:
    lib.skip_all("optional: python3-numpy is not installed")
target = lib.Target(lib.DEBIAN, "numeric.py")
profiler, profile = lib.profile_targets([target], 5.0, "-F", 1999)
target.total(profile, "total CPU, all threads")
truth = target.report["cpu"]
lines = target.report["facts"]["lines"]
below = profile.by(lambda sample: next((frame.line for frame in sample.stack
                                        if frame.name == "numeric.compute"), None))
for line, what in zip(lines, ("dot", "sort", "exp")):
    lib.share(below[line], sum(below[each] for each in lines), truth[what] / sum(truth.values()),
              "the line of numpy." + what)
on_lines = sum(below[line] for line in lines)
lib.ok(on_lines >= 0.99 * profile.total(), "the three lines carry it all", below)
wrong = target.outside(profile)
lib.ok(not wrong, "every frame is one of the target's", *wrong.most_common(10))
whole, every = target.whole(profile)
native = profile.total(where=lambda sample: sample.names() == ["[no python frame]"])
lib.ok(whole + native >= 0.995 * every, "whole stacks", whole, native, every)
lib.done()
