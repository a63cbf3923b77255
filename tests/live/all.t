#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""--all: processes that started before and while it runs, fork, exec, short-lived ones, versions
that are refused, and names of the dead."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

NR_SHORT = 20
SHORT = """import json, os, resource, sys, time
clock = time.thread_time_ns
started = time.process_time_ns()
def burn_%02d(end):
    while clock() < end: pass
t0 = clock()
burn_%02d(t0 + 150000000)
burned = clock() - t0
usage = resource.getrusage(resource.RUSAGE_SELF)
with open(sys.argv[1], "w") as file:
    json.dump({"pid": os.getpid(), "burned": burned, "started": started,
               "switches": usage.ru_nvcsw + usage.ru_nivcsw}, file)
"""


def family(profile, target, what):
    """Every child's CPU at the child's function, under the child's pid and script."""
    facts = target.report["facts"]
    functions = {"parent": ["forks.burn_parent"], "one": ["forks.burn_one"],
                 "two": ["forks.burn_two"], "three": ["forks.burn_three"],
                 "exec": ["second.burn_again"],
                 "spawn": ["second.burn_spawn", "second.burn_again"]}
    for child, names in functions.items():
        pid, truth, switches = facts[child]
        got = profile.total("cpu", lambda sample, pid=pid, names=names:
                            sample.labels["pid"] == pid and sample.leaf.name in names)
        # What execs is not sampled until its interpreter has started: at most 60 ms.
        missing = truth - got
        lib.note("%s: %s: %.1f of %.1f ms" % (what, child, got / 1e6, truth / 1e6))
        late = 60e6 if child in ("exec", "spawn") else 0
        slack = lib.slack_ns(truth, switches, profile.period, 0.02)
        lib.ok(-slack - target.stolen_ns <= missing <= slack + late,
               "%s: CPU of child '%s' at its function" % (what, child), missing)
        script = "second.py" if child in ("exec", "spawn") else "forks.py"
        labels = {sample.labels["process"] for sample in profile.samples
                  if sample.labels["pid"] == pid and sample.leaf.name in names}
        lib.ok(labels == {"%s (%d)" % (script, pid)}, "%s: label of child '%s'" % (what, child),
               labels)
    pid = facts["exec"][0]
    before = profile.total("cpu", lambda sample: sample.labels["pid"] == pid and
                           sample.leaf.name == "second.burn_exec")
    lib.ok(before > 0, what + ": the same pid before its second exec")
    wrong = {sample.names()[0] for sample in profile.samples if sample.labels["pid"] == pid
             if any(frame.file.endswith("forks.py") and "burn" in frame.name
                    for frame in sample.stack)}
    lib.ok(not wrong, what + ": nothing of the old program after exec", wrong)


def forks(name, python):
    """With -p: what a target forks and starts is profiled too."""
    target = lib.Target(python, "forks.py")
    _, profile = lib.profile_targets([target], 1.8, "-F", 1999)
    family(profile, target, name + ": -p")


def run_short(python):
    reports = []
    for i in range(NR_SHORT):
        script, truth = lib.path("short_%02d.py" % i), lib.path("short_%02d.json" % i)
        with open(script, "w") as file:
            file.write(SHORT % (i, i))
        lib.start([python, script, truth]).wait(30)
        with open(truth) as file:
            reports.append(json.load(file))
    return reports


def check_short(profile, reports, stolen):
    late = 0
    for i, report in enumerate(reports):
        name = "short_%02d.burn_%02d" % (i, i)
        script = lib.path("short_%02d.py" % i)
        mine = [sample for sample in profile.samples
                if sample.leaf.name == name and sample.leaf.file == script]
        got = sum(sample.cpu for sample in mine)
        missing = report["burned"] - got
        late += missing
        good = {(sample.labels["pid"], sample.labels["process"]) for sample in mine} == \
            {(report["pid"], "short_%02d.py (%d)" % (i, report["pid"]))}
        slack = lib.slack_ns(report["burned"], report["switches"], profile.period, 0.02)
        lib.ok(good and -slack - stolen <= missing <= 60e6 + slack,
               "short-lived %d of %d" % (i + 1, NR_SHORT),
               "%.1f of %.1f ms" % (got / 1e6, report["burned"] / 1e6),
               {(sample.labels["pid"], sample.labels["process"]) for sample in mine})
    lib.note("short-lived: %.1f ms each before they were known" % (late / 1e6 / NR_SHORT))


def check_targets(profile, targets):
    for name, target in targets:
        target.total(profile, "%s: %s: total CPU" % (name, target.script))
        wrong = target.outside(profile)
        lib.ok(not wrong, "%s: %s: every frame is one of the target's" % (name, target.script),
               *wrong.most_common(5))
        labels = {sample.labels["process"] for sample in target.samples(profile)}
        lib.ok(labels == {"%s (%d)" % (target.script, target.pid)},
               "%s: %s: label process" % (name, target.script), labels)


def everything():
    found = [(name, python) for name, python, _ in lib.pythons() if python]
    targets = [(name, lib.Target(python, "busy.py")) for name, python in found]
    family_target = lib.Target(found[-1][1], "forks.py")
    old = lib.pyenv("3.9.18")
    refused = old and lib.start([old, "-c", "while True: pass"])
    profiler = lib.Profiler("--all", "-F", 1999)
    for _, target in targets:
        target.go(1.0)
    late = lib.Target(found[-1][1], "threads.py", 3, 8)
    late_ready_ns = lib.cpu_ns(late.pid)
    stolen = -lib.stolen_ns()
    reports = run_short(found[0][1])
    stolen += lib.stolen_ns()
    late.go(0.6)
    for target in [target for _, target in targets] + [late]:
        target.wait()
    if refused:
        refused.kill()
        refused.wait()
    family_target.go(1.8)
    family_target.wait()
    profile = profiler.stop()
    for target in [target for _, target in targets] + [late, family_target]:
        target.end()
    check_targets(profile, targets)
    # A process that was started meanwhile, its interpreter's start and all.
    got = lib.cpu_of(profile, late.pid)
    whole = late_ready_ns + late.cpu_ns
    slack = lib.slack_ns(whole, late.switches + 100, profile.period, 0.02)
    lib.ok(whole - slack - 60e6 <= got <= whole + slack + late.stolen_ns,
           "started while it ran: total CPU",
           "%.1f of %.1f ms" % (got / 1e6, whole / 1e6))
    check_short(profile, reports, stolen)
    family(profile, family_target, "--all")
    if refused:
        lib.ok(profiler.outcomes()["refused"] > 100, "CPython 3.9 is counted as refused",
               profiler.outcomes())
        lib.ok(not any(sample.labels["pid"] == refused.pid for sample in profile.samples),
               "CPython 3.9 is not in the profile")
    else:
        lib.skip("CPython 3.9 is refused", "optional: no CPython 3.9.18 under pyenv")
    lib.ok(profiler.pid not in {sample.labels["pid"] for sample in profile.samples},
           "the profiler is not in the profile")
    judge = lib.go_pprof("-top", "-tagroot=process", profiler.output)
    lib.ok(judge.returncode == 0 and "busy.burn" in judge.stdout, "go tool pprof -tagroot=process",
           judge.stderr)


def dead(name, python):
    """The profiler stands still while a target runs functions never seen before, and exits."""
    for rate in (99, 999):
        target = lib.Target(python, "names.py", 40)
        profiler = lib.Profiler("-p", target.pid, "-F", rate)
        profiler.process.send_signal(signal.SIGSTOP)
        target.go(2.0)
        target.wait()
        target.end()
        profiler.process.send_signal(signal.SIGCONT)
        profile = profiler.stop()
        what = "%s: %d Hz: names of the dead" % (name, rate)
        counts = profile.by(lambda sample: (sample.leaf.name.split(".")[-1], sample.leaf.file,
                                            sample.leaf.start))
        right = {("new_%d" % i, "<new %d>" % i, i + 1) for i in range(40)}
        lib.ok(right <= set(counts), what + ": all of them", sorted(right - set(counts))[:5],
               counts.most_common(5))
        unknown = profile.total(where=lambda sample: sample.has("[unknown code]"))
        lib.ok(unknown == 0, what + ": none unknown", unknown)
        lib.ok(profiler.ledger["codes_by_kernel"] == profiler.ledger["codes"],
               what + ": by the kernel alone", profiler.ledger)
        if rate > 99:
            target.total(profile, what + ": total CPU")


def escaped_by_exit():
    """A target of -p that ends by itself ends the profile, written."""
    target = lib.Target(lib.DEBIAN, "busy.py")
    profiler = lib.Profiler("-p", target.pid, "-F", 999, "-d", "30")
    target.go(0.3)
    target.wait()
    target.end()
    try:
        profiler.wait(10)
        lib.ok(profiler.code == 0, "-p ends with its last target", profiler.stderr())
    except subprocess.TimeoutExpired:
        profiler.stop()
        lib.ok(False, "-p ends with its last target")


lib.need()
lib.for_pythons(forks, "3.10.13", "3.13.0")
everything()
lib.for_pythons(dead, "3.10.13", "3.12.1", "debian 3.11")
if os.access(lib.DEBIAN, os.X_OK):
    escaped_by_exit()
else:
    lib.skip("-p ends with its last target", "optional: %s is not there" % lib.DEBIAN)
lib.done()
