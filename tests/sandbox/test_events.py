"""What invokes functions by itself: at least once, late, again after a failure, and on a schedule."""

from __future__ import annotations

import pytest

from sandbox.aws import World
from sandbox.aws.events import Event
from sandbox.clock import ManualClock
from tests.support.scene import Scene

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:watcher"


class Program:
    """A function that fails as often as it is told, and remembers when it was invoked."""

    def __init__(self, clock: ManualClock, failures: int = 0) -> None:
        self.at: list[float] = []
        self.events: list[Event] = []
        self._clock, self._began, self._failures = clock, clock.now(), failures

    def __call__(self, event: Event) -> None:
        self.at.append((self._clock.now() - self._began).total_seconds())
        self.events.append(event)
        if len(self.at) <= self._failures:
            raise RuntimeError("not yet")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def installed(world: World, clock: ManualClock, failures: int = 0) -> Program:
    program = Program(clock, failures)
    world.deliveries.programs[ARN] = program
    return program


@pytest.mark.parametrize(
    ("delays", "at"), [((0.0,), [0]), ((30.0,), [30]), ((90.0, 5.0), [5, 90]), ((), [])]
)
def test_an_event_comes_as_late_and_as_often_as_it_is_told(
    clock: ManualClock, delays: tuple[float, ...], at: list[float]
) -> None:
    world = World(clock)
    program = installed(world, clock)
    world.deliveries.delays = delays
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(3600)
    assert program.at == at


@pytest.mark.parametrize(
    ("failures", "at", "dead"),
    [(0, [0], 0), (1, [0, 60], 0), (2, [0, 60, 180], 0), (9, [0, 60, 180], 1)],
)
def test_what_fails_is_made_again_twice_and_then_it_is_dead(
    clock: ManualClock, failures: int, at: list[float], dead: int
) -> None:
    world = World(clock)
    program = installed(world, clock, failures)
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(3600)
    assert program.at == at
    assert [each.error for each in world.deliveries.dead] == ["RuntimeError: not yet"] * dead


def test_a_function_that_is_not_there_hears_nothing(clock: ManualClock) -> None:
    world = World(clock)
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(3600)
    assert world.deliveries.dead == []


def test_a_schedule_goes_on(clock: ManualClock) -> None:
    world = World(clock)
    program = installed(world, clock)
    world.deliveries.every(300, ARN)
    clock.advance(1000)
    assert program.at == [300, 600, 900]
    assert {event["source"] for event in program.events} == {"aws.events"}


def test_an_alarm_invokes_on_each_transition_and_not_while_it_stays() -> None:
    scene = Scene.ready()
    scene.configure_alarm(AlarmActions=[ARN, "arn:aws:sns:eu-central-1:123456789012:topic"])
    program = installed(scene.world, scene.clock)
    for state in ("ALARM", "ALARM", "OK", "ALARM"):
        scene.clock.advance(10)
        scene.set_alarm("checkout-errors", state)
    scene.clock.advance(10)
    assert program.at == [10, 40]
    [first, _] = program.events
    assert first["source"] == "aws.cloudwatch"
    assert first["alarmArn"].endswith(":alarm:checkout-errors")


def test_an_alarm_whose_actions_are_switched_off_invokes_nobody() -> None:
    scene = Scene.ready()
    scene.configure_alarm(AlarmActions=[ARN], ActionsEnabled=False)
    program = installed(scene.world, scene.clock)
    scene.set_alarm("checkout-errors", "ALARM")
    scene.clock.advance(10)
    assert program.at == []
