"""The post stage: settle what main left, and when in doubt, write.

It may run while main is still alive in a container that the runner lost, publishing or shifting. So it writes
even to an alias that looks whole: the new RevisionId makes the one that main holds useless, whatever main was
about to send (README, promise 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.restore import DesiredState, restore
from lambda_rollout.alias.routing import Routing
from lambda_rollout.alias.settlement import Settled, Unsettled
from lambda_rollout.rollout.acquire import restore_abandoned
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.events import AliasLeft, Finished, Result, Warned
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.left import LeftAlias
from lambda_rollout.rollout.main_account import naming_by_arn
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import CallFailed, OtherAccount, RolloutError
from lambda_rollout.runtime.retry import may_be_answered_yet, retrying

TOTAL_LIMIT = 270.0
"""Seconds for all of it: the runner gives a post stage about 4:45 after a cancellation (source: actions/runner)."""

ASKING_LIMIT = 240.0
"""Seconds to ask for the role's credentials, without which there is nothing to do but to say so."""

LIMIT = 200.0
"""Seconds to try, for reading and again for writing, if there is as much left."""

LEAST = 20.0
"""Seconds to try it at least."""

UNFINISHED = "the main step ended before the rollout was over"
_IS_LEFT = "at least one alias is not as it should be"
_IS_ELSEWHERE = "the credentials of this stage are another account's"
RESTORING = "the main step ended while it restored what a dead run had left"


class Found(Enum):
    """Why an alias that main left is not this rollout's any more, or not known to be."""

    UNREAD = auto()
    """AWS did not say."""
    ELSEWHERE = auto()
    """The credentials are another account's."""
    CHANGED = auto()
    """Somebody else gave it a routing that this rollout did not."""
    TAKEN = auto()
    """Another rollout has it now, or it was deleted."""


def settle_what_main_left(
    saved_state: SavedState, identity: RunIdentity, ports: Ports, left_for_it: float = TOTAL_LIMIT
) -> Finished:
    """Do for every alias what main would have done next; ``left_for_it`` is how many seconds the runner gives still.

    Raises `RolloutError` if AWS cannot be asked at all, for want of credentials.
    """
    ports = naming_by_arn(ports, saved_state.aliases)
    if saved_state.phase is Phase.RESTORING:
        return _put_back_what_was_dead(saved_state, identity, ports, left_for_it)
    end = ports.clock.monotonic() + left_for_it
    finisher = Finisher(identity, ports)
    finisher.guardians = saved_state.guardians
    found = [
        _take_over(saved, saved_state, identity, ports, _limit(end, ports))
        for saved in saved_state.aliases
    ]
    rollouts = [each for each in found if isinstance(each, AliasRollout)]
    for rollout in rollouts:
        if rollout.resumed is None:
            finisher.track(rollout)
    all_read = Found.UNREAD not in found and Found.ELSEWHERE not in found
    left = not all_read or Found.CHANGED in found
    moves = saved_state.phase is Phase.MOVING and finisher.has_shifted
    goes_along = moves or saved_state.phase is Phase.ROLLING_BACK
    for rollout in rollouts:
        if rollout.resumed is None:
            continue
        if goes_along:
            # As main would have done: what it had not promoted yet is not left behind by the others.
            finisher.track(rollout)
        else:
            left |= not _leave_held(rollout, identity, ports, _limit(end, ports))
    finisher.limit = _limit(end, ports)
    lost = Found.CHANGED in found or Found.TAKEN in found
    if saved_state.phase is Phase.CLEARING and not (lost and finisher.may_go_back):
        finished = finisher.complete(all_read=all_read)
    elif saved_state.phase is Phase.HOLDING or _asked_to_hold(saved_state, finisher):
        finished = finisher.hold(UNFINISHED)
    else:
        finished = finisher.roll_back(RolloutError(UNFINISHED))
    if left:
        why = _IS_ELSEWHERE if Found.ELSEWHERE in found else _IS_LEFT
        finished = finisher.finished(Result.FAILED, f"{UNFINISHED}, and {why}")
    ports.emit(finished)
    return finished


def _put_back_what_was_dead(
    saved_state: SavedState, identity: RunIdentity, ports: Ports, left_for_it: float
) -> Finished:
    """Put back what a dead run had left, as main was about to; and write what is whole once more.

    It is judged anew, by its record's time alone: should the dead run be alive, it is left to it.
    """
    end = ports.clock.monotonic() + left_for_it
    finisher = Finisher(identity, ports)
    targets = [saved.target for saved in saved_state.aliases]
    try:
        found = restore_abandoned(
            targets, identity, replace(ports, stop=Stop()), _limit(end, ports)
        )
    except RolloutError as cause:
        if isinstance(cause, CallFailed):
            # AWS gave no answer about them, so nobody's hands are known to be on them.
            for left in all_left(saved_state, identity, cause.what):
                ports.emit(left)
        finished = finisher.finished(Result.FAILED, cause.what, cause.remedy)
    else:
        for status in found:
            # Main may have gone on meanwhile: its record speaks for ours.
            writer = writer_of(
                status.target,
                status.alias,
                identity.rollout_id,
                ports,
                shared=True,
                overtaken=status.overtaken,
            )
            finisher.track(AliasRollout(status.target, writer, possibly_written=True))
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
    limit: float,
) -> AliasRollout | Found:
    """Return an alias if it is still this rollout's, or why it is not; what is left in a bad state is told.

    What main was to promote, and is held as main found it, is ``resumed``: the others decide on it.
    """
    target = saved.target
    back = _whole(saved, saved_state)
    left = LeftAlias(identity, target, back, saved.text)
    try:
        reader = AliasReader(target, ports.aliases, ports.clock)
        patient = retrying(ports.clock, None, limit, may_be_answered_yet)
        alias = patient(reader.read_or_gone)
    except CallFailed as error:
        ports.emit(left.unread(error))
        return Found.ELSEWHERE if isinstance(error, OtherAccount) else Found.UNREAD
    if alias is None:
        ports.emit(left.deleted())
        return Found.TAKEN
    _, record = lease.parse(alias.description)
    agreeing = record if record is not None and lease.agrees(record, alias.routing) else None
    writer = writer_of(target, alias, saved.rollout_id, ports, saved.old, shared=True)
    if lease.is_cut_of(alias.description, saved.text):
        # The text was cut to make room for the record; it is to come back whole.
        writer.text = saved.text
    rollout = AliasRollout(target, writer, saved.new, possibly_written=True)
    if agreeing and agreeing.held and agreeing.rollout_id == saved.taken_over_from:
        rollout.resumed = agreeing
        return rollout
    if agreeing and agreeing.rollout_id not in {saved.rollout_id, saved.taken_over_from}:
        text = f"Another rollout has taken over {target} ({alias.shown}), so it was left untouched."
        ports.emit(Warned(text=text))
        return Found.TAKEN
    # Once every watch was passed main was on the new version: an alias that is on the old one again was put
    # back by somebody else.
    ours = (back,) if saved_state.phase is Phase.CLEARING else saved.routings
    if not agreeing and alias.routing not in ours:
        why = "this rollout never gave it this routing, so somebody else changed it"
        ports.emit(left.changed(alias.routing, why))
        return Found.CHANGED
    return rollout


def _leave_held(held: AliasRollout, identity: RunIdentity, ports: Ports, limit: float) -> bool:
    """Write what main was to promote once more as it is: main may still be about to."""
    target, writer = held.target, held.writer
    found = writer.found
    desired = DesiredState(writer, found.routing, held.resumed)
    [settlement] = restore([desired], ports.clock, seconds=limit)
    if isinstance(settlement, Unsettled):
        left = LeftAlias(identity, target, found.routing, writer.text)
        why = f"it was held, and AWS did not confirm that it still is: {settlement.why}"
        # A command gives no weights: the one that undoes it.
        ports.emit(left.because(why, command=left.command(Routing.all_on(writer.old))))
        return False
    if isinstance(settlement, Settled):
        text = f"{target} is still held ({found.routing}): it was not promoted."
        ports.emit(Warned(text=text))
    return True


def not_yet(
    saved_state: SavedState, identity: RunIdentity, why: BaseException | None
) -> Iterator[Warned]:
    """Say at once that AWS cannot be asked, and how to put each alias right by hand: the runner may end us soon."""
    for left in all_left(saved_state, identity):
        text = f"Not confirmed yet: {left.target}. Still trying: {why}. To do it by hand: {left.command}"
        yield Warned(text=text)


def all_left(
    saved_state: SavedState, identity: RunIdentity, why: str = "AWS could not be asked"
) -> Iterator[AliasLeft]:
    """Say of every alias why nothing was done about it, and how to put it right by hand."""
    for saved in saved_state.aliases:
        left = LeftAlias(identity, saved.target, _whole(saved, saved_state), saved.text)
        yield left.because(why)


def _whole(saved: SavedAlias, saved_state: SavedState) -> Routing:
    return Routing.all_on(saved.new if saved_state.phase is Phase.CLEARING else saved.old)
