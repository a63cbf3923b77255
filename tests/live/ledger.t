#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The ledger: every event in exactly one outcome, the number of events known from outside, and
ticks that the kernel dropped shown as dropped, of the program that lost them."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

HZ = 999
BALLAST = bytearray(64 << 20)  # exec hands on this program's peak memory: it is not the profiler's


def read_outcomes():
    """The keys of include/outcomes.h and their kinds."""
    with open(os.path.join(lib.ROOT, "include", "outcomes.h")) as file:
        found = re.findall(r'X\([A-Z_]+, ([A-Z]+), "([a-z_]+)"', file.read())
    return {key: kind for kind, key in found}


def closed(profiler, profile, what):
    """What holds of every ledger."""
    ledger, outcomes, kinds = profiler.ledger, profiler.outcomes(), read_outcomes()
    lib.ok(set(outcomes) == set(kinds), what + ": every outcome, and no other",
           set(outcomes) ^ set(kinds))
    lib.ok(all(isinstance(value, int) and value >= 0 for value in outcomes.values()),
           what + ": whole numbers", outcomes)
    lib.ok(sum(outcomes.values()) == ledger["expected"], what + ": outcomes sum up to the expected",
           sum(outcomes.values()), ledger["expected"])
    sampled = sum(value for key, value in outcomes.items() if kinds[key] == "SAMPLED")
    lib.ok(sampled == profile.total(), what + ": samples in the file are those of the ledger",
           sampled, profile.total())
    events = profile.duration_ns / profile.period * lib.nr_cpus()
    lib.near(ledger["expected"], events, 0.02, what + ": as many events as the time is long")
    busy = ledger["expected"] - sum(outcomes[key] for key in ("idle", "throttled", "stolen"))
    return outcomes, busy


def closes(outcomes, busy):
    """At most 0.1 % dropped."""
    return outcomes["dropped"] <= 0.001 * busy


def alone(python):
    """A busy Python on every CPU and, in one of a few attempts, nothing else: no other program,
    and no other machine of the hypervisor's, whose time is told in steps of 1/100 s only."""
    for _ in range(6):
        targets = [lib.Target(python, "busy.py", cpu=cpu)
                   for cpu in sorted(os.sched_getaffinity(0))]
        profiler, profile = lib.profile_targets(targets, 4.0, "-F", HZ)
        outcomes, expected = profiler.outcomes(), profiler.ledger["expected"]
        others = outcomes["other"] / expected
        lib.note("other programs %.2f %%, stolen %d, dropped %d of %d" % (
            100 * others, outcomes["stolen"], outcomes["dropped"], expected))
        if others < 0.02 and closes(outcomes, expected - outcomes["idle"]):
            break
    return profiler, profile, targets, others


def quiet(python):
    profiler, profile, targets, others = alone(python)
    outcomes, busy = closed(profiler, profile, "busy CPUs")
    lib.note("dropped %d of %d, stolen %d, other programs %.1f %%" % (
        outcomes["dropped"], busy, outcomes["stolen"], 100 * others))
    if others < 0.02:
        lib.ok(closes(outcomes, busy), "busy CPUs: at most 0.1 % dropped", outcomes["dropped"],
               busy, outcomes["stolen"])
    else:
        lib.skip("busy CPUs: at most 0.1 % dropped", "optional: other programs keep the CPUs busy")
    lib.ok(outcomes["ring_full"] == 0, "busy CPUs: nothing lost in the rings")
    for target in targets:
        target.total(profile, "busy CPUs: samples against the target's clock")
    return profiler


def cost(profiler):
    ledger = profiler.ledger
    lib.note({key: value for key, value in ledger.items() if key != "outcomes"})
    lib.ok(100 < ledger["bpf_ns_per_sample"] < 100000, "cost: BPF time a sample",
           ledger["bpf_ns_per_sample"])
    lib.ok(0 < ledger["cpu_seconds"] < 2, "cost: CPU time", ledger["cpu_seconds"])
    lib.ok(2000 < ledger["peak_rss_kb"] < 24 << 10, "cost: peak memory under 24 MB",
           ledger["peak_rss_kb"])


def beside_bpf(python):
    """A program that loops on bpf(): its ticks are missing, and are its own."""
    if lib.nr_cpus() < 2:
        lib.skip("beside bpf()", "optional: needs two CPUs")
        return
    first, second = sorted(os.sched_getaffinity(0))[:2]
    loop = lib.start([lib.build("bpfloop.c")], preexec_fn=lambda: os.sched_setaffinity(0, [second]))
    for _ in range(3):  # a machine that stands still for a moment loses the target's ticks too
        target = lib.Target(python, "busy.py", cpu=first)
        profiler, profile = lib.profile_targets([target], 4.0, "-F", HZ)
        got = lib.cpu_of(profile, target.pid)
        lib.note("%.1f of %.1f ms" % (got / 1e6, target.cpu_ns / 1e6))
        if abs(got - target.cpu_ns) <= 0.005 * target.cpu_ns:
            break
    spent = loop.poll() is None and lib.cpu_ns(loop.pid)
    loop.kill()
    loop.wait()
    lib.ok(spent, "beside bpf(): the loop ran")
    outcomes, busy = closed(profiler, profile, "beside bpf()")
    share = outcomes["dropped"] / (profile.duration_ns / profile.period)
    lib.note("dropped %.1f %% of a CPU" % (100 * share))
    lib.ok(0.03 < share < 0.6, "beside bpf(): the missing ticks are dropped ones", share)
    lib.ok(abs(got - target.cpu_ns) <= 0.005 * target.cpu_ns,
           "beside bpf(): the target's own are not missing", got, target.cpu_ns)


def mostly_idle(python, hz):
    """A target that hardly runs: idle is an outcome of its own, never called lost."""
    what = "mostly idle, %d Hz" % hz
    target = lib.Target(python, "busy.py")
    profiler = lib.Profiler("-p", target.pid, "-F", hz, "-d", "3")
    target.go(0.3)
    target.wait()
    profile = profiler.wait()
    target.end()
    outcomes, _ = closed(profiler, profile, what)
    lib.ok(outcomes["dropped"] <= 0.01 * profiler.ledger["expected"],
           what + ": idle time is not called dropped", outcomes)
    target.total(profile, what + ": total CPU")
    lib.near(profile.duration_ns, 3e9, 0.02, what + ": -d 3 is three seconds")


lib.need()
PYTHON = [python for _, python, _ in lib.pythons() if python][-1]
cost(quiet(PYTHON))
beside_bpf(PYTHON)
mostly_idle(PYTHON, HZ)
mostly_idle(PYTHON, 4999)
lib.done()
