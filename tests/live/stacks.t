#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stacks: exact depths, generators, coroutines, callbacks from C, no pair that does not exist,
threads without the GIL and without Python."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

HZ = 1999
KEPT = 1024
DEPTHS = [10, 100, 1000, 1023, 1024, 1025, 20000]


def same(name, target, profile, what, without=0):
    """Every frame and every pair is one that the target has seen, and the stacks are whole, but
    for `without` samples."""
    wrong = target.outside(profile)
    lib.ok(not wrong, "%s: %s: every frame is one of the target's" % (name, what),
           *wrong.most_common(10))
    least = 0.995 if name.startswith(("3.11", "3.12", "debian")) else 0.999
    whole, every = target.whole(profile)
    lib.ok(every and whole >= least * (every - without), "%s: %s: whole stacks" % (name, what),
           "%d of %d" % (whole, every))


def right(stack, depth, has_root):
    """The target's stack of that depth; of one deeper than is kept, the leaf end and, where the
    version has it, the root end, with [truncated] for what lies between."""
    truth = ["recursion.down"] * (depth - 4) + ["recursion.work", "truth.run", "recursion.<module>"]
    names = [frame.name for frame in stack[1:]]
    if "[truncated]" not in names:
        return names == truth
    gap = names.index("[truncated]")
    leaf, root = names[:gap], names[gap + 1:]
    if depth <= KEPT or len(leaf) != KEPT - 1 or leaf != truth[:len(leaf)]:
        return False
    return len(leaf) + len(root) < len(truth) and \
        root == (truth[-len(root):] if has_root and root else []) and len(root) >= 3 * has_root


def recursion(name, python):
    has_root = not name.startswith("3.10")
    depths = DEPTHS + ([100000] if has_root else [])
    target = lib.Target(python, "recursion.py", *depths, stack_mb=1024)
    profiler, profile = lib.profile_targets([target], 2.0, "-F", 999)
    for i, depth in enumerate(depths):
        of_leaf = [sample for sample in target.samples(profile)
                   if sample.leaf.name == "recursion.leaf_%d" % i]
        every = sum(sample.count for sample in of_leaf)
        good = sum(sample.count for sample in of_leaf if right(sample.stack, depth, has_root))
        lib.ok(every > 100 and good == every, "%s: %d frames" % (name, depth),
               "%d right of %d" % (good, every),
               *[(len(sample.stack), sample.names()[:3], sample.names()[-3:])
                 for sample in of_leaf[:5]])
    cut = profile.total(where=lambda sample: sample.has("[truncated]"))
    lib.ok(cut == profiler.outcomes()["truncated"], name + ": outcome truncated", cut)
    target.total(profile, name + ": recursion: total CPU")


def generators(name, python):
    target = lib.Target(python, "generators.py")
    _, profile = lib.profile_targets([target], 2.0, "-F", HZ)
    same(name, target, profile, "generators")
    for leaf, what in (("spin_yield", "yield from"), ("spin_await", "await"),
                       ("spin_loop", "asyncio")):
        right, every = target.stacks_of(profile, leaf)
        lib.ok(every > 200 and right == every, "%s: %s: the recorded stack" % (name, what),
               "%d of %d" % (right, every))


def callbacks(name, python):
    target = lib.Target(python, "callbacks.py")
    profiler, profile = lib.profile_targets([target], 3.0, "-F", HZ)
    same(name, target, profile, "callbacks")
    for leaf in ("long_call", "long_below_sort"):
        right, every = target.stacks_of(profile, leaf)
        lib.ok(every > 100 and right == every, "%s: lines of callers of %s" % (name, leaf),
               "%d of %d" % (right, every))
    seen = {frame.name.split(".")[-1] for sample in profile.samples for frame in sample.stack}
    for each in target.report["facts"]["names"] + [target.report["facts"]["long"]]:
        lib.ok(each in seen, "%s: the name %s" % (name, ascii(each)[:40]))
    target.total(profile, name + ": callbacks: total CPU")
    lib.ok(profiler.ledger["codes"] >= 30, name + ": code objects counted", profiler.ledger)


def flutter():
    """Both at once, one CPU each: 50,000 samples of each."""
    found = [(name, python) for name, python, _ in lib.pythons("3.12.1", "3.13.0") if python]
    if len(found) < 2:
        lib.skip("flutter", "optional: no CPython 3.12.1 and 3.13.0 under pyenv")
        return
    targets = [lib.Target(python, "flutter.py", cpu=i % lib.nr_cpus())
               for i, (_, python) in enumerate(found)]
    _, profile = lib.profile_targets(targets, 10.1, "-F", 4999)
    for (name, _), target in zip(found, targets):
        samples = target.samples(profile)
        every = sum(sample.count for sample in samples)
        lib.ok(every >= 50000, name + ": flutter: 50,000 samples", every)
        pairs = profile.by(lambda sample: (sample.stack[1].name, sample.leaf.name),
                           where=lambda sample, pid=target.pid: sample.labels["pid"] == pid and
                           len(sample.stack) > 1)
        crossed = pairs["flutter.hot_a", "flutter.leaf_b"] + \
            pairs["flutter.hot_b", "flutter.leaf_a"]
        lib.ok(crossed == 0, name + ": flutter: no pair that does not exist", crossed)
        same(name, target, profile, "flutter")
        lines = target.report["facts"]["lines"]
        paths = [sum(sample.count for sample in samples
                     if any(frame.name == "flutter.alternate" and frame.line == line
                            for frame in sample.stack[:3])) for line in lines]
        truth = target.report["cpu"]
        lib.share(paths[0], sum(paths), truth["a"] / (truth["a"] + truth["b"]),
                  name + ": flutter: the paths' shares")
        target.total(profile, name + ": flutter: total CPU")


def nogil(name, python):
    target = lib.Target(python, "nogil.py")
    _, profile = lib.profile_targets([target], 1.5, "-F", 999)
    facts, truth = target.report["facts"], target.report["cpu"]
    same(name, target, profile, "no GIL")
    free = profile.by(lambda sample: (sample.leaf.name, sample.leaf.line), "cpu",
                      lambda sample: sample.labels["tid"] == facts["free"])
    at_line = free["nogil.free", facts["line"]]
    lib.same_part(profile, at_line, truth["free"], target,
                  name + ": a thread that computes without the GIL")
    held = profile.total("cpu", lambda sample: sample.labels["tid"] == target.pid and
                         sample.leaf.name == "nogil.hold")
    lib.same_part(profile, held, truth["hold"], target, name + ": a thread that holds the GIL")
    right, every = target.stacks_of(profile, "free")
    lib.ok(every and right == every, name + ": no GIL: the recorded stack", right, every)


def native(name, python):
    """And, since it costs nothing more, in a process that maps a second libpython."""
    other = lib.pyenv("3.12.1" if not name.startswith("3.12") else "3.13.0")
    more = [os.path.join(os.path.dirname(os.path.dirname(other)), "lib", "libpython%s.so.1.0" %
                         ("3.12" if not name.startswith("3.12") else "3.13"))] if other else []
    target = lib.Target(python, "native.py", library, *more)
    _, profile = lib.profile_targets([target], 1.0, "-F", 999)
    facts, truth = target.report["facts"], target.report["cpu"]
    of_native = [sample for sample in profile.samples if sample.labels["tid"] == facts["native"]]
    ours = [["[no python frame]"], ["[exiting]"]]  # the latter at its very end, if at all
    lib.ok(of_native and of_native[0].names() == ours[0] and
           all(sample.names() in ours for sample in of_native),
           name + ": a thread without Python", *[sample.names() for sample in of_native[:3]])
    lib.same_part(profile, sum(sample.cpu for sample in of_native), truth["native"], target,
                  name + ": a thread without Python: its CPU")
    main = profile.total("cpu", lambda sample: sample.leaf.name == "native.spin")
    what = "beside a second libpython" if more else "alone"
    lib.same_part(profile, main, truth["main"], target, "%s: the main thread, %s" % (name, what))
    same(name, target, profile, "native", sum(sample.count for sample in of_native))


lib.need()
library = lib.build("native.c", "-shared", "-fPIC")
lib.for_pythons(recursion)
lib.for_pythons(generators)
lib.for_pythons(callbacks)
flutter()
lib.for_pythons(nogil)
lib.for_pythons(native)
lib.done()
