"""A step that guards watch passes on all of its minutes, the last ones too: over the sandbox, in process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout.events import Finished, Result, StepPassed, WeightShifted
from lambda_rollout.rollout.rollout import Rollout
from tests.support.guarded import A_MINUTE, served
from tests.support.scene import NEW, OLD, Scene, rollout_spec

GUARDS = ["error-rate <= baseline", "error-rate < 5%"]
FAILING = {OLD: (900, 1), NEW: (100, 100)}


def roll_out(made: Scene, steps: str, guards: str, **asked: Any) -> Finished:
    wanted = rollout_spec(steps, alarms=(), guards=parse_guards(guards), **asked)
    ports = replace(made.ports(wanted), metrics=CloudWatchMetrics(made.clients()))
    return Rollout(wanted, ports).run()


def lasted(made: Scene) -> timedelta:
    [shifted, *_] = [event for event in made.events if isinstance(event, WeightShifted)]
    [passed, *_] = [event for event in made.events if isinstance(event, StepPassed)]
    return passed.at - shifted.at


@pytest.mark.parametrize("guard", GUARDS)
def test_what_fails_from_a_steps_last_minute_on_is_rolled_back(guard: str) -> None:
    made = Scene.ready(alarms=())
    counts = dict(A_MINUTE)
    served(made, counts)
    made.after(4 * 60 + 50, lambda: counts.update(FAILING))
    finished = roll_out(made, "10% 6m, 100% 0s", guard)
    assert finished.result is Result.ROLLED_BACK
    assert f"guard {guard} is broken" in finished.reason
    assert made.told(StepPassed) == []


def test_what_fails_only_at_100_is_found_by_a_guard_with_a_number_in_its_last_minutes_too() -> None:
    made = Scene.ready(alarms=())
    counts: dict[str, tuple[int, int | None]] = dict(A_MINUTE)
    served(made, counts)
    made.after(3 * 60, lambda: counts.update({OLD: (0, 0), NEW: (1000, 1000)}))
    finished = roll_out(made, "100% 5m", "error-rate < 5%")
    assert finished.result is Result.ROLLED_BACK


@pytest.mark.parametrize(("timeout", "waits"), [(3, 3), (60, 4), (300, 8), (900, 8)])
def test_the_wait_for_a_timeout_is_no_part_of_the_evidence_timeout(
    timeout: int, waits: int
) -> None:
    made = Scene.ready(alarms=())
    made.call("lambda", "UpdateFunctionConfiguration", FunctionName="checkout", Timeout=timeout)
    made.clock.advance(2)
    served(made)
    finished = roll_out(made, "10% 10m, 100% 0s", "error-rate <= baseline", evidence_timeout=1.0)
    assert finished.result is Result.PROMOTED, finished.reason
    assert timedelta(minutes=9 + waits) <= lasted(made) <= timedelta(minutes=11 + waits)


def test_who_does_not_watch_100_waits_for_nothing_there() -> None:
    made = Scene.ready(alarms=())
    served(made)
    assert roll_out(made, "100% 0s", "error-rate < 5%").result is Result.PROMOTED
    assert lasted(made) == timedelta(0)
