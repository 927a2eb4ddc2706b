"""The guardian: puts an alias back that nobody watches any more, or leaves it alone. It never goes forward.

It is asked on a schedule, and whenever an alarm fires. What an event says is not believed: it may be late, forged, or
come twice. So every time the aliases and CloudWatch are asked, and the same is decided:

- a rollout that is alive is its run's, and so are all aliases while it is: a run that goes on with what was held, or
  left, takes one after the other. One of which every step had passed is the next run's;
- one that died (its lease is over) goes back, as the next run would put it back;
- one that is held goes back if an alarm was in ALARM since its weight was first written;
- an alias that was promoted less than ``bake`` ago goes back to the version that was left, if an alarm was in ALARM
  since then and no later version had traffic beside, and no alias of the group is in a rollout: a run moves them one
  after the other. Of what may have been promoted with it, and has nothing that tells so, it is said that it was left;
- everything else is left as it is.

A write carries the RevisionId of the very read by which it was decided. After a conflict a dead rollout is judged anew
(`lambda_rollout.rollout.abandoned`), and of any other the record that stands there decides, as in ``mode: rollback``
(`lambda_rollout.alias.writer`). So two of these at once, or one beside a run or a person, do each other no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from lambda_rollout.alias import promotion
from lambda_rollout.alias.ownership import is_taken_back
from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.record import Ownership, Record
from lambda_rollout.alias.routing import Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.rollout.abandoned import was_all_but_done
from lambda_rollout.rollout.acquire import look_once, restore_abandoned
from lambda_rollout.rollout.alarms_fired import QUESTION_LIMIT, AlarmsFired
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import AliasStatus, NotOurs
from lambda_rollout.rollout.events import Event, Finished, Restored, Result
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.version import check_can_serve
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT, retrying

MODE = "guardian"
"""What its reports say in place of an input ``mode``."""

_LAST_LOOK = 60.0
"""Seconds that a look may take, at the end of all."""

_IN_A_ROLLOUT = frozenset({Ownership.ALIVE, Ownership.DEAD, Ownership.HELD})


def guard(
    spec: RolloutSpec, ports: Ports, bake: timedelta = timedelta(), limit: float = SETTLE_LIMIT
) -> Finished:
    """Look at all aliases once, and put back what is to go back. Never raises.

    ``spec`` names functions, alias, alarms and ``previous-alias``; ``bake`` is zero to leave what was promoted alone;
    ``limit`` is how many seconds there are for all of it, after which nothing is tried again. `Result.UNCHANGED` says
    that all was left as it is, and why.
    """
    ports.emit(replace(spec.started(), mode=MODE))
    finisher = Finisher(spec.identity, ports, saves=False)
    alarms = AlarmsFired(spec, ports)
    visit = _Visit(spec, ports, bake, finisher, alarms, ports.clock.monotonic() + limit)
    try:
        finished = visit.done()
    except RolloutError as cause:
        finished = finisher.finished(Result.FAILED, cause.what, cause.remedy)
    ports.emit(finished)
    return finished


@dataclass(frozen=True, slots=True)
class _Baking:
    """An alias that was promoted less than the bake time ago, and is where that promotion left it."""

    status: AliasStatus
    promotion: Promotion


@dataclass(slots=True)
class _Visit:
    """One look at all aliases, and what comes of it."""

    spec: RolloutSpec
    ports: Ports
    bake: timedelta
    finisher: Finisher
    alarms: AlarmsFired
    ends: float
    """Until when to try; monotonic seconds."""
    left: list[str] = field(default_factory=list)
    """What was left as it is, and why."""
    back: list[str] = field(default_factory=list)
    """What went back, and why."""
    failed: list[str] = field(default_factory=list)
    """What should have gone back and did not, or could not be decided."""
    remedy: str = ""

    def done(self) -> Finished:
        """Do all of it. Raises `RolloutError` if an alias cannot be read: then nothing was changed."""
        seen = look_once(self.spec.inputs.targets, self.spec.identity, self.ports)
        groups = _groups(seen)
        in_rollouts = [status for group in groups for status in group]
        if any(status.ownership is Ownership.ALIVE for status in in_rollouts):
            self.left.append(f"{_names(in_rollouts)}: left to the run that is at work")
        else:
            for group in groups:
                self._without_failing(partial(self._rollout, group))
        if not groups:
            self._without_failing(partial(self._promotions, seen))
        for status in seen:
            if status.ownership in {Ownership.AWS, Ownership.STRANGERS}:
                self.left.append(f"{status.target} ({status.alias.shown}) is in no rollout")
        finished = self.finisher.finished
        alarms = tuple(dict.fromkeys(self.alarms.fired))
        if self.failed:
            return finished(
                Result.FAILED, "; ".join([*self.failed, *self.back]), self.remedy, alarms
            )
        if self.back:
            return finished(Result.ROLLED_BACK, "; ".join([*self.back, *self.left]), alarms=alarms)
        return finished(Result.UNCHANGED, "; ".join(self.left))

    def _without_failing(self, act: Callable[[], None]) -> None:
        """Do one part; what is wrong with it must not keep another from going back."""
        try:
            act()
        except RolloutError as error:
            self.failed.append(error.what)
            self.remedy = self.remedy or error.remedy

    # One rollout, one promotion ----------------------------------------------------------------

    def _rollout(self, group: Sequence[AliasStatus]) -> None:
        owners = {status.ownership for status in group}
        if was_all_but_done(list(group)):
            self.left.append(f"{_names(group)}: every step had passed, the rest is the next run's")
        elif Ownership.DEAD in owners:
            self._abandoned(group)
        else:
            since = [status.record.since for status in group if status.record is not None]
            with _unknown_of(group, "held"):
                fired = self.alarms.since(min(moment or self._now for moment in since))
            if fired:
                self._restore(self._as_held(group), f"held, and {_alarms(fired)}")
            else:
                self.left.append(f"{_names(group)}: held, and {self._quiet}")

    def _abandoned(self, group: Sequence[AliasStatus]) -> None:
        """Put back what a dead run left; of a group that it was about to hold, also what is held already.

        That goes first: should this process die in between, the rest is still seen to be a dead run's.
        """
        why = "its run died, and its lease is over"
        dead = [status for status in group if status.ownership is Ownership.DEAD]
        if held := [status for status in group if status not in dead]:
            self._restore(self._as_held(held), why)

        targets = [status.target for status in dead]
        restored: list[Target] = []

        def emit(event: Event) -> None:
            self.ports.emit(event)
            if isinstance(event, Restored):
                restored.append(event.target)

        ports = replace(self.ports, emit=emit)
        left = f"{_names(dead)}: somebody else has ended that rollout meanwhile"
        try:
            # The last try begins with a look.
            limit = max(0.0, self._seconds_left - _LAST_LOOK)
            restore_abandoned(targets, self.spec.identity, ports, limit, _refuse)
        except NotOurs as error:
            left = error.what
        finally:
            # Also where one of a group was put back, and another one not.
            if restored:
                self.back.append(f"{', '.join(map(str, restored))}: {why}")
        if len(restored) < len(targets):
            self.left.append(left)

    def _promotions(self, seen: Sequence[AliasStatus]) -> None:
        if not self.bake or not self.spec.inputs.previous_alias:
            return
        free = [status for status in seen if status.ownership is Ownership.NOBODYS]
        told = list(zip(free, self.ports.parallel(self._promotion, free), strict=True))
        for at, group in self._baking(told).items():
            unknown = [
                status
                for status, kept in told
                if not _is_accounted_for(status, kept) and (kept is None or kept.at != at)
            ]
            self._without_failing(partial(self._promoted, at, group, unknown))

    def _promoted(
        self, at: datetime, group: Sequence[_Baking], unknown: Sequence[AliasStatus]
    ) -> None:
        """Take one promotion back if an alarm has fired; ``unknown``: what may have been promoted with it."""
        promoted, statuses = f"promoted at {at:%H:%M:%S} UTC", [each.status for each in group]
        with _unknown_of(statuses, promoted):
            fired = self.alarms.since(at)
            promotions = {each.status.target: each.promotion for each in group}
            counted = self.alarms.apart_from_later(promotions, fired, at) if fired else []
        if counted:
            for each in group:
                check_can_serve(each.status.target, each.promotion.old, self.spec, self.ports)
            rollouts = [self._as_promoted(each) for each in group]
            why = f"{promoted}, and {_alarms(counted)}"
            if self._restore(rollouts, why) and unknown:
                self._tell_unknown(unknown)
        else:
            beside = f"{_alarms(fired)} while a later version had traffic, too"
            what = beside if fired else self._quiet
            self.left.append(f"{_names(statuses)}: {promoted}, and {what}")

    def _tell_unknown(self, unknown: Sequence[AliasStatus]) -> None:
        """Say that a group may have gone back in part: what its rollout could not set tells nothing of it."""
        where = ", ".join(
            f"{each.target} (version {each.alias.routing.version})" for each in unknown
        )
        self.failed.append(
            f"{where}: left alone, because {self.spec.inputs.previous_alias} does not say what was promoted there last"
        )
        self.remedy = self.remedy or (
            "If it was promoted together with the others, take it back with `mode: rollback` and `version`."
        )

    def _restore(self, rollouts: Sequence[AliasRollout], why: str) -> bool:
        """Put each back, and return whether all are."""
        told = f"{', '.join(str(rollout.target) for rollout in rollouts)}: {why}"
        for rollout in rollouts:
            self.finisher.track(rollout)
        self.finisher.limit = self._seconds_left
        if self.finisher.restore(list(reversed(rollouts))):
            self.back.append(told)
            return True
        if ended := self._ended_by_others(rollouts):
            self.left.append(f"{told}, but {ended}")
        else:
            self.failed.append(f"{told}, but not every alias could be put back")
        return False

    def _ended_by_others(self, rollouts: Sequence[AliasRollout]) -> str:
        """Say what others have done with all of them since they were looked at; empty if one is as it was."""
        if not all(rollout.shifted for rollout in rollouts) or self._seconds_left < _LAST_LOOK:
            return ""
        targets = [rollout.target for rollout in rollouts]
        seen = look_once(targets, self.spec.identity, self.ports)
        if all(status.ownership is Ownership.ALIVE for status in seen):
            return "a run is at work there now"
        olds = {rollout.target: rollout.writer.old for rollout in rollouts}
        if all(is_taken_back(status.alias, olds[status.target]) for status in seen):
            return "somebody else has put that back meanwhile"
        return ""

    def _as_held(self, group: Sequence[AliasStatus]) -> list[AliasRollout]:
        return [
            AliasRollout(
                each.target, self._writer_of_held(each, record), record.new, possibly_written=True
            )
            for each in group
            if (record := each.record) is not None
        ]

    def _writer_of_held(self, status: AliasStatus, record: Record) -> AliasWriter:
        # Shared, since others may be putting it back, too: another of us, or a person. Whoever promotes it meanwhile
        # has taken it out of our hands.
        target, alias = status.target, status.alias
        writer = writer_of(target, alias, record.rollout_id, self.ports, record.old, shared=True)
        writer.ends_with_record = True
        return writer

    def _as_promoted(self, baking: _Baking) -> AliasRollout:
        status, kept = baking.status, baking.promotion
        writer = writer_of(status.target, status.alias, self.spec.rollout_id, self.ports, kept.old)
        return AliasRollout(status.target, writer, kept.new, possibly_written=True)

    # What is known -----------------------------------------------------------------------------

    @property
    def _now(self) -> datetime:
        return self.ports.aws_clock.now()

    @property
    def _seconds_left(self) -> float:
        return min(SETTLE_LIMIT, max(0.0, self.ends - self.ports.clock.monotonic()))

    @property
    def _quiet(self) -> str:
        return "no alarm has fired" if self.alarms.named else "there is no alarm to ask"

    def _baking(
        self, told: Sequence[tuple[AliasStatus, Promotion | None]]
    ) -> dict[datetime, list[_Baking]]:
        """Return what was promoted less than the bake time ago and is there still, by promotion."""
        groups: dict[datetime, list[_Baking]] = {}
        for status, kept in told:
            if kept is None or kept.old == kept.new or self._now - kept.at >= self.bake:
                continue
            live = status.alias.routing.version
            if live == kept.new:
                groups.setdefault(kept.at, []).append(_Baking(status, kept))
            elif live != kept.old:
                self.left.append(
                    f"{status.target} is on version {live}: neither {kept.new}, which was promoted, nor {kept.old}"
                )
        return groups

    def _promotion(self, status: AliasStatus) -> Promotion | None:
        target = Target(status.target.function, self.spec.inputs.previous_alias or "")
        reader = AliasReader(target, self.ports.aliases, self.ports.clock, written=False)
        patient = retrying(self.ports.clock, self.ports.stop, QUESTION_LIMIT)
        found = patient(reader.read_or_gone)
        return promotion.promotion_of(found) if found else None


def _refuse(seen: Sequence[AliasStatus]) -> None:
    """Raise `NotOurs` for what is not left by a dead run any more, or is to go forward."""
    for status in seen:
        if status.ownership is Ownership.ALIVE:
            raise NotOurs(f"{status.target}: its run is at work again")
    if was_all_but_done(list(seen)):
        raise NotOurs(f"{_names(seen)}: every step had passed meanwhile")


@contextmanager
def _unknown_of(group: Sequence[AliasStatus], what: str) -> Iterator[None]:
    """Have a `RolloutError` say of which aliases it is not known whether an alarm fired."""
    try:
        yield
    except RolloutError as error:
        unknown = f"{_names(group)}: {what}, and whether an alarm fired is not known: {error.what}"
        raise RolloutError(unknown, error.remedy) from error


def _groups(seen: Iterable[AliasStatus]) -> list[list[AliasStatus]]:
    """Return the aliases that are in a rollout, by rollout: it goes back as one."""
    groups: dict[str, list[AliasStatus]] = {}
    for status in seen:
        if status.record is not None and status.ownership in _IN_A_ROLLOUT:
            groups.setdefault(status.record.rollout_id, []).append(status)
    return list(groups.values())


def _is_accounted_for(status: AliasStatus, kept: Promotion | None) -> bool:
    """Whether an alias is where the promotion that was told of left it, or came from: no later one moved it."""
    return kept is not None and status.alias.routing.version in {kept.old, kept.new}


def _names(statuses: Sequence[AliasStatus]) -> str:
    return ", ".join(str(status.target) for status in statuses)


def _alarms(fired: Sequence[AlarmReading]) -> str:
    names = ", ".join(reading.name for reading in fired)
    return f"{'alarm' if len(fired) == 1 else 'alarms'} {names} fired"
