"""The post stage: settle what main left, and when in doubt, write.

It may run while main is still alive in a container that the runner lost, publishing or shifting. So it writes
even to an alias that looks whole: the new RevisionId makes the one that main holds useless, whatever main was
about to send (README, promise 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.restore import DesiredState, restore
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import AliasReader, AliasWriter, Settled, Unsettled
from lambda_rollout.rollout.acquire import restore_abandoned
from lambda_rollout.rollout.events import AliasLeft, Finished, Result, Warned
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import CallFailed, RolloutError
from lambda_rollout.runtime.retry import retrying

TOTAL_LIMIT = 270.0
"""Seconds for all of it: the runner gives a post stage about 4:45 after a cancellation (source: actions/runner)."""

ASKING_LIMIT = 240.0
"""Seconds to ask for the role's credentials, without which there is nothing to do but to say so."""

LIMIT = 200.0
"""Seconds to try, for reading and again for writing, if there is as much left."""

LEAST = 20.0
"""Seconds to try it at least."""

UNFINISHED = "main ended before it had settled the alias"
RESTORING = "main ended while it put back what a dead run had left"


class Found(Enum):
    """What became of an alias that main left."""

    OURS = auto()
    """It is this rollout's still, or held as main found it."""
    UNREAD = auto()
    """AWS did not say."""
    CHANGED = auto()
    """Somebody else gave it a routing that this rollout did not."""
    TAKEN = auto()
    """Another rollout has it now, or it was deleted."""


@dataclass(frozen=True, slots=True)
class StillHeld:
    """One alias that main was to promote, and is held as main found it."""

    saved: SavedAlias
    writer: AliasWriter
    record: Record


def settle_what_main_left(
    saved_state: SavedState, identity: RunIdentity, ports: Ports, left_for_it: float = TOTAL_LIMIT
) -> Finished:
    """Do for every alias what main would have done next; ``left_for_it`` is how many seconds the runner gives still.

    Raises `RolloutError` if AWS cannot be asked at all, for want of credentials.
    """
    if saved_state.phase is Phase.RESTORING:
        return _put_back_what_was_dead(
            [saved.target for saved in saved_state.aliases], identity, ports, left_for_it
        )
    end = ports.clock.monotonic() + left_for_it
    finisher = Finisher(identity, ports)
    found: list[Found] = []
    held: list[StillHeld] = []
    for saved in saved_state.aliases:
        finisher.limit = _limit(end, ports)
        found.append(_take_over(saved, saved_state, identity, ports, finisher, held))
    left = Found.UNREAD in found or Found.CHANGED in found
    moves = saved_state.phase is Phase.MOVING and finisher.has_shifted
    goes_along = moves or saved_state.phase is Phase.ROLLING_BACK
    for each in held:
        finisher.limit = _limit(end, ports)
        if goes_along:
            # As main would have done: what it had not promoted yet is not left behind by the others.
            _take(each.saved, each.writer, finisher)
        else:
            left |= not _leave_held(each, identity, ports, finisher.limit)
    finisher.limit = _limit(end, ports)
    lost = Found.CHANGED in found or Found.TAKEN in found
    if saved_state.phase is Phase.CLEARING and not (lost and finisher.may_go_back):
        finished = finisher.complete()
    elif saved_state.phase is Phase.HOLDING or _asked_to_hold(saved_state, finisher):
        finished = finisher.hold(UNFINISHED)
    else:
        finished = finisher.roll_back(RolloutError(UNFINISHED))
    if left:
        finished = finisher.finished(Result.FAILED, f"{UNFINISHED}, and not every alias could be")
    ports.emit(finished)
    return finished


def _put_back_what_was_dead(
    targets: Sequence[Target], identity: RunIdentity, ports: Ports, left_for_it: float
) -> Finished:
    """Put back what a dead run had left, as main was about to; and write what is whole once more.

    It is judged anew, by its record's time alone: should the dead run be alive, it is left to it.
    """
    end = ports.clock.monotonic() + left_for_it
    finisher = Finisher(identity, ports)
    try:
        found = restore_abandoned(
            targets, identity, replace(ports, stop=Stop()), _limit(end, ports)
        )
    except RolloutError as cause:
        finished = finisher.finished(Result.FAILED, cause.what, cause.remedy)
    else:
        for status in found:
            # Main may have gone on meanwhile: its record speaks for ours.
            writer = AliasWriter(
                status.target,
                status.alias,
                ports.aliases,
                ports.clock,
                ports.aws_clock,
                identity.rollout_id,
                shared=True,
            )
            finisher.track(writer).possibly_written = True
        finisher.limit = _limit(end, ports)
        finished = finisher.roll_back(RolloutError(RESTORING))
    ports.emit(finished)
    return finished


def _limit(end: float, ports: Ports) -> float:
    return max(LEAST, min(LIMIT, end - ports.clock.monotonic()))


def _asked_to_hold(saved_state: SavedState, finisher: Finisher) -> bool:
    return saved_state.phase is Phase.MOVING and saved_state.hold_on_cancel and finisher.can_hold


def _take_over(
    saved: SavedAlias,
    saved_state: SavedState,
    identity: RunIdentity,
    ports: Ports,
    finisher: Finisher,
    held: list[StillHeld],
) -> Found:
    """Take charge of an alias if it is still this rollout's; what is left in a bad state is told.

    What main was to promote, and is held as main found it, is put among ``held``: the others decide on it.
    """
    target = saved.target
    back = _whole(saved, saved_state)
    try:
        reader = AliasReader(target, ports.aliases, ports.clock)
        alias = retrying(ports.clock, None, finisher.limit, CallFailed)(reader.read_or_gone)
    except CallFailed as error:
        command = identity.command(target, back, saved.text)
        ports.emit(_left(saved, None, back, f"it could not be read: {error}", command))
        return Found.UNREAD
    if alias is None:
        ports.emit(_left(saved, None, back, "the alias or its function was deleted", ""))
        return Found.TAKEN
    _, record = lease.parse(alias.description)
    agreeing = record is not None and lease.agrees(record, alias.routing)
    if (
        agreeing
        and record is not None
        and record.held
        and record.rollout_id == saved.taken_over_from
    ):
        held.append(StillHeld(saved, _traffic(saved, alias, ports), record))
        return Found.OURS
    if (
        agreeing
        and record is not None
        and record.rollout_id not in {saved.rollout_id, saved.taken_over_from}
    ):
        text = f"Another rollout has {target} now ({alias.shown}); it was left to that one."
        ports.emit(Warned(text=text))
        return Found.TAKEN
    # Once every watch was passed main was on the new version: an alias that is on the old one again was put
    # back by somebody else.
    ours = (back,) if saved_state.phase is Phase.CLEARING else saved.routings
    if not agreeing and alias.routing not in ours:
        why = "its routing is none that this rollout gave it, so somebody else changed it"
        command = "" if alias.routing.is_unsplit else identity.command(target, back, saved.text)
        ports.emit(_left(saved, alias.routing, back, why, command))
        return Found.CHANGED
    writer = _traffic(saved, alias, ports)
    if record is not None and writer.text == lease.parse(lease.compose(saved.text, record))[0]:
        # The text was cut to make room for the record; it is to come back whole.
        writer.text = saved.text
    _take(saved, writer, finisher)
    return Found.OURS


def _traffic(saved: SavedAlias, alias: Alias, ports: Ports) -> AliasWriter:
    return AliasWriter(
        saved.target,
        alias,
        ports.aliases,
        ports.clock,
        ports.aws_clock,
        saved.rollout_id,
        saved.old,
        shared=True,
    )


def _take(saved: SavedAlias, writer: AliasWriter, finisher: Finisher) -> None:
    finisher.track(writer, saved.new).possibly_written = True


def _leave_held(held: StillHeld, identity: RunIdentity, ports: Ports, limit: float) -> bool:
    """Write what main was to promote once more as it is: main may still be about to."""
    saved, target = held.saved, held.saved.target
    found = held.writer.found
    desired = DesiredState(held.writer, found.routing, held.record)
    [settlement] = restore([desired], ports.clock, seconds=limit)
    if isinstance(settlement, Unsettled):
        command = identity.command(target, Routing.all_on(saved.old), saved.text)
        why = f"it was held, and AWS did not confirm that it still is: {settlement.why}"
        ports.emit(_left(saved, None, found.routing, why, command))
        return False
    if isinstance(settlement, Settled):
        text = f"{target} is still held ({found.routing}): it was not promoted."
        ports.emit(Warned(text=text))
    return True


def not_yet(
    saved_state: SavedState, identity: RunIdentity, why: BaseException | None
) -> Iterator[Warned]:
    """Say at once that AWS cannot be asked, and how to mend each alias by hand: the runner may end us meanwhile."""
    for left in all_left(saved_state, identity):
        text = f"Not settled yet: {left.target}. Trying on: {why}. By hand: {left.command}"
        yield Warned(text=text)


def all_left(saved_state: SavedState, identity: RunIdentity) -> Iterator[AliasLeft]:
    """Say of every alias that AWS could not be asked about it, and how to mend it by hand."""
    for saved in saved_state.aliases:
        back = _whole(saved, saved_state)
        command = identity.command(saved.target, back, saved.text)
        yield AliasLeft(
            target=saved.target,
            routing=None,
            expected=back,
            why="AWS could not be asked",
            command=command,
        )


def _whole(saved: SavedAlias, saved_state: SavedState) -> Routing:
    return Routing.all_on(saved.new if saved_state.phase is Phase.CLEARING else saved.old)


def _left(
    saved: SavedAlias,
    routing: Routing | None,
    expected: Routing,
    why: str,
    command: str,
) -> AliasLeft:
    return AliasLeft(
        target=saved.target,
        routing=routing,
        expected=expected,
        why=why,
        command=command,
    )
