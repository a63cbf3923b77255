# SPDX-License-Identifier: BSD-2-Clause
"""Functions that nobody has seen before: names.py COUNT; each burns its share of the time, then
the process is gone."""
import sys

import truth
from truth import clock

NR = int(sys.argv[1])
functions = {"clock": clock}
for i in range(NR):
    source = "\n" * i + "def new_%d(end):\n    while clock() < end: pass\n" % i
    exec(compile(source, "<new %d>" % i, "exec"), functions)


def work(seconds):
    for i in range(NR if seconds > 0.1 else 0):
        functions["new_%d" % i](clock() + int(seconds * 1e9 / NR))


truth.run(work)
