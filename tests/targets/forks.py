# SPDX-License-Identifier: BSD-2-Clause
"""A parent and three children it forks, each in a function of its own; a child that execs another
script; a subprocess. Each says what CPU time it took by itself."""
import json
import os
import resource
import subprocess
import sys

import truth
from truth import clock

HERE = os.path.dirname(os.path.abspath(__file__))


def burn_parent(end):
    while clock() < end: pass


def burn_one(end):
    while clock() < end: pass


def burn_two(end):
    while clock() < end: pass


def burn_three(end):
    while clock() < end: pass


def spent(t0):
    """CPU time since, and how often it was switched."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return [clock() - t0, usage.ru_nvcsw + usage.ru_nivcsw]


def child(function, ns):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        t0 = clock()
        function(t0 + ns)
        os.write(write, json.dumps(spent(t0)).encode())
        os._exit(0)
    os.close(write)
    return pid, read


def launch(ns, replace):
    """Another script, by exec in a forked child or as a subprocess."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    command = [sys.executable, "-B", os.path.join(HERE, "second.py"), str(write), str(ns),
               "exec" if replace else "spawn"]
    if replace:
        pid = os.fork()
        if not pid:
            os.execv(command[0], command)
    else:
        pid = subprocess.Popen(command, pass_fds=[write]).pid
    os.close(write)
    return pid, read


def work(seconds):
    if seconds < 0.1:
        return {}
    ns = int(seconds * 1e9 / 6)
    children = {
        "one": child(burn_one, ns), "two": child(burn_two, ns), "three": child(burn_three, ns),
        "exec": launch(ns, True), "spawn": launch(ns, False),
    }
    t0 = clock()
    burn_parent(t0 + ns)
    facts = {"parent": [os.getpid(), *spent(t0)]}
    for name, (pid, read) in children.items():
        facts[name] = [pid, *json.loads(os.read(read, 64))]
        os.waitpid(pid, 0)
    return facts


truth.run(work)
