# SPDX-License-Identifier: BSD-2-Clause
"""One function, one line, so many seconds of CPU time."""
import truth
from truth import clock, cpu


def burn(end):
    while clock() < end: pass


def work(seconds):
    t0 = clock()
    burn(t0 + int(seconds * 1e9))
    cpu["burn"] = clock() - t0
    return {"line": burn.__code__.co_firstlineno + 1}


truth.run(work)
