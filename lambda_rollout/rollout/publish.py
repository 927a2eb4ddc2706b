"""``mode: publish``: a new version that can serve, has passed its smoke test and the hooks, and touches no alias.

So any test may stand between this and the rollout of that version. No record is written and nothing is saved for the
post stage: there is nothing to go back from.
"""

from __future__ import annotations

from lambda_rollout.alias.routing import Target
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import find_alias
from lambda_rollout.rollout.events import AliasFound, AliasMissing, Finished, Result
from lambda_rollout.rollout.hook_stages import before_traffic
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.prepare import preflight
from lambda_rollout.rollout.smoke_test import ReadyVersion, smoke_test
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.story import run
from lambda_rollout.rollout.version import await_ready, choose
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import UNREACHABLE_LIMIT

HOW_TO_GO_ON = (
    "To roll it out, give the output `version` to the input `version` of a step or job with `mode: rollout`, without "
    "`package`"
)


def publish(spec: RolloutSpec, ports: Ports) -> Finished:
    """Do it, to whatever end. Never raises."""
    return run(spec, ports, lambda: _tell(spec, ports), _bad_end)


def _bad_end(cause: RolloutError, *, failed: bool) -> Finished:  # noqa: ARG001 - it is, however it ends
    return Finished(result=Result.FAILED, reason=cause.what, remedy=cause.remedy)


def _tell(spec: RolloutSpec, ports: Ports) -> Finished:
    rollouts = ports.parallel(lambda target: _look(target, spec, ports), spec.inputs.targets)
    seen = preflight(spec, ports, rollouts).versions

    def publish_one(rollout: AliasRollout) -> str:
        target = rollout.target
        return choose(target, rollout.old, spec, ports, seen)

    def wait_for_one(rollout: AliasRollout) -> ReadyVersion:
        state = await_ready(rollout.target, rollout.new, spec, ports, seen)
        rollout.new_state = state
        return ReadyVersion(rollout.target, rollout.new, state.limits)

    versions = ports.parallel(publish_one, rollouts)
    for rollout, version in zip(rollouts, versions, strict=True):
        rollout.new = version
    smoke_test(ports.parallel(wait_for_one, rollouts), spec, ports)
    if spec.hooks:
        before_traffic(spec, ports, rollouts)
    is_missing = any(rollout.existing is None for rollout in rollouts)
    remedy = f"{HOW_TO_GO_ON}{' and with `create-alias: true`' if is_missing else ''}."
    return Finished(result=Result.PUBLISHED, reason="", remedy=remedy)


def _look(target: Target, spec: RolloutSpec, ports: Ports) -> AliasRollout:
    """Read what the alias is on; whoever may be moving it is not disturbed by this."""
    alias = find_alias(target, spec.identity, ports, UNREACHABLE_LIMIT)
    if alias is None:
        ports.emit(AliasMissing(target=target))
        return AliasRollout(target, None)
    ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))
    return AliasRollout(target, writer_of(target, alias, spec.rollout_id, ports))
