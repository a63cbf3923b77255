#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Children that become another program at once: what they burn until then is their parent's code,
or a program that starts, and never a sample without a process or without a stack."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

CHILDREN = """import subprocess, time
end = time.monotonic() + 2
while time.monotonic() < end:
    subprocess.run(["/bin/true"], preexec_fn=%s)
"""
SAMPLED = ("ok", "mended", "truncated", "partial", "no_python")


def children(name, python, how, preexec):
    script = lib.path("children.py")
    with open(script, "w") as file:
        file.write(CHILDREN % preexec)
    profiler = lib.Profiler("-F", 4999, "--", python, "-B", script, attached=False)
    profile = profiler.wait()
    what = "%s, %s" % (name, how)
    outcomes = profiler.outcomes()
    lib.note({key: value for key, value in profiler.ledger.items() if value})
    lib.ok(profiler.ledger["unknown_process"] == 0, what + ": every sample has its process",
           profiler.ledger["unknown_process"])
    sampled = sum(outcomes[key] for key in SAMPLED)
    lib.ok(sampled == profile.total("samples"), what + ": every sample that was taken is there",
           "%d taken, %d there" % (sampled, profile.total("samples")))
    lib.ok(sum(outcomes.values()) == profiler.ledger["expected"], what + ": the ledger adds up")
    bare = profile.total("samples", lambda sample: sample.names() == ["[unknown code]"])
    lib.ok(bare <= 0.01 * sampled, what + ": no stack is lost to an exec",
           "%d of %d samples" % (bare, sampled))


def both(name, python):
    children(name, python, "fork", "lambda: None")
    children(name, python, "vfork where it can", "None")


lib.need()
lib.for_pythons(both, "3.10.13", "3.13.0")
lib.done()
