"""Acquiring the aliases: are they free to be moved, and if not, whose are they and what is to be done?

All are looked at before one is touched. Nothing is written here but to restore what a dead run of this
action left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Ownership, RunStatus
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.rollout.abandoned import Restoration, not_restored, was_all_but_done
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import (
    AliasStatus,
    NotOurs,
    command_by_hand,
    find_alias,
    read_alias,
    refusal,
    tell_status,
)
from lambda_rollout.rollout.all_mistakes import all_or_mistakes
from lambda_rollout.rollout.events import (
    Warned,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity, seconds
from lambda_rollout.runtime.errors import NotFound, RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT, UNREACHABLE_LIMIT, raise_if_stopped, retrying

PAUSE = 5.0
"""Seconds between two looks at an alias that AWS, or a lost call of ours, may still be moving."""


def acquire(spec: RolloutSpec, ports: Ports) -> list[AliasRollout]:
    """Look at all aliases until it is clear what to do with each; in the order of the targets.

    Returns each as it is now: it may be moved, or created.

    A dead run's aliases are restored, or taken over with ``on-stranded: resume`` unless nothing but clearing is
    left to do. Raises `NotOurs` for one that is split by somebody else, held, or moved by a live run, before any
    other is touched; and `RolloutError` for what AWS refuses, or after `SETTLE_LIMIT` seconds, or
    evidence-timeout if that is longer.
    """
    inputs = spec.inputs

    def judge(seen: list[AliasStatus]) -> bool:
        _refuse_to_create_for_a_promotion(seen, spec)

        def refuse(status: AliasStatus) -> None:
            if not _stays(status, seen, spec, ports):
                _refuse_what_is_not_ours(status, spec, ports)

        all_or_mistakes(refuse, seen, lambda status: status.target)
        resumes = inputs.on_stranded is OnStranded.RESUME and not was_all_but_done(seen)
        return inputs.mode is Mode.PLAN or resumes

    limit = max(SETTLE_LIMIT, seconds(inputs.evidence_timeout))
    find = find_alias if inputs.create_alias else read_alias
    found = _look_until_clear(inputs.targets, spec.identity, ports, limit, judge, find)
    return [_acquired(target, found.get(target), spec, ports) for target in inputs.targets]


def look_once(
    targets: Sequence[Target], identity: RunIdentity, ports: Ports
) -> Sequence[AliasStatus]:
    """Look once at aliases, and tell what was found. Raises `RolloutError`, also for one that is missing."""
    looks = ports.parallel(lambda target: look_at(target, identity, ports, read_alias), targets)
    seen = [status for status in looks if status is not None]
    for status in seen:
        tell_status(status.target, status, ports)
    return seen


def restore_abandoned(
    targets: Sequence[Target],
    identity: RunIdentity,
    ports: Ports,
    limit: float,
    refuse: Callable[[Sequence[AliasStatus]], None] = lambda _: None,
) -> list[AliasStatus]:
    """Put back what a dead run left, as `acquire` does with ``on-stranded: rollback``; for at most ``limit`` seconds.

    Raises as `acquire`, and `RolloutError` for an alias that is missing; ``refuse`` may raise for more, at each look.
    """

    def judge(seen: list[AliasStatus]) -> bool:
        refuse(seen)
        for status in seen:
            _refuse_what_is_not_free(status, identity, ports)
        return False

    return list(_look_until_clear(targets, identity, ports, limit, judge).values())


Find = Callable[[Target, RunIdentity, Ports, float], Alias | None]


def _look_until_clear(
    targets: Sequence[Target],
    identity: RunIdentity,
    ports: Ports,
    limit: float,
    judge: Callable[[list[AliasStatus]], bool],
    find: Find = read_alias,
) -> dict[Target, AliasStatus]:
    """Look at all until nothing is left to be restored or waited for; what is missing, and may be, is left out.

    ``judge`` raises for what is not ours to move, and says whether what a dead run left stays as it is.
    """
    end = ports.clock.monotonic() + limit
    told: set[Target] = set()
    restoration = Restoration(ports)
    while True:
        statuses = all_or_mistakes(
            lambda target: look_at(target, identity, ports, find),
            targets,
            lambda target: target,
            ports.parallel,
        )
        for target, status in zip(targets, statuses, strict=True):
            if target not in told:
                told.add(target)
                tell_status(target, status, ports)
        seen = [status for status in statuses if status is not None]
        restoration.tell_what_is_there(seen)
        stays = judge(seen)
        if _is_clear(seen, stays=stays) or restoration.restored(seen, identity):
            restoration.keep_the_way_back(seen, identity)
            return {status.target: status for status in seen}
        _wait(seen, identity, ports, end)


def _acquired(
    target: Target, status: AliasStatus | None, spec: RolloutSpec, ports: Ports
) -> AliasRollout:
    if status is None:
        return AliasRollout(target, None)
    goes_on = spec.inputs.mode is Mode.PROMOTE or spec.inputs.on_stranded is OnStranded.RESUME
    is_left = status.ownership in {Ownership.DEAD, Ownership.HELD}
    resumed = status.record if goes_on and is_left else None
    writer = writer_of(
        target,
        status.alias,
        spec.rollout_id,
        ports,
        resumed.old if resumed else None,
        overtaken=status.overtaken,
    )
    return AliasRollout(target, writer, resumed.new if resumed else "", resumed)


# Looking -------------------------------------------------------------------------------------------


def look_at(target: Target, identity: RunIdentity, ports: Ports, find: Find) -> AliasStatus | None:
    """Read an alias and find out whose it is; None if it is missing and ``find`` allows that. Raises as ``find``."""
    alias = find(target, identity, ports, UNREACHABLE_LIMIT)
    if alias is not None and _has_a_lease(alias) and not ports.aws_clock.believed:
        # It takes two answers to know AWS's time, and this may have been the first.
        alias = find(target, identity, ports, UNREACHABLE_LIMIT)
    if alias is None:
        return None
    _, record = lease.parse(alias.description)
    # The runner's clock may be minutes off: nobody else's lease is over by it.
    now = ports.aws_clock.now() if ports.aws_clock.believed else None
    status = RunStatus.UNKNOWN
    if record is not None and _has_a_lease(alias) and not record.expired(now):
        status = ports.runs.run_status(record)
        say_if_time_is_in_doubt(ports)
    ownership = lease.ownership_of(alias, now, status)
    if (
        ownership is Ownership.ALIVE
        and record is not None
        and record.rollout_id == identity.rollout_id
    ):
        # Our own before we wrote any: the main that we are the post stage of went on and could not say so.
        ownership = Ownership.DEAD
    return AliasStatus(target, alias, record, ownership)


def _has_a_lease(alias: Alias) -> bool:
    """Whether a record stands there that is over by its time."""
    _, record = lease.parse(alias.description)
    return record is not None and lease.agrees(record, alias.routing) and not record.held


def say_if_time_is_in_doubt(ports: Ports) -> None:
    """Say once, before it first matters, that AWS's clock is not believed, and what follows from that."""
    if why := ports.aws_clock.untold_doubt():
        text = (
            f"AWS's time is in doubt: {why}. This run's record uses the runner's clock instead, and an alias with the "
            "record of another run is left untouched. Check the runner's clock, and any proxy between it and AWS."
        )
        ports.emit(Warned(text=text))


def _is_clear(seen: list[AliasStatus], *, stays: bool) -> bool:
    """Whether nothing is left to be restored or waited for; ``stays``: what a dead run left is none of that."""
    if any(status.ownership is Ownership.AWS for status in seen):
        return False
    return stays or not any(status.dead for status in seen)


def _wait(seen: list[AliasStatus], identity: RunIdentity, ports: Ports, end: float) -> None:
    if ports.clock.monotonic() >= end:
        moving = ", ".join(
            str(status.target) for status in seen if status.ownership is Ownership.AWS
        )
        if not moving:
            raise not_restored(seen, identity)
        raise RolloutError(
            f"AWS is still moving the provisioned concurrency of {moving}.",
            "Look at the alias in the console, and start again.",
        )
    ports.clock.wait(PAUSE, ports.stop)
    raise_if_stopped(ports.stop)


# Refusing and leaving ------------------------------------------------------------------------------------------


def _stays(status: AliasStatus, seen: list[AliasStatus], spec: RolloutSpec, ports: Ports) -> bool:
    """Whether ``mode: promote`` leaves an alias where it is: its code was unchanged when the others were held.

    Such a one is 100% on the newest version of its function, or on the version that was asked for. Any
    other is not part of what is held, or has been put back by itself.
    """
    if spec.inputs.mode is not Mode.PROMOTE or status.ownership is not Ownership.NOBODYS:
        return False
    if all(other.ownership is not Ownership.HELD for other in seen):
        return False
    version = status.alias.routing.version
    if (number := spec.version_number(status.target)) is not None:
        return version == number
    if spec.version_alias is not None:
        source = Target(status.target.function, spec.version_alias)
        return (
            Routing.all_on(version)
            == retrying(ports.clock, ports.stop)(ports.aliases.read, source).routing
        )
    return version.isdecimal() and not _exists(status.target, str(int(version) + 1), ports)


def _exists(target: Target, version: str, ports: Ports) -> bool:
    # Versions are numbered in order, so there is no need to list them all to know the newest.
    try:
        retrying(ports.clock, ports.stop)(ports.versions.read, target, version)
    except NotFound:
        return False
    return True


def _refuse_to_create_for_a_promotion(seen: list[AliasStatus], spec: RolloutSpec) -> None:
    there = {status.target for status in seen}
    for target in spec.inputs.targets:
        if target not in there and spec.inputs.mode is Mode.PROMOTE:
            raise NotOurs(
                f"function {target.name} has no alias {target.alias}: there is nothing to promote.",
                "Only a rollout that is running, or that ended with `result=held`, can be promoted.",
            )


def _refuse_what_is_not_ours(status: AliasStatus, spec: RolloutSpec, ports: Ports) -> None:
    target, alias = status.target, status.alias
    if status.ownership is Ownership.AWS:
        return
    if spec.inputs.mode is Mode.PROMOTE:
        if status.ownership is Ownership.STRANGERS:
            raise refusal(status, spec.identity, ports)
        if status.dead is not None:
            raise NotOurs(
                f"{target} was left by a run that died ({alias.shown}): nobody is there to promote it.",
                "Start the rollout again: it restores the alias first. Or undo it with `mode: rollback`.",
            )
        if status.ownership is not Ownership.HELD:
            raise NotOurs(
                f"{target} is not held, and no rollout is running on it ({alias.shown}): there is nothing to promote.",
                "Only a rollout that is running, or that ended with `result=held`, can be promoted. In a group, leave "
                "out the functions that are not in it.",
            )
        return
    if status.dead is not None:
        if spec.inputs.on_stranded is OnStranded.FAIL and spec.inputs.mode is not Mode.PLAN:
            back = command_by_hand(status, status.dead, spec.identity)
            raise NotOurs(
                f"{target} was left by a run that died ({alias.routing}), and on-stranded is `fail`.",
                f"Set `on-stranded: rollback`, or restore it by hand: {back}",
            )
        return
    _refuse_what_is_not_free(status, spec.identity, ports)


def _refuse_what_is_not_free(status: AliasStatus, identity: RunIdentity, ports: Ports) -> None:
    target, alias = status.target, status.alias
    if status.ownership is Ownership.AWS or status.dead is not None:
        return
    if status.ownership is not Ownership.NOBODYS:
        raise refusal(status, identity, ports)
    if not alias.routing.version.isdecimal():
        # Not at once to 100% either: it could not be put back to what was there, nor found again if we die. Besides
        # $LATEST there is $LATEST.PUBLISHED, of Lambda Managed Instances.
        was = alias.routing.version
        raise NotOurs(
            f"{target} points at {was}. AWS splits an alias only between published versions, and a rollback needs one "
            "to go back to.",
            "Point it at a published version first (aws lambda publish-version, then update-alias).",
        )
