"""Ways to break endings, post stage, resuming and records; each must be noticed like those in `mutations`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lambda_rollout.alias import aws_clock, reader
from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Ownership, Record, RunStatus
from lambda_rollout.alias.restore import DesiredState
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.settlement import Settled, Settlement, Unsettled
from lambda_rollout.alias.writer import AliasWriter, Conflict
from lambda_rollout.analysis import step as judge
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.step import StepEvidence, Verdict
from lambda_rollout.aws import marks, members
from lambda_rollout.inputs import choices
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout import abandoned, alias_poll, finish, version_choice, watch
from lambda_rollout.rollout import post_stage as post
from lambda_rollout.rollout.abandoned import Restoration
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState
from lambda_rollout.runtime.errors import CallFailed, RevisionMismatch
from tests.simulation.between import Between
from tests.simulation.mutations import Mutation, Patch, group_dies_clearing, search, two_in_a_row
from tests.simulation.scenario import Fate, Follower, Outage, Scenario, Weather, draw

# Where it is looked for ---------------------------------------------------------------------------


def quiet(seed: int, **what: Any) -> Scenario:
    """A seed's rollout with nothing around it but what is asked for."""
    calm: dict[str, Any] = {
        "weather": Weather(),
        "between": Between(),
        "main": Fate(),
        "foreign": (),
        "lost_at": None,
        "post": None,
        "following": None,
        "twin": None,
        "deleted_alarm": None,
        "history_lag": 0.0,
        "local": False,
        "held_before": None,
    }
    return replace(draw(seed), **{**calm, **what})


def steps(*watches: tuple[int, float]) -> Plan:
    """A plan of these weights, each watched for so many seconds."""
    return Plan(tuple(Step(Decimal(at), timedelta(seconds=long)) for at, long in watches))


def resumed(seed: int) -> Scenario:
    """A group that dies on its way, and a next run that goes on with it."""
    r = Random(f"resumed {seed}")
    return quiet(
        seed,
        functions=r.choice([1, 2, 3]),
        plan=steps((10, 8), (50, 8), (100, 8)),
        alarms={},
        changes=(),
        at_once=False,
        by_version=True,
        main=Fate(killed_at=r.uniform(2, 26)),
        word="truth",
        on_stranded=OnStranded.RESUME,
        following=Follower(0.0, Fate(cancelled_at=(r.uniform(0, 20),))),
        following_mode=Mode.ROLLOUT,
        following_builds=r.random() < 0.5,
    )


def promoted_group(seed: int) -> Scenario:
    """A group that is held, and then promoted, and cancelled meanwhile."""
    r = Random(f"promoted {seed}")
    return quiet(
        seed,
        functions=3,
        plan=Plan((Step(Decimal(10), timedelta(seconds=2)),), ends_held=True),
        alarms={},
        changes=(),
        following=Follower(0.0, Fate(cancelled_at=(r.uniform(4, 14),), latency=0.6)),
        following_mode=Mode.PROMOTE,
        at_once=False,
    )


def lost_beside_its_post(seed: int) -> Scenario:
    """A main that its runner lost, and that lives on beside its post stage."""
    r = Random(f"lost {seed}")
    return quiet(
        seed,
        plan=steps((10, 5), (100, 8)),
        alarms={},
        changes=(),
        evaluations=(),
        hooks=(),
        numbers=None,
        main=Fate(latency=0.6),
        lost_at=r.uniform(0.5, 12),
        post=Follower(r.uniform(0, 2), Fate(latency=0.1)),
    )


def one_taken_back(seed: int) -> Scenario:
    """A group of which somebody takes one back just when all has passed."""
    r = Random(f"taken back {seed}")
    foreign = ((0.0, "same"), (r.uniform(12, 20), "whole-old"))
    return quiet(
        seed,
        functions=2,
        plan=steps((100, 10)),
        alarms={},
        changes=(),
        evaluations=(),
        hooks=(),
        numbers=None,
        at_once=False,
        by_version=True,
        main=Fate(latency=0.6),
        foreign=foreign,
    )


def marking_fails(seed: int) -> Scenario:
    """A group that has passed while AWS takes no writes, for about as long as one tries."""
    r = Random(f"marking {seed}")
    outage = Outage(
        r.uniform(6, 9), r.uniform(305, 500), r.choice(["error", "throttle"]), "UpdateAlias"
    )
    return quiet(
        seed,
        functions=2,
        plan=steps((100, 5)),
        alarms={},
        changes=(),
        weather=Weather(outages=(outage,)),
    )


def unrenewed(seed: int) -> Scenario:
    """A long step, and AWS takes no writes in it."""
    outage = Outage(60.0, 900.0, "throttle", "UpdateAlias")
    return quiet(
        seed,
        functions=1,
        plan=steps((50, 1200), (100, 0)),
        alarms={},
        changes=(),
        weather=Weather(outages=(outage,)),
    )


def blind(seed: int) -> Scenario:
    """A long step, and reads fail in it."""
    which = Random(f"blind {seed}").choice(["cloudwatch", "GetAlias"])
    outage = Outage(60.0, 250.0, "error", which)
    return quiet(
        seed,
        functions=1,
        poll=5.0,
        plan=steps((50, 600), (100, 0)),
        alarms={"errors": AlarmState.OK},
        changes=(),
        weather=Weather(outages=(outage,)),
    )


def blind_at_the_end(seed: int) -> Scenario:
    """A step in the last seconds of which the alias cannot be read."""
    outage = Outage(58.0, 30.0, "error", "GetAlias")
    return quiet(
        seed,
        plan=steps((50, 60), (100, 0)),
        alarms={},
        changes=(),
        weather=Weather(outages=(outage,)),
    )


def cancelled_shifting(seed: int) -> Scenario:
    """A group that is cancelled while it is shifted."""
    r = Random(f"cancelled {seed}")
    return quiet(
        seed,
        functions=3,
        plan=steps((50, 5), (100, 5)),
        alarms={},
        changes=(),
        at_once=False,
        on_cancel=OnCancel.HOLD if seed % 2 else OnCancel.ROLLBACK,
        main=Fate(cancelled_at=(r.uniform(0, 15),), latency=0.6),
    )


def dies_going_back(seed: int) -> Scenario:
    """An alarm fires, and main dies as it is about to go back; on a cancellation it was to hold."""
    r = Random(f"dies {seed}")
    return quiet(
        seed,
        functions=r.choice([1, 2]),
        plan=steps((50, 30), (100, 0)),
        alarms={"errors": AlarmState.OK},
        changes=((10.0, "errors", AlarmState.ALARM),),
        alarm_at_start=choices.AlarmAtStart.FAIL,
        on_cancel=OnCancel.HOLD,
        main=Fate(killed_in=(r.randint(8, 40), "before")),
        post=Follower(0.0, Fate()),
    )


def dies_shifting(seed: int) -> Scenario:
    """Main dies in one of its first requests; a post stage follows."""
    r = Random(f"shifting {seed}")
    return quiet(
        seed,
        plan=steps((10, 5), (50, 5), (100, 5)),
        alarms={},
        changes=(),
        main=Fate(killed_in=(r.randint(5, 25), r.choice(["before", "after"]))),
        post=Follower(0.0, Fate()),
    )


def split_before_it_dies(seed: int) -> Scenario:
    """While 100% is watched somebody takes half of the traffic back, and main dies before it notices."""
    return quiet(
        seed,
        functions=1,
        plan=steps((100, 40)),
        alarms={},
        changes=(),
        between=Between(split_at=15.0, split_edits=True),
        main=Fate(killed_at=16.0),
        post=Follower(0.0, Fate()),
    )


def dies_beside_its_twin(seed: int) -> Scenario:
    """Two rollouts in the same second: one of them has the alias, the other one dies, and leaves a post stage."""
    r = Random(f"beside {seed}")
    return quiet(
        seed,
        functions=1,
        plan=steps((10, 60), (100, 60)),
        alarms={},
        changes=(),
        twin=Fate(latency=0.02),
        main=Fate(killed_in=(r.randint(4, 14), "before"), latency=0.1),
        post=Follower(0.0, Fate()),
        word="unknown",
    )


def promotion_is_lost(seed: int) -> Scenario:
    """What was held is promoted by a main that its runner loses; it lives on beside its post stage."""
    r = Random(f"lost promotion {seed}")
    return quiet(
        seed,
        functions=r.choice([1, 2]),
        held_before=Decimal(10),
        alarms={},
        changes=(),
        main=Fate(latency=0.6),
        lost_at=r.uniform(0.5, 5),
        post=Follower(0.0, Fate(latency=0.02)),
    )


def no_text(seed: int) -> Scenario:
    """An alias without a description, and AWS takes an empty one for "leave it is"."""
    return quiet(seed, text="", keeps_descriptions=True)


def delivered_twice(seed: int) -> Scenario:
    """Some writes are delivered twice, and the second delivery's answer gets through."""
    chances = {"twice second": 0.2, "own before": 0.2}
    return quiet(
        seed,
        plan=steps((10, 5), (50, 5), (100, 5)),
        changes=(),
        alarms={},
        between=Between(chances, "UpdateAlias"),
    )


def pages(seed: int) -> Scenario:
    """Somebody else answers now and then."""
    chances = {"page never": 0.1, "page before": 0.1, "blank never": 0.05, "half before": 0.05}
    return quiet(seed, changes=(), between=Between(chances, "lambda" if seed % 2 else "*"))


def an_hour_ahead(seed: int) -> Scenario:
    """A next run in the middle of a living one, to which AWS's answers come with a wrong Date."""
    return replace(two_in_a_row(seed), word="unknown", between=Between(dates={"next": 3600.0}))


def gone_once(seed: int) -> Scenario:
    """AWS says now and then of an alias that it is not there."""
    return quiet(seed, changes=(), between=Between({"gone never": 0.15}))


# The plan of one that is gone on with -----------------------------------------------------------------


def _steps(change: Callable[[Rollout, Sequence[Step]], Sequence[Step]]) -> list[Patch]:
    planned = Rollout._steps

    def mutated(self: Rollout) -> Sequence[Step]:
        found = planned(self)
        goes_on = any(rollout.resumed for rollout in self._rollouts)
        return change(self, found) if goes_on and self._spec.inputs.mode is Mode.ROLLOUT else found

    return [(Rollout, "_steps", mutated)]


def _found_weight_skipped() -> list[Patch]:
    return _steps(lambda _self, found: found[1:] or found)


def _found_weight_not_watched() -> list[Patch]:
    return _steps(lambda _self, found: [Step(found[0].percent, timedelta(0)), *found[1:]])


def _highest_weight_first() -> list[Patch]:
    def change(self: Rollout, found: Sequence[Step]) -> Sequence[Step]:
        at = max(
            rollout.writer.found.routing.percent_of(rollout.new)
            for rollout in self._rollouts
            if rollout.resumed is not None
        )
        return [Step(at, found[0].watch), *(step for step in found if step.percent > at)]

    return _steps(change)


def _another_version_resumed() -> list[Patch]:
    return [(version_choice, "_refuse_another", lambda *_given: None)]


def _resumed_left_to_die() -> list[Patch]:
    look = Rollout._look_at_aliases

    def mutated(self: Rollout) -> None:
        look(self)
        for rollout in self._rollouts:
            rollout.possibly_written = False

    return [(Rollout, "_look_at_aliases", mutated)]


# What is saved ------------------------------------------------------------------------------------


def _not_saved(*phases: Phase) -> list[Patch]:
    remember = Finisher.remember

    def mutated(self: Finisher, phase: Phase) -> None:
        if phase not in phases:
            remember(self, phase)

    return [(Finisher, "remember", mutated)]


def _saved_after_the_write() -> list[Patch]:
    shift = Rollout._shift

    def mutated(self: Rollout, *given: Any) -> None:
        remember = self._finisher.remember
        self._finisher.remember = lambda phase: None  # type: ignore[method-assign]
        try:
            shift(self, *given)
        finally:
            self._finisher.remember = remember  # type: ignore[method-assign]
        remember(Phase.MOVING)

    return [(Rollout, "_shift", mutated)]


def _done_whatever_happened() -> list[Patch]:
    all_settled = Finisher._all_settled

    def mutated(self: Finisher, settlements: Sequence[Settlement]) -> bool:
        settled = all_settled(self, settlements)
        self.remember(Phase.DONE)
        return settled

    return [(Finisher, "_all_settled", mutated)]


def _mending_not_saved() -> list[Patch]:
    mended = Restoration.restored

    def mutated(self: Restoration, seen: Any, order: Any) -> bool:
        self._ports = replace(self._ports, remember=lambda _saved_state: None)
        return mended(self, seen, order)

    return [(Restoration, "restored", mutated)]


def _cut_text_saved() -> list[Patch]:
    remember = Finisher.remember

    def mutated(self: Finisher, phase: Phase) -> None:
        for rollout in self._tracked:
            rollout.writer.text = lease.owners_text(rollout.writer.known.description)
        remember(self, phase)

    return [(Finisher, "remember", mutated)]


# Endings ------------------------------------------------------------------------------------------


def _mark_in_doubt_ignored() -> list[Patch]:
    mark_passed = Finisher._mark_passed

    def mutated(self: Finisher, rollout: AliasRollout) -> Settlement:
        mark = mark_passed(self, rollout)
        return Settled(rollout.writer.known) if isinstance(mark, Unsettled) else mark

    return [(Finisher, "_mark_passed", mutated)]


def _taken_back_ignored() -> list[Patch]:
    return [(finish, "_taken_back", lambda *_given: None)]


def _marked_one_cleared_first() -> list[Patch]:
    clear = Finisher._clear

    def mutated(self: Finisher, rollouts: Sequence[AliasRollout]) -> list[Settlement]:
        last = [rollout for rollout in self._tracked if rollout.writer.bears_record]
        marked = [c for c in last if (r := lease.parse(c.writer.known.description)[1]) and r.passed]
        if marked and marked[0] not in rollouts:
            clear(self, marked)
        return clear(self, rollouts)

    return [(Finisher, "_clear", mutated)]


def _holds_what_it_has() -> list[Patch]:
    def can_hold(self: Finisher) -> bool:
        return any(rollout.needs_restore and rollout.shifted for rollout in self._tracked)

    return [(Finisher, "can_hold", property(can_hold))]


def _held_as_alive() -> list[Patch]:
    held = Finisher._held

    def mutated(self: Finisher, rollout: AliasRollout) -> DesiredState:
        desired = held(self, rollout)
        until = self._ports.aws_clock.lease_end().replace(microsecond=0)
        return replace(desired, record=desired.record and replace(desired.record, until=until))

    return [(Finisher, "_held", mutated)]


def _first_one_first() -> list[Patch]:
    put_back = Finisher.restore

    def mutated(self: Finisher, rollouts: Sequence[AliasRollout], *rest: Any) -> bool:
        return put_back(self, list(reversed(rollouts)), *rest)

    return [(Finisher, "restore", mutated)]


def _held_ones_stay_behind() -> list[Patch]:
    put_back = Finisher.restore

    def mutated(self: Finisher, rollouts: Sequence[AliasRollout], *rest: Any) -> bool:
        return put_back(self, [rollout for rollout in rollouts if rollout.needs_restore], *rest)

    return [(Finisher, "restore", mutated)]


def _empty_text_not_replaced() -> list[Patch]:
    settled = AliasWriter._settled

    def mutated(
        self: AliasWriter, answer: Alias, routing: Routing, record: Record | None
    ) -> Settlement:
        how, self.text = settled(self, answer, routing, record), self.text
        return Settled(answer) if isinstance(how, Unsettled) else how

    return [(AliasWriter, "_settled", mutated)]


def _no_look_after_a_conflict() -> list[Patch]:
    take_news = AliasWriter._take_news

    def mutated(self: AliasWriter, seen: Alias, *, may_still_move: bool) -> None:
        try:
            take_news(self, seen, may_still_move=may_still_move)
        except Conflict:
            self.looks_first = False
            raise

    return [(AliasWriter, "_take_news", mutated)]


# Answers ------------------------------------------------------------------------------------------


def _settled_by(*kinds: type[CallFailed]) -> list[Patch]:
    send = AliasWriter._send

    def mutated(self: AliasWriter, routing: Routing, description: str) -> Alias:
        before = list(self._pending)
        try:
            return send(self, routing, description)
        except kinds:
            self._pending = before
            raise

    return [(AliasWriter, "_send", mutated)]


def _page_is_awss() -> list[Patch]:
    return [(marks, "is_marked_error", lambda _answer: True)]


def _anything_is_an_answer() -> list[Patch]:
    return [(members, "missing", lambda _operation, _answer: ())]


def _any_date_believed() -> list[Patch]:
    return [(aws_clock, "doubt", lambda _first, second: "" if second else "nothing was heard")]


def _gone_at_one_word() -> list[Patch]:
    return [(reader, "MISSING_TWICE", 0.0)]


# Time ---------------------------------------------------------------------------------------------


def _judging(change: Callable[[StepEvidence], StepEvidence]) -> Patch:
    judge_step = judge.judge_step

    def mutated(evidence: StepEvidence) -> Verdict:
        return judge_step(change(evidence))

    return (watch, "judge_step", mutated)


def _old_look_accepted() -> list[Patch]:
    return [_judging(lambda seen: replace(seen, aliases_read_at=seen.aliases_read_at + 150.0))]


# The post stage -----------------------------------------------------------------------------------


def _post_holds_whatever_was_found() -> list[Patch]:
    def asked(saved_state: SavedState, finisher: Finisher) -> bool:
        return saved_state.hold_on_cancel and finisher.can_hold

    return [(post, "_asked_to_hold", asked)]


def _post_leaves_held_unwritten() -> list[Patch]:
    return [(post, "_leave_held", lambda *_given: True)]


class _Everything(tuple[Routing, ...]):
    __slots__ = ()

    def __contains__(self, _routing: object) -> bool:
        return True


def _post_takes_any_routing() -> list[Patch]:
    return [(SavedAlias, "routings", property(lambda _self: _Everything()))]


class _Renamed:
    """Aliases whose records all bear one id."""

    def __init__(self, aliases: Any, rollout_id: str) -> None:
        self._aliases = aliases
        self._rollout_id = rollout_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aliases, name)

    def read(self, target: Target) -> Alias:
        alias: Alias = self._aliases.read(target)
        text, record = lease.parse(alias.description)
        if record is None:
            return alias
        ours = lease.compose(text, replace(record, rollout_id=self._rollout_id))
        return replace(alias, description=ours)


def _post_takes_anothers_record() -> list[Patch]:
    take_over = post._take_over

    def mutated(
        saved: SavedAlias, saved_state: SavedState, order: Any, parts: Any, *rest: Any
    ) -> AliasRollout | post.Found:
        renamed: Any = _Renamed(parts.aliases, saved.rollout_id)
        return take_over(saved, saved_state, order, replace(parts, aliases=renamed), *rest)

    return [(post, "_take_over", mutated)]


# Records ------------------------------------------------------------------------------------------


def _held_is_dead() -> list[Patch]:
    ownership = lease.ownership_of

    def mutated(alias: Alias, now: Any, status: RunStatus, **how: Any) -> Ownership:
        answer = ownership(alias, now, status, **how)
        return Ownership.DEAD if answer is Ownership.HELD else answer

    return [(lease, "ownership_of", mutated)]


def _lease_of_an_hour() -> list[Patch]:
    return [(aws_clock, "LEASE", timedelta(hours=1))]


def _mark_not_heeded() -> list[Patch]:
    return [(abandoned, "was_all_but_done", lambda _seen: False)]


def _post_trusts_its_eyes() -> list[Patch]:
    return [
        (AliasRollout, "needs_restore", property(lambda self: self.writer.touched or self.shifted))
    ]


ENDING_MUTATIONS = [
    Mutation("skip the weight that was left", _found_weight_skipped, drawn=resumed, seeds=(0,)),
    Mutation(
        "do not watch the weight that was left",
        _found_weight_not_watched,
        drawn=resumed,
        seeds=(0,),
    ),
    Mutation(
        "go on at a group's highest weight", _highest_weight_first, drawn=resumed, seeds=(218,)
    ),
    Mutation("resume with another version", _another_version_resumed, drawn=resumed, seeds=(1,)),
    Mutation(
        "leave what is resumed to the next run", _resumed_left_to_die, drawn=resumed, seeds=(36,)
    ),
    Mutation("save after the write", _saved_after_the_write, drawn=dies_shifting, seeds=(0,)),
    Mutation("do not save that it goes back", lambda: _not_saved(Phase.ROLLING_BACK), seeds=(1,)),
    Mutation("do not save that it clears", lambda: _not_saved(Phase.CLEARING), seeds=(0,)),
    Mutation("do not save that it holds", lambda: _not_saved(Phase.HOLDING), seeds=(2,)),
    Mutation("do not save that it mends", _mending_not_saved, seeds=(15,)),
    Mutation("save that all is done, whatever happened", _done_whatever_happened, seeds=(16,)),
    Mutation("save the owner's text as it was cut", _cut_text_saved, seeds=(138,)),
    Mutation("ignore a mark in doubt", _mark_in_doubt_ignored, drawn=marking_fails, seeds=(2,)),
    Mutation(
        "go forward although one was taken back",
        _taken_back_ignored,
        drawn=one_taken_back,
        seeds=(4, 48),
    ),
    Mutation("clear the marked one first", _marked_one_cleared_first, seeds=(14,)),
    Mutation(
        "hold although some are not shifted",
        _holds_what_it_has,
        drawn=cancelled_shifting,
        seeds=(49,),
    ),
    Mutation("hold with a live record", _held_as_alive, seeds=(5,)),
    Mutation(
        "go back in the order of the shifts", _first_one_first, drawn=cancelled_shifting, seeds=(4,)
    ),
    Mutation(
        "leave the held ones of a group behind",
        _held_ones_stay_behind,
        drawn=promoted_group,
        seeds=(0, 12),
    ),
    Mutation("drop the text for an empty one", _empty_text_not_replaced, drawn=no_text, seeds=(0,)),
    Mutation("do not look after a conflict", _no_look_after_a_conflict, seeds=(0,)),
    Mutation(
        "take a 412 for no effect",
        lambda: _settled_by(RevisionMismatch),
        drawn=delivered_twice,
        seeds=(1,),
    ),
    Mutation(
        "take AWS's own no for no effect",
        lambda: _settled_by(CallFailed),
        drawn=delivered_twice,
        seeds=(1,),
    ),
    Mutation("take a page for AWS's answer", _page_is_awss, drawn=pages, seeds=(47,)),
    Mutation("take anything for an answer", _anything_is_an_answer, drawn=pages, seeds=(22,)),
    Mutation("believe any Date", _any_date_believed, drawn=an_hour_ahead, seeds=(0,)),
    Mutation(
        "believe at one word that an alias is gone", _gone_at_one_word, drawn=gone_once, seeds=(2,)
    ),
    Mutation(
        "never give up on a record",
        lambda: [(alias_poll, "RENEW_LIMIT", 1e9)],
        drawn=unrenewed,
        seeds=(0,),
    ),
    Mutation(
        "look at the alias every 150 s", lambda: [(alias_poll, "LOOK_EVERY", 150.0)], seeds=(4,)
    ),
    Mutation(
        "accept a look of 150 s before", _old_look_accepted, drawn=blind_at_the_end, seeds=(0,)
    ),
    Mutation(
        "be blind for 300 s", lambda: [(judge, "UNREADABLE_LIMIT", 300.0)], drawn=blind, seeds=(0,)
    ),
    Mutation(
        "hold in the post stage what is to go back",
        _post_holds_whatever_was_found,
        drawn=dies_going_back,
        seeds=(0,),
    ),
    Mutation(
        "leave what is held unwritten in the post stage",
        _post_leaves_held_unwritten,
        drawn=promotion_is_lost,
        seeds=(60, 80),
    ),
    Mutation(
        "post writes only to what looks split",
        _post_trusts_its_eyes,
        drawn=lost_beside_its_post,
        seeds=(85, 165),
    ),
    Mutation(
        "take any routing for main's in the post stage",
        _post_takes_any_routing,
        drawn=split_before_it_dies,
        seeds=(1,),
    ),
    Mutation(
        "take another's record for main's",
        _post_takes_anothers_record,
        drawn=dies_beside_its_twin,
        seeds=(2,),
    ),
    Mutation("take what is held for dead", _held_is_dead, seeds=(5,)),
    Mutation("write a lease of an hour", _lease_of_an_hour, seeds=(0,)),
    Mutation(
        "do not heed the mark that all have passed",
        _mark_not_heeded,
        drawn=group_dies_clearing,
        seeds=(5,),
    ),
]


if __name__ == "__main__":
    search(ENDING_MUTATIONS, sys.argv[1:])
