"""Ways to break the guardian, each of which the simulation must notice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lambda_rollout.alias.record import Ownership, Record
from lambda_rollout.alias.routing import HUNDRED, Alias, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.inputs.choices import AlarmAtStart, Mode, OnCancel
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout import alarms_fired, guardian
from lambda_rollout.rollout.abandoned import was_all_but_done
from lambda_rollout.rollout.acquire import look_once
from lambda_rollout.rollout.alarms_fired import AlarmsFired
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import AliasStatus
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.clock import Clock
from tests.simulation import simulate as simulation
from tests.simulation.between import Between
from tests.simulation.guardian import Leaning, always_guarded, guarded
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.previous import DrawnPrevious
from tests.simulation.scenario import (
    Fate,
    Follower,
    Outage,
    Scenario,
    Weather,
    draw_without_guardian,
)

Visit: Any = guardian._Visit


def leaning(*leanings: Leaning) -> Callable[[int], Scenario]:
    """Draw seeds in which there is such work for it."""

    def drawn(seed: int) -> Scenario:
        return guarded(draw_without_guardian(seed), 1.0, leanings)

    return drawn


as_it_is, abandoned = leaning("as it is"), leaning("abandoned")
held, baking = leaning("held"), leaning("baking")

WELL = Fate(latency=0.1)
QUIET: dict[str, Any] = {
    "weather": Weather(),
    "between": Between(),
    "foreign": (),
    "twin": None,
    "lost_at": None,
    "hooks": (),
    "numbers": None,
    "smoke_test": None,
    "credentials": None,
    "requests": None,
    "evaluations": (),
    "deleted_alarm": None,
}
"""Nothing but what a draw is about."""


def calm(scenario: Scenario, **how: Any) -> Scenario:
    """Let a group be rolled out with nothing in the way, one function after the other."""
    usual: dict[str, Any] = {"functions": 3, "at_once": False, "main": WELL, "post": None}
    following: dict[str, Any] = {"following": None, "held_before": None, "by_version": False}
    return replace(scenario, **{**QUIET, **usual, **following, **how})


def often(scenario: Scenario, since: float, until: float, **how: Any) -> Scenario:
    """Let the guardian be invoked time and again meanwhile (seconds from main's start)."""
    r, drawn = Random(f"often {scenario.seed}"), scenario.guardian
    assert drawn is not None
    moments = tuple(r.uniform(since, until) for _ in range(20))
    usual: dict[str, Any] = {"forged": moments, "dies": 0.0, "trouble": 0.0}
    return replace(scenario, guardian=replace(drawn, **{**usual, **how}))


def dies_holding(seed: int) -> Scenario:
    """Draw a main that dies while it holds a group."""
    r = Random(f"dies holding {seed}")
    plan = Plan((Step(Decimal(10), timedelta(seconds=5)),), ends_held=True)
    dies = Fate(killed_in=(r.randint(12, 40), "after"))
    return calm(abandoned(seed), main=dies, plan=plan, alarms={}, changes=())


def taken_over(seed: int) -> Scenario:
    """Draw a promotion of what is held, one after the other, while an alarm fires and guardians look."""
    r = Random(f"taken over {seed}")
    fired = r.uniform(5, 13)
    changes = ((fired, "errors", AlarmState.ALARM), (fired + 0.3, "errors", AlarmState.OK))
    alarms = {"errors": AlarmState.OK}
    drawn = calm(held(seed), held_before=Decimal(50), main=Fate(latency=0.6))
    return often(replace(drawn, alarms=alarms, changes=changes, history_lag=0.0), 5, 16)


def with_wrong_clocks(seed: int) -> Scenario:
    """Draw guardians that stand still and have wrong clocks, beside a long rollout."""
    plan = Plan((Step(Decimal(10), timedelta(minutes=15)), Step(HUNDRED, timedelta(minutes=5))))
    return often(calm(as_it_is(seed), plan=plan, alarms={}, changes=()), 10, 900, trouble=0.6)


def with_an_old_alarm(seed: int) -> Scenario:
    """Draw an alarm that is on from long before, and a rollout that is held."""
    long = timedelta(minutes=12)
    plan = Plan((Step(Decimal(10), long), Step(Decimal(50), long)), ends_held=True)
    return calm(
        held(seed),
        plan=plan,
        alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK,
        alarms={"errors": AlarmState.ALARM},
        changes=(),
    )


def promoted_twice(seed: int) -> Scenario:
    """Draw two promotions, of which the second one cannot always be told, and an alarm."""
    r, usual = Random(f"promoted twice {seed}"), baking(seed)
    assert usual.guardian is not None
    previous = DrawnPrevious(there="none", chances={"denied": r.uniform(0.1, 0.6)})
    plan = Plan((Step(HUNDRED, timedelta(seconds=2)),))
    drawn = calm(usual, plan=plan, previous=previous, following=Follower(30.0, WELL))
    changes = ((r.uniform(60, 200), "errors", AlarmState.ALARM),)
    alarms = {"errors": AlarmState.OK}
    drawn = replace(drawn, following_mode=Mode.ROLLOUT, following_builds=True)
    return replace(drawn, alarms=alarms, changes=changes)


def promoted_and_rolled_out(seed: int) -> Scenario:
    """Draw a promotion, and the next rollout at once, while an alarm fires and guardians look."""
    r, usual = Random(f"promoted and rolled out {seed}"), promoted_twice(seed)
    slow = Follower(0.0, Fate(latency=0.6))
    changes = ((r.uniform(8, 20), "errors", AlarmState.ALARM),)
    told = DrawnPrevious(there="none")
    return often(replace(usual, following=slow, changes=changes, previous=told), 8, 25)


def without_answers(seed: int) -> Scenario:
    """Draw a dead rollout, and a long time in which no write is answered."""
    r, usual = Random(f"without answers {seed}"), abandoned(seed)
    fault = r.choice(["hang", "error", "throttle", "drop"])
    # The service is out, perhaps once the aliases were read.
    began = usual.horizon + r.uniform(550, 700)
    outages = (
        Outage(usual.horizon, 2_500.0, fault, "UpdateAlias"),
        Outage(began, 700.0, fault, r.choice(["*", "UpdateAlias"])),
    )
    return replace(usual, weather=Weather({}, outages))


def promoted_meanwhile(seed: int) -> Scenario:
    """Draw what is held at 100%, its promotion, and guardians that stand still meanwhile."""
    r = Random(f"promoted meanwhile {seed}")
    plan = Plan((Step(HUNDRED, timedelta(minutes=10)),))
    drawn = calm(
        held(seed),
        plan=plan,
        main=Fate(cancelled_at=(r.uniform(25, 35),)),
        on_cancel=OnCancel.HOLD,
        following=Follower(r.uniform(0, 20), WELL),
        following_mode=Mode.PROMOTE,
        functions=1,
        history_lag=0.0,
    )
    # An alarm that was on just before the weight was written counts against what is held, and not at its promotion.
    drawn = replace(
        drawn,
        alarms={"errors": AlarmState.ALARM},
        changes=((1.0, "errors", AlarmState.OK),),
        alarm_at_start=AlarmAtStart.WAIT,
        evidence_timeout=60.0,
    )
    return often(drawn, 25, 60, trouble=1.0)


def _invoked_with(change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Patch]:
    """Let the guardian be invoked with something else."""
    usual = guardian.guard

    def guard(spec: Any, ports: Ports, bake: timedelta, limit: float) -> Finished:
        return usual(**change({"spec": spec, "ports": ports, "bake": bake, "limit": limit}))

    return [(simulation, "guard", guard)]


def _sees(change: Callable[[AliasStatus], AliasStatus]) -> list[Patch]:
    """Let it take what it sees at first for something else."""

    def look(*asked: Any) -> list[AliasStatus]:
        return [change(status) for status in look_once(*asked)]

    return [(guardian, "look_once", look)]


def _ends(change: Callable[[Finished], Finished]) -> list[Patch]:
    usual = Visit.done
    return [(Visit, "done", lambda self: change(usual(self)))]


# It leaves what is to go back ------------------------------------------------------------------------


def _leaves_what_is_abandoned() -> list[Patch]:
    return [(Visit, "_abandoned", lambda *_: None)]


def _hears_no_alarm() -> list[Patch]:
    return [(AlarmsFired, "since", lambda *_: [])]


def _reads_no_history() -> list[Patch]:
    return [(alarms_fired, "_moved_since", lambda *_: False)]


def _puts_back_one_of_a_group() -> list[Patch]:
    usual = Visit._restore
    return [(Visit, "_restore", lambda self, rollouts, why: usual(self, rollouts[:1], why))]


def _leaves_what_was_promoted() -> list[Patch]:
    return [(Visit, "_promotions", lambda *_: None)]


def _leaves_the_held_part() -> list[Patch]:
    usual = Visit._abandoned

    def dead_only(self: Any, group: Sequence[AliasStatus]) -> None:
        usual(self, [status for status in group if status.ownership is Ownership.DEAD])

    return [(Visit, "_abandoned", dead_only)]


def _takes_what_is_held_for_live() -> list[Patch]:
    def alive(status: AliasStatus) -> AliasStatus:
        is_held = status.ownership is Ownership.HELD
        return replace(status, ownership=Ownership.ALIVE) if is_held else status

    return _sees(alive)


# It disturbs a run -----------------------------------------------------------------------------------


def _takes_the_living_for_dead() -> list[Patch]:
    def dead(status: AliasStatus) -> AliasStatus:
        is_alive = status.ownership is Ownership.ALIVE
        return replace(status, ownership=Ownership.HELD) if is_alive else status

    return [*_sees(dead), *_takes_every_alarm_for_one_that_fired()]


def _works_beside_a_live_run() -> list[Patch]:
    def look(*asked: Any) -> list[AliasStatus]:
        return [each for each in look_once(*asked) if each.ownership is not Ownership.ALIVE]

    return [(guardian, "look_once", look)]


@dataclass(frozen=True)
class _OwnTime:
    """`AwsClock` of a machine that believes its own."""

    clock: Clock
    believed: bool = True

    def now(self) -> datetime:
        return self.clock.now()

    def untold_doubt(self) -> str:
        return ""


def _believes_its_own_clock() -> list[Patch]:
    def own(asked: dict[str, Any]) -> dict[str, Any]:
        ports = asked["ports"]
        return {**asked, "ports": replace(ports, aws_clock=_OwnTime(ports.clock))}

    return _invoked_with(own)


@dataclass(frozen=True)
class _Blind:
    """`Aliases` that are written whatever they are by now."""

    usual: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.usual, name)

    def write(self, target: Target, routing: Routing, text: str, _revision_id: str) -> Alias:
        answer: Alias = self.usual.write(target, routing, text, "")
        return answer


def _writes_without_a_revision_id() -> list[Patch]:
    def blind(asked: dict[str, Any]) -> dict[str, Any]:
        ports = asked["ports"]
        return {**asked, "ports": replace(ports, aliases=_Blind(ports.aliases))}

    return _invoked_with(blind)


# It goes forward -------------------------------------------------------------------------------------


def _promotes_what_is_held() -> list[Patch]:
    def forward(self: Any, status: AliasStatus, record: Record) -> AliasWriter:
        return writer_of(
            status.target, status.alias, record.rollout_id, self.ports, record.new, shared=True
        )

    return [(Visit, "_writer_of_held", forward)]


def _finishes_what_has_passed() -> list[Patch]:
    return [(guardian, "was_all_but_done", lambda _: False)]


# It takes back what is to stay -----------------------------------------------------------------------


def _takes_back_what_has_passed() -> list[Patch]:
    usual = Visit._rollout

    def rollout(self: Any, group: Sequence[AliasStatus]) -> None:
        if was_all_but_done(list(group)):
            self._restore(self._as_held(group), "left")
        else:
            usual(self, group)

    return [(Visit, "_rollout", rollout)]


def _takes_every_alarm_for_one_that_fired() -> list[Patch]:
    def fired(self: Any, *_: Any) -> list[AlarmReading]:
        return list(self._read().readings)

    return [(AlarmsFired, "since", fired)]


def _counts_an_alarm_from_long_before() -> list[Patch]:
    return [(alarms_fired, "ALARM_MARGIN", timedelta(days=10))]


def _bakes_for_ever() -> list[Patch]:
    def long(asked: dict[str, Any]) -> dict[str, Any]:
        return {**asked, "bake": timedelta(days=10) if asked["bake"] else timedelta()}

    return _invoked_with(long)


def _undoes_whatever_is_live() -> list[Patch]:
    usual = Visit._baking

    def baking_now(self: Any, told: Sequence[Any]) -> Any:
        live = [
            (status, replace(kept, new=status.alias.routing.version) if kept else None)
            for status, kept in told
        ]
        return usual(self, live)

    return [(Visit, "_baking", baking_now)]


def _goes_back_too_far() -> list[Patch]:
    usual = Visit._as_promoted

    def first(self: Any, promoted: Any) -> AliasRollout:
        way = replace(promoted.promotion, old="1")
        rollout: AliasRollout = usual(self, replace(promoted, promotion=way))
        return rollout

    return [(Visit, "_as_promoted", first)]


def _undoes_a_promotion_beside_a_rollout() -> list[Patch]:
    usual = Visit.done

    def done(self: Any) -> Finished:
        seen = look_once(self.spec.inputs.targets, self.spec.identity, self.ports)
        self._without_failing(lambda: self._promotions(seen))
        finished: Finished = usual(self)
        return finished

    return [(Visit, "done", done)]


def _undoes_what_was_promoted_meanwhile() -> list[Patch]:
    def shared(self: Any, status: AliasStatus, record: Record) -> AliasWriter:
        return writer_of(
            status.target, status.alias, record.rollout_id, self.ports, record.old, shared=True
        )

    return [(Visit, "_writer_of_held", shared)]


# It tells what is not true ---------------------------------------------------------------------------


def _says_that_it_went_back() -> list[Patch]:
    def back(finished: Finished) -> Finished:
        is_unchanged = finished.result is Result.UNCHANGED
        return replace(finished, result=Result.ROLLED_BACK) if is_unchanged else finished

    return _ends(back)


def _says_that_nothing_was_done() -> list[Patch]:
    def nothing(finished: Finished) -> Finished:
        went_back = finished.result is Result.ROLLED_BACK
        return replace(finished, result=Result.UNCHANGED) if went_back else finished

    return _ends(nothing)


def _fails_without_a_reason() -> list[Patch]:
    return _ends(lambda finished: replace(finished, result=Result.FAILED))


def _blames_every_alarm() -> list[Patch]:
    usual = AlarmsFired.since

    def since(self: Any, *asked: Any) -> list[AlarmReading]:
        fired = usual(self, *asked)
        self.fired += self._read().readings
        return fired

    return [(AlarmsFired, "since", since)]


def _says_nothing_of_the_unknown() -> list[Patch]:
    return [(Visit, "_tell_unknown", lambda *_: None)]


def _tries_without_an_end() -> list[Patch]:
    return [(Visit, "_seconds_left", property(lambda _: 1e9)), (guardian, "QUESTION_LIMIT", 1e9)]


GUARDIAN_MUTATIONS = [
    Mutation(name, patches, seeds=seeds, drawn=drawn)
    for name, patches, seeds, drawn in (
        ("leave what is abandoned", _leaves_what_is_abandoned, (0, 15), abandoned),
        ("hear no alarm", _hears_no_alarm, (2, 4), held),
        ("read no history", _reads_no_history, (4, 59), held),
        ("put back one of a group", _puts_back_one_of_a_group, (2, 15), held),
        ("leave what was promoted", _leaves_what_was_promoted, (1, 4), baking),
        ("leave the held part", _leaves_the_held_part, (30, 33), dies_holding),
        ("take what is held for live", _takes_what_is_held_for_live, (2, 4), held),
        ("take the living for dead", _takes_the_living_for_dead, (0, 2), always_guarded),
        ("work beside a live run", _works_beside_a_live_run, (5, 19), taken_over),
        ("believe a guardian's clock", _believes_its_own_clock, (0, 1), with_wrong_clocks),
        ("guard without a RevisionId", _writes_without_a_revision_id, (0, 15), abandoned),
        ("promote what is held", _promotes_what_is_held, (2, 4), held),
        ("finish what has passed", _finishes_what_has_passed, (4, 51), abandoned),
        ("take back what has passed", _takes_back_what_has_passed, (4, 51), abandoned),
        ("take back without an alarm", _takes_every_alarm_for_one_that_fired, (2, 4), held),
        ("count an old alarm", _counts_an_alarm_from_long_before, (0, 1), with_an_old_alarm),
        ("bake for ever", _bakes_for_ever, (57, 62), baking),
        ("undo whatever is live", _undoes_whatever_is_live, (0, 3), promoted_twice),
        ("go back too far", _goes_back_too_far, (0, 1), promoted_twice),
        (
            "undo beside a rollout",
            _undoes_a_promotion_beside_a_rollout,
            (1, 3),
            promoted_and_rolled_out,
        ),
        ("say that it went back", _says_that_it_went_back, (0, 2), always_guarded),
        ("say that nothing was done", _says_that_nothing_was_done, (2, 4), always_guarded),
        ("fail without a reason", _fails_without_a_reason, (0, 2), always_guarded),
        ("blame every alarm", _blames_every_alarm, (10, 19), held),
        ("say nothing of the unknown", _says_nothing_of_the_unknown, (10, 12), promoted_twice),
        ("try without an end", _tries_without_an_end, (22, 61), without_answers),
        (
            "undo what was promoted meanwhile",
            _undoes_what_was_promoted_meanwhile,
            (51, 60),
            promoted_meanwhile,
        ),
    )
]


if __name__ == "__main__":
    search(GUARDIAN_MUTATIONS, sys.argv[1:])
