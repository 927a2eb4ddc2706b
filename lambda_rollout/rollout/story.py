"""What the stories of both engines share: how they begin, how they end, and the watch over aliases that are ours.

The middle is theirs: in `rollout` we decide each weight, in `codedeploy.engine` CodeDeploy does and we notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Routing
from lambda_rollout.alias.writer import AliasWriter, Conflict
from lambda_rollout.analysis.alarms import Survey
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.acquire import say_if_time_is_in_doubt
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import Finished, HooksNamed, Warned
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.metrics import RolloutMetrics
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.watch import Watch
from lambda_rollout.runtime.errors import RolloutError


class BadEnd(Protocol):
    """The way out of a story that cannot go on. Never raises."""

    def __call__(self, cause: RolloutError, *, failed: bool) -> Finished:
        """Leave every alias settled. ``failed``: the result is that, even if all are put back."""
        ...


def run(
    spec: RolloutSpec,
    ports: Ports,
    tell: Callable[[], Finished],
    bad_end: BadEnd,
    afterwards: Callable[[Finished], None] = lambda _: None,
) -> Finished:
    """Tell a story, to whatever end. Never raises: an error of ours, too, rolls back first and talks after.

    ``afterwards`` is done when every alias is settled, and can change nothing of how it ended.
    """
    begin(spec, ports)
    for text in spec.warnings:
        ports.emit(Warned(text=text))
    finished = _to_its_end(tell, bad_end)
    without_failing(lambda: afterwards(finished), ports)
    if spec.inputs.mode is Mode.PLAN:
        # No rollout is to wait for what it brings along.
        from lambda_rollout.rollout.permissions import tell_permissions

        without_failing(lambda: tell_permissions(spec, ports), ports)
    ports.emit(finished)
    return finished


def begin(spec: RolloutSpec, ports: Ports) -> None:
    """Tell what was asked for."""
    ports.emit(spec.started())
    if spec.hooks:
        ports.emit(HooksNamed(hooks=spec.hooks))


def without_failing(act: Callable[[], None], ports: Ports) -> None:
    """Do what must not fail a rollout that has ended; what goes wrong is a warning."""
    try:
        act()
    except RolloutError as error:
        ports.emit(Warned(text=str(error)))
    except Exception as error:  # noqa: BLE001 - the outputs are to be written, whatever it is
        ports.emit(Warned(text=f"internal error: {type(error).__name__}: {error}"))


def _to_its_end(tell: Callable[[], Finished], bad_end: BadEnd) -> Finished:
    try:
        return tell()
    except RolloutError as cause:
        return bad_end(cause, failed=isinstance(cause, Conflict))
    except Exception as error:  # noqa: BLE001 - whatever it is, an alias must not stay split for it
        what = f"internal error: {type(error).__name__}: {error}"
        return bad_end(RolloutError(what, "Please report it with the log."), failed=False)


def begin_watch(
    spec: RolloutSpec,
    ports: Ports,
    rollouts: Sequence[AliasRollout],
    survey: Survey,
    metrics: RolloutMetrics,
    expiry: Expiry,
    alarms_need: timedelta | None = None,
) -> Watch:
    """Begin the watch over aliases that are ours, with the ``survey`` of the alarms that was made just before.

    ``alarms_need``: how long the slowest alarm needs to fire; None if that is not known.
    """
    inputs, new = spec.inputs, {rollout.target: rollout.new for rollout in rollouts}
    return Watch(
        ports,
        inputs,
        [rollout.writer for rollout in rollouts],
        survey,
        metrics,
        lambda writer: live_record(writer, new[writer.target], writer.routing, spec, ports),
        expiry,
        alarms_need,
    )


def live_record(
    writer: AliasWriter, new: str, routing: Routing, spec: RolloutSpec, ports: Ports
) -> Record:
    """Make a record with a fresh lease, and say before the first one if AWS's time is in doubt."""
    say_if_time_is_in_doubt(ports)
    return spec.identity.live_record(writer, new, routing)


def end_watch(watch: Watch, ports: Ports) -> None:
    """Say what was not watched, though every step has passed."""
    for text in watch.alarms.did_not_guard():
        ports.emit(Warned(text=text))
    watch.numbers.read_at_last()
