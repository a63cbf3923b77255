#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Something to look at: a small shop's evening. Three threads parse the web server's log, rank the
catalogue for what people searched, and settle the orders, until the time is up.

    demo.py [SECONDS]
"""
import collections
import json
import math
import random
import re
import sys
import threading
import time

WORDS = ("red green blue small large warm light wooden steel paper garden kitchen winter summer "
         "lamp chair table kettle basket coat scarf bicycle radio clock mirror").split()
REQUEST = re.compile(r'(?P<host>\S+) \[(?P<time>[^]]+)\] "(?P<verb>[A-Z]+) (?P<path>[^ "?]+)'
                     r'(?:\?q=(?P<query>[^ "]*))?" (?P<status>\d{3}) (?P<size>\d+)')


class LogReader:
    """Turns lines of an access log into counts."""

    def __init__(self, dice):
        self.lines = [self.make_line(dice) for _ in range(2000)]

    def make_line(self, dice):
        query = "+".join(dice.sample(WORDS, 2))
        status = dice.choice((200, 200, 200, 404, 500))
        return (f"10.0.{dice.randrange(8)}.{dice.randrange(256)} "
                f"[21/Nov/2026:20:{dice.randrange(60):02}] "
                f'"GET /search?q={query}" {status} {dice.randrange(9000)}')

    def parse(self, line):
        match = REQUEST.match(line)
        if match is None:
            return None
        return match.groupdict()

    def work(self):
        by_status = collections.Counter()
        bytes_by_host = collections.defaultdict(int)
        for line in self.lines:
            request = self.parse(line)
            by_status[request["status"]] += 1
            bytes_by_host[request["host"]] += int(request["size"])
        return by_status.most_common(), max(bytes_by_host.values())


class Catalogue:
    """Ranks articles for a query: rare words weigh more than common ones."""

    def __init__(self, dice):
        self.dice = dice
        self.articles = [collections.Counter(dice.choices(WORDS, k=40)) for _ in range(400)]
        self.rarity = {word: self.rarity_of(word) for word in WORDS}

    def rarity_of(self, word):
        having = sum(1 for article in self.articles if word in article)
        return math.log(len(self.articles) / (1 + having)) + 1

    def score(self, article, query):
        total = 0.0
        for word in query:
            total += article[word] * self.rarity[word]
        return total / math.sqrt(sum(count * count for count in article.values()))

    def work(self):
        query = self.dice.sample(WORDS, 3)
        ranked = sorted(self.articles, key=lambda article: self.score(article, query), reverse=True)
        return ranked[:10]


class Orders:
    """Reads orders as JSON, adds them up, writes the invoices as JSON."""

    def __init__(self, dice):
        self.inbox = json.dumps([
            {"customer": dice.randrange(500),
             "lines": [{"article": dice.choice(WORDS), "count": dice.randrange(1, 5),
                        "price": dice.randrange(100, 9900)} for _ in range(6)]}
            for _ in range(150)])

    def total(self, order):
        return sum(line["count"] * line["price"] for line in order["lines"])

    def work(self):
        invoices = []
        for order in json.loads(self.inbox):
            invoices.append({"customer": order["customer"], "cents": self.total(order)})
        invoices.sort(key=lambda invoice: invoice["cents"])
        return json.dumps(invoices)


def run(job, pause, until):
    while time.monotonic() < until:
        job.work()
        time.sleep(pause)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    until = time.monotonic() + seconds
    dice = random.Random(1)
    jobs = [("log", LogReader(dice), 0.0), ("ranking", Catalogue(dice), 0.001),
            ("orders", Orders(dice), 0.01)]
    threads = [threading.Thread(target=run, name=name, args=(job, pause, until))
               for name, job, pause in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
