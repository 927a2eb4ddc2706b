"""How long many versions had traffic, in a few words."""

from __future__ import annotations

from decimal import Decimal

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.report.exposure import exposures
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout import events as e
from tests.support.stories import Telling, alarm


def rolled_back(functions: int, *, shifted: int | None = None) -> list[str]:
    """One after the other goes to 10%, and half a minute later back, a second after each other."""
    targets = [Target(f"f{n}", "live") for n in range(functions)]
    tell = Telling("10% 5m, 100% 5m", *targets)
    tell.begins(alarm("errors", AlarmState.OK))
    moved = targets[: functions if shifted is None else shifted]
    for target in moved:
        tell.say(e.WeightShifted, target=target, version="8", previous="7", percent=Decimal(10))
    tell.pass_time(30)
    for target in reversed(moved):
        tell.say(e.RolledBack, target=target, version="7", from_version="8", percent=Decimal(10))
        tell.pass_time(1)
    tell.say(e.Finished, result=e.Result.ROLLED_BACK, reason="an alarm fired")
    return list(exposures(rollout_state(tell.events)))


def test_of_many_the_shortest_and_the_longest_are_told() -> None:
    assert rolled_back(100) == [
        "100 functions: the new versions had 10% of the traffic for 30s to 2m 9s."
    ]


def test_a_few_are_each_told() -> None:
    assert len(rolled_back(3)) == 3


def test_of_many_that_were_not_touched_only_their_number_is_told() -> None:
    assert rolled_back(40, shifted=9) == [
        "31 functions send all traffic to the versions that they had, as before.",
        "9 functions: the new versions had 10% of the traffic for 30s to 38s.",
    ]


def test_one_that_was_not_touched_is_named() -> None:
    assert rolled_back(40, shifted=39)[0] == "f39:live sends 100% to version 7, as before."
