#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A Flask application under gunicorn with three workers, under load: the workers, the CPU time of
each, the view that burns it on its line, and who named the code objects."""
import os
import shutil
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

WORKERS = 3
SECONDS = 8


def children(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            found += map(int, file.read().split())
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def load(url):
    """Load for SECONDS: many to the view that burns, some to the others."""
    if shutil.which("wrk"):
        base = ["wrk", "-t1", "-d%ds" % SECONDS]
        return [lib.start([*base, "-c%d" % nr, url + view], stdout=subprocess.DEVNULL)
                for view, nr in (("/burn", 6), ("/page", 1), ("/api", 1))]
    base = ["ab", "-q", "-t", str(SECONDS), "-n", "1000000", "-r"]
    return [lib.start([*base, "-c", str(nr), url + view], stdout=subprocess.DEVNULL)
            for view, nr in (("/burn", 6), ("/page", 1), ("/api", 1))]


def check_workers(profile, workers, master, spent, switches, stolen):
    named = profile.by(lambda sample: sample.labels["pid"])
    lib.ok(set(workers) <= set(named) <= set(workers) | {master}, "the right number of workers",
           workers, master, named)
    for i, pid in enumerate(workers):
        lib.same_cpu(profile, pid, spent[pid], switches[pid], stolen,
                     "worker %d: CPU time" % (i + 1), 0.02)
    processes = {sample.labels["process"] for sample in profile.samples}
    lib.ok(all(str(pid) in " ".join(processes) for pid in workers), "workers by name", processes)


def check_names(profiler, profile):
    with open(os.path.join(lib.TARGETS, "webapp.py")) as file:
        line = 1 + next(i for i, text in enumerate(file) if "total += i" in text)
    hottest, count = profile.by(lambda sample: sample.leaf).most_common(1)[0]
    lib.note("hottest: %s:%d, %d of %d" % (hottest.name, hottest.line, count, profile.total()))
    lib.ok(hottest.name == "webapp.burn" and hottest.line == line,
           "the view that burns is first, on its line", hottest)
    lib.ok(hottest.file == os.path.join(lib.TARGETS, "webapp.py"), "its file", hottest.file)
    ledger = profiler.ledger
    lib.note("codes %d, by the kernel %d" % (ledger["codes"], ledger["codes_by_kernel"]))
    lib.ok(ledger["codes"] > 200, "a program of some size", ledger["codes"])
    lib.ok(ledger["codes_by_kernel"] >= 0.99 * ledger["codes"], "99 % of the code objects named "
           "by the kernel", ledger)
    whole = profile.total(where=lambda sample: sample.stack[-1].name.endswith("<module>"))
    lib.ok(whole >= 0.995 * profile.total(), "whole stacks", whole, profile.total())
    wsgi = profile.total(where=lambda sample: sample.has("webapp.burn") and
                         any(frame.name.endswith("Flask.wsgi_app") for frame in sample.stack))
    burn = profile.total(where=lambda sample: sample.has("webapp.burn"))
    lib.ok(burn and wsgi == burn, "the view is called by Flask", wsgi, burn)
    judge = lib.go_pprof("-top", "-lines", profiler.output)
    first = judge.stdout.partition("cum%\n")[2].partition("\n")[0]
    lib.ok(first.endswith("webapp.py:%d" % line) and " webapp.burn " in first,
           "go tool pprof says so too", judge.stdout[:600], judge.stderr)


lib.need()
for tool in ("gunicorn", "wrk" if shutil.which("wrk") else "ab"):
    if not shutil.which(tool):
        lib.skip_all("optional: %s is not installed" % tool)
if subprocess.run([lib.DEBIAN, "-c", "import flask"], stderr=subprocess.DEVNULL).returncode:
    lib.skip_all("optional: python3-flask is not installed")
url = "http://127.0.0.1:%d" % free_port()
server = lib.start([lib.DEBIAN, "-B", "/usr/bin/gunicorn", "-w", str(WORKERS), "-b", url[7:],
                    "--chdir", lib.TARGETS, "--log-level", "error", "webapp:app"],
                   stdout=subprocess.DEVNULL)
lib.wait_until(lambda: server.poll() is None and len(children(server.pid)) == WORKERS and
               answers(url + "/api"), 30, "gunicorn")
for _ in range(50):  # every worker has imported and answered
    answers(url + "/api")
workers = children(server.pid)
profiler = lib.Profiler("-p", server.pid, "-F", 4999)
stolen = lib.stolen_ns()
switches = {pid: lib.switches(pid) for pid in workers}
spent = {pid: lib.cpu_ns(pid) for pid in workers}
for process in load(url):
    process.wait(SECONDS + 30)
spent = {pid: lib.cpu_ns(pid) - spent[pid] for pid in workers}
switches = {pid: lib.switches(pid) - switches[pid] for pid in workers}
stolen = lib.stolen_ns() - stolen
profile = profiler.stop()
lib.ok(children(server.pid) == workers, "no worker died")
check_workers(profile, workers, server.pid, spent, switches, stolen)
check_names(profiler, profile)
server.terminate()
server.wait(20)
lib.done()
