"""An alias as it was found: whose it is, and why it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.record import Ownership, Record
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.rollout.accounts import check_account
from lambda_rollout.rollout.events import AbandonedFound, AliasFound, AliasMissing, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.errors import NotFound, RolloutError
from lambda_rollout.runtime.retry import retrying


class NotOurs(RolloutError):
    """The alias is in somebody's hands, and was left untouched."""


@dataclass(frozen=True, slots=True)
class AliasStatus:
    """One alias as it was seen, and whose doing that is."""

    target: Target
    alias: Alias
    record: Record | None
    ownership: Ownership
    overtaken: str = ""
    """The RevisionId that our own restoring has replaced, if it has: a later read that shows it is stale."""

    @property
    def dead(self) -> Record | None:
        """The record of a dead run, if one left the alias as it is."""
        return self.record if self.ownership is Ownership.DEAD else None


def read_alias(
    target: Target, identity: RunIdentity, ports: Ports, unreachable: float | None = None
) -> Alias:
    """Read an alias that must be there, as `find_alias` does. Raises `RolloutError` if it is missing."""
    alias = find_alias(target, identity, ports, unreachable)
    if alias is None:
        raise RolloutError(
            f"function {target.name} has no alias {target.alias}.",
            "Create it, or set `create-alias: true` to have it created on the new version.",
        )
    return alias


def find_alias(
    target: Target, identity: RunIdentity, ports: Ports, unreachable: float | None = None
) -> Alias | None:
    """Read an alias; None if the function has none of that name.

    Raises `RolloutError` if there is no function, or the alias is in another account than was asked for.
    ``unreachable``: seconds without any connection after which it is given up; None: as after any failure.
    """
    reader = AliasReader(target, ports.aliases, ports.clock, written=False)
    try:
        patient = retrying(ports.clock, ports.stop, unreachable=unreachable)
        alias = patient(reader.read)
    except NotFound:
        pass
    else:
        check_account(target, alias.arn, identity.role_to_assume)
        return alias
    try:
        retrying(ports.clock, ports.stop)(ports.versions.latest, target)
    except NotFound as error:
        raise RolloutError(
            f"there is no function {target.function} in {identity.region}: {error.message}",
            "Check `function-name`, `aws-region` and the account of the credentials.",
        ) from error
    return None


def tell_status(target: Target, status: AliasStatus | None, ports: Ports) -> None:
    """Emit what was found."""
    if status is None:
        ports.emit(AliasMissing(target=target))
        return
    alias = status.alias
    ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))
    if status.dead is not None:
        url = ports.runs.url(status.dead)
        ports.emit(
            AbandonedFound(target=target, routing=alias.shown, record=str(status.dead), run_url=url)
        )


def command_by_hand(
    status: AliasStatus, record: Record, identity: RunIdentity, *, forward: bool = False
) -> str:
    """Return the AWS CLI command that ends a dead run's rollout, back or ``forward``."""
    whole = Routing.all_on(record.new if forward else record.old)
    return identity.command(status.target, whole, lease.owners_text(status.alias.description))


def say_if_cut(target: Target, alias: Alias, ports: Ports) -> None:
    """Say that the owner's text on an alias, as it was found, may have lost its end to an earlier run's record."""
    if lease.was_cut(alias.description):
        text = lease.owners_text(alias.description)
        say = (
            f"The description of {target} may have been cut to make room for an earlier run's record. It is {text!r} "
            "now: correct it if its end is missing."
        )
        ports.emit(Warned(text=say))


def others_may_be_held(spec: RolloutSpec) -> str:
    """Say that what was held may have been a larger group than what was named; empty if ``version`` was said, too.

    A record does not say how many functions share its id. The output ``version`` of the run that held them does: as
    the input ``version`` it must name the same functions as ``function-name``, and is a number for a single one.
    """
    if not spec.publishes:
        return ""
    return (
        f"If the held rollout has more functions than `function-name` names here, those are still held: run `mode: "
        f"{spec.inputs.mode}` for them, too."
    )


def refusal(status: AliasStatus, identity: RunIdentity, ports: Ports) -> NotOurs:
    """Make the error for an alias that is in somebody's hands, with what to do about it."""
    target, routing, record = status.target, status.alias.shown, status.record
    moving = status.alias.moving
    if moving is not None and moving.failed and status.ownership is Ownership.STRANGERS:
        return NotOurs(
            f"{target}: {could_not_start(status.alias)}, so AWS keeps the traffic where it was: {routing}. It was left "
            "untouched.",
            f"Put it back, for example: {identity.command(target, Routing.all_on(_majority(routing)))}",
        )
    if status.ownership is Ownership.STRANGERS or record is None:
        return NotOurs(
            f"{target} is split: {routing}. Somebody else did that, so it was left untouched.",
            "Send all of its traffic to one version first, for example to the one that has most of it: "
            f"{identity.command(target, Routing.all_on(_majority(routing)))}",
        )
    url = ports.runs.url(record)
    if status.ownership is Ownership.HELD:
        by = f" ({url})" if url else ""
        return NotOurs(
            f"{target} is held by an earlier rollout{by}: {routing}.",
            f"Finish it with `mode: promote` (version {record.new}) or undo it with `mode: rollback` "
            f"(version {record.old}).",
        )
    if not ports.aws_clock.believed:
        return NotOurs(
            f"{target} has the record of another run{f' ({url})' if url else ''}: {routing}. It is not known whether "
            "that run still works, because AWS's time is in doubt, so the alias was left untouched.",
            f"If no run works on it any more, undo it with `mode: rollback` (version {record.old}).",
        )
    where = url or (f"run {record.run}/{record.attempt}" if record.run else "a run")
    until = f"{record.until:%H:%M:%S} UTC" if record.until else "further notice"
    return NotOurs(
        f"{target} is being rolled out by another run right now: {where} ({routing}).",
        f"Wait for it, or stop it with `mode: rollback`. If that run has died, it counts as dead after {until}.",
    )


def _majority(routing: Routing) -> str:
    return max((routing.version, *routing.weights), key=routing.percent_of)
