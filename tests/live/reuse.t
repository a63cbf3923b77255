#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Code objects that are made, run and freed at the same addresses: none is misnamed where it
runs, and above it for a second at most."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

HZ = 4999


def reuse(name, python):
    target = lib.Target(python, "reuse.py")
    profiler, profile = lib.profile_targets([target], 6.0, "-F", HZ)
    facts = target.report["facts"]
    lib.ok(facts["shared"] > 100, name + ": addresses were shared", facts)
    right = wrong = unknown = torn = 0
    for sample in target.samples(profile):
        caller = sample.stack[1].name if len(sample.stack) > 1 else ""
        if "call_" not in caller:
            continue
        kind, leaf = "k" + caller.split("call_")[1] + "_", sample.leaf
        if leaf.name == "[unknown code]":
            unknown += sample.count
        elif leaf.name.split(".")[-1].startswith(kind):
            right += sample.count
            torn += sample.count * (leaf.file != "<%s>" % leaf.name.split(".")[-1] or leaf.line > 2)
        else:
            wrong += sample.count
    lib.note("%s: right %d, misnamed %d, unknown %d of %d functions" % (name, right, wrong, unknown,
                                                                      facts["made"]))
    lib.ok(right > 3000 and wrong == 0, name + ": no running frame misnamed", wrong)
    lib.ok(torn == 0, name + ": name, file and line belong together", torn)
    # Fewer a second than the quota lets through, so there is no reason to leave any unnamed.
    lib.ok(unknown <= 0.01 * (right + wrong + unknown), name + ": at most 1 % unknown", unknown,
           profiler.ledger)
    lib.ok(facts["same"], name + ": a caller's address was used again", facts)
    counts = {"old": 0, "new": 0}
    for sample in target.samples(profile):
        names = [frame.name.split(".")[-1] for frame in sample.stack]
        if "new_phase" in names:
            at = names.index("new_phase")
            if at and names[at - 1] in counts:
                counts[names[at - 1]] += sample.count
    lib.note("%s: in the second function, named as the first: %d, right: %d" %
             (name, counts["old"], counts["new"]))
    lib.ok(counts["old"] <= 1.02 * HZ and counts["new"] > HZ,
           name + ": no caller misnamed for longer than a second", counts)
    old = profile.total(where=lambda sample: any(frame.name.endswith("old_phase")
                                                 for frame in sample.stack))
    lib.ok(old > HZ, name + ": the first function was seen", old)
    target.total(profile, name + ": total CPU")


lib.need()
lib.for_pythons(reuse, "3.10.13", "3.12.1", "3.13.0", "debian 3.11")
lib.done()
