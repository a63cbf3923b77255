# SPDX-License-Identifier: BSD-2-Clause
"""What is profiled on every kernel: one function below two others, whose shares it times itself.

    burn.py SECONDS
"""
import json
import sys
from time import monotonic, thread_time


def inner(n):
    x = 0
    for i in range(n):
        x += i
    return x


def seventy():
    return inner(7000)


def thirty():
    return inner(3000)


def main(seconds):
    spent = {"burn.seventy": 0, "burn.thirty": 0}
    end = monotonic() + seconds
    while monotonic() < end:
        t0 = thread_time()
        seventy()
        t1 = thread_time()
        thirty()
        spent["burn.seventy"] += t1 - t0
        spent["burn.thirty"] += thread_time() - t1
    print(json.dumps(spent), flush=True)


main(float(sys.argv[1]))
