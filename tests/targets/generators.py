# SPDX-License-Identifier: BSD-2-Clause
"""Generators that delegate, coroutines that await, an asyncio loop, and generators that are
resumed over and over, each from two places."""
import asyncio

import truth
from truth import clock


def spin_yield(n):
    truth.here()
    while n:
        n -= 1


def delegate(depth, n):
    if depth:
        yield from delegate(depth - 1, n)
    else:
        spin_yield(n)
        yield n


def spin_await(n):
    truth.here()
    while n:
        n -= 1


async def chain(depth, n):
    if depth:
        await chain(depth - 1, n)
    else:
        spin_await(n)


def spin_loop(n):
    truth.here()
    while n:
        n -= 1


async def step(n):
    await asyncio.sleep(0)
    spin_loop(n)


async def several(n):
    for _ in range(3):
        await step(n)


def count(n):
    while True:
        n += 1
        yield n


def pull_one(n):
    numbers = count(0)
    for each in numbers:
        if each == n:
            return


def pull_two(n):
    return sum(x for x, _ in zip(count(1), range(n)))


class Items:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i

    async def __aiter__(self):
        for i in range(self.n):
            yield i


async def consume(n):
    async for _ in Items(n):
        pass


def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass


def work(seconds):
    loop = asyncio.new_event_loop()
    end = clock() + int(seconds * 1e9)
    while True:
        list(delegate(10, 20000))
        drive(chain(10, 20000))
        loop.run_until_complete(several(7000))
        pull_one(10000)
        pull_two(5000)
        list(Items(10000))
        drive(consume(5000))
        if clock() > end:
            break
    loop.close()


truth.run(work)
