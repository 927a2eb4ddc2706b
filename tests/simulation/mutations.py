"""Ways to break the safety code, each of which the simulation must notice.

A mutation replaces one small piece of the code under test. ``python -m tests.simulation.mutations`` looks for
seeds that catch each.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from lambda_rollout.alias import record as lease
from lambda_rollout.alias import restore as settling
from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.record import LEASE, Ownership, Record, RunStatus
from lambda_rollout.alias.restore import DesiredState
from lambda_rollout.alias.routing import HUNDRED, Alias, Routing, Target
from lambda_rollout.alias.settlement import Settled, Settlement
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis import alarms
from lambda_rollout.analysis import step as judge
from lambda_rollout.analysis.alarms import AlarmReading, AlarmWatch, Transition
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.analysis.step import StepEvidence, Verdict
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.report.state import AlarmNow
from lambda_rollout.rollout import abandoned, alias_poll, expiry, histories, prepare, rollout, watch
from lambda_rollout.rollout import alarms as alarm_poll
from lambda_rollout.rollout import finish as ending
from lambda_rollout.rollout import post_stage as post
from lambda_rollout.rollout.alarms import AlarmPoll
from lambda_rollout.rollout.alias_poll import AliasPoll
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import Finished
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.rollout.watch import Watch
from lambda_rollout.runtime import retry as patience
from lambda_rollout.runtime.errors import RevisionMismatch, RolloutError, Unanswered
from tests.simulation.between import Between
from tests.simulation.credentials import Lifetime
from tests.simulation.scenario import Fate, Follower, Scenario, Weather, draw
from tests.simulation.simulate import Outcome, simulate

SEARCHED = 5_000
"""Seeds within which every mutation is caught: as many as `make test` and `make test-long` play between them."""

Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Mutation:
    """What is broken, how, and seeds that are known to notice."""

    name: str
    patches: Callable[[], Sequence[Patch]]
    seeds: tuple[int, ...] = ()
    drawn: Callable[[int], Scenario] = draw
    """How to draw from a seed: what only a rare race can show is looked for where races are common."""
    play: Callable[..., Outcome] = simulate

    def caught_by(self, seeds: Iterable[int]) -> int | None:
        """The first of these seeds in which a promise is broken, None if in none."""
        patches = [patch.object(where, what, by) for where, what, by in self.patches()]
        for each in patches:
            each.start()
        try:
            return next(
                (seed for seed in seeds if self.play(seed, drawn=self.drawn).violations), None
            )
        finally:
            for each in patches:
                each.stop()


def two_at_once(seed: int) -> Scenario:
    """Two rollouts in the same second, with stale reads and lost answers."""
    weather = Weather({"stale": 0.6, "error": 0.15, "drop": 0.1, "throttle": 0.1}, late=5.0)
    return replace(
        draw(seed),
        main=Fate(),
        twin=Fate(latency=0.02),
        weather=weather,
        between=Between(),
        foreign=(),
        lost_at=None,
    )


def two_in_a_row(seed: int) -> Scenario:
    """A next run that is told that main is over, while main lives on."""
    usual = draw(seed)
    return replace(
        usual,
        main=Fate(),
        post=None,
        lost_at=usual.horizon * 0.4,
        following=Follower(0.0, Fate(latency=0.1)),
        word="truth",
        local=False,
        on_stranded=OnStranded.ROLLBACK,
        foreign=(),
        between=Between(),
    )


def two_clocks(seed: int) -> Scenario:
    """A next run in the middle of a living one, on a machine whose clock is ahead."""
    usual = two_in_a_row(seed)
    ahead = Fate(skew=timedelta(minutes=15))
    return replace(
        usual, word="unknown", following=Follower(0.0, ahead), following_mode=Mode.ROLLOUT
    )


def group_dies_clearing(seed: int) -> Scenario:
    """Several functions, and a main that dies when all has passed; no post stage."""
    usual = draw(seed)
    return replace(
        usual,
        functions=3,
        plan=Plan((Step(HUNDRED, timedelta(seconds=2)),)),
        alarms={},
        changes=(),
        deleted_alarm=None,
        weather=Weather(),
        between=Between(),
        main=Fate(killed_in=(15 + seed % 25, "after")),
        lost_at=None,
        post=None,
        following=None,
        twin=None,
        foreign=(),
    )


def unrenewed(seed: int) -> Scenario:
    """A main whose credentials end in the middle, and that nothing else stands in the way of."""
    usual = draw(seed)
    middle = usual.horizon * 0.5
    return replace(
        usual,
        credentials=Lifetime(900.0, middle + 300.0, middle * 0.3, math.inf),
        main=Fate(),
        alarms={},
        changes=(),
        evaluations=(),
        deleted_alarm=None,
        weather=Weather(),
        between=Between(),
        lost_at=None,
        twin=None,
        foreign=(),
    )


# Writes -------------------------------------------------------------------------------------------

Write = Callable[[LambdaAliases, Target, Routing, str, str], Alias]


def _writing(change: Callable[[Write, LambdaAliases, Target, Routing, str, str], Alias]) -> Patch:
    write = LambdaAliases.write

    def mutated(
        self: LambdaAliases, target: Target, routing: Routing, description: str, revision_id: str
    ) -> Alias:
        return change(write, self, target, routing, description, revision_id)

    return (LambdaAliases, "write", mutated)


def _no_revision_id() -> list[Patch]:
    return [
        _writing(lambda write, a, target, routing, text, _: write(a, target, routing, text, ""))
    ]


def _no_record() -> list[Patch]:
    return [(lease, "compose", lambda text, _record: text)]


def _since_its_renewal() -> list[Patch]:
    return [
        (
            AliasWriter,
            "weight_since",
            lambda writer, _: writer.aws_clock.now().replace(microsecond=0),
        )
    ]


def _success_on_412() -> list[Patch]:
    def change(
        write: Write, a: LambdaAliases, target: Target, routing: Routing, text: str, revision: str
    ) -> Alias:
        try:
            return write(a, target, routing, text, revision)
        except RevisionMismatch:
            return Alias("", routing, text, f"{revision}-next")

    return [_writing(change)]


def _newest_revision_id() -> list[Patch]:
    def change(
        write: Write, a: LambdaAliases, target: Target, routing: Routing, text: str, revision: str
    ) -> Alias:
        try:
            return write(a, target, routing, text, revision)
        except RevisionMismatch:
            return write(a, target, routing, text, a.read(target).revision_id)

    return [_writing(change)]


def _no_conflict() -> list[Patch]:
    def take_news(self: AliasWriter, seen: Alias, *, may_still_move: bool) -> None:
        self._accept(seen)

    return [(AliasWriter, "_take_news", take_news)]


def _pending_forgotten() -> list[Patch]:
    send = AliasWriter._send

    def mutated(self: AliasWriter, routing: Routing, description: str) -> Alias:
        try:
            return send(self, routing, description)
        except Unanswered:
            self._pending.clear()
            raise

    return [(AliasWriter, "_send", mutated)]


class _Never(set[str]):
    def add(self, _item: str) -> None:
        """Take nothing in."""


def _refused_counted() -> list[Patch]:
    begin = AliasWriter.__init__

    def mutated(self: AliasWriter, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        self._spent = _Never()

    return [(AliasWriter, "__init__", mutated)]


def _stale_read_believed() -> list[Patch]:
    begin = AliasWriter.__init__

    def mutated(self: AliasWriter, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        self._past = _Never()

    return [(AliasWriter, "__init__", mutated)]


# Whose it is --------------------------------------------------------------------------------------


def _everything_is_ours() -> list[Patch]:
    return [(AliasWriter, "is_ours", lambda _self, _alias: True)]


def _held_by_post_is_ours() -> list[Patch]:
    is_ours = AliasWriter.is_ours

    def mutated(self: AliasWriter, alias: Alias) -> bool:
        text, record = lease.parse(alias.description)
        if record is not None and record.held and record.rollout_id == self.rollout_id:
            alias = replace(alias, description=text)
        return is_ours(self, alias)

    return [(AliasWriter, "is_ours", mutated)]


def _strangers_split_is_free() -> list[Patch]:
    ownership = lease.ownership_of

    def mutated(alias: Alias, now: Any, status: RunStatus) -> Ownership:
        answer = ownership(alias, now, status)
        return Ownership.NOBODYS if answer is Ownership.STRANGERS else answer

    return [(lease, "ownership_of", mutated)]


def _everybody_is_dead() -> list[Patch]:
    ownership = lease.ownership_of

    def mutated(alias: Alias, now: Any, status: RunStatus) -> Ownership:
        answer = ownership(alias, now, status)
        return Ownership.DEAD if answer is Ownership.ALIVE else answer

    return [(lease, "ownership_of", mutated)]


def _in_progress_is_alive() -> list[Patch]:
    # The word is asked for whatever the time, and prolongs the lease.
    return [(Record, "expired", lambda _self, _now: False)]


def _whole_is_free() -> list[Patch]:
    ownership = lease.ownership_of

    def mutated(alias: Alias, now: Any, status: RunStatus) -> Ownership:
        if alias.routing.is_unsplit:
            return Ownership.NOBODYS
        return ownership(alias, now, status)

    return [(lease, "ownership_of", mutated)]


def _mended_unjudged() -> list[Patch]:
    settle = abandoned.Restoration._settle

    def mutated(
        self: abandoned.Restoration, sight: Any, record: Record, *, forward: bool
    ) -> Alias | None:
        self._ports.clock.wait(2.0, None)
        seen = self._ports.aliases.read(sight.target)
        return settle(self, replace(sight, alias=seen), record, forward=forward)

    return [(abandoned.Restoration, "_settle", mutated)]


# Time ---------------------------------------------------------------------------------------------


def _renewed_too_late() -> list[Patch]:
    late = timedelta(minutes=11)
    return [(alias_poll, "RENEW_AFTER", late), (alias_poll, "RENEW_LIMIT", 1_000.0)]


def _lease_on_the_runners_clock() -> list[Patch]:
    return [(AwsClock, "lease_end", lambda self: self._clock.now() + LEASE)]


def _lease_judged_by_the_runners_clock() -> list[Patch]:
    return [
        (AwsClock, "believed", property(lambda _: True)),
        (AwsClock, "now", lambda self: self._clock.now()),
    ]


def _stop_ignored() -> list[Patch]:
    return [
        (module, "raise_if_stopped", lambda _stop: None)
        for module in (patience, rollout, watch, alias_poll, histories)
    ]


# The watch ----------------------------------------------------------------------------------------


def _judging(change: Callable[[StepEvidence], StepEvidence]) -> Patch:
    judge_step = judge.judge_step

    def mutated(evidence: StepEvidence) -> Verdict:
        return judge_step(change(evidence))

    return (watch, "judge_step", mutated)


def _no_final_read() -> list[Patch]:
    return [_judging(lambda evidence: replace(evidence, alarms_read_at=evidence.now))]


def _no_look_at_the_alias() -> list[Patch]:
    def look(self: AliasPoll, writer: AliasWriter) -> None:
        self._looks[writer.target].good(self._clock.monotonic())

    return [(AliasPoll, "_look", look)]


def _step_cut_short() -> list[Patch]:
    step = Watch.step

    def mutated(self: Watch, planned: Step, *others: Any) -> None:
        step(self, replace(planned, watch=planned.watch * 0.8), *others)

    return [(Watch, "step", mutated)]


def _history_ignored() -> list[Patch]:
    def explain(
        each: AlarmWatch, _history: Iterable[Transition], *, chained: bool = False
    ) -> AlarmWatch:
        return replace(each, history_known=each.newest)

    return [(histories, "with_history", explain)]


def _ok_only_by_history() -> list[Patch]:
    observe = alarms.observe

    def mutated(each: AlarmWatch, reading: AlarmReading, sent: float) -> AlarmWatch:
        return observe(replace(each, was_ok=False), reading, sent)

    return [(alarm_poll, "observe", mutated)]


def _evaluation_ignored() -> list[Patch]:
    return [(AlarmReading, "is_evaluated", property(lambda _: True))]


def _broken_alarms_left_alone() -> list[Patch]:
    return [(judge, "_broken_for_too_long", lambda _evidence: None)]


def _not_evaluated_passes() -> list[Patch]:
    return [(judge, "_judge_evaluations", lambda _evidence: None)]


def _starts_without_evaluation() -> list[Patch]:
    return [(prepare, "not_evaluated", lambda _readings: ())]


def _every_alarm_guards() -> list[Patch]:
    return [(AlarmNow, "guarded", property(lambda _: True))]


def _no_look_after_an_extension() -> list[Patch]:
    return [
        (Watch, "_last_second", lambda _self, end: end),
        _judging(
            lambda seen: (
                replace(seen, aliases_read_at=math.inf)
                if seen.aliases_read_at >= seen.planned_end
                else seen
            )
        ),
    ]


def _alarm_at_start_never_counts() -> list[Patch]:
    observe = alarms.observe

    def mutated(each: AlarmWatch, reading: AlarmReading, sent: float) -> AlarmWatch:
        counted = each.counts
        seen = observe(each, reading, sent)
        return seen if counted else replace(seen, counts=False, was_ok=False, fired=None)

    return [(alarm_poll, "observe", mutated)]


def _firing_ignored() -> list[Patch]:
    return [
        _judging(
            lambda evidence: replace(
                evidence,
                watches=tuple(
                    replace(each, fired=None, history_known=each.newest)
                    for each in evidence.watches
                ),
            )
        ),
        # Who has found one looks at nothing else, and the step would never end.
        (AlarmPoll, "_has_fired", property(lambda _: False)),
    ]


def _looks_before_it_rolls_back() -> list[Patch]:
    settle_once = AliasWriter.restore_once

    def mutated(self: AliasWriter, routing: Routing, record: Record | None = None) -> Settlement:
        self.looks_first = True
        return settle_once(self, routing, record)

    return [(AliasWriter, "restore_once", mutated)]


# The end of the credentials --------------------------------------------------------------------------


def _end_not_heeded() -> list[Patch]:
    return [
        (expiry, "raise_if_ending", lambda ports: ports.life()),
        (Expiry, "next_moment", property(lambda _: math.inf)),
    ]


def _heeded_too_late() -> list[Patch]:
    return [(CredentialsLife, "act_at", property(lambda self: self.ends_at + 10))]


def _end_not_heeded_at_100() -> list[Patch]:
    step = Watch.step

    def mutated(self: Watch, planned: Step, *others: Any) -> None:
        if planned.percent == HUNDRED:
            self._expiry = SimpleNamespace(heed=str, next_moment=math.inf)  # type: ignore[assignment]
        step(self, planned, *others)

    return [(Watch, "step", mutated)]


def _forward_while_unrenewed() -> list[Patch]:
    heed = Expiry.heed
    return [(Expiry, "heed", lambda self: heed(self)[:0])]


def _failed_renewal_not_told() -> list[Patch]:
    begin = Expiry.__init__

    def mutated(self: Expiry, ports: Any) -> None:
        begin(self, replace(ports, emit=lambda _: None))

    return [(Expiry, "__init__", mutated)]


def _held_unasked() -> list[Patch]:
    bad_end = rollout.Rollout._bad_end

    def mutated(self: rollout.Rollout, cause: RolloutError, *, failed: bool) -> Finished:
        if isinstance(cause, expiry.CredentialsEnd) and self._finisher.can_hold:
            return self._finisher.hold(cause.what)
        return bad_end(self, cause, failed=failed)

    return [(rollout.Rollout, "_bad_end", mutated)]


# Endings ------------------------------------------------------------------------------------------


def _settling(change: Callable[[DesiredState], DesiredState]) -> Patch:
    settle = settling.restore

    def mutated(desired_states: Sequence[DesiredState], *rest: Any) -> list[Settlement]:
        return settle([change(desired) for desired in desired_states], *rest)

    return (ending, "restore", mutated)


def _wrong_version_restored() -> list[Patch]:
    def change(desired: DesiredState) -> DesiredState:
        newer = max(
            desired.writer.old, *desired.writer.routing.weights, desired.writer.routing.version
        )
        return (
            replace(desired, routing=Routing.all_on(newer)) if desired.record is None else desired
        )

    return [_settling(change)]


def _released_without_a_word_to_aws() -> list[Patch]:
    def clear(_self: Finisher, rollouts: Sequence[AliasRollout]) -> list[Settlement]:
        return [Settled(rollout.writer.known) for rollout in rollouts]

    return [(Finisher, "_clear", clear)]


def _never_tried_again() -> list[Patch]:
    settle = settling.restore

    def mutated(
        desired_states: Sequence[DesiredState], clock: Any, tell: Any, _seconds: float, *rest: Any
    ) -> Any:
        return [
            Settled(each.alias) if isinstance(each, Settled) else Settled(desired.writer.known)
            for desired, each in zip(
                desired_states, settle(desired_states, clock, tell, 0.0, *rest), strict=True
            )
        ]

    return [(ending, "restore", mutated)]


def _cut_text_restored() -> list[Patch]:
    def change(desired: DesiredState) -> DesiredState:
        desired.writer.text = lease.owners_text(desired.writer.known.description)
        return desired

    return [_settling(change)]


def _post_goes_forward() -> list[Patch]:
    def settle(saved_state: SavedState, identity: RunIdentity, parts: Any) -> Any:
        return post.settle_what_main_left(
            replace(saved_state, phase=Phase.CLEARING), identity, parts
        )

    from tests.simulation import simulate as played

    return [(played, "settle_what_main_left", settle)]


def _mark_not_set() -> list[Patch]:
    return [(Finisher, "_mark_passed", lambda _self, _charge: None)]


MUTATIONS = [
    Mutation("drop RevisionId", _no_revision_id, seeds=(0,)),
    Mutation("write no record", _no_record, seeds=(0,)),
    Mutation("count the time at a weight from each renewal", _since_its_renewal, seeds=(2,)),
    Mutation("on 412 assume success", _success_on_412, seeds=(10,)),
    Mutation("on 412 write again with the newest RevisionId", _newest_revision_id, seeds=(88,)),
    Mutation("take any news for ours", _no_conflict, seeds=(0,)),
    Mutation("forget the pending writes", _pending_forgotten, seeds=(10,)),
    Mutation(
        "count writes that were refused before they were sent",
        _refused_counted,
        seeds=(398,),
        drawn=two_at_once,
    ),
    Mutation(
        "believe reads older than our own write",
        _stale_read_believed,
        seeds=(0,),
        drawn=two_at_once,
    ),
    Mutation("treat any routing as ours when settling", _everything_is_ours, seeds=(59,)),
    Mutation("treat what the post stage holds as ours", _held_by_post_is_ours, seeds=(196,)),
    Mutation("start on a stranger's split", _strangers_split_is_free, seeds=(168,)),
    Mutation("treat a living run as dead", _everybody_is_dead, seeds=(199,)),
    Mutation("let a record never expire", _in_progress_is_alive, seeds=(16,)),
    Mutation("take a whole alias with a dead record for nobody's", _whole_is_free, seeds=(58,)),
    Mutation(
        "mend without the judged RevisionId", _mended_unjudged, seeds=(336,), drawn=two_in_a_row
    ),
    Mutation("renew too late", _renewed_too_late, seeds=(23,)),
    Mutation("write the lease by the runner's clock", _lease_on_the_runners_clock, seeds=(1,)),
    Mutation(
        "judge the lease by the runner's clock",
        _lease_judged_by_the_runners_clock,
        seeds=(0,),
        drawn=two_clocks,
    ),
    Mutation("ignore stop", _stop_ignored, seeds=(22,)),
    Mutation("forget the final read of alarms", _no_final_read, seeds=(16,)),
    Mutation("skip alias reads", _no_look_at_the_alias, seeds=(0,)),
    Mutation("pass before the step's end", _step_cut_short, seeds=(6,)),
    Mutation("ignore the history", _history_ignored, seeds=(10,)),
    Mutation("count an OK only once the history tells of it", _ok_only_by_history, seeds=(546,)),
    Mutation(
        "never count an alarm that was on at the start", _alarm_at_start_never_counts, seeds=(546,)
    ),
    Mutation("take the state of an alarm that is not evaluated", _evaluation_ignored, seeds=(78,)),
    Mutation("leave an alarm alone that is broken", _broken_alarms_left_alone, seeds=(970,)),
    Mutation("pass with an alarm that is not evaluated", _not_evaluated_passes, seeds=(78,)),
    Mutation("start with an alarm that is not evaluated", _starts_without_evaluation, seeds=(87,)),
    Mutation("say of every alarm that it guarded", _every_alarm_guards, seeds=(42,)),
    Mutation("look at no alias after an extension", _no_look_after_an_extension, seeds=(78,)),
    Mutation("ignore that an alarm fired", _firing_ignored, seeds=(1,)),
    Mutation("go on until the credentials end", _end_not_heeded, seeds=(0,), drawn=unrenewed),
    Mutation(
        "heed the credentials' end too late",
        _heeded_too_late,
        seeds=(0,),
        drawn=unrenewed,
    ),
    Mutation(
        "do not heed the credentials' end at 100%",
        _end_not_heeded_at_100,
        seeds=(5,),
        drawn=unrenewed,
    ),
    Mutation(
        "go forward while a renewal fails", _forward_while_unrenewed, seeds=(0,), drawn=unrenewed
    ),
    Mutation(
        "say nothing of a failed renewal", _failed_renewal_not_told, seeds=(5,), drawn=unrenewed
    ),
    Mutation(
        "hold when the credentials end though nobody asked for it",
        _held_unasked,
        seeds=(0,),
        drawn=unrenewed,
    ),
    Mutation("look at the alias before rolling back", _looks_before_it_rolls_back, seeds=(1,)),
    Mutation("restore the wrong version", _wrong_version_restored, seeds=(1,)),
    Mutation("say released without settling", _released_without_a_word_to_aws, seeds=(0,)),
    Mutation("try to settle once", _never_tried_again, seeds=(16,)),
    Mutation("restore the owner's text as it was cut", _cut_text_restored, seeds=(138,)),
    Mutation("post goes forward", _post_goes_forward, seeds=(4,)),
    Mutation(
        "clear a group without marking that it passed",
        _mark_not_set,
        seeds=(5,),
        drawn=group_dies_clearing,
    ),
]


def search(mutations: Iterable[Mutation], wanted: Sequence[str]) -> None:
    """Print the first seed that catches each, where those that are known no longer do."""
    for mutation in mutations:
        known = mutation.caught_by(mutation.seeds)
        if known is not None:
            continue
        if wanted and not any(word in mutation.name for word in wanted):
            continue
        first = mutation.caught_by(range(SEARCHED))
        print(f"{mutation.name}: {first}", flush=True)


if __name__ == "__main__":
    search(MUTATIONS, sys.argv[1:])
