"""Ways to break what guards do to a rollout, each of which the simulation must notice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from lambda_rollout.analysis.guards.known import DataKnown
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import GuardVerdict
from lambda_rollout.analysis.metrics import MINUTE
from lambda_rollout.rollout import metrics
from lambda_rollout.rollout.metrics import RolloutMetrics
from tests.simulation.mutations import Mutation, Patch
from tests.simulation.numbers import draw_numbers
from tests.simulation.scenario import Scenario, draw


def guarded(seed: int) -> Scenario:
    """Draw a seed with guards, patience and no alarms."""
    drawn, numbers = draw(seed), draw_numbers(seed, 1.0)
    assert numbers is not None
    return replace(
        drawn,
        numbers=numbers,
        plan=numbers.stretched(drawn.plan),
        alarms={},
        changes=(),
        evaluations=(),
        deleted_alarm=None,
        evidence_timeout=900.0,
    )


def _no_numbers_needed() -> list[Patch]:
    return [(metrics, "what_is_missing", lambda _: "")]


def _broken_guards_left_alone() -> list[Patch]:
    return [(metrics, "what_failed", lambda _: "")]


def _minutes_judged_at_once() -> list[Patch]:
    def known(_pair: Any, _history: Any, now: datetime, *_: Any) -> DataKnown:
        return DataKnown(settled=now, complete=now)

    return [(metrics, "what_is_known", known), (metrics, "FIRST_LOOK", MINUTE)]


def _ends_early_unshown() -> list[Patch]:
    return [(RolloutMetrics, "all_shown", property(lambda _: True))]


def _observed_guards_count() -> list[Patch]:
    def failed(verdicts: Iterable[GuardVerdict]) -> str:
        return next((str(each) for each in verdicts if each.outcome is Outcome.BROKEN), "")

    return [(metrics, "what_failed", failed)]


GUARD_MUTATIONS = [
    Mutation("pass without the numbers", _no_numbers_needed, seeds=(30,), drawn=guarded),
    Mutation("leave a broken guard alone", _broken_guards_left_alone, seeds=(28,), drawn=guarded),
    Mutation(
        "judge minutes before their data are in",
        _minutes_judged_at_once,
        seeds=(41,),
        drawn=guarded,
    ),
    Mutation(
        "end early by what was not shown", _ends_early_unshown, seeds=(332, 464), drawn=guarded
    ),
    Mutation(
        "let what is only observed count", _observed_guards_count, seeds=(273,), drawn=guarded
    ),
]
