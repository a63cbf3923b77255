#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line from outside: what is refused, with which line and status; what goes to which
stream; signals; a launched command; and that nothing is left behind. All times are printed."""
import ctypes
import datetime
import glob
import gzip
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import pprof
from lib import FOLDER, note, ok, path, skip

PYTHON = sys.executable
BURN = "import time\nwhile time.process_time() < %g: pass"
NOBODY = 65534
SECONDS = 20  # a run that takes longer hangs


class Run:
    """One run of the program, to its end."""

    def __init__(self, *arguments, program=None, before=(), seconds=SECONDS, **options):
        self.arguments = [str(each) for each in arguments]
        begin = time.monotonic()
        self.process = lib.start([*before, program or lib.PROGRAM, *self.arguments],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, **options)
        out, err = self.process.communicate(timeout=seconds)
        self.ms = (time.monotonic() - begin) * 1000
        self.code, self.out, self.err = self.process.returncode, out, err.decode()

    def facts(self):
        return "status %s, stdout %r, stderr %r" % (self.code, self.out[:200], self.err)


def refused(name, code, text, *arguments, **options):
    """One line that says why, the status, nothing on standard output, soon."""
    run = Run(*arguments, **options)
    lines = run.err.splitlines()
    note("%5.0f ms: %s" % (run.ms, run.err.strip()))
    ok(run.code == code and run.out == b"" and len(lines) == 1 and
       lines[0].startswith("pybpfprof: ") and text in lines[0] and run.ms < 2000,
       "%s: %d" % (name, code), "wanted '%s'" % text, run.facts())


def names(folder):
    return sorted(os.listdir(folder))


def fresh_folder(name):
    os.mkdir(path(name))
    return path(name)


# ---- refusals -----------------------------------------------------------------------------------

def usage():
    for name, text, *arguments in [
            ("no arguments", "nothing to profile: use --all, -p PID or -- COMMAND"),
            ("an unknown option", "'--frobnicate': see --help", "--frobnicate"),
            ("an unknown letter", "'-x': see --help", "-x"),
            ("zero Hz", "use 1 to 20000", "-a", "-F", "0"),
            ("10^9 Hz", "use 1 to 20000", "-a", "-F", "1000000000"),
            ("no duration", "no time at all", "-a", "-d", "0"),
            ("a senseless duration", "is not a duration: use for example 60", "-a", "-d", "soon"),
            ("wall time", "wall time comes with a later version: use -e cpu", "-a", "-e", "wall"),
            ("wall time among others", "use -e cpu", "-a", "-e", "cpu,wall"),
            ("an unknown format", "use one of pprof, ", "-a", "-f", "svg"),
            ("two targets", "--all and -p exclude each other", "-a", "-p", "1"),
            ("a command without --", "put -- before it", "python3", "app.py"),
            ("-- without a command", "no command after --", "--")]:
        refused(name, 2, text, *arguments)
    for argument, text in ("--help", b"Usage: pybpfprof"), ("--version", b"pybpfprof "):
        run = Run(argument)
        ok(run.code == 0 and run.out.startswith(text) and not run.err, argument + ": 0",
           run.facts())


def told_everywhere():
    """Man page and completions know every option of --help, and no other."""
    options = set(re.findall(r"--[a-z]+", Run("--help").out.decode()))
    for name, pattern in [("pybpfprof.8", r"Fl (-[a-z]+)"), ("bash/pybpfprof", r"[^-]--([a-z]+)"),
                          ("zsh/_pybpfprof", r"--([a-z]+)[=}\[]")]:
        with open(os.path.join(lib.ROOT, "user", "share", name)) as file:
            found = {"--" + word.lstrip("-") for word in re.findall(pattern, file.read())}
        ok(found == options, name + " knows the options of --help", found ^ options)


def dead_pid():
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    return process.pid


def targets():
    pid = dead_pid()
    refused("a pid that is not there", 3, "there is no process %d" % pid, "-p", pid)
    sleeper = lib.start(["/bin/sleep", "1000"])
    refused("a pid that is no Python", 3, "%d is sleep, not a Python" % sleeper.pid, "-p",
            sleeper.pid)
    refused("one good pid and one bad one", 3, "%d is sleep" % sleeper.pid, "-p",
            "%d,%d" % (os.getpid(), sleeper.pid))
    refused("a kernel thread", 3, "not a Python", "-p", 2)
    wrapper = lib.start(["/bin/sh", "-c", "%s -c 'import os, time; print(os.getpid(), flush=True)\n"
                         "time.sleep(1000)'; :" % PYTHON], stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL)
    child = int(wrapper.stdout.readline())
    refused("a wrapper", 3, "%d is sh; its child %d is a Python: use -p %d" % (
        wrapper.pid, child, child), "-p", wrapper.pid)
    os.kill(child, signal.SIGKILL)
    wrapper.wait()
    threaded = lib.start([PYTHON, "-c", "import threading, time\n"
                          "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
                          "print(threading.enumerate()[1].native_id, flush=True)"],
                         stdout=subprocess.PIPE)
    thread = int(threaded.stdout.readline())
    refused("a thread", 3, "%d is a thread of process %d: use -p %d" % (
        thread, threaded.pid, threaded.pid), "-p", thread)
    newer = path("newer")
    subprocess.run(["cc", "-rdynamic", "-DHEX=0x031000f0", "-o", newer, os.path.join(
        lib.HERE, "find_fake.c")], check=True)
    newer = lib.start([newer], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    newer.stdout.read(1)
    refused("a Python that is not known", 3,
            "%d (newer): CPython 3.16 is newer than this build knows" % newer.pid, "-p", newer.pid)
    for process in sleeper, threaded, newer:
        process.kill()
        process.wait()


def outputs():
    pid = os.getpid()  # it never comes so far that this would matter
    refused("a folder that is not there", 1, "/nonexistent/x.pb.gz", "-p", pid, "-o",
            "/nonexistent/x.pb.gz")
    refused("a folder that cannot be written", 1, "/proc/x.pb.gz", "-p", pid, "-o",
            "/proc/x.pb.gz")
    refused("a folder as output", 1, FOLDER, "-p", pid, "-o", FOLDER)


def without_perf():
    """A seccomp filter, as containers have them: perf_event_open is refused with EPERM."""
    number = {"x86_64": 298, "aarch64": 241}[os.uname().machine]
    code = b"".join(struct.pack("HBBI", *each) for each in [
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)])
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, program, 0, 0):
        os._exit(99)


def not_able():
    copy = path("pybpfprof")  # where everybody can start it
    shutil.copy(lib.PROGRAM, copy)
    os.chmod(FOLDER, 0o755)
    setpriv = shutil.which("setpriv")
    refused("no root", 4, "needs CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE: "
            "run with sudo", "--all", program=copy,
            before=[setpriv, "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"])
    refused("root that may not trace", 4, "needs CAP_SYS_PTRACE: run with sudo", "--all",
            before=[setpriv, "--bounding-set=-sys_ptrace"])
    refused("a user namespace", 4, "inside a user namespace", "--all",
            before=["unshare", "--user", "--map-root-user"])
    refused("a pid namespace", 4, "inside a pid namespace", "--all",
            before=["unshare", "--pid", "--fork", "--mount-proc"])
    refused("a kernel without BTF", 4, "cannot read /sys/kernel/btf/vmlinux", "--all",
            before=["unshare", "--mount", "sh", "-c",
                    "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"", "sh"])
    refused("a kernel that is too old", 4, "kernel 2.6.", "--all",
            before=["setarch", os.uname().machine, "--uname-2.6"])
    refused("no perf events", 4, "cannot open the perf event cpu-clock", "--all",
            preexec_fn=without_perf)


# ---- what goes where ----------------------------------------------------------------------------

def burner(seconds=1000):
    """A Python that burns, and has begun to."""
    process = lib.start([PYTHON, "-c", "print(flush=True)\n" + BURN % seconds],
                        stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def streams():
    target = burner()
    run = Run("-p", target.pid, "-d", "500ms", "-o", "-")
    ok(run.code == 0 and run.out[:2] == b"\x1f\x8b" and gzip.decompress(run.out),
       "-o -: standard output is the profile alone", run.facts())
    ok("\r" not in run.err and "\x1b" not in run.err, "no progress where there is no terminal",
       run.err)
    with open(path("stdout.pb.gz"), "wb") as file:
        file.write(run.out)
    judge = lib.go_pprof("-top", path("stdout.pb.gz"))
    ok(judge.returncode == 0, "go tool pprof reads it", judge.stderr)
    run = Run("-p", target.pid, "-d", "500ms", "-o", "-", "-f", "text", "-q")
    ok(run.code == 0 and run.out and not run.err, "-q: nothing on standard error", run.facts())
    run = Run("-p", target.pid, "-d", "500ms", "-o", path("x.folded"))
    with open(path("x.folded")) as file:
        ok(re.search(r";.* \d+\n", file.read()) and run.out == b"", "the suffix chooses the format",
           run.facts())
    run = Run("-p", target.pid, "-d", "500ms", "-o", "/dev/null")
    ok(run.code == 0 and not os.path.isfile("/dev/null"), "/dev/null: 0", run.facts())
    os.mkfifo(path("fifo.pb.gz"))
    reader = lib.start(["gzip", "-t"], stdin=os.open(path("fifo.pb.gz"), os.O_RDWR))
    run = Run("-p", target.pid, "-d", "500ms", "-o", path("fifo.pb.gz"))
    ok(run.code == 0 and names(FOLDER).count("fifo.pb.gz") == 1 and
       not os.path.isfile(path("fifo.pb.gz")), "a pipe is written to, not replaced", run.facts())
    reader.kill()
    run = Run("-p", target.pid, "-d", "500ms", "-o", "/dev/full")
    ok(run.code == 1 and "/dev/full" in run.err, "a full disk: 1", run.facts())
    on_terminal(target.pid)
    target.kill()
    target.wait()


def on_terminal(pid):
    master, slave = pty.openpty()
    process = lib.start([lib.PROGRAM, "-p", str(pid), "-d", "2500ms", "-o", path("tty.pb.gz")],
                        stderr=slave, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(slave)
    text = b""
    try:
        while True:
            data = os.read(master, 65536)
            if not data:
                break
            text += data
    except OSError:  # EIO: the other end is closed
        pass
    out = process.communicate()[0]
    ok(process.returncode == 0 and out == b"" and text.count(b"\r") > text.count(b"\n"),
       "progress on a terminal, on one line", text)


def full_disk():
    """A file system that has room for the name, not for the profile."""
    folder = fresh_folder("full")
    target = burner()
    run = Run("-p", target.pid, "-d", "500ms", "-o", folder + "/x.pb.gz",
              before=["unshare", "--mount", "sh", "-c",
                      "mount -t tmpfs -o size=4k none %s && cat /dev/zero > %s/zeros 2>/dev/null; "
                      "\"$@\"; s=$?; ls %s; exit $s" % (folder, folder, folder), "sh"])
    ok(run.code == 1 and run.out == b"zeros\n" and "No space left" in run.err,
       "a full disk: 1, and nothing under the name", run.facts())
    target.kill()
    target.wait()


def default_names():
    folder = fresh_folder("default")
    target = burner()
    run = Run("-p", target.pid, "-d", "200ms", cwd=folder)
    first = names(folder)
    match = re.fullmatch(r"(pybpfprof-.+-)(\d{8}T\d{6}Z)\.pb\.gz", first[0]) if first else None
    if not ok(run.code == 0 and len(first) == 1 and match and str(target.pid) in first[0],
              "a default name", first, run.facts()):
        return
    begin = datetime.datetime.strptime(match.group(2), "%Y%m%dT%H%M%SZ")
    mine = ["%s%s.pb.gz" % (match.group(1), (begin + datetime.timedelta(seconds=i)).strftime(
        "%Y%m%dT%H%M%SZ")) for i in range(2 * SECONDS)]
    for name in mine:
        with open(os.path.join(folder, name), "w") as file:
            file.write("mine")
    run = Run("-p", target.pid, "-d", "200ms", cwd=folder)
    kept = all(open(os.path.join(folder, name)).read() == "mine" for name in mine)
    new = set(names(folder)) - set(mine)
    ok(kept and (len(new) == 1 and run.code == 0 or not new and run.code == 1),
       "a default name never overwrites", new, run.facts())
    named = os.path.join(folder, mine[0])
    run = Run("-p", target.pid, "-d", "200ms", "-o", named)
    ok(run.code == 0 and pprof.load(named).samples, "a name that was given does", run.facts())
    target.kill()
    target.wait()


def nothing():
    folder = fresh_folder("nothing")
    sleeper = lib.start([PYTHON, "-c", "import time; print(flush=True); time.sleep(1000)"],
                        stdout=subprocess.PIPE)
    sleeper.stdout.readline()
    run = Run("-p", sleeper.pid, "-d", "300ms", "-o", folder + "/x.pb.gz")
    ok(run.code == 5 and "nothing was sampled" in run.err and not names(folder),
       "nothing sampled: 5, and no file", run.facts(), names(folder))
    sleeper.kill()
    sleeper.wait()
    brief = burner(0.3)
    run = Run("-p", brief.pid, "-o", folder + "/x.pb.gz")
    ok(run.code == 0 and names(folder) == ["x.pb.gz"], "a target that exits ends the recording",
       run.facts())


# ---- signals ------------------------------------------------------------------------------------

def signals():
    target = burner()
    for number in signal.SIGINT, signal.SIGTERM:
        profiler = lib.Profiler("-p", target.pid)
        time.sleep(0.3)
        profiler.process.send_signal(number)
        profile = profiler.wait()
        ok(profiler.code == 0 and profile and profile.samples, "%s writes: 0" % number.name,
           profiler.stderr())
    profiler = lib.Profiler("-p", target.pid)
    time.sleep(0.3)
    profiler.process.send_signal(signal.SIGUSR1)
    lib.wait_until(lambda: os.path.exists(profiler.output), 10, "the snapshot")
    before = pprof.load(profiler.output).total("samples")
    ok(before > 0 and profiler.process.poll() is None, "SIGUSR1 writes a snapshot and goes on")
    time.sleep(0.3)
    after = profiler.stop().total("samples")
    ok(after > before, "and the end replaces it", "%d, then %d" % (before, after))
    target.kill()
    target.wait()


# ---- a command ----------------------------------------------------------------------------------

def commands():
    for name, script, status in [
            ("0", BURN % 0.3, 0), ("3", BURN % 0.3 + "\nimport sys; sys.exit(3)", 3),
            ("killed", BURN % 0.3 + "\nimport os; os.kill(os.getpid(), 9)", 137)]:
        run = Run("-o", path("command.pb.gz"), "--", PYTHON, "-c", script)
        ok(run.code == status and run.out == b"", "a command's status is passed on: " + name,
           run.facts())
    refused("a command that does not exist", 127, "'no-such-command' is not in PATH", "--",
            "no-such-command")
    refused("a path that does not exist", 127, "'/nonexistent/x' does not exist", "--",
            "/nonexistent/x")
    refused("a command that cannot be run", 126, "cannot run '/etc/passwd'", "--", "/etc/passwd")
    run = Run("-q", "-o", path("own.pb.gz"), "--", PYTHON, "-c",
              BURN % 0.3 + "\nimport sys; print('out'); print('err', file=sys.stderr)")
    ok(run.code == 0 and run.out == b"out\n" and run.err == "err\n", "a command's own streams",
       run.facts())
    leaf = max(pprof.load(path("own.pb.gz")).samples, key=lambda sample: sample.count).leaf
    ok(leaf.file == "<string>", "and it is profiled", leaf)
    run = Run("-o", path("shell.pb.gz"), "--", "sh", "-c", "%s -c '%s'; :" % (PYTHON, BURN % 0.3))
    ok(run.code == 0 and pprof.load(path("shell.pb.gz")).samples and "sh is " in run.err,
       "a wrapper's Python is followed", run.facts())
    longer_than_asked()
    interrupted()


def longer_than_asked():
    """-d ends the recording, not the command; it is waited for, and that costs nothing."""
    process = lib.start([lib.PROGRAM, "-q", "-d", "300ms", "-o", path("longer.pb.gz"), "--", "sh",
                         "-c", "%s -c '%s'; sleep 1; exit 7" % (PYTHON, BURN % 1)])
    lib.wait_until(lambda: os.path.exists(path("longer.pb.gz")), 10, "the profile")
    time.sleep(0.3)  # what it says at its end
    before = after = lib.cpu_ns(process.pid)
    while process.poll() is None:
        try:
            after = lib.cpu_ns(process.pid)
        except OSError:  # gone between the two
            pass
        time.sleep(0.01)
    note("%.1f ms of CPU while it waited" % ((after - before) / 1e6))
    ok(process.wait(SECONDS) == 7 and after - before < 50e6, "a command that lasts longer",
       process.returncode)


def interrupted():
    """Ctrl-C at a terminal: the whole process group gets it."""
    errors = open(path("interrupted.err"), "wb")
    process = lib.start([lib.PROGRAM, "-o", path("interrupted.pb.gz"), "--", PYTHON, "-c",
                         "print(flush=True)\n" + BURN % 1000], stdout=subprocess.PIPE,
                        stderr=errors, start_new_session=True)
    process.stdout.readline()
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(SECONDS)
    ok(code == 130 and pprof.load(path("interrupted.pb.gz")).samples,
       "Ctrl-C: the profile is written, and the command's status passed on", code,
       open(path("interrupted.err")).read())


def as_caller():
    folder = fresh_folder("caller")
    os.chown(folder, NOBODY, NOBODY)
    environment = dict(os.environ, SUDO_UID=str(NOBODY), SUDO_GID=str(NOBODY), SUDO_USER="nobody")
    run = Run("-q", "-o", folder + "/x.pb.gz", "--", "/usr/bin/env", PYTHON, "-c", BURN % 0.3 +
              "\nimport os; print(os.getresuid(), os.getresgid(), os.getgroups(), "
              "os.environ['USER'])", env=environment)
    ok(run.code == 0 and run.out == b"(65534, 65534, 65534) (65534, 65534, 65534) [65534] nobody\n",
       "a command runs as the user who called sudo", run.facts())
    stat = os.stat(folder + "/x.pb.gz")
    ok((stat.st_uid, stat.st_gid) == (NOBODY, NOBODY), "and the file is this user's")


def hidden_by_sudo():
    name = "sudo's PATH is known"
    sudo = shutil.which("sudo")
    if not sudo or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode:
        skip(name, "optional: no sudo without a password")
        return
    folder = fresh_folder("venv")
    os.symlink(PYTHON, folder + "/only-here")
    environment = dict(os.environ, PATH=folder + ":" + os.environ["PATH"])
    secure = subprocess.run([sudo, "-n", "sh", "-c", "echo $PATH"], capture_output=True, text=True,
                            env=environment).stdout
    if folder in secure:
        skip(name, "optional: this sudo leaves PATH as it is")
        return
    refused("a command that sudo's PATH hides", 127,
            "sudo's PATH hides %s/only-here: use sudo env" % folder, "--", "only-here",
            before=[sudo, "-n"], env=environment)
    os.symlink(PYTHON, folder + "/python3")
    run = Run("-o", path("hidden.pb.gz"), "--", "python3", "-c", BURN % 0.3, before=[sudo, "-n"],
              env=environment)
    ok(run.code == 0 and "because sudo's PATH hides %s/python3" % folder in run.err,
       "another Python than the one that was meant is named", run.facts())


# ---- nothing is left ----------------------------------------------------------------------------

def held(pid):
    """What BPF objects a process holds: {("prog", 12), ...}."""
    ids = set()
    for name in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(name) as file:
                ids |= set(re.findall(r"^(prog|map|link)_id:\t(\d+)$", file.read(), re.MULTILINE))
        except OSError:
            pass
    return ids


def left(ids):
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    return [each for each in ids if subprocess.run(
        [bpftool, each[0], "show", "id", each[1]], capture_output=True).returncode == 0]


def no_trace(name, end, *arguments):
    """Run until attached, end it somehow, and see that the kernel has let go of all of it."""
    folder = fresh_folder("trace-" + re.sub(r"\W+", "-", name))
    profiler = lib.Profiler(*arguments, cwd=folder, env=dict(os.environ, TMPDIR=folder))
    ids = held(profiler.pid)
    kinds = {kind for kind, _ in ids}
    ok({"prog", "map", "link"} <= kinds and left(ids), name + ": there was something to leave",
       ids)
    end(profiler.process)
    profiler.process.wait(SECONDS)
    try:
        lib.wait_until(lambda: not left(ids), 10, "the kernel to let go")
    except TimeoutError:
        pass
    ok(not left(ids), name + ": nothing is left attached", left(ids))
    ok(not names(folder), name + ": no file is left", names(folder))


def leftovers():
    target = burner()
    pinned = names("/sys/fs/bpf") if os.path.isdir("/sys/fs/bpf") else []
    no_trace("kill -9", lambda process: process.kill(), "--all")
    no_trace("Ctrl-C", lambda process: process.send_signal(signal.SIGINT), "-p", target.pid)
    no_trace("the end of its time", lambda process: None, "-p", target.pid, "-d", "1")

    def twice(process):
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
    no_trace("two signals at once", twice, "-p", target.pid)
    ok((names("/sys/fs/bpf") if os.path.isdir("/sys/fs/bpf") else []) == pinned,
       "nothing is pinned")
    target.kill()
    target.wait()


def main():
    lib.need()
    for test in (usage, told_everywhere, targets, outputs, not_able, streams, full_disk,
                 default_names, nothing, signals, commands, as_caller, hidden_by_sudo, leftovers):
        try:
            test()
        except (OSError, TimeoutError, lib.Dead, pprof.Bad, IndexError, ValueError,
                subprocess.TimeoutExpired) as error:
            ok(False, test.__name__, "%s: %s" % (type(error).__name__, error))
    lib.done()


main()
