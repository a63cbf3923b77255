# SPDX-License-Identifier: BSD-2-Clause
"""A load with a known shape: load.py deep FRAMES | threads THREADS FRAMES | work.
Counts rounds of work for as long as it lives; prints their number and its CPU time when told."""
import json
import sys
import threading
import time

sys.setrecursionlimit(10000)
rounds = 0
ends = False


def spin():
    global rounds
    while not ends:
        for _ in range(1000):
            pass
        rounds += 1


def deep(frames):
    if frames > 1:
        deep(frames - 1)
    else:
        spin()


def work():
    global rounds
    import ast
    import pickle
    source = open(ast.__file__, encoding="utf-8").read()[:20000].rsplit("\n\n\n", 1)[0]
    value = [{"name": str(i), "of": list(range(i % 17))} for i in range(200)]
    while not ends:
        json.loads(json.dumps(value))
        pickle.loads(pickle.dumps(value))
        ast.parse(source)
        rounds += 1


kind, *numbers = sys.argv[1:]
numbers = [int(n) for n in numbers]
if kind == "deep":
    bodies = [(deep, (numbers[0] - 4,))]
elif kind == "threads":
    bodies = [(deep, (numbers[1] - 4,)) for _ in range(numbers[0])]
else:
    bodies = [(work, ())]
threads = [threading.Thread(target=body, args=args, daemon=True) for body, args in bodies]
for each in threads:
    each.start()
print("ready", flush=True)
for line in sys.stdin:
    print(rounds, time.process_time_ns(), time.monotonic_ns(), flush=True)
ends = True
