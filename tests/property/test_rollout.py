"""The promise of a rollout: any plan, any sequence of alarm states, and where the alias ends.

The story is told with the real adapters on a world in process. What counts as fired is worked out here from the
states that the test itself set, never from what the story saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.choices import AlarmAtStart
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.request import Request
from tests.support.scene import (
    NEW,
    OLD,
    OWNERS_TEXT,
    Scene,
    in_percent,
    in_percent_of,
    rollout_spec,
    routing_of,
)
from tests.support.seam import direct, through_botocore

ALARMS = ("checkout-errors", "checkout-latency", "checkout-throttles")
MINUTE = timedelta(minutes=1)

durations = st.one_of(st.integers(0, 20), st.integers(0, 400), st.sampled_from([60, 180, 300])).map(
    lambda length: timedelta(seconds=length)
)
hundredths = st.integers(1, 9999).map(lambda number: Decimal(number) / 100)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    percents = sorted(draw(st.sets(hundredths, max_size=4)))
    return Plan(tuple(Step(percent, draw(durations)) for percent in [*percents, Decimal(100)]))


@dataclass(frozen=True)
class Change:
    """Seconds after the start of the rollout, an alarm and its new state."""

    at: float
    alarm: str
    state: str


@st.composite
def changes(draw: st.DrawFn, plan: Plan, alarms: tuple[str, ...]) -> list[Change]:
    """Changes anywhere, with a liking for the steps' boundaries and for alarms that recover at once."""
    boundaries = [starts.total_seconds() + 2 for starts, _ in plan.timetable()]
    end = plan.total_watch.total_seconds() + 2
    anywhere = st.integers(0, int(end * 1000) + 5000).map(lambda ms: ms / 1000)
    near = st.builds(
        lambda boundary, ms: max(0.0, boundary + ms / 1000),
        st.sampled_from([*boundaries, end]),
        st.integers(-3000, 3000),
    )
    states = st.lists(st.sampled_from(["ALARM", "OK", "INSUFFICIENT_DATA"]), min_size=1, max_size=3)
    drawn: list[Change] = []
    for _ in range(draw(st.integers(0, 3)) if alarms else 0):
        at, alarm = draw(st.one_of(anywhere, near)), draw(st.sampled_from(alarms))
        for state in draw(states):
            drawn.append(Change(at, alarm, state))
            at += draw(st.sampled_from([0.0, 0.001, 0.5, 2.0, 30.0]))
    return sorted(drawn, key=lambda change: change.at)


@dataclass(frozen=True)
class Case:
    plan: Plan
    first: dict[str, str]
    changes: list[Change]
    poll_interval: float
    latency: float
    at_start: AlarmAtStart


@st.composite
def cases(draw: st.DrawFn) -> Case:
    plan = draw(plans())
    alarms = draw(st.sampled_from([ALARMS[:count] for count in (1, 1, 2, 3, 0)]))
    states = st.sampled_from(["OK", "OK", "INSUFFICIENT_DATA", "ALARM"])
    return Case(
        plan=plan,
        first={alarm: draw(states) for alarm in alarms},
        changes=draw(changes(plan, alarms)),
        poll_interval=float(draw(st.one_of(st.sampled_from([1, 5, 300]), st.integers(1, 300)))),
        latency=draw(st.sampled_from([0.0, 0.02, 0.7, 2.0])),
        at_start=draw(st.sampled_from([AlarmAtStart.FAIL, *[AlarmAtStart.IGNORE_UNTIL_OK] * 2])),
    )


@dataclass(frozen=True)
class Outcome:
    case: Case
    scene: Scene
    finished: Finished
    states: dict[str, list[tuple[datetime, str]]]
    """Each alarm's changes of state, as they were made."""

    @property
    def shifted_at(self) -> int | None:
        """Where in the log the first shift is."""
        log = self.scene.world.log
        return next((i for i, r in enumerate(log) if r.operation == "UpdateAlias"), None)

    def state(self, alarm: str, at: datetime) -> str:
        return [state for moment, state in self.states[alarm] if moment <= at][-1]

    def fired(self, after: datetime, until: datetime) -> bool:
        """Whether an alarm that counted was in ALARM after the one moment, up to the other."""
        return any(self._fired(alarm, after, until) for alarm in self.states)

    def _fired(self, alarm: str, after: datetime, until: datetime) -> bool:
        counts = self.state(alarm, after) != "ALARM"
        for moment, state in self.states[alarm]:
            if after < moment <= until:
                if state == "ALARM" and counts:
                    return True
                counts = counts or state == "OK"
        return False


def play(case: Case, clients: Callable[[Scene], Clients]) -> Outcome:
    scene = Scene.ready(alarms=())
    for alarm, state in case.first.items():
        scene.put_alarm(alarm, state)
    states = {alarm: [(scene.clock.now(), state)] for alarm, state in case.first.items()}
    scene.clock.advance(1)

    def apply(change: Change) -> None:
        scene.set_alarm(change.alarm, change.state)
        states[change.alarm].append((scene.clock.now(), change.state))

    for change in case.changes:
        scene.after(change.at, lambda change=change: apply(change))  # type: ignore[misc]
    scene.world.log.clear()
    asked: dict[str, Any] = {
        "alarms": tuple(case.first),
        "poll_interval": case.poll_interval,
        "alarm_at_start": case.at_start,
    }
    ordered: RolloutSpec = rollout_spec(case.plan, **asked)
    return Outcome(case, scene, scene.roll_out(ordered, clients(scene)), states)


def check(outcome: Outcome) -> None:
    """Everything that is promised where nothing goes wrong and nobody else writes."""
    scene = outcome.scene
    event(str(outcome.finished.result))
    if outcome.shifted_at is None:
        check_refused(outcome)
        return
    check_writes(outcome)
    check_end(outcome)
    check_reads(outcome)
    assert scene.alias.description == OWNERS_TEXT


def check_refused(outcome: Outcome) -> None:
    """Only an alarm that was on at one of the two first looks keeps a rollout from its first shift."""
    looks = [r.at for r in outcome.scene.requests("DescribeAlarms")]
    assert outcome.finished.result is Result.FAILED
    assert outcome.case.at_start is AlarmAtStart.FAIL
    assert any(outcome.state(alarm, at) == "ALARM" for alarm in outcome.states for at in looks)
    assert outcome.scene.alias.routing == Routing.all_on(OLD)


def check_writes(outcome: Outcome) -> None:
    """AWS saw the plan's weights in order, and after them nothing but the old version alone."""
    scene, plan = outcome.scene, outcome.case.plan
    for write in scene.requests("UpdateAlias"):
        given = {"FunctionVersion", "RoutingConfig", "Description", "RevisionId"}
        assert given <= set(write.params)
        assert write.outcome == "ok"
    seen = [in_percent(routing) for routing in scene.routings()]
    if outcome.finished.result is Result.PROMOTED:
        assert seen == in_percent_of(plan)
    else:
        assert seen[-1] == (OLD, {})
        assert len(seen) > 1
        assert seen[:-1] == in_percent_of(plan)[: len(seen) - 1]


def check_end(outcome: Outcome) -> None:
    """Whole on the old version if a counting alarm fired before the end of the watch at 100%, else on the new."""
    scene, result = outcome.scene, outcome.finished.result
    log = scene.world.log
    assert outcome.shifted_at is not None
    surveys = [r.at for r in log[: outcome.shifted_at] if r.operation == "DescribeAlarms"]
    # Without alarms nothing is read.
    began = surveys[-1] if surveys else log[outcome.shifted_at].at
    if result is Result.PROMOTED:
        assert scene.alias.routing == Routing.all_on(NEW)
        promoted = next(
            r for r in scene.requests("UpdateAlias") if routing_of(r.params).version == NEW
        )
        ended = promoted.at + outcome.case.plan.steps[-1].watch
        assert scene.requests("UpdateAlias")[-1].at >= ended
        assert not outcome.fired(began, ended)
        assert outcome.finished.failed_alarms == ()
    else:
        assert result is Result.ROLLED_BACK
        assert scene.alias.routing == Routing.all_on(OLD)
        last_look = scene.requests("DescribeAlarms", "DescribeAlarmHistory")[-1].at
        assert outcome.fired(began, last_look)
        assert {alarm.name for alarm in outcome.finished.failed_alarms} <= set(outcome.case.first)
        assert outcome.finished.failed_alarms
        check_rollback_comes_first(log)


def check_rollback_comes_first(log: list[Request]) -> None:
    """The call after the one that told of the alarm is the rollback."""
    last = max(index for index, request in enumerate(log) if request.operation == "UpdateAlias")
    assert log[last - 1].operation in {"DescribeAlarms", "DescribeAlarmHistory"}


def check_reads(outcome: Outcome) -> None:
    """Alarms and alias are read after each step's last second, and the alias once a minute."""
    scene, plan = outcome.scene, outcome.case.plan
    shifts: list[Request] = []
    for write in scene.requests("UpdateAlias"):
        if not shifts or routing_of(write.params) != routing_of(shifts[-1].params):
            shifts.append(write)
    passed = [*shifts[1:], scene.requests("UpdateAlias")[-1]]
    if outcome.finished.result is not Result.PROMOTED:
        passed = passed[:-2]
    needed = {"GetAlias", "DescribeAlarms"} if outcome.case.first else {"GetAlias"}
    for step, shift, verdict in zip(plan.steps, shifts, passed, strict=False):
        reads = {
            r.operation for r in scene.world.log if shift.at + step.watch <= r.at <= verdict.at
        }
        assert needed <= reads, (step, reads)
    looks = [shifts[0].at, *(r.at for r in scene.requests("GetAlias") if r.at > shifts[0].at)]
    looks.append(scene.requests("UpdateAlias")[-1].at)
    assert all(later - at <= MINUTE for at, later in pairwise(looks))


@settings(max_examples=250)
@given(cases())
def test_alias_ends_where_the_alarms_say(case: Case) -> None:
    check(play(case, lambda scene: direct(scene.world, latency=case.latency)))


@settings(max_examples=12)
@given(cases())
def test_alias_ends_where_the_alarms_say_through_botocore(case: Case) -> None:
    check(play(case, lambda scene: through_botocore(scene.world)))
