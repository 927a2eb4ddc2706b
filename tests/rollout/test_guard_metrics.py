"""Guards on metrics of the owner's: the real story and adapters over the sandbox, on its manual clock.

The function's code really runs, and prints its own metrics as a real one does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout.events import Finished, GuardObserved, Result, StepExtended, StepPassed
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.traffic import Traffic
from tests.support.guarded import RATIO, WHERE, shop
from tests.support.scene import OLD, Scene, rollout_spec


def roll_out(made: Scene, steps: str, guards: str, **asked: Any) -> Finished:
    wanted = rollout_spec(steps, alarms=(), guards=parse_guards(guards), **asked)
    metrics = CloudWatchMetrics(made.clients(), measures_of(wanted.inputs.guards))
    return Rollout(wanted, replace(made.ports(wanted), metrics=metrics)).run()


def test_one_that_is_as_good_is_promoted() -> None:
    made = shop(rate=0.01)
    Traffic(made.world, "checkout:live", per_second=2)
    guards = f"{RATIO} <= baseline + 2%\np90(Shop/Wait{WHERE}) < 8\navg(Shop/Wait{WHERE}) < 8"
    finished = roll_out(made, "40% 8m, 100% 0s", guards, evidence_timeout=3600.0)
    assert finished.result is Result.PROMOTED, finished.reason


def test_a_value_over_a_number_rolls_back() -> None:
    made = shop(rate=0.0, wait=9)
    Traffic(made.world, "checkout:live", per_second=2)
    finished = roll_out(made, "20% 20m, 100% 5m", f"max(Shop/Wait{WHERE}) < 8")
    assert finished.result is Result.ROLLED_BACK
    assert f"guard max(Shop/Wait{WHERE}) < 8 is broken" in finished.reason


def test_a_metric_that_is_never_there_holds_up_and_rolls_back_for_want_of_it() -> None:
    made = shop(rate=0.0)
    Traffic(made.world, "checkout:live", per_second=2)
    guard = f"p90(Shop/Typo{WHERE}) < 8"
    finished = roll_out(made, "20% 5m, 100% 5m", guard, evidence_timeout=300.0)
    assert finished.result is Result.ROLLED_BACK
    assert f"evidence-timeout ran out: guard {guard} cannot be judged yet" in finished.reason
    assert made.told(StepExtended)


def test_calls_that_are_throttled_roll_back() -> None:
    made = Scene.ready(2, alarms=())
    made.world.lambda_().throttled["checkout"] = 0.2
    Traffic(made.world, "checkout:live", per_second=5)
    finished = roll_out(made, "20% 20m, 100% 5m", "error-rate < 50%\nthrottle-rate < 1%")
    assert finished.result is Result.ROLLED_BACK
    assert "guard throttle-rate < 1% is broken on checkout:live" in finished.reason
    assert made.alias.routing == Routing.all_on(OLD)


def test_what_is_only_observed_says_that_it_failed_and_nothing_else() -> None:
    made = shop(rate=0.5)
    Traffic(made.world, "checkout:live", per_second=2)
    guards = f"? {RATIO} <= baseline + 1%\n? error-rate < 1%\n? p90(Shop/Typo{WHERE}) < 1"

    finished = roll_out(made, "20% 12m, 100% 0s", guards)

    assert finished.result is Result.PROMOTED, finished.reason
    assert made.told(StepExtended) == []
    told = [event for event in made.events if isinstance(event, GuardObserved)]
    assert [event.outcome for event in told[:3]] == [
        Outcome.BROKEN,
        Outcome.HOLDS,
        Outcome.INCONCLUSIVE,
    ]
    assert told[0].guard == f"? {RATIO} <= baseline + 1%"
    passed = made.events.index(made.told(StepPassed)[0])
    assert made.events.index(told[0]) < passed - 2, "at once, the others at the end of the step"
    assert [made.events.index(event) for event in told[1:3]] == [passed - 2, passed - 1]
    assert sum(event.outcome is Outcome.BROKEN for event in told) == 1
