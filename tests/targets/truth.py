# SPDX-License-Identifier: BSD-2-Clause
"""What a target knows of itself, so that a profile of it can be held against the truth.

A target ends with truth.run(work). Its work is done twice: once in little, under sys.settrace(),
which records who calls whom from which line; once at full length, untouched, while the harness
profiles it. Between the two the target waits on its standard input, and so it does after the
second: all CPU time between "ready" and "done" lies within the profile, and the clock says how
much that was.

    -> ready            <- go SECONDS
    -> done             <- report
    -> {json}           <- (end of file: exit)

Where TRUTH names a file there is nobody to talk to: the work is done once, SECONDS long, the
report goes to the file, with the CPU time of the whole process up to there.

Nothing here may run Python code between "ready" and "done" that the rehearsal has not seen: so
os.read() and os.write(), no streams.
"""
import json
import os
import sys
import time

clock = time.thread_time_ns

cpu = {}  # ns of CPU time by whatever name the target gives it; every name in one thread only
_codes = {}  # (file, first line, name) -> number
_lines = []  # lines that each of them has
_edges = set()  # (caller, line, callee)
_roots = set()  # codes without a caller
tracing = None  # what threads hand to sys.settrace() whenever they wake
_stacks = {}  # code -> the stacks it was called from, as lists of (caller, line)


def _code(code):
    key = (code.co_filename, code.co_firstlineno, getattr(code, "co_qualname", code.co_name))
    number = _codes.get(key)
    if number is None:
        number = _codes[key] = len(_codes)
        lines = {line for _, _, line in getattr(code, "co_lines", tuple)()}
        _lines.append(sorted((lines | {code.co_firstlineno}) - {None}))
    return number


def _on_call(frame, event, _):
    """The trace function: walks up only as far as it finds something new."""
    if event != "call":
        return
    while frame.f_back:
        caller = frame.f_back
        edge = (_code(caller.f_code), caller.f_lineno, _code(frame.f_code))
        if edge in _edges:
            return
        _edges.add(edge)
        frame = caller
    _roots.add(_code(frame.f_code))


def here():
    """Record from where the function that calls this was called."""
    frame = sys._getframe(1)
    leaf, stack = _code(frame.f_code), []
    while frame.f_back:
        frame = frame.f_back
        stack.append((_code(frame.f_code), frame.f_lineno))
    stacks = _stacks.setdefault(leaf, [])
    if stack not in stacks and len(stacks) < 64:
        stacks.append(stack)
    return len(stack) + 1


def report(facts, **more):
    return more | {
        "python": "%d.%d" % sys.version_info[:2], "pid": os.getpid(), "facts": facts, "cpu": cpu,
        "codes": list(_codes), "lines": _lines, "edges": sorted(_edges), "roots": sorted(_roots),
        "stacks": list(_stacks.items()),
    }


def _to_file(work, path):
    start_ns = time.process_time_ns()
    facts = work(float(os.environ.get("SECONDS", "1")))
    body = json.dumps(report(facts, start_ns=start_ns)).encode()
    with open(path + ".new", "wb") as file:
        file.write(body[:-1] + b', "process_ns": %d}' % time.process_time_ns())
    os.rename(path + ".new", path)
    os._exit(0)


def run(work, rehearsal=0.02):
    global tracing
    if os.environ.get("TRUTH"):
        _to_file(work, os.environ["TRUTH"])
    main, here = sys._getframe(1), sys._getframe()
    _roots.add(_code(main.f_code))
    _edges.add((_code(main.f_code), main.f_lineno, _code(here.f_code)))
    seconds = rehearsal
    tracing = _on_call
    sys.settrace(_on_call)
    for rehearsed in (False, True):
        if rehearsed:
            sys.settrace(None)
            tracing = None
            _stacks.clear()
            cpu.clear()
            os.write(1, b"ready\n")
            go = os.read(0, 64).split()
            if not go:
                os._exit(0)
            seconds = float(go[1])
        start_ns = time.process_time_ns()
        facts = work(seconds)
        process_ns = time.process_time_ns() - start_ns
    os.write(1, b"done\n")
    if os.read(0, 64):
        text = json.dumps(report(facts, process_ns=process_ns)).encode() + b"\n"
        while text:
            text = text[os.write(1, text):]
        os.read(0, 64)
    os._exit(0)
