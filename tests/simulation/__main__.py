"""``make simulate``: as many seeds as one likes, or one seed again.

make simulate SEEDS=100000           that many seeds, spread over the processors
make simulate SEED=123               one seed, with its story told
make simulate SEED=123 DOOR=botocore
make simulate SEED=123 ARGS=--compared
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.compared import compared
from tests.simulation.scenario import draw
from tests.simulation.simulate import Door, Outcome, command, simulate

CHUNK = 100
SHOWN = 20
"""Failing seeds that are told one by one."""


def main() -> int:
    """Run what the command line asks for; 1 if a promise was broken."""
    asked = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    asked.add_argument("--seed", type=int, help="one seed, with its story")
    asked.add_argument("--seeds", type=int, default=5_000, help="how many, from --first on")
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--door", choices=("direct", "botocore"), default="direct")
    asked.add_argument(
        "--compared", action="store_true", help="also with GitHub well, and with none"
    )
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = asked.parse_args()
    if given.seed is not None:
        return one(given.seed, given.door, compare=given.compared)
    return many(
        range(given.first, given.first + given.seeds),
        given.door,
        given.jobs,
        compare=given.compared,
    )


def one(seed: int, door: Door, *, compare: bool) -> int:
    """Play a seed and tell its story."""
    outcome = compared(seed) if compare else simulate(seed, door)
    print(draw(seed), "", *outcome.story, "", sep="\n")
    print(*(f"BROKEN at {what}" for what in outcome.violations), sep="\n")
    print(f"seed {seed}: {'broken' if outcome.violations else 'every promise was kept'}")
    return int(bool(outcome.violations))


def many(seeds: range, door: Door, jobs: int, *, compare: bool) -> int:
    """Play many seeds, and say what they exercised and which of them broke a promise."""
    began = time.monotonic()
    seen: Counter[str] = Counter()
    broken = done = 0
    for outcome in _played(seeds, door, jobs, compare=compare):
        done += 1
        seen.update(outcome.seen.keys())
        if outcome.violations:
            broken += 1
            if broken <= SHOWN:
                print(f"BROKEN {outcome.violations[0]}\n       {command(outcome.seed, door)}")
        if done % 5_000 == 0:
            print(f"{done} seeds, {broken} broken, {time.monotonic() - began:.0f} s", flush=True)
    print("\nSeeds in which it happened:")
    for what, count in sorted(seen.items()):
        print(f"  {count:7} {what}")
    print(f"\n{done} seeds through {door}, {broken} broken, {time.monotonic() - began:.0f} s")
    return int(broken > 0)


def _played(seeds: range, door: Door, jobs: int, *, compare: bool) -> Iterator[Outcome]:
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(partial(_chunk, door=door, compare=compare), chunks):
            yield from outcomes


def _chunk(seeds: range, door: Door, *, compare: bool) -> list[Outcome]:
    outcomes = []
    for seed in seeds:
        outcome = compared(seed) if compare else simulate(seed, door)
        outcome.story.clear()
        outcomes.append(outcome)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
