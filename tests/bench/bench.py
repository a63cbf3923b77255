# SPDX-License-Identifier: BSD-2-Clause
"""Figures for README and notes. Timings are printed, never asserted. What is compared is measured
in interleaved blocks of one run, so that a machine that drifts drifts for all of them.

  cost      BPF time of a sample (the profiler's own clock, in every profile), by depth and rate
  held      what a target gets done beside nothing, an empty BPF program at the same rate, and us
  own       the profiler's CPU time, memory, and bytes a minute
  start     from exec to attached, and to the first sample in the profile
  many      --all where 500 Pythons sleep: from exec to knowing them, and the CPU time of it
  nobody    --all where no Python runs, the CPUs idle and busy: BPF time of each CPU

bench.py [cost|held|own|start|many|nobody]...
"""
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "check"))
sys.dont_write_bytecode = True
import pprof  # noqa: E402

LOAD = os.path.join(HERE, "load.py")
PROGRAM = os.path.join(ROOT, "pybpfprof")
FOLDER = tempfile.mkdtemp(prefix="pybpfprof-bench-")
PYTHON = os.environ.get("BENCH_PYTHON") or next(
    (p for p in (os.path.expanduser("~/.pyenv/versions/%s/bin/python3" % v)
                 for v in ("3.12.1", "3.13.0")) if os.path.exists(p)), "/usr/bin/python3")


class Load:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PYTHON, LOAD, *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.pid = self.process.pid

    def now(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def record(pid, hz, seconds):
    """The ledger of a run, and its file's size."""
    output = os.path.join(FOLDER, "bench.pb.gz")
    subprocess.run([PROGRAM, "-q", "-p", str(pid), "-F", str(hz), "-d", str(seconds), "-o", output],
                   check=True)
    return pprof.load(output).json, os.path.getsize(output)


def cost():
    print("BPF time of a sample, ns (mean, median, 99th percentile to 1,024 ns)")
    for frames in (10, 30, 100, 1000):
        load = Load("deep", frames)
        for hz in (99, 999, 9999):
            ledger, _ = record(load.pid, hz, 10 if hz < 500 else 4)
            print("  %5d frames %6d Hz: %7d %7d %7d" % (
                frames, hz, ledger["bpf_ns_per_sample"], ledger["bpf_ns_p50"],
                ledger["bpf_ns_p99"]), flush=True)
        load.end()


def beside(kind, pid, hz, seconds):
    if kind == "empty":
        return subprocess.Popen([os.path.join(FOLDER, "empty"), str(hz)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
    if kind == "ours":
        return subprocess.Popen([PROGRAM, "-q", "-p", str(pid), "-F", str(hz), "-d",
                                 str(seconds + 60), "-o", os.path.join(FOLDER, "held.pb.gz")],
                                stdin=subprocess.DEVNULL)
    return None


def block(load, kind, hz, seconds):
    """(CPU seconds a second that the target got, rounds a CPU second)."""
    other = beside(kind, load.pid, hz, seconds)
    time.sleep(0.5)  # let it attach: not part of what is measured
    rounds, cpu, wall = load.now()
    time.sleep(seconds)
    rounds2, cpu2, wall2 = load.now()
    if other:
        if kind == "ours":
            other.terminate()
        else:
            other.stdin.close()
        other.wait()
    return (cpu2 - cpu) / (wall2 - wall), (rounds2 - rounds) / (cpu2 - cpu)


def interval(values):
    """Median, and half the width of its 95 % interval by order statistics' normal approximation."""
    values = sorted(values)
    n = len(values)
    half = 0.98 * n ** 0.5
    low, high = max(0, int(n / 2 - half)), min(n - 1, int(n / 2 + half))
    return statistics.median(values), (values[high] - values[low]) / 2


def held():
    subprocess.run(["cc", "-O2", "-o", os.path.join(FOLDER, "empty"),
                    os.path.join(HERE, "empty.c"), "-lbpf"], check=True)
    print("what a target gets beside a profiler, in percent less than beside none (median +- 95 %)")
    for shape, hz in ((("deep", 30), 999), (("threads", 10, 30), 99)):
        load = Load(*shape)
        less = {kind: ([], []) for kind in ("empty", "ours")}
        for _ in range(24):
            kinds = random.sample(("none", "empty", "ours"), 3)  # no fixed neighbours
            got = {kind: block(load, kind, hz, 2) for kind in kinds}
            for kind, (shares, rates) in less.items():
                shares.append(100 * (1 - got[kind][0] / got["none"][0]))
                rates.append(100 * (1 - got[kind][1] / got["none"][1]))
        load.end()
        for kind, (shares, rates) in less.items():
            print("  %-14s %5d Hz, %-5s: CPU time %5.2f +- %.2f, work done in it %5.2f +- %.2f" % (
                " ".join(map(str, shape)), hz, kind, *interval(shares), *interval(rates)),
                flush=True)


def own():
    print("the profiler's own: CPU ms a second, peak MB, KB a minute (json, pickle, ast work)")
    load = Load("work")
    threads = Load("threads", 10, 30)
    for name, pid in (("work", load.pid), ("threads 10 30", threads.pid)):
        for hz in (99, 999):
            ledger, size = record(pid, hz, 15)
            print("  %-14s %5d Hz: %6.2f %6.1f %8.1f" % (
                name, hz, 1000 * ledger["cpu_seconds"] / 15, ledger["peak_rss_kb"] / 1024,
                size * 4 / 1024), flush=True)
    load.end()
    threads.end()


def start():
    print("from exec to the timer's start, and to the first sample, ms (median of 9)")
    load = Load("deep", 30)
    attached, first = [], []
    for _ in range(9):
        output = os.path.join(FOLDER, "start.pb.gz")
        began = time.time_ns()
        subprocess.run([PROGRAM, "-q", "-p", str(load.pid), "-F", "999", "-d", "200ms", "-o",
                        output], check=True)
        profile = pprof.load(output)
        attached.append((profile.time_ns - began) / 1e6)
        samples = sum(sample.count for sample in profile.samples)
        missing = max(0, 200 - samples * 1000 / 999)
        first.append(attached[-1] + missing)
    load.end()
    print("  attached %.1f, first sample at most %.1f" % (
        statistics.median(attached), statistics.median(first)))


def many():
    print("--all with 500 Pythons that sleep, ms (median of 5)")
    code = "import time; print('up', flush=True); time.sleep(600)"
    sleepers = [subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE)
                for _ in range(500)]
    for sleeper in sleepers:
        sleeper.stdout.readline()
    load = Load("deep", 30)  # somebody has to be sampled
    known, spent = [], []
    for _ in range(5):
        output = os.path.join(FOLDER, "many.pb.gz")
        began = time.time_ns()
        subprocess.run([PROGRAM, "-q", "--all", "-d", "100ms", "-o", output], check=True)
        profile = pprof.load(output)
        known.append((profile.time_ns - began) / 1e6)
        spent.append(1000 * profile.json["cpu_seconds"])
    load.end()
    for sleeper in sleepers:
        sleeper.kill()
    for sleeper in sleepers:
        sleeper.wait()
    print("  known after %.0f, CPU time %.0f" % (statistics.median(known),
                                                 statistics.median(spent)))


def bpf_run_ns():
    """BPF time of all programs that run, by the kernel's own statistics."""
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], check=True, capture_output=True,
                           env={"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"}).stdout
    return {program["id"]: program.get("run_time_ns", 0) for program in json.loads(shown)}


def nobody():
    print("--all without a busy Python, 10 s at 99 Hz: BPF time, percent of each CPU")
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    with open(switch) as file:
        before = file.read()
    with open(switch, "w") as file:
        file.write("1")
    for name, nr in (("idle", 0), ("busy", os.cpu_count())):
        others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(nr)]
        foreign = set(bpf_run_ns())
        ours = subprocess.Popen([PROGRAM, "-q", "--all", "-o", os.devnull],
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)
        first = bpf_run_ns()
        time.sleep(10)
        last = bpf_run_ns()
        ours.terminate()
        ours.wait()
        for other in others:
            other.kill()
            other.wait()
        spent = sum(last[n] - first[n] for n in last if n in first and n not in foreign)
        print("  %s: %.5f" % (name, 100 * spent / 10e9 / os.cpu_count()), flush=True)
    with open(switch, "w") as file:
        file.write(before)


SECTIONS = {"cost": cost, "held": held, "own": own, "start": start, "many": many,
            "nobody": nobody}

if __name__ == "__main__":
    print("%s, %d CPUs, kernel %s" % (os.path.basename(os.path.realpath(PYTHON)), os.cpu_count(),
                                      os.uname().release))
    for name in sys.argv[1:] or SECTIONS:
        SECTIONS[name]()
