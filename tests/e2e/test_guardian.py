"""The guardian as processes: the zip file as it is built, invoked by alarms and by the schedule."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.runner.guardian import Guardian, runtime_in
from scripts.guardian import build
from tests.support.guardian import ARN, CALLER, TOPIC
from tests.support.live import NEW, OLD, Live, live

PREVIOUS = "live-previous"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guardian") / "guardian.zip"
    build(path)
    return path


@pytest.fixture
def scene(tmp_path: Path, package: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.world.sns.topics.add(TOPIC)
        alarm = made.world.cloudwatch()._alarms["checkout-errors"]
        alarm.configuration = {**alarm.configuration, "AlarmActions": [ARN]}
        yield made


@pytest.fixture
def guardian(scene: Live, package: Path, tmp_path: Path) -> Guardian:
    environ = {
        **scene.as_caller(CALLER),
        "FUNCTION_NAME": "checkout",
        "ALARMS": "{function}-errors",
        "PREVIOUS_ALIAS": PREVIOUS,
        "BAKE": "1h",
        "TOPIC": TOPIC,
    }
    made = Guardian(package, ARN, environ, runtime_in(tmp_path / "runtime"))
    scene.world.deliveries.programs[ARN] = made
    return made


def test_what_is_held_goes_back_seconds_after_an_alarm_and_people_are_told(
    scene: Live, guardian: Guardian
) -> None:
    assert scene.run(steps="10% 0s, hold").outputs["result"] == "held"
    scene.set_alarm("ALARM")
    scene.until(lambda: scene.whole_on(OLD))
    scene.until(lambda: guardian.logs)
    [(succeeded, log)] = guardian.logs
    assert succeeded, log
    report = json.loads(log.splitlines()[0])
    assert (report["mode"], report["result"]) == ("guardian", "rolled-back")
    [message] = scene.world.sns.messages
    assert message.subject == "checkout:live rolled back to version 1"
    assert "held, and alarm checkout-errors fired" in message.text


def test_a_run_that_was_killed_is_put_back_by_the_schedule(scene: Live, guardian: Guardian) -> None:
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    step.send(signal.SIGKILL)
    step.wait(60)
    scene.let_leases_pass()
    # By the template's schedule, whose time passes at once: each look is a process of its own.
    scene.world.deliveries.every(240, ARN)
    scene.clock.jump(240)
    scene.until(lambda: scene.whole_on(OLD))
    scene.until(lambda: scene.world.sns.messages)
    assert "its run died" in scene.world.sns.messages[0].text


def test_what_was_promoted_goes_back_within_its_bake_time(scene: Live, guardian: Guardian) -> None:
    promoted = scene.run(previous_alias=PREVIOUS)
    assert promoted.outputs["result"] == "promoted", promoted.log
    scene.clock.jump(240)
    scene.set_alarm("ALARM")
    scene.until(lambda: scene.whole_on(OLD))
    scene.until(lambda: scene.world.sns.messages)
    assert "promoted at" in scene.world.sns.messages[0].text


def test_a_live_run_is_left_to_itself(scene: Live, guardian: Guardian) -> None:
    scene.world.deliveries.delays = (0.0, 0.0)
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    scene.set_alarm("ALARM")
    finished = step.wait(60)
    assert finished.outputs["result"] == "rolled-back"
    scene.until(lambda: len(guardian.logs) == 2)
    assert scene.whole_on(OLD)
    assert not scene.requests("UpdateAlias", caller=CALLER)
    assert not scene.world.sns.messages


def test_what_it_cannot_do_goes_to_the_dead_letter_queue(scene: Live, guardian: Guardian) -> None:
    assert scene.run(steps="10% 0s, hold").outputs["result"] == "held"
    scene.world.deliveries.send(ARN, {"source": "somebody"})
    scene.until(lambda: guardian.logs)
    [(succeeded, log)] = guardian.logs
    assert not succeeded
    assert "the event is neither an alarm's nor the schedule's" in log
    assert scene.alias[1] == {NEW: 0.1}
