# SPDX-License-Identifier: BSD-2-Clause
"""Stacks of exactly so many frames, the deepest of each in a function of its own:
recursion.py FRAMES...
"""
import sys

import truth
from truth import clock

DEPTHS = [int(each) for each in sys.argv[1:]]
sys.setrecursionlimit(max(DEPTHS) + 100)


def leaf_0(end):
    while clock() < end:
        pass


def leaf_1(end):
    while clock() < end:
        pass


def leaf_2(end):
    while clock() < end:
        pass


def leaf_3(end):
    while clock() < end:
        pass


def leaf_4(end):
    while clock() < end:
        pass


def leaf_5(end):
    while clock() < end:
        pass


def leaf_6(end):
    while clock() < end:
        pass


def leaf_7(end):
    while clock() < end:
        pass


LEAVES = [leaf_0, leaf_1, leaf_2, leaf_3, leaf_4, leaf_5, leaf_6, leaf_7]


def down(depth, leaf, ns):
    if depth:
        down(depth - 1, leaf, ns)
    else:
        leaf(clock() + ns)


def work(seconds):
    real = seconds > 0.1
    for depth, leaf in zip(DEPTHS, LEAVES):
        # Above down() stand <module>, run and work; below its last, the leaf.
        down(depth - 5 if real else 3, leaf, int(seconds * 1e9 / len(DEPTHS)))
    return {"depths": DEPTHS}


truth.run(work)
