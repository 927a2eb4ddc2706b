"""``mode: rollback``: at once back to the old version, whether the rollout is held, dead or alive.

The emergency rollback. It waits for nobody: a live run finds the routing changed by somebody
else and stops. It does not read alarms, and once it has looked it does not listen to a stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Ownership, Record
from lambda_rollout.alias.routing import Alias, Target
from lambda_rollout.analysis.version import NeverReady, readiness, wake_command
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import (
    AliasStatus,
    find_alias,
    others_may_be_held,
    refusal,
    say_if_cut,
)
from lambda_rollout.rollout.events import AliasFound, AlreadyThere, Finished, Result, Warned
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.hook_stages import on_rollback
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.story import begin, without_failing
from lambda_rollout.rollout.version import check_can_serve, version_of_alias
from lambda_rollout.rollout.way_back import version_left
from lambda_rollout.runtime.errors import CallFailed, RolloutError, Unanswered
from lambda_rollout.runtime.retry import SETTLE_LIMIT, retrying

_T = TypeVar("_T")

ASKED_FOR = "asked for with mode: rollback"

MOST_CAUSES = 10
"""Functions whose causes a reason gives; of each, the report has the state."""


def rollback(spec: RolloutSpec, ports: Ports) -> Finished:
    """Put every target back. Never raises."""
    begin(spec, ports)
    finisher = Finisher(spec.identity, ports)
    try:
        finished = _rollback(spec, ports, finisher)
    except RolloutError as cause:
        finished = finisher.finished(Result.FAILED, cause.what, cause.remedy)
    ports.emit(finished)
    return finished


def _rollback(spec: RolloutSpec, ports: Ports, finisher: Finisher) -> Finished:
    seen = ports.parallel(
        lambda target: _tried(lambda: _look(target, spec, ports)), spec.inputs.targets
    )
    found = [each for each in seen if not isinstance(each, RolloutError)]
    # What is wrong with one must not keep the others from going back.
    problems = [each for each in seen if isinstance(each, RolloutError)]
    on_record = [record for _, _, record in found if record is not None]
    rollouts, stays = [], []
    for each in found:
        alone = not on_record
        grasped = _tried(partial(_grasp, *each, spec=spec, ports=ports, alone=alone))
        if isinstance(grasped, RolloutError):
            problems.append(grasped)
        elif isinstance(grasped, str):
            stays.append(each[:2])
        else:
            rollouts.append(_tracked(grasped, finisher))
    began = ports.clock.monotonic()
    all_back = finisher.restore(list(reversed(rollouts)))
    may_be_written = any(not record.held for record in on_record)
    late, unconfirmed = _see_that_they_stay(stays, spec, ports, may_be_written=may_be_written)
    problems += unconfirmed
    if late:
        late = [_tracked(rollout, finisher) for rollout in late]
        all_back = finisher.restore(late) and all_back
        rollouts += late
    _tell_what_follows(rollouts, began, spec, ports, all_back=all_back)
    cleared = any(rollout.writer.lost_record for rollout in rollouts)
    if on_record and (cleared or any(record.passed for record in on_record)):
        problems += [_may_be_new(target) for target, _, record in found if record is None]
    if problems:
        return finisher.finished(Result.FAILED, _why(problems), problems[0].remedy)
    if not all_back:
        return finisher.finished(Result.FAILED, "not every alias could be restored")
    if not rollouts:
        return finisher.finished(Result.UNCHANGED)
    remedy = others_may_be_held(spec) if any(record.held for record in on_record) else ""
    finished = finisher.finished(Result.ROLLED_BACK, ASKED_FOR, remedy)
    return replace(finished, asked_for=True)


def _why(problems: list[RolloutError]) -> str:
    """Say what was wrong in one line, of hundreds of functions the first ones'."""
    if len(problems) == 1:
        return problems[0].what
    said = [each.what.rstrip(".") for each in problems[:MOST_CAUSES]]
    more = len(problems) - len(said)
    return "; ".join([*said, *([f"and {more} more"] if more else [])])


def _tracked(rollout: AliasRollout, finisher: Finisher) -> AliasRollout:
    rollout.possibly_written = True
    return finisher.track(rollout)


def _see_that_they_stay(
    stays: Sequence[tuple[Target, Alias]], spec: RolloutSpec, ports: Ports, *, may_be_written: bool
) -> tuple[list[AliasRollout], list[RolloutError]]:
    """Tell of those that are where they are to be; return those that are not, after all, and what is not known.

    ``may_be_written``: others are in a rollout that may be alive, or died just now. Its first shift of these may be on
    its way, or done and not seen by a read. So each is written once more as it is: the new RevisionId makes the other
    useless (README, promise 5).
    """

    def one(stay: tuple[Target, Alias]) -> AliasRollout | RolloutError | None:
        if not may_be_written:
            return None
        staying = _Staying(*stay, spec, ports)
        return _tried(lambda: retrying(ports.clock, None, SETTLE_LIMIT)(staying.write))

    late, unknown = [], []
    for (target, alias), result in zip(stays, ports.parallel(one, stays), strict=True):
        if isinstance(result, AliasRollout):
            late.append(result)
        elif isinstance(result, RolloutError):
            unknown.append(result)
        else:
            ports.emit(AlreadyThere(target=target, version=alias.routing.version))
    return late, unknown


class _Staying:
    """One alias that is where it is to be, for all that is known."""

    def __init__(self, target: Target, alias: Alias, spec: RolloutSpec, ports: Ports) -> None:
        self._target, self._alias, self._spec, self._ports = target, alias, spec, ports

    def write(self) -> AliasRollout | None:
        """Write it as it is, one try; what is to go back instead, if a look shows that. Raises `RolloutError`."""
        target, alias, spec, ports = self._target, self._alias, self._spec, self._ports
        try:
            ports.aliases.write(target, alias.shown, alias.description, alias.revision_id)
        except CallFailed as error:
            if not error.may_have_effect:
                raise
            _, self._alias, record = _look(target, spec, ports)
            grasped = _grasp(target, self._alias, record, spec, ports, alone=False)
            if isinstance(grasped, AliasRollout):
                return grasped
            # Written by whom, the next try tells: with what was seen now it is refused, or done.
            raise Unanswered(error.operation, error.code, error.message) from error
        return None


def _tell_what_follows(
    rollouts: list[AliasRollout], began: float, spec: RolloutSpec, ports: Ports, *, all_back: bool
) -> None:
    """Do what comes after, for those that went back."""
    for rollout in rollouts:
        _say_if_asleep(rollout, spec, ports)
    if all_back:
        tell = partial(on_rollback, spec, ports, rollouts, ASKED_FOR, step=None, since=began)
        without_failing(tell, ports)
        without_failing(partial(_tell_what_was_logged, rollouts, spec, ports, began), ports)


def _tell_what_was_logged(
    rollouts: list[AliasRollout], spec: RolloutSpec, ports: Ports, began: float
) -> None:
    # What is not needed to go back is not imported before.
    from lambda_rollout.rollout.version_logs import rolled_back_version, tell_what_was_logged

    tell_what_was_logged(spec, ports, map(rolled_back_version, rollouts), began)


def _say_if_asleep(rollout: AliasRollout, spec: RolloutSpec, ports: Ports) -> None:
    """Say how to wake the version that the alias went back to, if it is idle. First back, then this: one look."""
    target, version = rollout.target, rollout.writer.old
    if rollout.shifted or ports.stop.requested:
        return
    try:
        state = ports.versions.read(target, version)
    except RolloutError:
        return
    match readiness(state):
        case NeverReady(why, idle=True):
            text = (
                f"{target} is back on version {version}, which is idle: {why.rstrip('.')}. The next invocation fails and "
                "wakes it. To wake it now, run: "
                f"{wake_command(target.function, version, spec.inputs.region)}"
            )
            ports.emit(Warned(text=text))


def _tried(act: Callable[[], _T]) -> _T | RolloutError:
    try:
        return act()
    except RolloutError as error:
        return error


def _may_be_new(target: Target) -> RolloutError:
    return RolloutError(
        f"every step had passed and the records were being removed: {target} may already be on its new version",
        "Check the alias. To roll it back, run `mode: rollback` with `version` set.",
    )


def _look(target: Target, spec: RolloutSpec, ports: Ports) -> tuple[Target, Alias, Record | None]:
    """Return the alias and the record of the rollout that it is in, if it is in one."""
    alias = find_alias(target, spec.identity, ports)
    if alias is None:
        raise RolloutError(
            f"function {target.name} has no alias {target.alias}: there is nothing to roll back.",
            "Check `alias` and `function-name`.",
        )
    ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))
    _, record = lease.parse(alias.description)
    if record is None or not lease.agrees(record, alias.routing):
        return target, alias, None
    say_if_cut(target, alias, ports)
    return target, alias, record


def _grasp(
    target: Target,
    alias: Alias,
    record: Record | None,
    spec: RolloutSpec,
    ports: Ports,
    *,
    alone: bool,
) -> AliasRollout | str:
    """Return what is to go back, or the version it is on already.

    ``alone`` says that none of the others is in a rollout. In one of several functions, what is whole without a
    record was unchanged, or was not shifted yet: it is where it is to be.
    """
    if record is not None:
        if spec.version_number(target) not in {None, record.old}:
            raise RolloutError(
                f"{target} is in a rollout from version {record.old} to {record.new}, so it cannot go back to "
                f"version {spec.version_number(target)}.",
                "Leave `version` empty.",
            )
        writer = writer_of(target, alias, record.rollout_id, ports, record.old, shared=True)
        return AliasRollout(target, writer, record.new, shifted_at=record.since)
    if not alias.routing.is_unsplit:
        raise refusal(AliasStatus(target, alias, None, Ownership.STRANGERS), spec.identity, ports)
    if spec.version_number(target) is None and not alone:
        return alias.routing.version
    return _grasp_whole(target, alias, spec, ports)


def _grasp_whole(
    target: Target, alias: Alias, spec: RolloutSpec, ports: Ports
) -> AliasRollout | str:
    asked = spec.version_number(target) or version_of_alias(target, spec, ports)
    asked = asked or version_left(target, alias, spec, ports)
    if asked is None:
        raise RolloutError(
            f"{target} sends 100% to version {alias.routing.version}, and has no record of a rollout.",
            "Set `version` to the version to go back to, or `previous-alias` to the alias that keeps it.",
        )
    if asked == alias.routing.version:
        return asked
    check_can_serve(target, asked, spec, ports)
    writer = writer_of(target, alias, spec.rollout_id, ports, asked)
    return AliasRollout(target, writer, alias.routing.version)
