"""Ways to break the smoke test, each of which the simulation must notice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lambda_rollout.analysis.invocation import Invocation
from lambda_rollout.rollout import rollout, smoke_test
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.runtime.errors import Busy, NotFound, Unanswered
from lambda_rollout.runtime.retry import retrying
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.scenario import Scenario, draw
from tests.simulation.smoke import draw_smoke_test


def tested(seed: int) -> Scenario:
    """As drawn, with a smoke test in every seed."""
    return replace(draw(seed), smoke_test=draw_smoke_test(seed, 1.0))


def _not_tested() -> list[Patch]:
    return [(rollout, "smoke_test", lambda _versions, _spec, _ports: None)]


def _failure_is_none() -> list[Patch]:
    return [(smoke_test, "failure", lambda _answer, _version, _expected: "")]


def _lost_is_passed() -> list[Patch]:
    invoke = smoke_test._invoke

    def mutated(*args: Any) -> Invocation:
        try:
            return invoke(*args)
        except Unanswered:
            return Invocation(b"null")

    return [(smoke_test, "_invoke", mutated)]


def _invoked_again() -> list[Patch]:
    def mutated(clock: Any, stop: Any, limit: float, repeat: Sequence[type[Exception]]) -> Any:
        assert set(repeat) == {Busy, NotFound}
        return retrying(clock, stop, limit, (Busy, NotFound, Unanswered))

    return [(smoke_test, "retrying", mutated)]


def _after_the_first_shift() -> list[Patch]:
    shift, test = Rollout._shift, Rollout._smoke_test

    def mutated(self: Rollout, *args: Any) -> None:
        shift(self, *args)
        test(self)

    return [(Rollout, "_shift", mutated), (Rollout, "_smoke_test", lambda _self: None)]


def _mutation(name: str, patches: Callable[[], Sequence[Patch]], seed: int) -> Mutation:
    return Mutation(name, patches, (seed,), drawn=tested)


SMOKE_MUTATIONS = [
    _mutation("run no smoke test", _not_tested, 0),
    _mutation("take a failed smoke test for a passed one", _failure_is_none, 1),
    _mutation("take an unanswered smoke test for a passed one", _lost_is_passed, 67),
    _mutation("invoke again what may have run", _invoked_again, 67),
    _mutation("test after the first shift", _after_the_first_shift, 0),
]


if __name__ == "__main__":
    search(SMOKE_MUTATIONS, sys.argv[1:])
