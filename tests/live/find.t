#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""python_find() on real processes: every CPython that is installed, several copies in one process,
deleted files, other roots, embedded and static builds, and programs that only look like one. What
it says is held against what the process says of itself. No BPF is needed."""
import glob
import os
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import (DEBIAN, FOLDER, PYENV, ROOT, done, note, ok, path, pyenv,  # noqa: E402
                 pythons, skip, start)

HERE = os.path.dirname(os.path.abspath(__file__))
CFLAGS = ["-std=gnu11", "-O1", "-w", "-D_GNU_SOURCE"]
OLD = {"2.7.18": "2.7", "3.6.15": "3.6", "3.7.16": "3.7", "3.8.18": "3.8", "3.9.18": "3.9"}
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

# Runs on every CPython from 3.6 on: five threads that sleep, and the truth about the process.
TARGET = """
import ctypes, sys, threading
api = ctypes.pythonapi
api.PyGILState_GetThisThreadState.restype = ctypes.c_void_p
%s
states, ready, stop = {}, threading.Barrier(5), threading.Event()
def state():
    states[threading.get_ident()] = api.PyGILState_GetThisThreadState()
def thread():
    state()
    ready.wait()
    stop.wait()
for _ in range(4):
    threading.Thread(target=thread, daemon=True).start()
state()
ready.wait()
runtime = ctypes.addressof(ctypes.c_char.in_dll(api, "_PyRuntime"))
print("hex=%%#x" %% sys.hexversion, "runtime=%%d" %% runtime,
      "code_type=%%d" %% id(type(state.__code__)),
      *["thread=%%d:%%d" %% each for each in states.items()])
sys.stdout.flush()
sys.stdin.readline()
"""


def compile_c(source, name, *flags):
    """The program's path. An error is the test's."""
    out = path(name)
    subprocess.run([os.environ.get("CC", "cc"), *CFLAGS, "-o", out, os.path.join(HERE, source),
                    *flags], check=True)
    return out


def sources():
    """What find_main is made of."""
    parts = ["base/text"] + ["python/" + name for name in
                             ("file", "find", "offsets", "search", "slot", "version")]
    return [os.path.join(ROOT, "user", part + ".c") for part in parts] + glob.glob(
        os.path.join(ROOT, "user", "target", "*.c"))


FIND = compile_c("find_main.c", "find_main", "-I" + ROOT + "/include", "-I" + ROOT + "/user",
                 *sources(), "-lelf")
os.chmod(FOLDER, 0o755)


def values(line):
    """key=value words as {key: [value, ...]}; a refusal is the rest of its line."""
    head, _, refusal = line.strip().partition(" refusal=")
    found = {"refusal": [refusal]} if refusal else {}
    for word in head.split():
        key, _, value = word.partition("=")
        found.setdefault(key, []).append(value)
    return found


def find(pid, *selves, before=()):
    done_ = subprocess.run([*before, FIND, str(pid), *map(str, selves)], stdout=subprocess.PIPE,
                           universal_newlines=True, timeout=30)
    if done_.returncode:
        return {"status": ["exit %d" % done_.returncode]}
    return values(done_.stdout)


def launch(command, **options):
    """Started, and its first line of output read: it is where it is wanted."""
    process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    universal_newlines=True, **options)
    return process, process.stdout.readline()


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def check_found(name, process, line, before=()):
    """Found, and every word of it is what the target says of itself."""
    truth = values(line)
    threads = [each.split(":") for each in truth.get("thread", [])]
    got = find(process.pid, *[each[0] for each in threads], before=before)
    want = [each[1] for each in threads]
    hexes = (int(got.get("hex", ["0"])[0], 16), int(truth.get("hex", ["0"])[0], 16))
    same = (hexes[0] == hexes[1] or not hexes[0] & 0xffff and hexes[0] >> 16 == hexes[1] >> 16)
    return ok(got["status"] == ["0"] and same and len(want) == 5 and got.get("word") == want and
              all(got[key] == truth[key] for key in ("runtime", "code_type")),
              name, "found: %s" % got, "truth: %s" % truth)


def run_target(python, before_threads="", before=(), **options):
    script = path("target.py")
    with open(script, "w") as file:
        file.write(TARGET % before_threads)
    os.chmod(script, 0o644)
    return launch([*before, python, script], **options)


def check_refused(name, process, *words):
    got = find(process.pid)
    ok(got["status"] in (["EOPNOTSUPP"], ["ENOTSUP"]) and
       all(word in got["refusal"][0] for word in words), name, got, "wanted: %s" % (words,))


def times(name, *pids):
    took = subprocess.run([FIND, "-t", *map(str, pids)], stdout=subprocess.PIPE, check=True,
                          universal_newlines=True).stdout
    took = {key: int(value[0]) / len(pids) / 1e3 for key, value in values(took).items()}
    note("%s: python_find() takes %.0f us cold, %.0f us warm" % (name, took["cold"], took["warm"]))


def every_python():
    for name, python, why in pythons():
        if not python:
            skip(name, why)
            continue
        process, line = run_target(python)
        check_found("%s: version, addresses and the states of five threads" % name, process, line)
        times(name, process.pid)
        end(process)


def many_processes():
    """What a machine full of Pythons costs: the files are known after the first."""
    if not os.access(DEBIAN, os.X_OK):
        return skip("20 processes", "optional: no %s" % DEBIAN)
    some = [launch([DEBIAN, "-c", "import json, decimal, ssl; print(); input()"])[0]
            for _ in range(20)]
    times("20 processes, each", *[each.pid for each in some])
    got = [find(each.pid)["status"] for each in some]
    ok(got == [["0"]] * 20, "20 processes", got)
    for each in some:
        end(each)


def old_versions():
    for version, shown in OLD.items():
        home = os.path.dirname(os.path.dirname(pyenv(PYENV[0]) or "/nowhere/bin/x"))
        python = os.path.join(os.path.dirname(home), version, "bin", "python" + shown)
        if not os.access(python, os.X_OK):
            skip("CPython %s is refused by name" % shown, "optional: not under pyenv")
            continue
        process, _ = launch([python, "-c", "import sys; print(''); sys.stdout.flush(); "
                             "sys.stdin.readline()"])
        check_refused("CPython %s is refused by name" % shown, process,
                      "CPython %s is older than this build knows" % shown)
        end(process)


def library(version):
    """A pyenv Python's shared library."""
    home = os.path.dirname(os.path.dirname(pyenv(version) or "/nowhere/bin/x"))
    short = ".".join(version.split(".")[:2])
    found = glob.glob(os.path.join(home, "lib", "libpython%s.so.1.0" % short))
    return found[0] if found else None


def two_copies():
    other = library("3.11.7")
    for name, python, why in pythons("3.12.1", "debian 3.11"):
        name = "%s with a second libpython mapped" % name
        if not python or not other:
            skip(name, why)
            continue
        process, line = run_target(python, "ctypes.CDLL(%r)" % other)
        with open("/proc/%d/maps" % process.pid) as maps:
            ok(other in maps.read(), name + ": it is mapped")
        check_found(name, process, line)
        end(process)
        process, line = run_target(python, """import mmap
file = open(%r, "rb")
kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
""" % (library("3.12.1") if "3.12" in name else DEBIAN))
        check_found(name.replace("a second libpython mapped", "its own file mapped as data"),
                    process, line)
        end(process)


def deleted_files():
    if os.geteuid():
        return skip("deleted files", "needs root")
    for name, python, why in pythons("3.13.0", "debian 3.11"):
        if not python:
            skip("%s, deleted" % name, why)
            continue
        folder = path("copy")
        os.mkdir(folder)
        shutil.copy(os.path.realpath(python), folder + "/python")
        env = dict(os.environ)
        if "debian" not in name:
            shutil.copy(library(name), folder)
            env.update(LD_LIBRARY_PATH=folder, PYTHONHOME=os.path.dirname(os.path.dirname(python)))
        process, line = run_target(folder + "/python", env=env)
        shutil.rmtree(folder)
        with open("/proc/%d/maps" % process.pid) as maps:
            ok(folder in maps.read(), "%s: runs from the copy" % name)
        check_found("%s, deleted while it runs" % name, process, line)
        end(process)
    return None


def other_root():
    """In a mount namespace and a root of its own, under a path that is nowhere else."""
    if os.geteuid():
        return skip("another root", "needs root")
    if not os.access(DEBIAN, os.X_OK):
        return skip("another root", "optional: no %s" % DEBIAN)
    root = path("root")
    os.makedirs(root + "/usr")
    os.makedirs(root + "/srv")
    for link in ("lib", "lib64", "bin"):
        os.symlink("usr/" + link, root + "/" + link)
    with open(root + "/srv/target.py", "w") as file:
        file.write(TARGET % "")
    script = """mount --bind /usr %s/usr && cp %s %s/srv/its-python &&
exec chroot %s /srv/its-python /srv/target.py""" % (root, DEBIAN, root, root)
    process, line = launch(["unshare", "-m", "sh", "-c", script])
    if not line and process.wait():
        return skip("another root", "a mount namespace is not to be had here")
    ok(os.readlink("/proc/%d/root" % process.pid) == root, "it has another root")
    check_found("another root, another mount namespace", process, line)
    end(process)
    return None


def without_privileges():
    if os.geteuid() or not shutil.which("setpriv") or not os.access(DEBIAN, os.X_OK):
        return skip("as a user", "needs root, setpriv and %s" % DEBIAN)
    process, line = run_target(DEBIAN, before=AS_NOBODY)
    check_found("a user's own process, by the user", process, line, before=AS_NOBODY)
    end(process)
    got = find(os.getpid(), before=AS_NOBODY)
    ok(got["status"] in (["EACCES"], ["EPERM"]), "another user's process, by a user", got)
    return None


def embedded(name, program, *arguments, library_path=None, refused=None, kind="1"):
    """Not there yet, then found."""
    env = dict(os.environ, LD_LIBRARY_PATH=library_path or "")
    process, line = launch([program, *arguments], env=env)
    got = find(process.pid)
    if refused:
        ok(got["status"] == ["EOPNOTSUPP"], name + ", before it starts: refused", got)
    else:
        ok(line == "waiting\n" and got["status"] == ["EAGAIN"], name + ": not initialised yet",
           line, got)
    process.stdin.write("go\n")
    process.stdin.flush()
    truth = values(" ".join(process.stdout.readline() for _ in range(3)))
    got = find(process.pid, *truth.get("self", []))
    if refused:
        ok(got["status"] == ["EOPNOTSUPP"] and refused in got["refusal"][0], name + ": refused",
           got)
    else:
        ok(got["status"] == ["0"] and got.get("word") == truth.get("tstate") and
           got.get("code_type") == truth.get("code_type") and got.get("kind") == [kind], name, got,
           truth)
    end(process)


def embedded_shared():
    for version in PYENV:
        lib = library(version)
        if not lib:
            skip("embedded %s" % version, "optional: no CPython %s under pyenv" % version)
            continue
        folder = os.path.dirname(lib)
        linked = compile_c("find_embed.c", "linked", "-DLINKED", "-pthread", lib)
        embedded("embedded %s, linked" % version, linked, library_path=folder)
        embedded("embedded %s, with 40 keys taken" % version, linked, "-k", library_path=folder,
                 kind="2")
        copied = compile_c("find_embed.c", "copied", "-DLINKED", "-DCOPY", "-no-pie", "-fno-pic",
                           "-pthread", lib)
        embedded("embedded %s, its type in the program's own data" % version, copied,
                 library_path=folder)
        opened = compile_c("find_embed.c", "opened", "-pthread", "-ldl")
        embedded("embedded %s, opened with dlopen()" % version, opened, lib)


def embedded_static():
    """Linked in whole, exporting nothing: symbols are local knowledge, and gone once stripped."""
    for version in ("3.11.7", "3.13.0"):
        short = ".".join(version.split(".")[:2])
        home = os.path.dirname(os.path.dirname(pyenv(version) or "/nowhere/bin/x"))
        archive = glob.glob("%s/lib/python%s/config-*/libpython%s.a" % (home, short, short))
        if not archive:
            skip("static %s" % version, "optional: no libpython%s.a under pyenv" % short)
            continue
        program = compile_c("find_embed.c", "static", "-DLINKED", "-pthread", archive[0], "-lm",
                            "-ldl", "-lutil", "-lz")
        embedded("static %s, exporting nothing" % version, program)
        subprocess.run(["strip", program], check=True)
        embedded("static %s, stripped" % version, program,
                 refused=None if short == "3.13" else "whose version its symbols don't tell")


def look_alikes():
    def fake(name, *words, flags=(), arguments=(), status=None):
        program = compile_c("find_fake.c", "fake", "-rdynamic", *flags)
        process, _ = launch([program, *arguments])
        if status:
            got = find(process.pid)
            ok(got["status"] == [status], name, got)
        else:
            check_refused(name, process, *words)
        end(process)

    debug, known = "debug builds are not supported", "-DHEX=0x030b07f0"
    fake("a debug build", "CPython 3.11", debug, flags=[known, "-DMARKER=_Py_RefTotal"])
    fake("a newer debug build", "CPython 3.12", debug,
         flags=["-DHEX=0x030c01f0", "-DMARKER=_Py_NegativeRefcount"])
    fake("a free-threaded build", "CPython 3.13", "free-threaded builds",
         flags=["-DHEX=0x030d00f0", "-DMARKER=_Py_MergeZeroLocalRefcount"])
    fake("3.14", "CPython 3.14 is newer than this build knows", flags=["-DHEX=0x030e00f0"])
    fake("4.0", "CPython 4.0 is newer than this build knows", flags=["-DHEX=0x040000f0"])
    fake("PyPy", "PyPy is not CPython", flags=["-DMARKER=PyPyObject_Type"])
    fake("an interpreter that never starts", flags=[known], status="EAGAIN")
    fake("lists without an end, and no thread that agrees", "thread-local storage",
         flags=[known, "-DENDLESS"])
    fake("interpreters, but not initialised", flags=[known, "-DENDLESS", "-DINITIALIZED=0"],
         status="EAGAIN")
    narrow = path("libpython3.so")
    with open(narrow, "wb") as file:
        file.write(b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHI", 3, 3, 1) + bytes(4096))
    fake("32 bits", "32 bits", arguments=[narrow])
    fake("a program that has nothing of Python", status="ENOENT")


def no_pythons():
    process, _ = launch(["bash", "-c", "echo; read x"])
    got = find(process.pid)
    ok(got["status"] == ["ENOENT"], "a shell", got)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    got = find(process.pid)
    ok(got["status"] == ["ESRCH"], "a zombie", got)
    end(process)
    got = find(process.pid)
    ok(got["status"] == ["ESRCH"], "a process that is gone", got)
    if not os.geteuid():
        got = find(2)
        if open("/proc/2/comm").read() == "kthreadd\n":
            ok(got["status"] == ["ENOENT"], "a kernel thread", got)


every_python()
many_processes()
old_versions()
two_copies()
deleted_files()
other_root()
without_privileges()
embedded_shared()
embedded_static()
look_alikes()
no_pythons()
done()
