# SPDX-License-Identifier: BSD-2-Clause
"""Compile a part of this interpreter's standard library and write, for every code object in it,
its line table and what the interpreter itself says of every instruction's line.

Usage: lines_dump.py NR_FILES. To standard output, for lines_check.c, native byte order: first line,
size of the table, number of positions (int each), the table, then per position (two bytes of code
each) the line (int). Where co_lines() says None, the rule of line.h is applied here: the line of
the range before it, else the first line."""

import array
import os
import struct
import sys
import sysconfig
import types


def sources():
    root = sysconfig.get_path("stdlib")
    ret = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(n for n in folders if n not in ("site-packages", "dist-packages"))
        ret += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    return sorted(ret)


def spread(paths, number):
    """So many of them, evenly spread, and the largest ones."""
    largest = sorted(paths, key=os.path.getsize)[-10:]
    step = max(1, len(paths) // number)
    return sorted(set(paths[::step][:number] + largest))


def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from codes(const)


def expected(code):
    lines = array.array("i", [-1]) * (len(code.co_code) // 2)
    last = code.co_firstlineno
    for start, end, line in code.co_lines():
        if line is not None and end > start:
            last = line
        for position in range(start, end, 2):
            lines[position // 2] = last
    assert -1 not in lines, code
    return lines


def dump(code, out):
    lines = expected(code)
    table = code.co_linetable
    out.write(struct.pack("iii", code.co_firstlineno, len(table), len(lines)))
    out.write(table)
    out.write(lines.tobytes())


def compiled(path):
    try:
        with open(path, "rb") as file:
            return compile(file.read(), path, "exec", dont_inherit=True)
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return None  # test data that is meant not to compile


def main():
    for path in spread(sources(), int(sys.argv[1])):
        code = compiled(path)
        for inner in codes(code) if code else ():
            dump(inner, sys.stdout.buffer)


main()
