"""The ways out of a rollout: go back, hold, let go. Each settles first and talks after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import PASSED
from lambda_rollout.alias.restore import DesiredState, restore
from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.alias.settlement import (
    ChangedByOther,
    Deleted,
    Settled,
    Settlement,
    Unsettled,
    VersionGone,
)
from lambda_rollout.alias.writer import Conflict
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.rollout.aftermath import tell_executions_left, tell_what_aws_still_sends
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import (
    Finished,
    Held,
    RecordCleared,
    Result,
    RolledBack,
    Warned,
)
from lambda_rollout.rollout.left import not_settled
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.previous_alias import VersionLeft, read_previous, set_previous
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.errors import CallFailed, NotFound, RolloutError, Unanswered
from lambda_rollout.runtime.retry import SETTLE_LIMIT

TELL_TROUBLE_AT = 2
"""A single write that was not confirmed is common, and made good by the next: the second one is told."""


def _taken_back(rollout: AliasRollout, mark: Settlement) -> RolloutError | None:
    """Return why an alias cannot go forward with its group any more: it is not on the new version; None if it can."""
    target, new = rollout.target, Routing.all_on(rollout.new)
    match mark:
        case Deleted():
            return RolloutError(f"{target} or its function was deleted during the rollout")
        case ChangedByOther(alias) if alias.routing != new:
            return Conflict(target, new, alias, rollout.writer.old)
    return None


def _bears_a_mark(rollout: AliasRollout) -> bool:
    """Whether a record can say something of it: one from a version to itself would be no record."""
    return rollout.new != rollout.writer.old


def _version_left(rollout: AliasRollout) -> VersionLeft:
    old = rollout.writer.old
    return VersionLeft(rollout.target, old, rollout.new or old)


MOST_GUARDIANS = 3
"""How many of them are told to the post stage: one is the rule, and the state is no room for hundreds."""


def _who_watches(guardians: Sequence[str]) -> str:
    if not guardians:
        return "Nothing watches it now."
    # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, and perhaps a qualifier
    names = " and ".join("".join(arn.split(":")[6:7]) or arn for arn in guardians)
    return f"No job watches it now, but {names}: it goes back if an alarm fires."


class Finisher:
    """Knows every alias the rollout is in charge of, and how to leave it."""

    def __init__(
        self,
        identity: RunIdentity,
        ports: Ports,
        limit: float = SETTLE_LIMIT,
        *,
        saves: bool = True,
    ) -> None:
        """Nothing is in charge yet. ``limit`` is how many seconds to try to settle; it may be changed later.

        Without ``saves`` nothing is saved for the post stage: a plan changes nothing and leaves nothing.
        """
        self.limit = limit
        self._identity = identity
        self._ports = ports
        self._saves = saves
        self._tracked: list[AliasRollout] = []
        self.created: list[Target] = []
        """Aliases that this rollout created; they stay."""
        self.back: Sequence[AliasRollout] = ()
        """Those that were rolled back, if every one that was to go back is; otherwise none."""
        self.guardians: Sequence[str] = ()
        """ARNs of the guardians that the alarms invoke, as far as they were read: they watch what is held."""
        self.rolling_back_since = 0.0
        """When it began to roll them back; monotonic seconds."""
        self._troubles: Counter[Target] = Counter()

    def track(self, rollout: AliasRollout) -> AliasRollout:
        """From here on the alias is to be left whole, on its old version or on the new one."""
        self._tracked.append(rollout)
        return rollout

    @property
    def can_hold(self) -> bool:
        """Whether there is a split that could be held: what moves was shifted, and AWS confirmed it.

        Of several functions all were: with a part of them held, the rest would stay behind at promotion. What
        another run left, and we have not taken over yet, is not ours to call held.
        """
        moving = [
            rollout for rollout in self._tracked if rollout.new not in {"", rollout.writer.old}
        ]
        return bool(moving) and all(rollout.needs_restore and rollout.shifted for rollout in moving)

    @property
    def has_shifted(self) -> bool:
        """Whether any alias in charge is anywhere but 100% on its old version."""
        return any(rollout.shifted for rollout in self._tracked)

    @property
    def may_go_back(self) -> bool:
        """Whether of what moves nothing says, or said before its record was taken off, that all have passed."""
        moving = [rollout for rollout in self._tracked if rollout.new != rollout.writer.old]
        records = [lease.parse(rollout.writer.known.description)[1] for rollout in moving]
        return bool(moving) and not any(record is None or record.passed for record in records)

    def remember(self, phase: Phase) -> None:
        """Save for the post stage how far we are, if anything is saved for it."""
        if not self._saves:
            return
        saved_aliases = tuple(rollout.saved for rollout in self._tracked)
        saved = self._identity.saved_state(phase, saved_aliases)
        self._ports.remember(replace(saved, guardians=tuple(self.guardians[:MOST_GUARDIANS])))

    # The ways out ------------------------------------------------------------------------------

    def roll_back(
        self,
        cause: RolloutError,
        alarms: tuple[AlarmReading, ...] = (),
        tell: Callable[[], None] = lambda: None,
        *,
        failed: bool = False,
    ) -> Finished:
        """Put every alias back on its old version, the last one shifted first; none if we touched none of them.

        Only then anything is told. ``failed`` makes it `Result.FAILED` however it ends: a conflict is no
        rollback.
        """
        rollouts = [rollout for rollout in reversed(self._tracked) if rollout.needs_restore]
        self.rolling_back_since = self._ports.clock.monotonic()
        if rollouts:
            # What was held, and is not promoted yet, goes with the others: a group is not left in parts.
            rollouts = [
                each for each in reversed(self._tracked) if each.needs_restore or each.shifted
            ]
        all_back = self.restore(rollouts, tell)
        self.back = tuple(reversed(rollouts)) if all_back else ()
        for target in self.created:
            text = f"Alias {target} was created by this rollout and stays."
            self._ports.emit(Warned(text=text))
        result = Result.ROLLED_BACK if rollouts and all_back and not failed else Result.FAILED
        return self.finished(result, cause.what, cause.remedy, alarms)

    def restore(
        self, rollouts: Sequence[AliasRollout], tell: Callable[[], None] = lambda: None
    ) -> bool:
        """Put each alias back on its old version; return whether all of them are.

        Each is told as soon as it is, after ``tell`` has told what else there is: how long the new version was
        exposed must not depend on another alias.
        """
        went_from = {
            rollout.target: (rollout, rollout.writer.routing.percent_of(rollout.new))
            for rollout in rollouts
        }
        if rollouts:
            self.remember(Phase.ROLLING_BACK)

        def done(desired: DesiredState, settlement: Settlement) -> None:
            tell()
            if isinstance(settlement, Settled):
                rollout, share = went_from[desired.writer.target]
                self._ports.emit(
                    RolledBack(
                        target=rollout.target,
                        version=rollout.writer.old,
                        from_version=rollout.new,
                        percent=share,
                    )
                )

        settlements = self._restore(
            [
                DesiredState(rollout.writer, Routing.all_on(rollout.writer.old))
                for rollout in rollouts
            ],
            self._missing,
            done,
        )
        tell()
        for rollout, settlement in zip(rollouts, settlements, strict=True):
            if isinstance(settlement, Settled):
                tell_what_aws_still_sends(rollout, self._ports)
            else:
                self._tell_left(rollout, Routing.all_on(rollout.writer.old), settlement)
        for rollout, settlement in zip(rollouts, settlements, strict=True):
            if isinstance(settlement, Settled):
                tell_executions_left(rollout, self._identity.region, self._ports)
        return self._all_settled(settlements)

    def hold(self, reason: str) -> Finished:
        """Leave every alias where it is, marked as held; what was never confirmed goes back."""
        self.remember(Phase.HOLDING)
        rollouts = [rollout for rollout in self._tracked if rollout.needs_restore]
        desired_states = [self._held(rollout) for rollout in rollouts]
        settlements = self._restore(desired_states)
        for rollout, desired, settlement in zip(rollouts, desired_states, settlements, strict=True):
            if isinstance(settlement, Settled):
                self._ports.emit(
                    Held(
                        target=rollout.target,
                        version=rollout.new,
                        previous=rollout.writer.old,
                        percent=desired.routing.percent_of(rollout.new),
                    )
                )
            else:
                self._tell_left(rollout, Routing.all_on(rollout.writer.old), settlement)
        if not self._all_settled(settlements):
            return self.finished(Result.FAILED, f"the rollout could not be held ({reason})")
        remedy = f"{_who_watches(self.guardians)} Finish it with `mode: promote`, or undo it with `mode: rollback`"
        each = f", naming all {len(rollouts)} functions." if len(rollouts) > 1 else "."
        return self.finished(Result.HELD, reason, remedy + each)

    def _held(self, rollout: AliasRollout) -> DesiredState:
        writer = rollout.writer
        if not rollout.shifted:
            return DesiredState(writer, Routing.all_on(writer.old))
        record = self._identity.record(writer, rollout.new, writer.routing, None)
        return DesiredState(writer, writer.routing, record)

    def complete(self, *, all_read: bool = True) -> Finished:
        """Take the record off every alias; they are 100% on the new version already.

        Of several, the last one says first that all have passed, and says so until the others are done. If we
        die meanwhile, the next run knows from it that the rest is to be finished, and nothing to go back. If
        that one is found to be taken back, all go back: a group goes forward or back as one. Once it says that
        they have passed, they go forward, whatever happens to one of them. Without ``all_read`` there are others
        of the group that bear its record still, for all that is known: then the last one keeps saying it.
        """
        self.remember(Phase.CLEARING)
        left = [_version_left(rollout) for rollout in self._tracked]
        previous = read_previous(left, self._identity, self._ports)
        rollouts = [rollout for rollout in self._tracked if rollout.needs_restore]
        # The post stage answers for unchanged ones, too.
        rollouts.sort(key=_bears_a_mark)
        forward: list[tuple[AliasRollout, Settlement]] = []
        mark: Settlement | None = None
        while rollouts and (len(rollouts) > 1 or not all_read) and _bears_a_mark(rollouts[-1]):
            mark = self._mark_passed(rollouts[-1])
            if conflict := _taken_back(rollouts[-1], mark):
                return self.roll_back(conflict, failed=True)
            if not isinstance(mark, ChangedByOther):
                break
            # Somebody else has finished this one, so another one has to say it.
            forward.append((rollouts.pop(), mark))
        doubt = mark if isinstance(mark, Unsettled) else None
        # Without the mark none is cleared: the rest of a group could not be told from one that never passed.
        settlements = [doubt] * (len(rollouts) - 1) if doubt else self._clear(rollouts[:-1])
        doubt = next((s for s in settlements if isinstance(s, Unsettled)), doubt)
        if not (doubt or all_read):
            doubt = Unsettled(Unanswered("GetAlias", "Unread", "another one could not be read"))
        last = rollouts[-1:]
        settlements += [doubt] * len(last) if doubt else self._clear(last)
        forward += zip(rollouts, settlements, strict=True)
        for rollout, settlement in forward:
            if isinstance(settlement, Settled):
                target = rollout.target
                self._ports.emit(RecordCleared(target=target, version=rollout.new))
            else:
                self._tell_left(rollout, Routing.all_on(rollout.new), settlement)
        if all(isinstance(settlement, Settled) for _, settlement in forward):
            writers = {rollout.target: rollout.writer for rollout in self._tracked}
            set_previous(previous, writers, self._identity, self._ports, self.limit)
        if self._all_settled([settlement for _, settlement in forward]):
            return self.finished(Result.PROMOTED)
        if len(forward) == 1 and (conflict := _taken_back(*forward[0])):
            return self.finished(Result.FAILED, conflict.what, conflict.remedy)
        return self.finished(
            Result.FAILED, "every step passed, but the record could not be removed from every alias"
        )

    def _mark_passed(self, rollout: AliasRollout) -> Settlement:
        """Write the mark that every step has passed."""
        routing = Routing.all_on(rollout.new)
        record = self._identity.live_record(rollout.writer, rollout.new, routing)
        (mark,) = self._restore(
            [DesiredState(rollout.writer, routing, replace(record, until=PASSED))]
        )
        return mark

    def _clear(self, rollouts: Sequence[AliasRollout]) -> list[Settlement]:
        return self._restore(
            [DesiredState(rollout.writer, Routing.all_on(rollout.new)) for rollout in rollouts]
        )

    def finished(
        self,
        result: Result,
        reason: str = "",
        remedy: str = "",
        alarms: tuple[AlarmReading, ...] = (),
    ) -> Finished:
        """Make the last event."""
        return Finished(result=result, reason=reason, remedy=remedy, failed_alarms=alarms)

    # Settling and telling ----------------------------------------------------------------------

    def _restore(
        self,
        desired_states: list[DesiredState],
        missing: Callable[[DesiredState], str] = lambda _: "",
        done: Callable[[DesiredState, Settlement], None] = lambda _desired, _how: None,
    ) -> list[Settlement]:
        ports = self._ports
        return restore(
            desired_states,
            ports.clock,
            self._tell_trouble,
            self.limit,
            ports.parallel,
            missing,
            done,
        )

    def _missing(self, desired: DesiredState) -> str:
        """Return the old version if AWS says that it has it no more; empty if it has it, or does not say.

        At 100% the alias does not name it any more, so AWS lets anybody delete it.
        """
        try:
            self._ports.versions.read(desired.writer.target, desired.routing.version)
        except NotFound:
            return desired.routing.version
        except CallFailed:
            pass
        return ""

    def _all_settled(self, settlements: Sequence[Settlement]) -> bool:
        """Whether nothing is left to do; if so the post stage is told.

        Without a charge there is nothing to say: what is saved then speaks of what a dead run left, if of anything.
        """
        settled = all(isinstance(settlement, Settled) for settlement in settlements)
        if self._tracked and not any(
            isinstance(settlement, Unsettled | VersionGone) for settlement in settlements
        ):
            self.remember(Phase.DONE)
        return settled

    def _tell_trouble(self, desired: DesiredState, why: CallFailed) -> None:
        """Say at once what state the alias is in: the runner may kill us before the end of trying."""
        target = desired.writer.target
        self._troubles[target] += 1
        if self._troubles[target] != TELL_TROUBLE_AT:
            return
        command = self._identity.command(target, desired.routing, desired.writer.text)
        text = (
            f"Not confirmed yet: {target} to {desired.routing}. It was last seen at "
            f"{desired.writer.known.shown}. Still trying: {why.brief}. To do it by hand: {command}"
        )
        self._ports.emit(Warned(text=text))

    def _tell_left(self, rollout: AliasRollout, wished: Routing, settlement: Settlement) -> None:
        alone = len(self._tracked) == 1
        told = not_settled(rollout, wished, settlement, self._identity, alone=alone)
        if told is not None:
            self._ports.emit(told)
