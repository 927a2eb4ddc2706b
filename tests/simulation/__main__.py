"""``make simulate``: as many seeds as one likes, or one seed again.

make simulate SEEDS=100000           that many seeds, spread over the processors
make simulate SEED=123               one seed, with its story told
make simulate SEED=123 DOOR=botocore
make simulate SEED=123 ARGS=--compared
make simulate SEEDS=100000 ARGS=--guardian    with a guardian in every seed
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.compared import compared
from tests.simulation.guardian import always_guarded
from tests.simulation.scenario import draw
from tests.simulation.simulate import Outcome, command, simulate

Play = Callable[[int], Outcome]

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
    asked.add_argument("--guardian", action="store_true", help="with a guardian in every seed")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = asked.parse_args()
    drawn = always_guarded if given.guardian else draw
    play: Play = partial(simulate, door=given.door, drawn=drawn)
    if given.compared:
        play = partial(compared, drawn=drawn)
    again = " ARGS=--guardian" if given.guardian else ""
    if given.seed is not None:
        print(drawn(given.seed), "")
        return one(given.seed, play)
    seeds = range(given.first, given.first + given.seeds)
    return many(seeds, play, given.jobs, lambda seed: command(seed, given.door) + again)


def one(seed: int, play: Play) -> int:
    """Play a seed and tell its story."""
    outcome = play(seed)
    print(*outcome.story, "", sep="\n")
    print(*(f"BROKEN at {what}" for what in outcome.violations), sep="\n")
    print(f"seed {seed}: {'broken' if outcome.violations else 'every promise was kept'}")
    return int(bool(outcome.violations))


def many(seeds: range, play: Play, jobs: int, again: Callable[[int], str]) -> int:
    """Play many seeds, and say what they exercised and which of them broke a promise.

    ``again`` is the command that plays one again.
    """
    began = time.monotonic()
    seen: Counter[str] = Counter()
    broken = done = 0
    for outcome in _played(seeds, play, jobs):
        done += 1
        seen.update(outcome.seen.keys())
        if outcome.violations:
            broken += 1
            if broken <= SHOWN:
                print(f"BROKEN {outcome.violations[0]}\n       {again(outcome.seed)}", flush=True)
        if done % 5_000 == 0:
            print(f"{done} seeds, {broken} broken, {time.monotonic() - began:.0f} s", flush=True)
    print("\nSeeds in which it happened:")
    for what, count in sorted(seen.items()):
        print(f"  {count:7} {what}")
    print(f"\n{done} seeds, {broken} broken, {time.monotonic() - began:.0f} s")
    return int(broken > 0)


def _played(seeds: range, play: Play, jobs: int) -> Iterator[Outcome]:
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(partial(_chunk, play=play), chunks):
            yield from outcomes


def _chunk(seeds: range, play: Play) -> list[Outcome]:
    outcomes = []
    for seed in seeds:
        outcome = play(seed)
        outcome.story.clear()
        outcomes.append(outcome)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
