#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checker checked: a violation of each rule, planted in a copy of a small clean tree, is found
on its line and alone; what only looks like one is not."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import rules  # noqa: E402

USER = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
KERNEL = "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n"
SHELL = "#!/bin/sh\n# SPDX-License-Identifier: BSD-2-Clause\n"
LONG = "int a;\n" * 398
LONG_MAIN = "int main(void)\n{\n" + "\tint a;\n" * 149 + "}\n"

CLEAN = {
    "include/pybpfprof.h": KERNEL + "#include <linux/types.h>\n",
    "include/sources.h": KERNEL,
    "vmlinux/vmlinux.h": KERNEL,
    "bpf/mem.h": KERNEL + "#include <bpf/bpf_helpers.h>\n",
    "bpf/python/thread.h": KERNEL + '#include "mem.h"\n#include "pybpfprof.h"\n',
    "bpf/python/walk.h": KERNEL + '#include "python/thread.h"\n',
    "bpf/sample.h": KERNEL + '#include "vmlinux.h"\n#include "mem.h"\n',
    "bpf/sample.bpf.c": KERNEL + '#include "sample.h"\n#include "python/walk.h"\n',
    "bpf/cpu.bpf.c": KERNEL + '#include "sample.h"\n',
    "user/base/log.h": USER,
    "user/target/elf.h": USER,
    "user/python/version.h": USER + '#include "pybpfprof.h"\n',
    "user/python/version.c": USER + '#include "python/version.h"\nint a = PY_MINOR_VERSION;\n'
                                    'char *b = "3.13";\n',
    "user/python/thread.h": USER,
    "user/profile/model.h": USER,
    "user/profile/fold.h": USER + '#include "profile/model.h"\n',
    "user/profile/fold.c": USER + '#include "fold.h"\n#include "python/version.h"\n',
    "user/output/output.h": USER + '#include "profile/model.h"\n',
    "user/output/text.c": USER + '#include "output/output.h"\n#include "base/log.h"\n',
    "user/options.h": USER + '#include "output/output.h"\n#include "sources.h"\n',
    "user/session/cpu.h": USER + '#include "options.h"\n',
    "user/session/cpu.c": USER + '#include <bpf/libbpf.h>\n#include "pybpfprof.skel.h"\n',
    "user/main.c": USER + '#include "session/cpu.h"\nint main(void)\n{\n\treturn 0;\n}\n',
    "tests/unit/walk.c": USER + '#include "python/walk.h"\nchar *a = "3.12";\n',
    "tests/run.sh": SHELL,
    "proto/profile.proto": "message Profile {} \n",
    "README.md": "x" * 200 + "\n",
    "Makefile": "# SPDX-License-Identifier: BSD-2-Clause\n",
}

# what: (file, its content, line, a word of the message)
PLANTED = {
    "include/ includes ours": (
        "include/sources.h", KERNEL + '#include "pybpfprof.h"\n', 2, "nothing of ours"),
    "bpf/python includes sample.h": ("bpf/python/walk.h", KERNEL + '#include "sample.h"\n', 2, ""),
    "bpf/python includes a system header": (
        "bpf/python/walk.h", KERNEL + "#include <bpf/bpf_helpers.h>\n", 2, "mem.h"),
    "bpf/python includes user/": (
        "bpf/python/walk.h", KERNEL + '#include "../../user/base/log.h"\n', 2, "mem.h"),
    "a BPF source includes another": (
        "bpf/cpu.bpf.c", KERNEL + '#include "sample.bpf.c"\n', 2, "each other"),
    "bpf/ includes user/": ("bpf/cpu.bpf.c", KERNEL + '#include "base/log.h"\n', 2, "user/"),
    "base includes target": ("user/base/log.h", USER + '#include "target/elf.h"\n', 2, "below"),
    "target includes python": (
        "user/target/elf.h", USER + '#include "python/version.h"\n', 2, "below"),
    "python includes profile": (
        "user/python/version.h", USER + '#include "../profile/model.h"\n', 2, "below"),
    "profile includes output": (
        "user/profile/fold.c", USER + '#include "output/output.h"\n', 2, "below"),
    "session includes main's": ("user/session/cpu.h", USER + '#include "main.h"\n', 2, "below"),
    "output includes fold.h": (
        "user/output/text.c", USER + '#include "profile/fold.h"\n', 2, "model.h"),
    "output includes python": (
        "user/output/text.c", USER + '#include "python/version.h"\n', 2, "model.h"),
    "profile sees libbpf": ("user/profile/fold.c", USER + "#include <bpf/libbpf.h>\n", 2, "libbpf"),
    "main sees the skeleton": (
        "user/main.c", USER + '#include "pybpfprof.skel.h"\n', 2, "skeleton"),
    "user includes bpf/": ("user/session/cpu.c", USER + '#include "python/walk.h"\n', 2, "bpf/"),
    "user/python includes a BPF source's header": (
        "user/python/version.c", USER + '#include "sample.h"\n', 2, "bpf/"),
    "user includes a source": ("user/session/cpu.c", USER + '#include "main.c"\n', 2, "source"),
    "a room that no rule knows": (
        "user/session/cpu.c", USER + '#include "other/new.h"\n', 2, "no known room"),
    "a version in a string": (
        "user/profile/fold.c", USER + 'char *a = "CPython 3.11";\n', 2, "3.11"),
    "a version in an expression": (
        "bpf/python/walk.h", KERNEL + "\nint a = layout->minor >= 12;\n", 3, "minor"),
    "a version in a name": ("bpf/sample.bpf.c", KERNEL + "int walk_py311(void);\n", 2, "py311"),
    "a version number in hexadecimal": (
        "user/session/cpu.c", USER + "int a = 0x030b00f0;\n", 2, "0x03"),
    "no licence": ("user/profile/fold.c", "int a;\n", 1, "SPDX"),
    "no licence in a script": ("tests/run.sh", "#!/bin/sh\n", 1, "SPDX"),
    "the wrong licence in the kernel": ("bpf/mem.h", USER, 1, "GPL"),
    "the wrong licence in user space": ("user/base/log.h", KERNEL, 1, "BSD"),
    "a long file": ("user/profile/fold.c", USER + LONG + "int b;\nint c;\n", 401, "400"),
    "a long main": ("user/main.c", USER + LONG_MAIN, 2, "main()"),
    "a long Makefile": ("Makefile", "# " + USER.strip("/* \n") + "\n" * 200 + "a:\n", 201, "200"),
    "a trailing space": ("tests/run.sh", SHELL + "true \n", 3, "space"),
    "101 columns": ("user/profile/fold.c", USER + "\t" + "a" * 93 + "\n", 2, "101"),
    "no newline at the end": ("tests/run.sh", SHELL + "true", 3, "newline"),
}

# Must not be found.
INNOCENT = {
    "a version in a comment": (
        "user/profile/fold.c", USER + "/* since 3.11\n * and 3.12 */\n// 3.13\n"),
    "an include in a comment": ("user/base/log.h", USER + '/*\n#include "target/elf.h"\n*/\n'),
    "a comment's start in a string": (
        "user/profile/fold.c", USER + 'char *a = "/*", *b = "*/ 1";\n'),
    "numbers that are no version": ("user/profile/fold.c", USER + "double a = 3.5, b = 13.11;\n"),
    "400 lines": ("user/profile/fold.c", USER + LONG + "int b;\n"),
    "100 columns": ("user/profile/fold.c", USER + "\t" + "a" * 92 + "\n"),
    "user/python with the kernel's code": (
        "user/python/version.c", USER + '#include "python/walk.h"\n'),
    "a test that walks": ("tests/unit/walk.c", USER + '#include "python/walk.h"\n'),
}

# Files that a planted include needs to exist.
EXTRA = {"user/main.h": USER, "user/other/new.h": USER}


def findings(changed, content):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **EXTRA, changed: content}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(rules.check_tree(root))


def main():
    number = failed = 0

    def result(good, what, found):
        nonlocal number, failed
        number += 1
        failed += not good
        print(f"{'' if good else 'not '}ok {number} - {what}")
        if not good:
            print(f"# found: {found}")

    print(f"1..{1 + len(PLANTED) + len(INNOCENT)}")
    found = findings("README.md", "")
    result(not found, "a clean tree is clean", found)
    for what, (path, content, line, word) in PLANTED.items():
        found = findings(path, content)
        good = len(found) == 1 and found[0].startswith(f"{path}:{line}: ") and word in found[0]
        result(good, f"found: {what}", found)
    for what, (path, content) in INNOCENT.items():
        found = findings(path, content)
        result(not found, f"not found: {what}", found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
