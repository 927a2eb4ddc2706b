"""The post stage: settle what main left, and when in doubt, write.

It may run while main is still alive in a container that the runner lost, publishing or shifting. So it writes
even to an alias that looks whole: the new RevisionId makes the one that main holds useless, whatever main was
about to send (contract, promise 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.restore import Wish, settle
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.alias.writer import AliasReader, Settled, Traffic, Unsettled
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.rollout.acquire import arrive
from lambda_rollout.rollout.events import AliasLeft, Finished, Result, Warned
from lambda_rollout.rollout.finish import Ending
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.saved_state import Charge, Handover, Phase
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import CallFailed, RolloutError
from lambda_rollout.runtime.retry import patiently

WHOLE_LIMIT = 270.0
"""Seconds for all of it: the runner gives a post stage about 4:45 after a cancellation (source: actions/runner)."""

ASKING_LIMIT = 240.0
"""Seconds to ask for the role's credentials, without which there is nothing to do but to say so."""

LIMIT = 200.0
"""Seconds to try, for reading and again for writing, if there is as much left."""

LEAST = 20.0
"""Seconds to try it at least."""

UNFINISHED = "main ended before it had settled the alias"
MENDING = "main ended while it put back what a dead run had left"


@dataclass(frozen=True, slots=True)
class StillHeld:
    """One alias that main was to promote, and is held as main found it."""

    charge: Charge
    traffic: Traffic
    record: Record


def settle_what_main_left(
    handover: Handover, order: Order, parts: Parts, left_for_it: float = WHOLE_LIMIT
) -> Finished:
    """Do for every alias what main would have done next; ``left_for_it`` is how many seconds the runner gives still.

    Raises `RolloutError` if AWS cannot be asked at all, for want of credentials.
    """
    if handover.phase is Phase.MENDING:
        return _mend(order, parts, left_for_it)
    end = parts.clock.monotonic() + left_for_it
    ending = Ending(order, parts)
    left = False
    held: list[StillHeld] = []
    for charge in handover.charges:
        ending.limit = _limit(end, parts)
        left |= not _take_over(charge, handover, order, parts, ending, held)
    moves = handover.phase is Phase.MOVING and ending.has_shifted
    goes_along = moves or handover.phase is Phase.GOING_BACK
    for each in held:
        ending.limit = _limit(end, parts)
        if goes_along:
            # As main would have done: what it had not promoted yet is not left behind by the others.
            _take(each.charge, each.traffic, ending)
        else:
            left |= not _leave_held(each, order, parts, ending.limit)
    ending.limit = _limit(end, parts)
    if handover.phase is Phase.CLEARING:
        finished = ending.let_go()
    elif handover.phase is Phase.HOLDING or _asked_to_hold(handover, ending):
        finished = ending.hold(UNFINISHED)
    else:
        finished = ending.go_back(RolloutError(UNFINISHED))
    if left:
        finished = ending.finished(Result.FAILED, f"{UNFINISHED}, and not every alias could be")
    parts.emit(finished)
    return finished


def _mend(order: Order, parts: Parts, left_for_it: float) -> Finished:
    """Put back what a dead run had left, as main was about to; and write what is whole once more.

    It is judged anew, by its record's time alone: should the dead run be alive, it is left to it.
    """
    end = parts.clock.monotonic() + left_for_it
    ending = Ending(order, parts)
    anew = replace(order, mode=Mode.ROLLOUT, on_stranded=OnStranded.ROLLBACK)
    try:
        found = arrive(anew, replace(parts, stop=Stop()), _limit(end, parts))
    except RolloutError as cause:
        finished = ending.finished(Result.FAILED, cause.what, cause.remedy)
    else:
        for taken in found:
            if taken.alias is not None:
                # Main may have gone on meanwhile: its record speaks for ours.
                traffic = Traffic(
                    taken.target,
                    taken.alias,
                    parts.aliases,
                    parts.clock,
                    parts.aws_clock,
                    order.nonce,
                    shared=True,
                )
                ending.take_charge(traffic).doubtful = True
        ending.limit = _limit(end, parts)
        finished = ending.go_back(RolloutError(MENDING))
    parts.emit(finished)
    return finished


def _limit(end: float, parts: Parts) -> float:
    return max(LEAST, min(LIMIT, end - parts.clock.monotonic()))


def _asked_to_hold(handover: Handover, ending: Ending) -> bool:
    return handover.phase is Phase.MOVING and handover.hold_on_cancel and ending.can_hold


def _take_over(
    charge: Charge,
    handover: Handover,
    order: Order,
    parts: Parts,
    ending: Ending,
    held: list[StillHeld],
) -> bool:
    """Take charge of an alias if it is still this rollout's; return False if it is left in a bad state.

    What main was to promote, and is held as main found it, is put among ``held``: the others decide on it.
    """
    target = charge.target
    back = _whole(charge, handover)
    try:
        reader = AliasReader(target, parts.aliases, parts.clock)
        alias = patiently(parts.clock, None, ending.limit, CallFailed)(reader.read_or_gone)
    except CallFailed as error:
        command = order.command(target, back, charge.text)
        parts.emit(_left(charge, None, back, f"it could not be read: {error}", command, parts))
        return False
    if alias is None:
        parts.emit(_left(charge, None, back, "the alias or its function was deleted", "", parts))
        return True
    _, record = lease.parse(alias.description)
    agreeing = record is not None and lease.agrees(record, alias.routing)
    if agreeing and record is not None and record.held and record.nonce == charge.taken:
        held.append(StillHeld(charge, _traffic(charge, alias, parts), record))
        return True
    if agreeing and record is not None and record.nonce not in {charge.nonce, charge.taken}:
        text = f"Another rollout has {target} now ({alias.shown}); it was left to that one."
        parts.emit(Warned(at=parts.clock.now(), text=text))
        return True
    # Once every watch was passed main was on the new version: an alias that is on the old one again was put
    # back by somebody else.
    ours = (back,) if handover.phase is Phase.CLEARING else charge.routings
    if not agreeing and alias.routing not in ours:
        why = "its routing is none that this rollout gave it, so somebody else changed it"
        command = "" if alias.routing.is_whole else order.command(target, back, charge.text)
        parts.emit(_left(charge, alias.routing, back, why, command, parts))
        return False
    traffic = _traffic(charge, alias, parts)
    if record is not None and traffic.text == lease.parse(lease.compose(charge.text, record))[0]:
        # The text was cut to make room for the record; it is to come back whole.
        traffic.text = charge.text
    _take(charge, traffic, ending)
    return True


def _traffic(charge: Charge, alias: Alias, parts: Parts) -> Traffic:
    return Traffic(
        charge.target,
        alias,
        parts.aliases,
        parts.clock,
        parts.aws_clock,
        charge.nonce,
        charge.old,
        shared=True,
    )


def _take(charge: Charge, traffic: Traffic, ending: Ending) -> None:
    ending.take_charge(traffic, charge.new).doubtful = True


def _leave_held(held: StillHeld, order: Order, parts: Parts, limit: float) -> bool:
    """Write what main was to promote once more as it is: main may still be about to."""
    charge, target = held.charge, held.charge.target
    found = held.traffic.found
    wish = Wish(held.traffic, found.routing, held.record)
    [settlement] = settle([wish], parts.clock, seconds=limit)
    if isinstance(settlement, Unsettled):
        command = order.command(target, Routing.whole(charge.old), charge.text)
        why = f"it was held, and AWS did not confirm that it still is: {settlement.why}"
        parts.emit(_left(charge, None, found.routing, why, command, parts))
        return False
    if isinstance(settlement, Settled):
        text = f"{target} is still held ({found.routing}): it was not promoted."
        parts.emit(Warned(at=parts.clock.now(), text=text))
    return True


def not_yet(
    handover: Handover, order: Order, at: datetime, why: BaseException | None
) -> Iterator[Warned]:
    """Say at once that AWS cannot be asked, and how to mend each alias by hand: the runner may end us meanwhile."""
    for left in all_left(handover, order, at):
        text = f"Not settled yet: {left.target}. Trying on: {why}. By hand: {left.command}"
        yield Warned(at=at, text=text)


def all_left(handover: Handover, order: Order, at: datetime) -> Iterator[AliasLeft]:
    """Say of every alias that AWS could not be asked about it, and how to mend it by hand."""
    for charge in handover.charges:
        back = _whole(charge, handover)
        command = order.command(charge.target, back, charge.text)
        yield AliasLeft(
            at=at,
            target=charge.target,
            routing=None,
            expected=back,
            why="AWS could not be asked",
            command=command,
        )


def _whole(charge: Charge, handover: Handover) -> Routing:
    return Routing.whole(charge.new if handover.phase is Phase.CLEARING else charge.old)


def _left(
    charge: Charge, routing: Routing | None, expected: Routing, why: str, command: str, parts: Parts
) -> AliasLeft:
    return AliasLeft(
        at=parts.clock.now(),
        target=charge.target,
        routing=routing,
        expected=expected,
        why=why,
        command=command,
    )
