#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""CPU time: shares of functions, lines and threads, and totals against the target's own clock."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

HZ = 4999


def check_lines(name, profile, target):
    """70/20/10 between three lines of one function, of its own time and of its callees'."""
    report = target.report
    for kind, function, facts in (("line", "lines", "lines"), ("call", "calls", "calls")):
        lines = report["facts"][facts]
        counts = [0, 0, 0]
        for sample in target.samples(profile):
            for frame in sample.stack[:2]:
                if frame.name == "shares." + function and frame.line in lines:
                    counts[lines.index(frame.line)] += sample.count
        truth = [report["cpu"]["%s %d" % (kind, i)] for i in range(3)]
        for i in range(3):
            lib.share(counts[i], sum(counts), truth[i] / sum(truth),
                      "%s: %s %d of 70/20/10" % (name, kind, i))


def shares(name, python):
    target = lib.Target(python, "shares.py")
    _, profile = lib.profile_targets([target], 4.1, "-F", HZ)
    report, samples = target.report, target.samples(profile)
    total = sum(sample.count for sample in samples)
    lib.ok(total >= 20000, name + ": 20,000 samples", total)
    lib.ok(profile.total() == total, name + ": nothing but the target")
    target.total(profile, name + ": total CPU")
    lib.near(lib.cpu_of(profile, target.pid), total * 1e9 / HZ, 1e-6,
             name + ": a sample is a period")
    truth = {key: report["cpu"][key] for key in ("half", "third", "fifth")}
    counts = {key: sum(sample.count for sample in samples if sample.leaf.name == "shares." + key)
              for key in truth}
    for key in truth:
        lib.share(counts[key], sum(counts.values()), truth[key] / sum(truth.values()),
                  "%s: function %s" % (name, key))
    check_lines(name, profile, target)
    wrong = target.outside(profile)
    lib.ok(not wrong, name + ": every frame is one of the target's", wrong)
    whole, every = target.whole(profile)
    lib.ok(whole >= 0.999 * every, name + ": whole stacks", whole, every)
    lib.ok({sample.labels["process"] for sample in samples} == {"shares.py (%d)" % target.pid},
           name + ": label process", {sample.labels["process"] for sample in samples})
    version = "3.11" if name.startswith("debian") else name.rsplit(".", 1)[0]
    lib.ok({sample.labels["python_version"] for sample in samples} == {version},
           name + ": label python_version", {sample.labels["python_version"] for sample in samples})
    lib.ok({sample.labels["tid"] for sample in samples} == {target.pid}, name + ": label tid")


def threads(name, python):
    """Three threads and ten of thirty frames, side by side."""
    targets = [lib.Target(python, "threads.py", 3, 8), lib.Target(python, "threads.py", 10, 30)]
    _, profile = lib.profile_targets(targets, 2.0, "-F", HZ)
    for target, nr, frames in zip(targets, (3, 10), (8, 30)):
        what = "%s: %d threads" % (name, nr)
        by_tid = profile.by(lambda sample: sample.labels["tid"],
                            where=lambda sample, pid=target.pid: sample.labels["pid"] == pid)
        tids = target.report["facts"]["tids"]
        truth = {tid: target.report["cpu"][str(tid)] for tid in tids}
        total = sum(by_tid[tid] for tid in tids)
        spent = sum(truth.values())
        worst = max(tids, key=lambda tid: abs(by_tid[tid] / total - truth[tid] / spent))
        lib.share(by_tid[worst], total, truth[worst] / spent,
                  what + ": the share that is furthest off")
        target.total(profile, what + ": total CPU")
        right, every = target.stacks_of(profile, "spin")
        lib.ok(every and right == every, what + ": stacks as recorded", right, every)
        lib.ok(target.report["facts"]["depths"] == [frames] * nr, what + ": depth")
        wrong = target.outside(profile)
        lib.ok(not wrong, what + ": every frame is one of the target's", wrong)


def switches(name, python):
    """Thousands of switches a second, on one CPU: spread over idle ones, each hand-over is a
    wake-up, and what a virtual machine's timer makes of that is another matter."""
    target = lib.Target(python, "pingpong.py", cpu=0)
    _, profile = lib.profile_targets([target], 2.5, "-F", HZ)
    rate = target.report["facts"]["switches"] / (target.cpu_ns / 1e9)
    lib.ok(rate > 1000, name + ": over 1,000 switches a second", rate)
    target.total(profile, name + ": total CPU of a target that switches")
    wrong = target.outside(profile)
    lib.ok(not wrong, name + ": switching: every frame is one of the target's", wrong)


def periodic(name, python):
    """At the default rate, which must not beat with a 10 ms clock, and at one that has enough
    samples for a narrow check."""
    target = lib.Target(python, "periodic.py", cpu=0)
    profilers = [lib.Profiler("-p", target.pid), lib.Profiler("-p", target.pid, "-F", 999)]
    target.go(10.0)
    target.wait()
    profiles = [profiler.stop() for profiler in profilers]
    truth = target.end()["cpu"]
    for profile, rate, at_most, tolerance in zip(profiles, (99, 999), (1, 0.02), (0.12, 0.005)):
        what = "%s: 10 ms period at %d Hz" % (name, rate)
        counts = profile.by(lambda sample: sample.leaf.name)
        early, late = counts["periodic.early"], counts["periodic.late"]
        lib.share(early, early + late, truth["early"] / (truth["early"] + truth["late"]),
                  what + ": no lockstep", at_most)
        target.total(profile, what + ": total CPU", tolerance)


def launched(name, python):
    """The whole life of a command, from exec to exit, its interpreter's start included."""
    truth = lib.path("truth.json")
    if os.path.exists(truth):
        os.unlink(truth)
    profiler = lib.Profiler("-F", 999, "--", python, "-B", os.path.join(lib.TARGETS, "busy.py"),
                            attached=False, env=dict(os.environ, TRUTH=truth, SECONDS="3"))
    profile = profiler.wait()
    lib.ok(profiler.code == 0 and profile, name + ": -- command: written", profiler.stderr())
    with open(truth) as file:
        report = json.load(file)
    starting = profiler.outcomes().get("starting", 0) * profile.period
    lib.note("starting %.1f ms, up to the script %.1f ms" % (starting / 1e6,
                                                             report["start_ns"] / 1e6))
    lib.near(lib.cpu_of(profile, report["pid"]) + starting, report["process_ns"], 0.02,
             name + ": -- command: CPU of its whole life")
    burn = profile.total("cpu", lambda sample: sample.leaf.name == "busy.burn")
    lib.ok(burn >= report["cpu"]["burn"] - 60e6,
           name + ": -- command: attached within 60 ms of exec", burn, report["cpu"]["burn"])
    hottest = profile.by(lambda sample: sample.leaf).most_common(1)[0][0]
    lib.ok((hottest.name, hottest.line) == ("busy.burn", report["facts"]["line"]),
           name + ": -- command: the hottest line", hottest)


lib.need()
lib.for_pythons(shares)
lib.for_pythons(threads)
lib.for_pythons(switches, "3.10.13", "3.13.0", "debian 3.11")
lib.for_pythons(periodic, "3.12.1")
lib.for_pythons(launched)
lib.done()
