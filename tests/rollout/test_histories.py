"""Many alarms that change at once: what they did is read within CloudWatch's quota, and a good version is promoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from lambda_rollout.rollout.events import Finished, Result
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Answer, Quota, ServerError, Work
from sandbox.aws.request import Account, Request
from sandbox.aws.world import REGION
from tests.support.scene import QUERY, Scene, rollout_spec

QUOTA = Quota(per_second=3.0, burst=3.0)
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""

LOG_ALARM: dict[str, Any] = {
    "QueryResultsToEvaluate": 1,
    "QueryResultsToAlarm": 1,
    "Threshold": 1.0,
    "ScheduledQueryConfiguration": QUERY,
    "ComparisonOperator": "GreaterThanThreshold",
}


def many(number: int) -> list[str]:
    return [f"alarm-{each:03}" for each in range(number)]


@pytest.fixture
def world() -> Callable[[int], Scene]:
    def make(number: int) -> Scene:
        scene = Scene.ready(alarms=many(number))
        scene.clock.advance(3600)
        scene.world.log.clear()
        scene.world.faults.add(replace(QUOTA), operation="DescribeAlarmHistory", count=None)
        return scene

    return make


def all_go(scene: Scene, names: Sequence[str], *states: str) -> None:
    """They change together, half a second after each other's states, and all of it is over within one poll."""
    for number, state in enumerate(states):
        for name in names:
            scene.after(31.0 + number / 2, lambda n=name, s=state: scene.set_alarm(n, s))  # type: ignore[misc]


def foreign(scene: Scene, number: int) -> None:
    """So many changes of somebody else's alarms, shortly before."""
    scene.put_alarm("foreign")
    for each in range(number):
        state = "ALARM" if each % 2 == 0 else "OK"
        scene.after(20.0 + each / number, lambda s=state: scene.set_alarm("foreign", s))  # type: ignore[misc]


def roll_out(scene: Scene, number: int, steps: str = "10% 60s, 100% 0s") -> Finished:
    return scene.roll_out(rollout_spec(steps, alarms=many(number)))


@dataclass(frozen=True)
class AllDenied:
    """The role may ask for alarms by their names only."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        if "AlarmName" not in request.params:
            raise AwsError("AccessDenied", "no", 403)
        return work()


def asked(scene: Scene) -> tuple[int, int]:
    """How often the whole account's history was asked for, and how often one alarm's."""
    named = ["AlarmName" in request.params for request in scene.requests("DescribeAlarmHistory")]
    return named.count(False), named.count(True)


def reads_go_on(scene: Scene) -> bool:
    at = [request.at for request in scene.requests("DescribeAlarms")]
    return all(later - one < timedelta(seconds=9) for one, later in pairwise(at))


def test_two_hundred_that_lose_their_data_together_cost_two_calls(
    world: Callable[[int], Scene],
) -> None:
    scene = world(200)
    all_go(scene, many(200), "INSUFFICIENT_DATA")
    end = roll_out(scene, 200)
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene) == (2, 0)


def test_they_may_lose_them_at_the_very_end_and_the_history_may_lag(
    world: Callable[[int], Scene],
) -> None:
    scene = world(200)
    scene.world.cloudwatch().history_lag = timedelta(seconds=12)
    all_go(scene, many(200), "INSUFFICIENT_DATA", "OK")
    end = roll_out(scene, 200, "10% 32s, 100% 0s")
    assert end.result is Result.PROMOTED, end.reason
    assert reads_go_on(scene)


@pytest.mark.parametrize("denied", [True, False])
def test_a_firing_among_them_that_recovered_rolls_back(
    world: Callable[[int], Scene], denied: bool
) -> None:
    scene = world(40)
    if denied:
        scene.world.faults.add(AllDenied(), operation="DescribeAlarmHistory", count=None)
    all_go(scene, [name for name in many(40) if name != "alarm-033"], "INSUFFICIENT_DATA")
    all_go(scene, ["alarm-033"], "ALARM", "INSUFFICIENT_DATA")
    end = roll_out(scene, 40)
    assert end.result is Result.ROLLED_BACK
    assert end.reason.startswith("alarm alarm-033 fired")


def test_where_the_accounts_history_is_denied_each_is_asked_for_as_fast_as_the_quota_allows(
    world: Callable[[int], Scene],
) -> None:
    scene = world(200)
    scene.world.faults.add(AllDenied(), operation="DescribeAlarmHistory", count=None)
    all_go(scene, many(200), "INSUFFICIENT_DATA")
    # At the step's end: it waits as long as the quota needs.
    end = roll_out(scene, 200, "10% 32s, 100% 0s")
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene) == (1, 200)
    first, last = (scene.requests("DescribeAlarmHistory")[each].at for each in (0, -1))
    assert last - first < timedelta(seconds=75)
    assert reads_go_on(scene)


def test_others_that_fill_over_a_few_pages_are_not_read_to_their_end(
    world: Callable[[int], Scene],
) -> None:
    scene = world(8)
    foreign(scene, 1000)
    all_go(scene, many(8), "INSUFFICIENT_DATA")
    end = roll_out(scene, 8)
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene) == (4, 8)


def test_others_beside_them_are_read_over(world: Callable[[int], Scene]) -> None:
    scene = world(30)
    foreign(scene, 150)
    all_go(scene, many(30), "INSUFFICIENT_DATA", "OK")
    end = roll_out(scene, 30)
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene) == (3, 0)


@pytest.mark.parametrize("minutes", [-4, 4])
@pytest.mark.parametrize("fires", [True, False])
def test_the_runners_clock_has_no_say_in_where_the_history_begins(
    world: Callable[[int], Scene], minutes: int, fires: bool
) -> None:
    scene = world(12)
    scene.skew, scene.date = timedelta(minutes=minutes), lambda _: None
    all_go(scene, many(12), "ALARM" if fires else "OK", "INSUFFICIENT_DATA")
    end = roll_out(scene, 12)
    assert end.result is (Result.ROLLED_BACK if fires else Result.PROMOTED), end.reason
    assert asked(scene) == (1, 0)


def test_two_regions_have_a_quota_each(world: Callable[[int], Scene]) -> None:
    scene = world(8)
    far = "us-east-1"
    arns = [f"arn:aws:cloudwatch:{far}:{scene.world.account}:alarm:{name}" for name in many(8)]

    def perform(operation: str, **params: Any) -> None:
        scene.world.perform(Request(scene.clock.now(), "cloudwatch", operation, params, far))

    for name in many(8):
        perform("PutLogAlarm", AlarmName=name, **LOG_ALARM)
        perform("SetAlarmState", AlarmName=name, StateValue="OK", StateReason="")
    scene.clock.advance(600)
    scene.world.log.clear()
    all_go(scene, many(8), "INSUFFICIENT_DATA")
    for name in many(8):
        lost = {"AlarmName": name, "StateValue": "INSUFFICIENT_DATA", "StateReason": ""}
        scene.after(31.0, lambda lost=lost: perform("SetAlarmState", **lost))  # type: ignore[misc]
    end = scene.roll_out(rollout_spec("10% 60s, 100% 0s", alarms=[*many(8), *arns]))
    assert end.result is Result.PROMOTED, end.reason
    assert [each.region for each in scene.requests("DescribeAlarmHistory")] == [REGION, far]


def test_as_many_as_may_be_asked_at_once_are_asked_by_name(world: Callable[[int], Scene]) -> None:
    scene = world(3)
    all_go(scene, many(3), "INSUFFICIENT_DATA")
    end = roll_out(scene, 3)
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene) == (0, 3)


def test_a_quota_that_others_use_up_is_waited_for_and_not_for_ever(
    world: Callable[[int], Scene],
) -> None:
    scene = world(30)
    used_up = Answer("Throttling", "Rate exceeded", 400)
    scene.world.faults.add(used_up, operation="DescribeAlarmHistory", count=None)
    all_go(scene, many(30), "INSUFFICIENT_DATA")
    end = roll_out(scene, 30)
    assert end.result is Result.ROLLED_BACK
    assert "alarm-004 and 25 more changed" in end.reason
    waited = scene.requests("UpdateAlias")[-1].at - scene.requests("UpdateAlias")[0].at
    assert timedelta(seconds=75) < waited < timedelta(seconds=120)
    # Some once a second, so that others get their turns.
    assert len(scene.requests("DescribeAlarmHistory")) < 70


def test_what_the_account_s_history_does_not_show_is_asked_by_name(
    world: Callable[[int], Scene],
) -> None:
    scene = world(12)
    scene.world.faults.add(Shortened(), operation="DescribeAlarmHistory", count=None)
    all_go(scene, many(12), "INSUFFICIENT_DATA", "OK")
    end = roll_out(scene, 12)
    assert end.result is Result.PROMOTED, end.reason
    assert asked(scene)[1] == 12


@dataclass(frozen=True)
class Shortened:
    """The account's history lacks every change but an alarm's last one."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        answer = work()
        if "AlarmName" not in request.params:
            newest = {item["AlarmName"]: item for item in answer["AlarmHistoryItems"]}
            answer["AlarmHistoryItems"] = list(newest.values())
        return answer


def test_after_failures_they_are_asked_by_name_and_a_minute_later_together_again(
    world: Callable[[int], Scene],
) -> None:
    scene = world(40)
    scene.world.faults.add(ServerError(), operation="DescribeAlarmHistory", count=2)
    for minute in range(3):
        scene.after(60.0 * minute, lambda: all_go(scene, many(40), "INSUFFICIENT_DATA", "OK"))
    end = roll_out(scene, 40, "10% 4m, 100% 0s")
    assert end.result is Result.PROMOTED, end.reason
    named = ["AlarmName" in each.params for each in scene.requests("DescribeAlarmHistory")]
    assert named[:42] == [False, False, *[True] * 40]
    assert len(named) > 42
    assert not any(named[42:])
