"""An alias as it was found: whose it is, and why it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.record import Record, Whose
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import AliasReader
from lambda_rollout.rollout.events import AliasFound, AliasMissing, StrandedFound, Warned
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import NotFound, RolloutError
from lambda_rollout.runtime.retry import patiently


class NotOurs(RolloutError):
    """The alias is in somebody's hands, and was left untouched."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One alias as it was seen, and whose doing that is."""

    target: Target
    alias: Alias
    record: Record | None
    whose: Whose

    @property
    def dead(self) -> Record | None:
        """The record of a dead run, if one left the alias as it is."""
        return self.record if self.whose is Whose.DEAD else None


def read_alias(
    target: Target, order: Order, parts: Parts, unreachable: float | None = None
) -> Alias | None:
    """Read an alias; None if it is missing and may be created. Raises `RolloutError` if it may not.

    ``unreachable``: seconds without any connection after which it is given up; None: as after any failure.
    """
    reader = AliasReader(target, parts.aliases, parts.clock, written=False)
    try:
        patient = patiently(parts.clock, parts.stop, unreachable=unreachable)
        return patient(reader.read)
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


def _tell(target: Target, sight: Sight | None, parts: Parts) -> None:
    now = parts.clock.now()
    if sight is None:
        parts.emit(AliasMissing(at=now, target=target))
        return
    alias = sight.alias
    parts.emit(AliasFound(at=now, target=target, arn=alias.arn, routing=alias.shown))
    if sight.dead is not None:
        url = parts.runs.url(sight.dead)
        parts.emit(
            StrandedFound(
                at=now, target=target, routing=alias.shown, record=str(sight.dead), run_url=url
            )
        )


def _by_hand(sight: Sight, record: Record, order: Order, *, forward: bool = False) -> str:
    whole = Routing.whole(record.new if forward else record.old)
    return order.command(sight.target, whole, lease.owners_text(sight.alias.description))


def say_if_cut(target: Target, alias: Alias, parts: Parts) -> None:
    """Say that the owner's text on an alias, as it was found, may have lost its end to an earlier run's record."""
    if lease.was_cut(alias.description):
        text = lease.owners_text(alias.description)
        say = (
            f"The description of {target} left no room beside an earlier run's record and may have been cut by it: "
            f"what is left is {text!r}."
        )
        parts.emit(Warned(at=parts.clock.now(), text=say))


def refusal(sight: Sight, order: Order, parts: Parts) -> NotOurs:
    """Make the error for an alias that is in somebody's hands, with what to do about it."""
    target, routing, record = sight.target, sight.alias.shown, sight.record
    moving = sight.alias.moving
    if moving is not None and moving.failed and sight.whose is Whose.STRANGERS:
        return NotOurs(
            f"{target}: {could_not_start(sight.alias)}, so AWS keeps the traffic where it was: {routing}. It was left "
            "untouched.",
            f"Put it back, for example: {order.command(target, Routing.whole(_majority(routing)))}",
        )
    if sight.whose is Whose.STRANGERS or record is None:
        return NotOurs(
            f"{target} is split: {routing}. Somebody else did that, so it was left untouched.",
            "Make it whole first, for example on the version that has most of the traffic: "
            f"{order.command(target, Routing.whole(_majority(routing)))}",
        )
    url = parts.runs.url(record)
    if sight.whose is Whose.HELD:
        by = f" ({url})" if url else ""
        return NotOurs(
            f"{target} is held by an earlier rollout{by}: {routing}.",
            f"Finish it with `mode: promote` (version {record.new}) or undo it with `mode: rollback` "
            f"(version {record.old}).",
        )
    if not parts.aws_clock.believed:
        return NotOurs(
            f"{target} bears the record of another run{f' ({url})' if url else ''}: {routing}. Whether that one is still "
            "alive cannot be told, as AWS's time is in doubt, so it was left untouched.",
            f"If nobody is at work there any more, undo it with `mode: rollback` (version {record.old}).",
        )
    where = url or (f"run {record.run}/{record.attempt}" if record.run else "a run")
    until = f"{record.until:%H:%M:%S} UTC" if record.until else "further notice"
    return NotOurs(
        f"{target} is being rolled out by another run right now: {where} ({routing}).",
        f"Wait for it, or stop it with `mode: rollback`. If it died unseen, it counts as dead after {until}.",
    )


def _majority(routing: Routing) -> str:
    return max((routing.version, *routing.weights), key=routing.percent_of)
