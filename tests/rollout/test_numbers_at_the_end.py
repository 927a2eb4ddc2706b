"""The versions' own numbers stand in every verdict: after a rollback they are read once more, beside the story."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import Finished, MetricsRead, Result, RolledBack
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.between import Page
from sandbox.aws.faults import Answer, Hang, Throttle
from sandbox.aws.traffic import Traffic
from tests.support.scene import OLD, TARGET, Scene, rollout_spec

READS = "GetMetricData"
DENIED = Answer("AccessDenied", "not authorized to perform: cloudwatch:GetMetricData", 403)
FAILS = "def handler(event, context): return event['missing']"


def failing(after: float = 150.0) -> Scene:
    """A version that fails for everybody, and an alarm that says so after so many seconds."""
    scene = Scene.ready()
    scene.build(FAILS)
    scene.world.log.clear()
    scene.world.cloudwatch().metric_delay = timedelta(seconds=1)
    Traffic(scene.world, "checkout:live", 5.0)
    scene.after(after, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    return scene


def rolled_back(scene: Scene) -> Finished:
    spec = rollout_spec("50% 10m")
    clients = scene.clients()
    ports = replace(scene.ports(spec, clients), metrics=CloudWatchMetrics(clients))
    finished = Rollout(spec, ports).run()
    assert finished.result is Result.ROLLED_BACK
    assert scene.alias.routing.version == OLD
    return finished


def test_what_is_there_by_then_is_told_without_any_guard() -> None:
    scene = failing()
    rolled_back(scene)
    numbers = rollout_state(scene.events).numbers[TARGET]
    assert numbers.canary.errors == numbers.canary.invocations > 100
    assert numbers.baseline.invocations > 100
    assert not numbers.baseline.errors
    kinds = [type(each) for each in scene.events if isinstance(each, MetricsRead | RolledBack)]
    assert kinds[-2:] == [RolledBack, MetricsRead]


def test_before_a_whole_minute_there_is_nothing_to_tell() -> None:
    scene = failing(after=30)
    rolled_back(scene)
    assert not scene.told(MetricsRead)


def test_a_cancelled_job_does_not_ask() -> None:
    scene = failing(after=3600)
    scene.after(150, lambda: scene.stop.request("SIGINT"))
    rolled_back(scene)
    assert not scene.requests(READS)


@pytest.mark.parametrize("fault", [DENIED, Hang(3600), Throttle(), Page(200), Page(502)], ids=str)
def test_whatever_becomes_of_it_the_rollback_is_the_same(fault: Any) -> None:
    calm, scene = failing(), failing()
    expected = rolled_back(calm)
    scene.world.faults.add(fault, operation=READS, count=None)
    assert rolled_back(scene) == expected
    times = [[r.effect_at for r in each.requests("UpdateAlias")] for each in (calm, scene)]
    assert times[0] == times[1]
    assert scene.requests(READS)
    assert not scene.told(MetricsRead)
