"""What goes on after an alias is 100% on its old version again: it is told, and changes nothing."""

from __future__ import annotations

from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.version import Running, list_executions
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import ExecutionsLeft, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import CallFailed, RolloutError


def tell_what_aws_still_sends(rollout: AliasRollout, ports: Ports) -> None:
    """Say so if AWS keeps the traffic where it was while provisioned concurrency moves back.

    It writes ``{new: 1}`` of its own then (for a way back unconfirmed). One look, and none when the runner is
    about to kill us.
    """
    if ports.stop.requested:
        return
    target, old = rollout.target, rollout.writer.old
    try:
        seen = ports.aliases.read(target)
    except CallFailed:
        return
    if seen.moving and seen.shown == Routing(old, {rollout.new: 1.0}):
        why = f"until provisioned concurrency is ready on version {old} again"
        if seen.moving.failed:
            why = f"because {could_not_start(seen)}"
        text = f"AWS still sends all traffic of {target} to version {rollout.new}, {why}."
        ports.emit(Warned(text=text))


def tell_executions_left(rollout: AliasRollout, region: str, ports: Ports) -> None:
    """Say how many durable executions go on on the version that was left: they end where they began.

    https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html. After all are back, and not when the
    runner is about to kill us; no answer changes anything.
    """
    target, version = rollout.target, rollout.new
    if ports.stop.requested or not version or version == rollout.writer.old:
        return
    running, why = Running(0), ""
    try:
        if rollout.new_state is None:
            rollout.new_state = ports.versions.read(target, version)
        if not rollout.new_state.is_durable:
            return
        running = ports.versions.running(target, version)
    except RolloutError as error:
        if rollout.new_state is None:
            return
        why = error.what
    if running.count or why:
        ports.emit(
            ExecutionsLeft(
                target=target,
                version=version,
                running=None if why else running.count,
                more=running.more,
                why=why,
                command=list_executions(target.function, version, region),
            )
        )
