# SPDX-License-Identifier: BSD-2-Clause
"""NumPy: three lines that each spend their time in it."""
import numpy

import truth
from truth import clock, cpu

matrix = numpy.arange(90000, dtype=float).reshape(300, 300) / 1e5
vector = numpy.arange(400000, dtype=float)[::-1].copy()


def compute():
    t0 = clock()
    numpy.dot(matrix, matrix)
    t1 = clock()
    numpy.sort(vector % 1013)
    t2 = clock()
    numpy.exp(vector / 1e6).sum()
    t3 = clock()
    cpu["dot"] += t1 - t0
    cpu["sort"] += t2 - t1
    cpu["exp"] += t3 - t2


def work(seconds):
    cpu["dot"] = cpu["sort"] = cpu["exp"] = 0
    end = clock() + int(seconds * 1e9)
    while True:
        compute()
        if clock() > end:
            break
    first = compute.__code__.co_firstlineno + 2
    return {"lines": [first, first + 2, first + 4]}


truth.run(work)
