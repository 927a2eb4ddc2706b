"""``mode: promote``: is there a rollout that is still running, and may it be asked to go on?

Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lambda_rollout.alias.record import Ownership
from lambda_rollout.analysis.alarms import firing_at_start
from lambda_rollout.inputs.choices import AlarmAtStart
from lambda_rollout.inputs.names import account_of
from lambda_rollout.rollout.acquire import look_at
from lambda_rollout.rollout.alias_status import AliasStatus, NotOurs, find_alias, refusal
from lambda_rollout.rollout.events import (
    AlarmsFound,
    AliasFound,
    AlreadyThere,
    RolloutAwaited,
    RolloutRunning,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.prepare import read_alarms
from lambda_rollout.rollout.spec import RolloutSpec, seconds
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped

LOOK_EVERY = 5.0
"""Seconds between two looks at aliases that somebody else is to move."""


def await_running(spec: RolloutSpec, ports: Ports) -> Sequence[AliasStatus]:
    """Return the aliases of the rollout that is running; none if there is none.

    Where nothing is under way at all, one may be about to begin: it is waited for, up to evidence-timeout.

    Raises:
        NotOurs: it is not the rollout that was meant, or not the only one.
        RolloutError: an alarm is in ALARM or does not exist, a function does not exist, or AWS cannot be asked.
        Cancelled: on stop.
    """
    end = ports.clock.monotonic() + seconds(spec.inputs.evidence_timeout)
    told = False
    while True:
        looks = ports.parallel(
            lambda target: look_at(target, spec.identity, ports, find_alias), spec.inputs.targets
        )
        found = [status for status in looks if status is not None]
        running = [status for status in found if status.ownership is Ownership.ALIVE]
        if running:
            _tell(running, ports)
            _check(running, found, spec, ports)
            _tell_what_stays(found, ports)
            return running
        may_begin = len(found) == len(looks) and _may_begin(found, spec)
        if not may_begin or (left := end - ports.clock.monotonic()) <= 0:
            return ()
        if not told:
            told = True
            until = ports.clock.now() + timedelta(seconds=left)
            ports.emit(RolloutAwaited(targets=spec.inputs.targets, until=until))
        ports.clock.wait(min(LOOK_EVERY, left), ports.stop)
        raise_if_stopped(ports.stop)


def _may_begin(found: Sequence[AliasStatus], spec: RolloutSpec) -> bool:
    """Whether nothing is under way on any of them, and what is to be promoted is not there already."""
    if any(status.ownership is not Ownership.NOBODYS for status in found):
        return False
    return any(spec.version_number(s.target) != s.alias.routing.version for s in found)


def _tell(running: Sequence[AliasStatus], ports: Ports) -> None:
    """Emit whose rollout it is, before anything else: the run's own comment is not to be written over."""
    for status in running:
        if (record := status.record) is not None:
            ports.emit(
                RolloutRunning(
                    target=status.target,
                    version=record.new,
                    previous=record.old,
                    record=str(record),
                    run_url=ports.runs.url(record),
                )
            )
    for status in running:
        target, alias = status.target, status.alias
        ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))


def _tell_what_stays(found: Sequence[AliasStatus], ports: Ports) -> None:
    for status in found:
        if status.ownership is not Ownership.ALIVE:
            target, alias = status.target, status.alias
            ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))
            ports.emit(AlreadyThere(target=target, version=alias.routing.version))


def _check(
    running: Sequence[AliasStatus],
    found: Sequence[AliasStatus],
    spec: RolloutSpec,
    ports: Ports,
) -> None:
    """Refuse to ask for what was not meant, or while an alarm of this job's own speaks against it."""
    if not ports.aws_clock.believed:
        raise refusal(running[0], spec.identity, ports)
    there = {status.target for status in found}
    for target in spec.inputs.targets:
        if target not in there:
            raise NotOurs(
                f"function {target.name} has no alias {target.alias}: there is nothing to promote.",
                "Leave it out: any one function of a rollout is enough to promote all of it.",
            )
    for status in found:
        _refuse_another(status, running[0], spec, ports)
    _check_alarms(account_of(running[0].alias.arn), spec, ports)


def _refuse_another(
    status: AliasStatus, asked: AliasStatus, spec: RolloutSpec, ports: Ports
) -> None:
    target, wanted = status.target, spec.version_number(status.target)
    if status.ownership is Ownership.STRANGERS:
        raise refusal(status, spec.identity, ports)
    ids = {each.record.rollout_id for each in (status, asked) if each.record is not None}
    is_running = status.ownership is Ownership.ALIVE
    # One that is not split, and has no record, is unchanged in this rollout, or not shifted yet.
    if not (is_running or status.ownership is Ownership.NOBODYS) or (is_running and len(ids) > 1):
        raise NotOurs(
            f"{asked.target} and {target} are not in the same rollout: {asked.record}, "
            f"{status.record or status.alias.shown}.",
            "Promote each by itself.",
        )
    if wanted is None:
        return
    if is_running and status.record is not None and wanted != status.record.new:
        raise NotOurs(
            f"{target} is in a rollout of version {status.record.new}, not of version {wanted}.",
            "Leave `version` empty to promote the version that is being rolled out.",
        )
    if not is_running and wanted != status.alias.routing.version:
        raise NotOurs(
            f"{target} is not in this rollout ({status.alias.shown}), and `version` is {wanted}.",
            "Leave it out of `function-name`, or roll it out by itself.",
        )


def _check_alarms(account: str, spec: RolloutSpec, ports: Ports) -> None:
    if not spec.inputs.alarms:
        return
    survey = read_alarms(spec, ports, wait=False, account=account)
    ports.emit(AlarmsFound(readings=survey.readings))
    # A fix that was let past the alarm of its bug must be promoted past it, too: the run goes on judging it.
    ignored = spec.inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK
    if not ignored and (firing := firing_at_start(survey.readings)):
        names = ", ".join(f"{reading.name} ({reading.reason})" for reading in firing)
        raise RolloutError(
            f"in ALARM, so the running rollout was not asked to go on: {names}.",
            "It goes on as planned. Ask again once the alarm is OK, or undo it at once with `mode: rollback`. If the "
            "new version fixes the cause of the alarm, ask with `alarm-at-start: ignore-until-ok`.",
        )
