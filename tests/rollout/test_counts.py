"""What a rollout costs, counted: requests, and simulated seconds from an alarm to the rollback. Never timed.

docs/benchmarks.md has the figures; these keep them from growing unseen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import median

import pytest

from benchmarks.latency import ROUND_TRIP, delays, requests_of_an_hour
from benchmarks.rollout import LEAST
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollout import Rollout
from tests.support.scene import Scene, rollout_spec

MORE_THAN_THE_LEAST = {"GetAlias": 3, "DescribeAlarms": 2, "UpdateAlias": 1}
"""GetAlias: for AWS's Date before the first shift, and before verdicts. DescribeAlarms: the second look before
the first shift. UpdateAlias: the record is taken off at the end."""


def test_a_rollout_of_three_steps_makes_no_more_calls_than_today() -> None:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("10% 0s, 50% 0s, 100% 0s")).result is Result.PROMOTED
    counted = Counter(request.operation for request in scene.world.log)
    for operation, least in LEAST.items():
        most = least + MORE_THAN_THE_LEAST.get(operation, 2)
        assert least <= counted[operation] <= most, counted


def test_the_preflight_of_an_ordinary_function_makes_these_calls_and_no_more() -> None:
    scene = Scene.ready()
    asked = rollout_spec("100% 0s", alarms=())
    assert scene.roll_out(asked).result is Result.PROMOTED
    without = Counter(request.operation for request in scene.world.log)
    scene = Scene.ready()
    clients = scene.clients()
    ports = replace(scene.ports(asked, clients), preflight_reader=AwsPreflightReader(clients, ()))
    assert Rollout(asked, ports).run().result is Result.PROMOTED
    counted = Counter(request.operation for request in scene.world.log)
    assert counted - without == {
        # Of the old version and of $LATEST, which is not asked for again to be published.
        "GetFunction": 2,
        "ListEventSourceMappings": 1,
        "GetPolicy": 1,
        "ListFunctionUrlConfigs": 1,
        "GetProvisionedConcurrencyConfig": 1,
        "GetMetricData": 1,
    }
    # $LATEST is only tried by that call, for the permission to wait for the new version.
    assert counted["GetFunctionConfiguration"] == without["GetFunctionConfiguration"]


def test_an_hour_costs_what_its_polls_cost() -> None:
    counted = requests_of_an_hour()
    polls = 3600 / 5
    assert polls <= counted["DescribeAlarms"] <= polls * 1.02
    # Once a minute and before each verdict; a record every three minutes.
    assert counted["GetAlias"] <= 60 + 20
    assert counted["UpdateAlias"] <= 20 + 4
    assert counted.total() <= polls * 1.02 + 120


@pytest.mark.parametrize("poll", [1.0, 5.0])
def test_an_alarm_leads_to_a_rollback_as_soon_as_polling_can(poll: float) -> None:
    seen = delays(poll, trials=60)
    assert min(seen) > 0
    assert max(seen) <= poll + 2 * ROUND_TRIP
    assert median(seen) <= 1.2 * (poll / 2 + ROUND_TRIP)
