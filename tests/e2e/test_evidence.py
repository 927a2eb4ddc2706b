"""A pass rests on evidence: guards, invocations and what is said when there is none (issue: the watch could be blind).

The real story and the real adapters over the sandbox, on its manual clock: hours pass in no time. The functions'
Python code really runs, and CloudWatch's model counts what it does.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout.events import (
    Finished,
    MetricsRead,
    Result,
    StepExtended,
    StepPassed,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import AccessDenied, Die
from sandbox.aws.traffic import Traffic
from tests.support.scene import NEW, OLD, Scene, rollout_spec

CODE = """
import random
draw = random.Random({seed})
def handler(event, context):
    if draw.random() < {rate}:
        raise ValueError("no")
    return {version}
"""


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def kill() -> None:
    raise Killed


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


def ordered(steps: str, guards: str = "", **asked: Any) -> RolloutSpec:
    return rollout_spec(steps, alarms=(), guards=parse_guards(guards), **asked)


def roll_out(made: Scene, wanted: RolloutSpec) -> Finished:
    ports: Ports = made.ports(wanted)
    measures = measures_of(wanted.inputs.guards)
    ports = replace(ports, metrics=CloudWatchMetrics(made.clients(), measures))
    return Rollout(wanted, ports).run()


def test_a_doubled_error_rate_is_rolled_back_by_a_guard_alone() -> None:
    made = scene(1, new_rate=0.10, old_rate=0.05)
    Traffic(made.world, "checkout:live", per_second=20)

    finished = roll_out(made, ordered("50% 30m, 100% 10m", "error-rate <= baseline + 0.5%"))

    assert finished.result is Result.ROLLED_BACK
    assert "guard error-rate <= baseline + 0.5% is broken on checkout:live" in finished.reason
    assert made.alias.routing == Routing.all_on("2")
    assert Routing.all_on("3") not in made.routings()


def test_an_absolute_guard_rolls_back_at_a_hundred_percent_too() -> None:
    made = scene(2, new_rate=0.2)
    Traffic(made.world, "checkout:live", per_second=10)

    finished = roll_out(made, ordered("100% 10m", "error-rate < 5%"))

    assert finished.result is Result.ROLLED_BACK
    assert made.alias.routing == Routing.all_on(OLD)


def test_a_rollout_to_100_at_once_looks_back_at_nothing() -> None:
    made = scene(17, new_rate=0.0)
    Traffic(made.world, "checkout:live", per_second=10)
    finished = roll_out(made, ordered("100% 10m", "error-rate < 5%"))
    assert finished.result is Result.PROMOTED, finished.reason
    assert made.requests("GetMetricData", "UpdateAlias")[0].operation == "UpdateAlias"
    shifted = made.requests("UpdateAlias")[0].at
    of_the_new = [r for r in made.requests("GetMetricData") if f"'{NEW}'" in str(r.params)]
    assert of_the_new
    assert all(request.params["StartTime"] >= shifted for request in of_the_new)


def test_a_version_as_good_as_the_old_one_is_promoted() -> None:
    made = scene(3, new_rate=0.02, old_rate=0.02)
    Traffic(made.world, "checkout:live", per_second=20)

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(made, ordered("50% 15m, 100% 5m", guards, evidence_timeout=3600.0))

    assert finished.result is Result.PROMOTED, finished.reason
    assert made.alias.routing == Routing.all_on("3")


def test_without_traffic_a_wanted_count_holds_the_step_up_and_then_rolls_back() -> None:
    made = scene(4, new_rate=0.0)

    finished = roll_out(
        made, ordered("10% 5m, 100% 5m", min_invocations=100, evidence_timeout=900.0)
    )

    assert finished.result is Result.ROLLED_BACK
    assert "evidence-timeout ran out" in finished.reason
    assert "100 are needed" in finished.reason
    assert len(made.told(StepExtended)) == 1
    assert made.told(StepPassed) == []
    assert made.alias.routing == Routing.all_on(OLD)
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
    assert made.alias.routing == Routing.all_on("2")
    assert Routing.all_on("3") not in made.routings(), "not by way of 100%"


def test_what_is_held_and_as_good_as_the_old_version_is_promoted() -> None:
    made = scene(10, new_rate=0.02, old_rate=0.02)
    Traffic(made.world, "checkout:live", per_second=10)
    assert roll_out(made, ordered("20% 5m, hold")).result is Result.HELD
    made.clock.advance(2400)

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(made, ordered("100% 10m", guards, mode=Mode.PROMOTE))

    assert finished.result is Result.PROMOTED, finished.reason
    assert made.alias.routing == Routing.all_on("3")


def promoted_with(made: Scene, guards: str) -> Finished:
    """Promote what is held, after a while; nothing may be done to it."""
    before = made.alias
    made.world.log.clear()
    finished = roll_out(made, ordered("100% 10m", guards, mode=Mode.PROMOTE))
    assert finished.result is Result.FAILED
    assert made.requests("UpdateAlias") == []
    assert made.alias == before
    return finished


GUARDS = ["error-rate <= baseline + 1%", "p99-duration <= baseline * 1.2"]


@pytest.mark.parametrize("guard", GUARDS)
def test_what_was_held_without_traffic_is_not_promoted_past_a_guard_with_a_baseline(
    guard: str,
) -> None:
    """At 100% there would be nothing to compare with, and after evidence-timeout it went back."""
    made = scene(11, new_rate=0.0)
    assert roll_out(made, ordered("20% 5m, hold")).result is Result.HELD

    finished = promoted_with(made, guard)

    assert f"guard {guard} cannot be judged yet on checkout:live" in finished.reason
    assert "at 100% there is nothing to compare with" in finished.reason
    assert "compare with a number" in finished.remedy


def test_what_is_held_is_not_promoted_where_the_metrics_may_not_be_read() -> None:
    made = scene(12, new_rate=0.0)
    assert roll_out(made, ordered("20% 5m, hold")).result is Result.HELD
    made.world.faults.add(AccessDenied(), operation="GetMetricData", count=None)

    finished = promoted_with(made, GUARDS[0])

    assert "could not be read: GetMetricData: AccessDenied" in finished.reason


def test_a_guard_without_a_baseline_needs_none() -> None:
    made = scene(13, new_rate=0.0)
    assert roll_out(made, ordered("20% 5m, hold")).result is Result.HELD
    Traffic(made.world, "checkout:live", per_second=10)

    finished = roll_out(made, ordered("100% 10m", "error-rate < 5%", mode=Mode.PROMOTE))

    assert finished.result is Result.PROMOTED, finished.reason


def held_at_the_end(made: Scene, new: str = "3") -> None:
    """Held by a cancellation during the watch at 100%."""
    made.after(20 * 60, lambda: made.stop.request("cancelled"))
    finished = roll_out(made, ordered("50% 15m, 100% 30m", on_cancel=OnCancel.HOLD))
    assert finished.result is Result.HELD
    assert made.alias.routing == Routing.all_on(new)
    made.stop = Stop()


def test_what_is_held_at_100_is_compared_with_the_split_before() -> None:
    made = scene(14, new_rate=0.02, old_rate=0.02)
    Traffic(made.world, "checkout:live", per_second=10)
    held_at_the_end(made)

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(made, ordered("100% 10m", guards, mode=Mode.PROMOTE))

    assert finished.result is Result.PROMOTED, finished.reason


def test_what_is_held_at_100_for_long_is_still_compared_with_the_split_before() -> None:
    """The record says since when it is there: the hour before that is what there is to compare with."""
    made = scene(15, new_rate=0.3, old_rate=0.02)
    Traffic(made.world, "checkout:live", per_second=5, seconds=20 * 60)
    held_at_the_end(made)
    made.clock.advance(5 * 3600)

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(made, ordered("100% 10m", guards, mode=Mode.PROMOTE))

    assert finished.result is Result.ROLLED_BACK
    assert "guard error-rate <= baseline + 2% is broken" in finished.reason
    assert made.alias.routing == Routing.all_on("2")


def test_what_was_held_at_100_without_traffic_is_told_that_waiting_does_not_help() -> None:
    made = scene(18, new_rate=0.0)
    held_at_the_end(made, NEW)

    finished = promoted_with(made, "error-rate <= baseline + 2%")

    assert "there was no minute with invocations of both versions" in finished.reason
    assert "waiting does not help" in finished.remedy


def test_a_slow_trickle_is_promoted_once_it_has_served_enough() -> None:
    """Ten a minute, a tenth of these on what is held: an hour was never enough, and it was all that was looked at."""
    made = scene(19, new_rate=0.0)
    Traffic(made.world, "checkout:live", per_second=1 / 6)
    assert roll_out(made, ordered("10% 5m, hold")).result is Result.HELD
    made.clock.advance(10 * 60)
    early = promoted_with(made, "error-rate <= baseline")
    assert "of the new version are needed" in early.reason
    assert "all that it serves there counts" in early.remedy
    made.clock.advance(2 * 3600)

    finished = roll_out(made, ordered("100% 10m", "error-rate <= baseline", mode=Mode.PROMOTE))

    assert finished.result is Result.PROMOTED, finished.reason


def test_what_a_run_left_at_100_and_cannot_be_compared_any_more_goes_back_at_once() -> None:
    made = scene(16, new_rate=0.02)
    made.after(20 * 60, lambda: made.world.faults.add(Die(kill), operation="GetAlias"))
    with pytest.raises(Killed):
        roll_out(made, ordered("50% 15m, 100% 30m"))
    assert made.alias.routing == Routing.all_on(NEW)
    made.clock.advance(3600)
    made.world.log.clear()

    guards = "error-rate <= baseline + 2%"
    finished = roll_out(
        made,
        ordered("50% 15m, 100% 30m", guards, on_stranded=OnStranded.RESUME, rollout_id="00000001"),
    )

    assert finished.result is Result.ROLLED_BACK
    assert "there was no minute with invocations of both versions" in finished.reason
    assert len(made.requests("UpdateAlias")) == 1
    assert made.alias.routing == Routing.all_on(OLD)


@pytest.mark.parametrize(("watched", "why"), [("10m", "no invocations"), ("1m", "no data yet")])
def test_a_pass_that_saw_nothing_says_so(watched: str, why: str) -> None:
    made = scene(6, new_rate=0.0)

    finished = roll_out(made, ordered(f"10% {watched}, 100% 0s"))

    assert finished.result is Result.PROMOTED
    said = made.warnings
    assert any(f"step 1 (10%): {why}" in text for text in said), said


def test_numbers_are_read_at_most_once_a_minute() -> None:
    made = scene(7, new_rate=0.0)
    Traffic(made.world, "checkout:live", per_second=2)

    roll_out(made, ordered("10% 20m, 100% 0s"))

    reads = [request.at for request in made.requests("GetMetricData")]
    assert len(reads) >= 15
    assert all((b - a).total_seconds() >= 59 for a, b in pairwise(reads))
    told = [event for event in made.told(MetricsRead) if isinstance(event, MetricsRead)]
    minutes = [m.start for event in told for m in event.comparisons[0].canary.minutes]
    assert minutes == sorted(set(minutes))


def test_the_new_version_is_told_from_the_old_one() -> None:
    made = scene(8, new_rate=1.0)
    Traffic(made.world, "checkout:live", per_second=5)

    roll_out(made, ordered("20% 10m, 100% 0s"))

    told = [event for event in made.told(MetricsRead) if isinstance(event, MetricsRead)]
    new = [event.comparisons[0].canary for event in told]
    old = [event.comparisons[0].baseline for event in told]
    assert sum(n.errors for n in new) == sum(n.invocations for n in new) > 0
    assert sum(n.errors for n in old) == 0
    assert {n.version for n in new} == {NEW}
