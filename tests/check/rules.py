#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check the house rules that a script can check, by path: who may include whom, who may know what,
how large a file may grow.

    rules.py [ROOT]      prints file:line: what is wrong; exit 1 if anything is

To add a rule: write check_x(path, source), which yields (line, message); add it to CHECKS; plant a
violation of it in rules.t.
"""
import os
import re
import subprocess
import sys

KERNEL = ("bpf/", "include/", "vmlinux/")
USER_LICENCE = "SPDX-License-Identifier: BSD-2-Clause"
KERNEL_LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"

# Files that are not ours to license or to format, and those that can hold no comment.
FOREIGN = re.compile(
    r"^(proto/profile\.proto|LICENSE.*|.*\.md|\.gitignore|\.clang-format|.*\.(png|gz|json|txt))$")

# Lower never includes higher. What stands beside main.c is about options.
RANKS = ["base", "target", "python", "profile", "output", "options", "session", "main"]
VERSION_FILES = {"user/python/version.c", "user/python/find.c", "user/python/line.c"}
VERSION_WORDS = re.compile(
    r"\b3\.1\d(\.\d+)?\b|\bPY_(VERSION|MAJOR_VERSION|MINOR_VERSION)|\b0x03[01][0-9a-fA-F]{1,6}\b"
    r"|\bminor\s*[<>=!]=?\s*\d|(?<![a-z])(?:py|cpython|python)_?3_?1\d(?!\d)", re.IGNORECASE)

MAX_LINES = 400
MAX_MAIN = 150
MAX_MAKEFILE = 200
MAX_COLUMNS = 100

COMMENT_OR_STRING = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


class Source:
    """One file: its text, and the same text with its comments blanked, line by line."""

    def __init__(self, root, path):
        with open(os.path.join(root, path), "rb") as file:
            data = file.read()
        self.text = data.decode("utf-8", "replace")
        self.is_binary = b"\0" in data
        self.lines = self.text.split("\n")

    def code(self):
        """Lines without comments (of C)."""
        def blank(match):
            found = match.group()
            return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)
        return COMMENT_OR_STRING.sub(blank, self.text).split("\n")

    def includes(self):
        for number, line in enumerate(self.code(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                yield number, match.group(2), match.group(1) == "<"


def is_c(path):
    return path.endswith((".c", ".h"))


def resolve(path, name, known):
    """The file of ours that path includes under this name, as the compiler would look for it, or
    None for somebody else's header. (Both worlds have a folder python/.)"""
    worlds = ("bpf", "vmlinux", "user") if path.startswith("bpf/") else ("user", "bpf", "vmlinux")
    for folder in (os.path.dirname(path), "include", *worlds):
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in known:
            return candidate
    return None


def room(path):
    """The room of a file in user/: its folder, or main, or options."""
    parts = path.split("/")
    if len(parts) > 2:
        return parts[1]
    return "main" if parts[1].startswith("main.") else "options"


def is_libbpf(name):
    return name.startswith("bpf/") or name == "linux/bpf.h" or name.endswith(".skel.h")


def check_include_folder(path, source, known):
    """Rule 1."""
    for number, name, _ in source.includes():
        if resolve(path, name, known):
            yield number, f"include/ includes nothing of ours, not '{name}'"


def check_bpf_python(path, source, known):
    """Rule 2. Nothing of the system either: mem.h is all that differs between the two worlds."""
    for number, name, _ in source.includes():
        target = resolve(path, name, known)
        if not (target or "").startswith(("bpf/mem.h", "include/", "bpf/python/")):
            yield number, f"bpf/python/ includes only bpf/mem.h and include/, not '{name}'"


def check_bpf(path, source, known):
    """Rule 3."""
    for number, name, _ in source.includes():
        target = resolve(path, name, known)
        if target and target.endswith(".c"):
            yield number, f"BPF sources never include each other, as '{name}': use sample.h"
        elif target and target.startswith("user/"):
            yield number, f"bpf/ knows nothing of user/, as '{name}'"


def check_user(path, source, known):
    """Rule 4. bpf/python/ compiles natively: python/ may read a target with the kernel's code."""
    mine = room(path)
    for number, name, _ in source.includes():
        target = resolve(path, name, known)
        if is_libbpf(name) and mine != "session":
            yield number, f"only session/ sees libbpf and the skeleton, not {mine}: '{name}'"
        elif target and target.startswith("bpf/"):
            if mine != "python" or not target.startswith("bpf/python/"):
                yield number, f"of bpf/, user/ sees bpf/python/ only, and only in python/: '{name}'"
        elif target and target.endswith(".c"):
            yield number, f"a source is never included, as '{name}'"
        elif target and target.startswith("user/"):
            yield from check_rank(path, number, target)


def check_rank(path, number, target):
    mine, other = room(path), room(target)
    if other not in RANKS or mine not in RANKS:
        yield number, f"'{target if other not in RANKS else path}' is in no known room"
    elif RANKS.index(other) > RANKS.index(mine):
        yield number, f"{mine} is below {other}, so it can't include '{target}'"
    elif mine == "output" and other not in ("base", "output") and target != "user/profile/model.h":
        yield number, f"of the rooms below, output/ sees profile/model.h only, not '{target}'"


def check_layers(path, source, known):
    if not is_c(path):
        return
    if path.startswith("include/"):
        yield from check_include_folder(path, source, known)
    elif path.startswith("bpf/python/"):
        yield from check_bpf_python(path, source, known)
    elif path.startswith("bpf/"):
        yield from check_bpf(path, source, known)
    elif path.startswith("user/"):
        yield from check_user(path, source, known)


def check_versions(path, source, known):
    """Rule 5."""
    if not is_c(path) or not path.startswith(("user/", "bpf/")) or path in VERSION_FILES:
        return
    for number, line in enumerate(source.code(), 1):
        match = VERSION_WORDS.search(line)
        if match:
            yield number, (f"'{match.group()}': only version.c, find.c and line.c may mention "
                           "a Python version")


def check_licence(path, source, known):
    licence = KERNEL_LICENCE if path.startswith(KERNEL) else USER_LICENCE
    if not any(re.search(re.escape(licence) + r"(?=\s|$)", line) for line in source.lines[:5]):
        yield 1, f"no line '{licence}'"


def check_size(path, source, known):
    size = len(source.lines) - 1
    if path.startswith(("user/", "bpf/", "include/")) and is_c(path) and size > MAX_LINES:
        yield size, f"{size} lines, over {MAX_LINES}: split it by noun"
    if path == "Makefile" and size > MAX_MAKEFILE:
        yield size, f"{size} lines, over {MAX_MAKEFILE}"


def check_main(path, source, known):
    if not path.startswith("user/") or not path.endswith(".c"):
        return
    start = None
    for number, line in enumerate(source.code(), 1):
        if start is None and re.match(r"(static\s+)?int\s+main\s*\(", line):
            start = number
        elif start is not None and line.startswith("}"):
            if number - start >= MAX_MAIN:
                yield start, f"main() has {number - start} lines, over {MAX_MAIN}"
            start = None


def check_lines(path, source, known):
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
        elif len(line.expandtabs(8)) > MAX_COLUMNS:
            yield number, f"{len(line.expandtabs(8))} columns, over {MAX_COLUMNS}"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no newline at the end"
    if source.text.endswith("\n\n"):
        yield len(source.lines) - 1, "empty line at the end"


CHECKS = [check_layers, check_versions, check_licence, check_size, check_main, check_lines]


def list_files(root):
    """What git knows or would add; without git (a copy, a tarball) every file outside .build."""
    if os.path.exists(os.path.join(root, ".git")):
        command = ["git", "-C", root, "ls-files", "-z", "-c", "-o", "--exclude-standard"]
        names = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        names = names.decode().split("\0")
    else:
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, files in os.walk(root) for name in files]
        names = [name for name in names if not name.startswith((".build/", ".git/"))]
    return sorted({name for name in names
                   if name and os.path.isfile(os.path.join(root, name))
                   and not os.path.islink(os.path.join(root, name))})


def check_tree(root):
    known = set(list_files(root))
    for path in sorted(known):
        if FOREIGN.match(path):
            continue
        source = Source(root, path)
        if source.is_binary:
            continue
        for check in CHECKS:
            for number, message in check(path, source, known):
                yield f"{path}:{number}: {message}"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    problems = list(check_tree(root))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
