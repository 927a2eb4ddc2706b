"""Arriving at an alias: is it free to be moved, and if not, whose is it and what is to be done?

Nothing is written here but the mending of an alias that a dead run of this action left behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout import lease
from lambda_rollout.choices import Mode, OnStranded
from lambda_rollout.errors import Busy, NotFound, RevisionMismatch, RolloutError, Unanswered
from lambda_rollout.events import AliasFound, AliasMissing, Mended, StrandedFound
from lambda_rollout.lease import Record, RunWord, Whose
from lambda_rollout.order import Order, Parts
from lambda_rollout.patience import SETTLE_LIMIT, heed, patiently
from lambda_rollout.routing import Alias, Routing, Target

PAUSE = 5.0
"""Seconds between two looks at an alias that AWS, or a lost call of ours, may still be moving."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An alias that may be moved, as it is now. ``resumed`` is the dead run's record that is gone on with."""

    alias: Alias
    resumed: Record | None = None


class NotOurs(RolloutError):
    """The alias is in somebody's hands, and was left untouched."""


def arrive(target: Target, order: Order, parts: Parts) -> Taken | None:
    """Look at an alias until it is clear what to do with it; None if it is missing and may be created.

    A dead run's alias is mended, or taken over with ``on-stranded: resume``. Raises `NotOurs` for one that
    is split by a stranger, held, or moved by a live run, and `RolloutError` for what AWS refuses.
    """
    end = parts.clock.monotonic() + max(SETTLE_LIMIT, order.evidence_timeout)
    told = False
    while True:
        alias = read_alias(target, order, parts)
        if alias is None:
            parts.emit(AliasMissing(at=parts.clock.now(), target=target))
            return None
        if not told:
            _tell_found(target, alias, parts)
        _, record = lease.parse(alias.description)
        kind = _whose(alias, record, target, parts)
        if kind is Whose.DEAD and record is not None and not told:
            _tell_stranded(target, alias, record, parts)
        told = True
        answer = _answer(kind, target, alias, record, order, parts)
        if isinstance(answer, Taken):
            return answer
        _wait(parts, end, answer)


def _answer(
    kind: Whose, target: Target, alias: Alias, record: Record | None, order: Order, parts: Parts
) -> Taken | str:
    """Take the alias, or say why it has to be looked at again, or raise `NotOurs`."""
    if kind is Whose.AWS:
        return f"AWS is still moving the provisioned concurrency of {target}"
    if order.mode is Mode.PROMOTE:
        if kind is Whose.HELD:
            return Taken(alias, resumed=record)
        raise NotOurs(
            f"{target} is not held ({alias.routing}): there is nothing to promote.",
            "Only a rollout that ended with `result=held` can be promoted.",
        )
    if kind is Whose.NOBODYS:
        return Taken(alias)
    if kind is Whose.DEAD and record is not None:
        taken = _take_over(target, alias, record, order, parts)
        return taken or f"{target} was left by a run that died, and could not be mended"
    raise refusal(kind, target, alias, record, order, parts)


def _tell_found(target: Target, alias: Alias, parts: Parts) -> None:
    parts.emit(
        AliasFound(at=parts.clock.now(), target=target, arn=alias.arn, routing=alias.routing)
    )


def read_alias(target: Target, order: Order, parts: Parts) -> Alias | None:
    """Read an alias; None if it is missing and may be created. Raises `RolloutError` if it may not."""
    try:
        return patiently(parts.clock, parts.stop)(parts.aliases.read, target)
    except NotFound:
        pass
    try:
        patiently(parts.clock, parts.stop)(parts.versions.latest, target)
    except NotFound as error:
        raise RolloutError(
            f"there is no function {target.function} in {order.region}: {error.message}",
            "Check `function-name`, `aws-region` and the account of the credentials.",
        ) from error
    if not order.create_alias:
        raise RolloutError(
            f"function {target.name} has no alias {target.alias}.",
            "Create it, or set `create-alias: true` to have it created on the new version.",
        )
    return None


def _whose(alias: Alias, record: Record | None, target: Target, parts: Parts) -> Whose:
    # AWS's Date header is the only clock: the runner's may be minutes off.
    now = alias.as_of or parts.clock.now()
    word = RunWord.UNKNOWN
    if (
        record is not None
        and lease.agrees(record, alias.routing)
        and not (record.held or record.expired(now))
    ):
        word = parts.runs.word(record)
    provisioning = (
        not alias.routing.is_whole and record is None and parts.aliases.provisioning(target)
    )
    return lease.whose(alias, now, word, provisioning=provisioning)


def _tell_stranded(target: Target, alias: Alias, record: Record, parts: Parts) -> None:
    parts.emit(
        StrandedFound(
            at=parts.clock.now(),
            target=target,
            routing=alias.routing,
            record=str(record),
            run_url=parts.runs.url(record),
        )
    )


def _take_over(
    target: Target, alias: Alias, record: Record, order: Order, parts: Parts
) -> Taken | None:
    """Do with a dead run's alias what ``on-stranded`` says; None if it has to be looked at again.

    The mending write carries the RevisionId of the very answer that was judged: should the dead run turn
    out to be alive and renew its record in this moment, the write is refused and the alias judged again.
    """
    if order.mode is Mode.PLAN:
        return Taken(alias)
    if order.on_stranded is OnStranded.RESUME:
        return Taken(alias, resumed=record)
    back = Routing.whole(record.old)
    if order.on_stranded is OnStranded.FAIL:
        raise NotOurs(
            f"{target} was left by a run that died ({alias.routing}), and on-stranded is `fail`.",
            f"Set `on-stranded: rollback`, or mend it: {order.command(target, back)}",
        )
    heed(parts.stop)
    text = lease.owners_text(alias.description)
    try:
        mended = parts.aliases.write(target, back, text, alias.revision_id)
    except (Busy, Unanswered, RevisionMismatch):
        return None
    parts.emit(
        Mended(at=parts.clock.now(), target=target, version=record.old, abandoned=record.new)
    )
    return Taken(mended)


def _wait(parts: Parts, end: float, why: str) -> None:
    if parts.clock.monotonic() >= end:
        raise RolloutError(f"{why}.", "Look at the alias in the console, and start again.")
    parts.clock.wait(PAUSE, parts.stop)
    heed(parts.stop)


def refusal(
    kind: Whose, target: Target, alias: Alias, record: Record | None, order: Order, parts: Parts
) -> NotOurs:
    """Make the error for an alias that is in somebody's hands, with what to do about it."""
    state = f"{target} is split: {alias.routing}"
    if kind is Whose.STRANGERS or record is None:
        return NotOurs(
            f"{state}. Somebody else did that, so it was left untouched.",
            "Make it whole first, for example on the version that has most of the traffic: "
            f"{order.command(target, Routing.whole(alias.routing.version))}",
        )
    if kind is Whose.HELD:
        return NotOurs(
            f"{target} is held by an earlier rollout: {alias.routing}.",
            f"Finish it with `mode: promote` (version {record.new}) or undo it with `mode: rollback` "
            f"(version {record.old}).",
        )
    where = parts.runs.url(record) or (
        f"run {record.run}/{record.attempt}" if record.run else "a run"
    )
    until = f"{record.until:%H:%M:%S} UTC" if record.until else "further notice"
    return NotOurs(
        f"{target} is being rolled out by another run right now: {where} ({alias.routing}).",
        f"Wait for it, or stop it with `mode: rollback`. If it died unseen, it counts as dead after {until}.",
    )
