# SPDX-License-Identifier: BSD-2-Clause
"""What the live tests share: TAP, Pythons, targets, the profiler, and how a profile is held
against a target's own report. Every process is ended by its pid; nothing waits without a limit."""
import atexit
import collections
import ctypes
import errno
import glob
import json
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TARGETS = os.path.join(ROOT, "tests", "targets")
PROGRAM = os.environ.get("PYBPFPROF", os.path.join(ROOT, "pybpfprof"))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "check"))
import pprof  # noqa: E402

OURS = ("[truncated]", "[unknown code]", "[on cpu, not sampled]", "[no python frame]",
        "[exiting]", "[not kept]")


# ---- TAP ----------------------------------------------------------------------------------------

_run = {"nr": 0, "done": False}


def note(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(good, name, *why):
    _run["nr"] += 1
    print("%s %d - %s" % ("ok" if good else "not ok", _run["nr"], name), flush=True)
    if not good:
        for each in why:
            note(each)
    return bool(good)


def near(got, want, tolerance, name):
    """got within a relative tolerance of want."""
    off = (got - want) / want if want else math.inf
    note("%s: %.6g of %.6g, %+.2f %%" % (name, got, want, 100 * off))
    return ok(abs(off) <= tolerance, name, "more than %g %% off" % (100 * tolerance))


def share(count, of, want, name, at_most=0.02):
    """A share of samples: four sigma of the binomial and a point, two points at most."""
    got = count / of if of else -1
    limit = min(at_most, 4 * math.sqrt(max(want * (1 - want), 1e-9) / max(of, 1)) + 0.01)
    note("%s: %.4f of %d, truth %.4f" % (name, got, of, want))
    return ok(abs(got - want) <= limit, name, "more than %.4f off" % limit)


def skip(name, why):
    _run["nr"] += 1
    print("ok %d - %s # SKIP %s" % (_run["nr"], name, why), flush=True)


def skip_all(why):
    print("1..0 # SKIP " + why, flush=True)
    _run["done"] = True
    sys.exit(0)


def done():
    """The plan; a test that dies before it has none, and fails."""
    print("1..%d" % _run["nr"], flush=True)
    _run["done"] = True


def need():
    """What every live test needs."""
    if os.geteuid():
        skip_all("needs root")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        skip_all("needs a kernel with BTF")
    attr = ctypes.create_string_buffer(128)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(321 if os.uname().machine == "x86_64" else 280, 11, attr, 128) < 0:
        if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
            skip_all("needs bpf(): " + os.strerror(ctypes.get_errno()))
    if not os.access(PROGRAM, os.X_OK):
        print("Bail out! %s is not built" % PROGRAM)
        sys.exit(1)


# ---- places and processes -----------------------------------------------------------------------

FOLDER = tempfile.mkdtemp(prefix="pybpfprof-test-")
if "SUDO_UID" in os.environ:  # a launched command runs as that user
    os.chown(FOLDER, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
_started = []


def _tidy():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(_tidy)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def path(name):
    return os.path.join(FOLDER, name)


def start(command, **options):
    """Popen, ended at the latest with the test."""
    process = subprocess.Popen(command, **options)
    _started.append(process)
    return process


def wait_until(condition, seconds, what):
    """Poll until condition() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError("waited %g s for %s" % (seconds, what))
        time.sleep(0.01)


def cpu_ns(pid):
    """CPU time of all threads of a process, from the kernel's own clock of it."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def stolen_ns():
    """Time that the hypervisor took from this machine's CPUs. A task's clock leaves it out, the
    timer that samples does not: a task may have that much more samples than CPU time."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) * 10**9 // os.sysconf("SC_CLK_TCK")


def switches(pid):
    """How often the threads of a process stopped running."""
    ret = 0
    for name in glob.glob("/proc/%d/task/*/status" % pid):
        with open(name) as file:
            ret += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return ret


def build(source, *flags):
    """Compile a small C program or library; its path."""
    out = path(os.path.basename(source).replace(".c", ".so" if "-shared" in flags else ""))
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-pthread", "-o", out,
                    os.path.join(TARGETS, source), *flags], check=True)
    return out


def nr_cpus():
    return os.sysconf("SC_NPROCESSORS_ONLN")


# ---- Pythons ------------------------------------------------------------------------------------

PYENV = ("3.10.13", "3.11.7", "3.12.1", "3.13.0")
DEBIAN = "/usr/bin/python3.11"


def pyenv(version):
    """Path of a pyenv Python, or None. Not through the shims: those are shell scripts."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    if "SUDO_USER" in os.environ and not os.path.isdir(home):
        home = os.path.expanduser("~%s/.pyenv" % os.environ["SUDO_USER"])
    found = glob.glob(os.path.join(home, "versions", version, "bin", "python3"))
    return found[0] if found else None


def pythons(*only):
    """(name, path or None, why not) of every Python that the tests know."""
    every = [(version, pyenv(version), "optional: no CPython %s under pyenv" % version)
             for version in PYENV]
    debian = DEBIAN if os.access(DEBIAN, os.X_OK) else None
    every.append(("debian 3.11", debian, "optional: %s is not there" % DEBIAN))
    return [each for each in every if not only or each[0] in only]


def for_pythons(test, *only):
    """test(name, path) for each Python; SKIP for one that is missing; an error in one is its."""
    for name, python, why in pythons(*only):
        if not python:
            skip(name, why)
            continue
        try:
            test(name, python)
        except (OSError, TimeoutError, Dead, pprof.Bad, KeyError, IndexError) as error:
            ok(False, "%s: %s" % (name, test.__name__), "%s: %s" % (type(error).__name__, error))


# ---- targets ------------------------------------------------------------------------------------

class Dead(Exception):
    """A process that should be running is not."""


class Target:
    """A script of tests/targets, waiting to be told to go. See truth.py for what is said."""

    def __init__(self, python, script, *arguments, stack_mb=0, cpu=None):
        def limits():
            if stack_mb:
                resource.setrlimit(resource.RLIMIT_STACK, (stack_mb << 20, stack_mb << 20))
            if cpu is not None:
                os.sched_setaffinity(0, [cpu])

        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("PYTHON") and key not in ("TRUTH", "SECONDS")}
        self.process = start([python, "-B", os.path.join(TARGETS, script), *map(str, arguments)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                             preexec_fn=limits, bufsize=0)
        self.pid = self.process.pid
        self.script = script
        self._rest = b""
        self._expect(b"ready", 60)
        self.report = None

    def _line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("%s said nothing for %g s" % (self.script, seconds))
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise Dead("%s ended: %s" % (self.script, self.process.wait()))
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def _expect(self, word, seconds):
        line = self._line(seconds)
        if line != word:
            raise Dead("%s said %r" % (self.script, line[:200]))

    def go(self, seconds):
        """Start the work and come back at once."""
        self.switches, self.stolen_ns = -switches(self.pid), -stolen_ns()
        self.start_ns = cpu_ns(self.pid)
        self.process.stdin.write(b"go %s\n" % str(seconds).encode())

    def wait(self, seconds=120):
        """Until the work is done; .cpu_ns is then what it took, as the kernel counts it."""
        self._expect(b"done", seconds)
        self.cpu_ns = cpu_ns(self.pid) - self.start_ns
        self.switches += switches(self.pid)
        self.stolen_ns += stolen_ns()

    def end(self):
        """Its report; it exits."""
        if self.report is None:
            self.process.stdin.write(b"report\n")
            self.report = json.loads(self._line(60))
            self.process.stdin.close()
            self.process.wait(10)
            self.codes = [tuple(code) for code in self.report["codes"]]
            self.numbers = collections.defaultdict(list)
            for number, (file, first, name) in enumerate(self.codes):
                self.numbers[file, first].append((number, name))
            self.edges = {tuple(edge) for edge in self.report["edges"]}
            self.stacks = {code: [[tuple(frame) for frame in stack] for stack in stacks]
                           for code, stacks in self.report["stacks"]}
        return self.report

    # A profile against what the target knows.

    def total(self, profile, name, tolerance=0.005):
        same_cpu(profile, self.pid, self.cpu_ns, self.switches, self.stolen_ns, name, tolerance)

    def number(self, frame):
        """Which of the target's code objects a frame shows, or None."""
        for number, name in self.numbers.get((frame.file, frame.start), ()):
            if frame.name == name or frame.name.endswith("." + name):
                return number
        return None

    def samples(self, profile):
        return [sample for sample in profile.samples if sample.labels.get("pid") == self.pid]

    def outside(self, profile):
        """What the profile shows and the target says cannot be, with how many samples."""
        wrong = collections.Counter()
        for sample in self.samples(profile):
            stack = sample.stack
            number = [self.number(frame) for frame in stack]
            for i, frame in enumerate(stack):
                if frame.name in OURS:
                    continue
                if number[i] is None:
                    wrong["no such function: %s %s:%d" % (frame[:3])] += sample.count
                elif i == 0 and frame.line not in self.report["lines"][number[0]]:
                    wrong["no such line: %s:%d" % (frame.name, frame.line)] += sample.count
                elif i and number[i - 1] is not None and \
                        (number[i], frame.line, number[i - 1]) not in self.edges:
                    wrong["no such call: %s:%d -> %s" % (frame.name, frame.line,
                                                       stack[i - 1].name)] += sample.count
        return wrong

    def whole(self, profile):
        """(samples whose last frame is a root, all samples)."""
        roots = set(self.report["roots"])
        whole = every = 0
        for sample in self.samples(profile):
            every += sample.count
            whole += sample.count * (self.number(sample.stack[-1]) in roots)
        return whole, every

    def stacks_of(self, profile, leaf):
        """(samples with that leaf and a stack that the target has recorded, all with that leaf)."""
        right = every = 0
        for sample in self.samples(profile):
            number = self.number(sample.leaf)
            if number is None or self.codes[number][2].split(".")[-1] != leaf:
                continue
            stack = [(self.number(frame), frame.line) for frame in sample.stack[1:]]
            every += sample.count
            right += sample.count * (stack in self.stacks.get(number, []))
        return right, every


# ---- the profiler -------------------------------------------------------------------------------

class Profiler:
    """One run of ./pybpfprof, writing to a file of its own."""

    nr = 0

    def __init__(self, *arguments, attached=True, env=None, **options):
        Profiler.nr += 1
        self.output = path("%d.pb.gz" % Profiler.nr)
        self.errors = path("%d.err" % Profiler.nr)
        arguments = [str(each) for each in arguments]
        split = arguments.index("--") if "--" in arguments else len(arguments)
        command = [PROGRAM, *arguments[:split], "-o", self.output, *arguments[split:]]
        note("pybpfprof " + " ".join(arguments))
        with open(self.errors, "wb") as errors:
            self.process = start(command, stderr=errors, stdin=subprocess.DEVNULL,
                                 env=env, **options)
        self.pid = self.process.pid
        if attached:
            wait_until(self._attached, 20, "the profiler to attach")

    def _attached(self):
        """Its timers run once it holds a perf link for every CPU: the last thing it makes."""
        if self.process.poll() is not None:
            raise Dead("the profiler ended: %d: %s" % (self.process.returncode, self.stderr()))
        links = 0
        for name in glob.glob("/proc/%d/fdinfo/*" % self.pid):
            try:
                with open(name) as file:
                    links += "link_type:\tperf" in file.read()
            except OSError:
                pass
        return links >= nr_cpus()

    def stderr(self):
        with open(self.errors, errors="replace") as file:
            return file.read()

    def wait(self, seconds=60):
        """Until it ends by itself; the profile, or None where it wrote none."""
        self.code = self.process.wait(seconds)
        if not os.path.exists(self.output):
            return None
        self.profile = pprof.load(self.output)
        self.ledger = self.profile.json
        return self.profile

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        profile = self.wait()
        if self.code or not profile:
            raise Dead("the profiler ended with %d: %s" % (self.code, self.stderr()))
        note("outcomes %s" % {key: value for key, value in self.outcomes().items() if value})
        return profile

    def outcomes(self):
        return (self.ledger or {}).get("outcomes", {})


def profile_targets(targets, seconds, *arguments):
    """Profile waiting targets while they work; all their CPU time lies within the profile."""
    profiler = Profiler("-p", ",".join(str(target.pid) for target in targets), *arguments)
    for target in targets:
        target.go(seconds)
    for target in targets:
        target.wait()
    profile = profiler.stop()
    for target in targets:
        target.end()
    return profiler, profile


def slack_ns(want, nr_switches, period, tolerance=0.005):
    """How far samples may be from a CPU time of `want` ns: 0.5 %, more the more often the thread
    was switched, 2 % above 1,000 times in a second of its own: ticks that fall into a switch are
    put off past it, to who comes next (seen on 6.18 with perf and no BPF at all, 5-13 us each).
    And chance: every stretch that it ran uninterrupted is off by 0.41 periods (one sigma)."""
    often = min(1, nr_switches / (want / 1e9) / 1000)
    tolerance = max(tolerance, 0.005 + 0.015 * often)
    return max(tolerance * want, 4 * 0.41 * math.sqrt(nr_switches + 4) * period)


def same_cpu(profile, pid, want, nr_switches, stolen, name, tolerance=0.005):
    """All of a process's CPU time is in the profile, and no more: but that samples, unlike a
    task's clock, are taken in stolen time too. And where the machine stood still for a moment,
    which no task's clock tells, the ledger says how many ticks are missing for it: 2 % at most."""
    got = cpu_of(profile, pid)
    slack = slack_ns(want, nr_switches, profile.period, tolerance)
    missing = sum(profile.json["outcomes"][key] for key in ("dropped", "stolen")) * profile.period
    missing = min(missing, 0.02 * want)
    note("%s: %.1f of %.1f ms, %+.2f %% (may be %.2f %%; %.0f switches/s, stolen %.0f ms, "
         "missing %.0f ms)" % (
             name, got / 1e6, want / 1e6, 100 * (got - want) / want, 100 * slack / want,
             nr_switches / (want / 1e9), stolen / 1e6, missing / 1e6))
    ok(want - slack - missing <= got <= want + slack + stolen, name)


def same_part(profile, got, want, target, name):
    """The same for a part of a target's time: one thread's, or one function's."""
    slack = slack_ns(want, target.switches, profile.period)
    note("%s: %.1f of %.1f ms, %+.2f %% (may be %.2f %%)" % (
        name, got / 1e6, want / 1e6, 100 * (got - want) / want, 100 * slack / want))
    ok(want - slack <= got <= want + slack + target.stolen_ns, name)


def cpu_of(profile, pid):
    """CPU time that the profile gives a process, ns."""
    return profile.total("cpu", lambda sample: sample.labels.get("pid") == pid)


def go_pprof(*arguments):
    """go tool pprof, the judge: its completed process."""
    go = shutil.which("go") or next(iter(glob.glob("/usr/local/go/bin/go") +
                                         glob.glob("/usr/lib/go*/bin/go")), "go")
    return subprocess.run([go, "tool", "pprof", *arguments], capture_output=True, text=True,
                          timeout=60)
