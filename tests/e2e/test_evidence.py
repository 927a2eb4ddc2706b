"""A pass rests on evidence: guards, invocations and what is said when there is none (issue: the watch could be blind).

The real story and the real adapters over the sandbox, on its manual clock: hours pass in no time. The functions'
Python code really runs, and CloudWatch's model counts what it does.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.choices import Mode
from lambda_rollout.events import Finished, NumbersRead, Result, StepExtended, StepPassed, Warned
from lambda_rollout.guards import parse_guards
from lambda_rollout.order import Order, Parts
from lambda_rollout.rollout import Rollout
from lambda_rollout.routing import Routing
from sandbox.aws.traffic import Traffic
from tests.scene import NEW, OLD, Scene, order

CODE = """
import random
draw = random.Random({seed})
def handler(event, context):
    if draw.random() < {rate}:
        raise ValueError("no")
    return {version}
"""


def scene(seed: int, new_rate: float, old_rate: float = 0.0) -> Scene:
    """Both versions fail as often as they are told to; no alarm is configured."""
    made = Scene.ready(seed, alarms=())
    if old_rate:
        made.build(CODE.format(seed=seed, rate=old_rate, version=1))
        made.call("lambda", "PublishVersion", FunctionName="checkout")
        made.clock.advance(2)
        made.call(
            "lambda", "UpdateAlias", FunctionName="checkout", Name="live", FunctionVersion="2"
        )
    made.build(CODE.format(seed=seed + 1, rate=new_rate, version=2))
    made.world.log.clear()
    return made


def ordered(steps: str, guards: str = "", **asked: Any) -> Order:
    return order(steps, alarms=(), guards=parse_guards(guards), **asked)


def roll_out(made: Scene, wanted: Order) -> Finished:
    parts: Parts = made.parts(wanted)
    parts = replace(parts, metrics=CloudWatchMetrics(made.clients()))
    return Rollout(wanted, parts).run()


def test_a_doubled_error_rate_is_rolled_back_by_a_guard_alone() -> None:
    made = scene(1, new_rate=0.10, old_rate=0.05)
    Traffic(made.world, "checkout:live", per_second=20)

    finished = roll_out(made, ordered("50% 30m, 100% 10m", "error-rate <= baseline + 0.5%"))

    assert finished.result is Result.ROLLED_BACK
    assert "guard error-rate <= baseline + 0.5% is broken on checkout:live" in finished.reason
    assert made.alias.routing == Routing.whole("2")
    assert Routing.whole("3") not in made.routings()


def test_an_absolute_guard_rolls_back_at_a_hundred_percent_too() -> None:
    made = scene(2, new_rate=0.2)
    Traffic(made.world, "checkout:live", per_second=10)

    finished = roll_out(made, ordered("100% 10m", "error-rate < 5%"))

    assert finished.result is Result.ROLLED_BACK
    assert made.alias.routing == Routing.whole(OLD)


def test_a_version_as_good_as_the_old_one_is_promoted() -> None:
    made = scene(3, new_rate=0.02, old_rate=0.02)
    Traffic(made.world, "checkout:live", per_second=20)

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(made, ordered("50% 15m, 100% 5m", guards, evidence_timeout=3600.0))

    assert finished.result is Result.PROMOTED, finished.reason
    assert made.alias.routing == Routing.whole("3")


def test_without_traffic_a_wanted_count_holds_the_step_up_and_then_rolls_back() -> None:
    made = scene(4, new_rate=0.0)

    finished = roll_out(
        made, ordered("10% 5m, 100% 5m", min_invocations=100, evidence_timeout=900.0)
    )

    assert finished.result is Result.ROLLED_BACK
    assert "evidence-timeout ran out" in finished.reason
    assert "100 are wanted" in finished.reason
    assert len(made.told(StepExtended)) == 1
    assert made.told(StepPassed) == []
    assert made.alias.routing == Routing.whole(OLD)
    split, whole = (r.at for r in made.requests("UpdateAlias") if _is_turn(made, r))
    assert 20 * 60 <= (whole - split).total_seconds() <= 20 * 60 + 5


def _is_turn(made: Scene, request: Any) -> bool:
    """Whether a request gave the alias another routing than the one before it: not a renewal."""
    writes = made.requests("UpdateAlias")
    at = writes.index(request)
    asked = (request.params["FunctionVersion"], request.params["RoutingConfig"])
    before = writes[at - 1].params if at else {"FunctionVersion": "", "RoutingConfig": None}
    return asked != (before["FunctionVersion"], before["RoutingConfig"])


def test_the_step_is_extended_until_the_count_is_there() -> None:
    made = scene(5, new_rate=0.0)
    Traffic(made.world, "checkout:live", per_second=10)

    finished = roll_out(made, ordered("10% 2m, 100% 0s", min_invocations=1))

    # "100% 0s" promotes without watching, so it waits for nothing.
    assert finished.result is Result.PROMOTED, finished.reason
    assert len(made.told(StepExtended)) == 1


def test_promoting_what_is_held_compares_with_the_hour_before() -> None:
    made = scene(9, new_rate=0.3, old_rate=0.05)
    Traffic(made.world, "checkout:live", per_second=10)
    assert roll_out(made, ordered("20% 5m, hold")).result is Result.HELD
    made.clock.advance(1200)

    guards = "error-rate <= baseline + 1%"
    finished = roll_out(made, ordered("100% 10m", guards, mode=Mode.PROMOTE))

    assert finished.result is Result.ROLLED_BACK
    assert "guard error-rate <= baseline + 1% is broken" in finished.reason
    assert made.alias.routing == Routing.whole("2")


@pytest.mark.parametrize(("watched", "why"), [("10m", "no invocations"), ("1m", "no data yet")])
def test_a_pass_that_saw_nothing_says_so(watched: str, why: str) -> None:
    made = scene(6, new_rate=0.0)

    finished = roll_out(made, ordered(f"10% {watched}, 100% 0s"))

    assert finished.result is Result.PROMOTED
    said = [event.text for event in made.told(Warned) if isinstance(event, Warned)]
    assert any(f"step 1 (10%): {why}" in text for text in said), said


def test_numbers_are_read_at_most_once_a_minute() -> None:
    made = scene(7, new_rate=0.0)
    Traffic(made.world, "checkout:live", per_second=2)

    roll_out(made, ordered("10% 20m, 100% 0s"))

    reads = [request.at for request in made.requests("GetMetricData")]
    assert len(reads) >= 15
    assert all((b - a).total_seconds() >= 59 for a, b in pairwise(reads))
    told = [event for event in made.told(NumbersRead) if isinstance(event, NumbersRead)]
    minutes = [m.start for event in told for m in event.comparisons[0].canary.minutes]
    assert minutes == sorted(set(minutes))


def test_the_new_version_is_told_from_the_old_one() -> None:
    made = scene(8, new_rate=1.0)
    Traffic(made.world, "checkout:live", per_second=5)

    roll_out(made, ordered("20% 10m, 100% 0s"))

    told = [event for event in made.told(NumbersRead) if isinstance(event, NumbersRead)]
    new = [event.comparisons[0].canary for event in told]
    old = [event.comparisons[0].baseline for event in told]
    assert sum(n.errors for n in new) == sum(n.invocations for n in new) > 0
    assert sum(n.errors for n in old) == 0
    assert {n.version for n in new} == {NEW}
