# SPDX-License-Identifier: BSD-2-Clause
"""Runs on the other kernel. Lines that begin with TAP are for the machine outside."""
import glob
import json
import os
import re
import subprocess
import sys
import time

import pprof

BURN = [sys.executable, "burn.py"]
FILE = os.path.abspath("burn.py")
CALLS = {"burn.seventy": "seventy()", "burn.thirty": "thirty()"}
with open(FILE) as file:
    LINES = [line.strip() for line in file]
# A call begins on the line of its def.
INNER = range(LINES.index("def inner(n):") + 1, LINES.index("return x") + 2)
with open("outcomes.h") as file:
    SAMPLED = re.findall(r'X\([A-Z_]+, SAMPLED, "([a-z_]+)"', file.read())


def tell(text):
    print("TAP " + text, flush=True)


def ok(good, name, *why):
    tell("%s - %s" % ("ok" if good else "not ok", name))
    for each in why if not good else ():
        for line in str(each).splitlines():
            tell("# " + line)


def start(arguments):
    return subprocess.Popen(["pybpfprof", "-v", *arguments], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def verified(pid):
    """Instructions that the verifier looked at, by program: what a limit would be counted in."""
    counts = []
    for name in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(name) as file:
                counts += re.findall(r"^verified_insns:\s*(\d+)", file.read(), re.M)
        except OSError:
            pass
    return sorted(map(int, counts))


def finish(name, profiler):
    """The profile that was written, and what the program said of it."""
    out, errors = profiler.communicate(timeout=100)
    ok(profiler.returncode == 0, name + ": exit status 0", profiler.returncode, errors)
    try:
        return pprof.load("/tmp/out.pb.gz"), out
    except (OSError, pprof.Bad) as error:
        ok(False, name + ": a profile", error)
        return None, out
    finally:
        if os.path.exists("/tmp/out.pb.gz"):
            os.unlink("/tmp/out.pb.gz")


def is_right(stack):
    """inner <- seventy or thirty <- main <- the module, on the lines that call."""
    if len(stack) != 4 or any(frame.file != FILE for frame in stack):
        return False
    inner, caller, top, module = stack
    return (inner.name == "burn.inner" and inner.line in INNER and caller.name in CALLS
            and LINES[caller.line - 1].startswith("return inner(")
            and top.name == "burn.main" and LINES[top.line - 1] == CALLS[caller.name]
            and module.name == "burn.<module>" and LINES[module.line - 1].startswith("main("))


def check(name, profile, truths):
    """truths: what each process timed itself, by pid."""
    outcomes = profile.json["outcomes"]
    total = sum(sample.count for sample in profile.samples)
    tell("# %s: %s" % (name, json.dumps(profile.json)))
    ok(sum(outcomes.values()) == profile.json["expected"], name + ": the ledger closes", outcomes)
    sampled = sum(outcomes[key] for key in SAMPLED)
    ok(profile.json["samples"] == total == sampled, name + ": as many samples as it says", total,
       sampled, profile.json["unknown_process"])
    for pid, truth in truths.items():
        counts = dict.fromkeys(CALLS, 0)
        wrong = []
        for sample in profile.samples:
            if sample.labels["pid"] != pid or not sample.has("burn.inner"):
                continue
            if is_right(sample.stack):
                counts[sample.stack[1].name] += sample.count
            else:
                wrong.append(sample.stack)
        found = sum(counts.values())
        ok(found >= 50, "%s: its function is found" % name, found, total)
        ok(not wrong, "%s: its callers and lines are right" % name, *wrong[:5])
        share = counts["burn.seventy"] / max(found, 1)
        want = truth["burn.seventy"] / sum(truth.values())
        ok(abs(share - want) < 2 / max(found, 1) ** 0.5 + 0.02, "%s: shares as timed" % name,
           "%g of %g, %d samples" % (share, want, found))


def command():
    profiler = start(["-F", "499", "-o", "/tmp/out.pb.gz", "--", *BURN, "2"])
    profile, out = finish("command", profiler)
    if profile:
        pid, = {sample.labels["pid"] for sample in profile.samples}
        check("command", profile, {pid: json.loads(out)})


def running():
    target = subprocess.Popen([*BURN, "4"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    profiler = start(["-F", "999", "-d", "2", "-o", "/tmp/out.pb.gz", "-p", str(target.pid)])
    time.sleep(1)
    tell("# verified instructions: %s" % verified(profiler.pid))
    profile, _ = finish("pid", profiler)
    truth = json.loads(target.communicate()[0])
    if profile:
        check("pid", profile, {target.pid: truth})


def everything():
    """One Python from before, one that starts while it runs."""
    before = subprocess.Popen([*BURN, "6"], stdout=subprocess.PIPE, text=True)
    profiler = start(["-F", "499", "-d", "5", "-o", "/tmp/out.pb.gz", "--all"])
    time.sleep(1)
    after = subprocess.Popen([*BURN, "4"], stdout=subprocess.PIPE, text=True)
    profile, _ = finish("all", profiler)
    truths = {each.pid: json.loads(each.communicate()[0]) for each in (before, after)}
    if profile:
        check("all", profile, truths)


def refused():
    profiler = start(["--all", "-d", "1", "-o", "/tmp/out.pb.gz"])
    _, errors = profiler.communicate(timeout=60)
    ok(profiler.returncode == 4, "exit status 4", profiler.returncode)
    ok(len(errors.splitlines()) == 1 and os.uname().release in errors,
       "one line that names the kernel", errors)
    ok(not os.path.exists("/tmp/out.pb.gz"), "nothing is written")
    tell("# " + errors)


tell("# kernel " + os.uname().release)
if os.environ["must"] == "refuse":
    refused()
else:
    command()
    running()
    everything()
tell("end")
