"""What invokes functions by itself: at least once, late, again after a failure, and on a schedule."""

from __future__ import annotations

import pytest

from sandbox.aws import World
from sandbox.aws.errors import AwsError
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


def reserve(world: World, concurrency: int) -> None:
    world.lambda_().reserved["watcher"] = concurrency


@pytest.mark.parametrize(
    ("reserved", "at", "throttled"), [(None, [0, 0], 0), (2, [0, 0], 0), (1, [0, 31], 5)]
)
def test_what_finds_all_that_is_reserved_in_use_is_made_again(
    clock: ManualClock, reserved: int | None, at: list[float], throttled: int
) -> None:
    """After 1, 2, 4, 8 and 16 seconds: the first one takes 20."""
    world = World(clock)
    program = installed(world, clock)

    def slow(event: Event) -> None:
        program(event)
        if len(program.at) == 1:
            clock.advance(20)

    world.deliveries.programs[ARN] = slow
    if reserved is not None:
        reserve(world, reserved)
    world.deliveries.delays = (0.0, 0.0)
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(3600)
    assert program.at == at
    assert world.deliveries.throttled == throttled
    assert world.deliveries.dead == []


def test_of_a_function_for_which_nothing_is_reserved_each_event_is_dead(clock: ManualClock) -> None:
    world = World(clock)
    program = installed(world, clock)
    reserve(world, 0)
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(3600)
    assert program.at == []
    assert [each.error for each in world.deliveries.dead] == ["Rate Exceeded."]


def test_what_is_throttled_for_six_hours_is_dead(clock: ManualClock) -> None:
    world = World(clock)
    installed(world, clock)
    reserve(world, 1)
    world.deliveries.programs[ARN] = lambda _: clock.advance(7 * 3600)
    world.deliveries.delays = (0.0, 0.0)
    world.deliveries.send(ARN, {"source": "test"})
    clock.advance(1)
    assert [each.error for each in world.deliveries.dead] == ["Rate Exceeded."]


@pytest.mark.parametrize(("quota", "refused"), [(1000, False), (100, True), (10, True)])
def test_a_small_account_cannot_reserve_any(quota: int, refused: bool) -> None:
    scene = Scene.ready()
    scene.world.lambda_().concurrency = quota
    asked = {"FunctionName": "checkout", "ReservedConcurrentExecutions": 1}
    if refused:
        with pytest.raises(AwsError, match="UnreservedConcurrentExecution below its minimum"):
            scene.call("lambda", "PutFunctionConcurrency", **asked)
    else:
        scene.call("lambda", "PutFunctionConcurrency", **asked)
    told = scene.call("lambda", "GetFunctionConcurrency", FunctionName="checkout")
    assert told == ({} if refused else {"ReservedConcurrentExecutions": 1})


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
