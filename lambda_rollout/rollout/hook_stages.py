"""When hooks are asked, and what they are told; each-step and after-traffic are asked by the watch.

docs/hooks.md has the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from lambda_rollout.analysis.hooks import HookRequest, HookSubject
from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.hooks import HookRun
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec, seconds
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Cancelled, RolloutError


def before_traffic(spec: RolloutSpec, ports: Ports, rollouts: Sequence[AliasRollout]) -> None:
    """Ask the hooks of before-traffic about those aliases that are to be shifted or created.

    Raises `RolloutError` if one says no, `Cancelled` on stop.
    """
    hooks = spec.inputs.hooks_of(HookStage.BEFORE_TRAFFIC)
    going = [each for each in rollouts if each.existing is None or each.moves]
    # What another run began has had its hooks.
    if not (hooks and going) or any(each.resumed for each in rollouts):
        return
    timeout = seconds(spec.inputs.evidence_timeout)
    request = make_request(HookStage.BEFORE_TRAFFIC, spec, going, Decimal(), None)
    run = HookRun(hooks, request, ports, lambda first_call: first_call + timeout)
    run.ask_all()
    if run.failed:
        raise RolloutError(
            run.failed,
            "The alias was not touched. See the log of the hook's function, and start again.",
        )


ROLLBACK_LIMIT = 300.0
"""Seconds that the hooks of on-rollback have together, at most: the alias is back, and the job is to end."""

CANCELLED_LIMIT = 1.0
"""The same in a cancelled job, which is killed 10 s after it was told and has outputs, log and summary to write."""

CANCELLED_TOO_LATE = 2.0
"""Seconds that going back may have taken in a cancelled job, for a hook still to be told of it."""


def on_rollback(
    spec: RolloutSpec,
    ports: Ports,
    rollouts: Sequence[AliasRollout],
    reason: str,
    *,
    step: int | None,
    since: float,
) -> None:
    """Tell the hooks of on-rollback that every alias is back; ``since`` (monotonic seconds) is when going back began.

    One that fails is warned of and keeps no other from being told.
    """
    hooks = spec.inputs.hooks_of(HookStage.ON_ROLLBACK)
    if not (hooks and rollouts):
        return
    now, cancelled = ports.clock.monotonic(), ports.stop.requested
    if cancelled and now - since > CANCELLED_TOO_LATE:
        ports.emit(Warned(text="The job is about to be killed: no on-rollback hook was invoked."))
        return
    end = now + min(ROLLBACK_LIMIT, seconds(spec.inputs.evidence_timeout))
    request = make_request(HookStage.ON_ROLLBACK, spec, rollouts, Decimal(), step, reason)
    for hook in hooks:
        run = HookRun([hook], request, ports, lambda _: end, Stop() if cancelled else ports.stop)
        if cancelled:
            run.ask_until(now + CANCELLED_LIMIT)
        else:
            with suppress(Cancelled):
                run.ask_all()
        if run.failed:
            ports.emit(Warned(text=f"{run.failed}. Every alias is back all the same."))


def make_request(
    stage: HookStage,
    spec: RolloutSpec,
    rollouts: Sequence[AliasRollout],
    percent: Decimal,
    step: int | None,
    reason: str = "",
) -> HookRequest:
    """Make what the hooks of a stage are told; ``percent`` of the traffic is on the new versions."""
    subjects = [
        HookSubject(
            function=each.target.name,
            alias=each.target.alias,
            old=each.version_arn(each.old) if each.old is not None else None,
            new=each.version_arn(each.new),
            percent=percent,
        )
        for each in rollouts
    ]
    return HookRequest(stage, subjects, step, spec.run.url, reason)
