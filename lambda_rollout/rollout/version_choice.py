"""Which version an alias is shifted to: a new one, a named one, or that of the rollout that is gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lambda_rollout.alias.record import Record
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.names import Numbered
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.version import choose
from lambda_rollout.rollout.versions_seen import VersionsSeen
from lambda_rollout.runtime.errors import RolloutError


def choose_for(
    rollout: AliasRollout,
    group: Sequence[AliasRollout],
    spec: RolloutSpec,
    ports: Ports,
    seen: VersionsSeen,
) -> str:
    """Return the version for one alias of a ``group``; it is published where that is asked for.

    Raises `RolloutError` if it is another one than that of the rollout that is gone on with, and as `choose`.
    """
    resumed = rollout.resumed
    number = spec.version_number(rollout.target)
    if resumed is not None and spec.inputs.mode is Mode.PROMOTE and number is None:
        taken = replace(spec, inputs=replace(spec.inputs, version=Numbered(resumed.new)))
        return choose(rollout.target, rollout.old, taken, ports)
    if resumed is None and spec.inputs.mode is Mode.PROMOTE and rollout.old is not None:
        # One of a group whose code was unchanged: there is nothing of it to promote.
        return rollout.old
    if resumed is not None and number is not None:
        _refuse_another(number, rollout, resumed, group, spec)
    version = choose(rollout.target, rollout.old, spec, ports, seen)
    if resumed is not None:
        _refuse_another(version, rollout, resumed, group, spec)
    return version


def _refuse_another(
    version: str,
    rollout: AliasRollout,
    resumed: Record,
    group: Sequence[AliasRollout],
    spec: RolloutSpec,
) -> None:
    if version == resumed.new:
        return
    # An error, and no rollback: what is there was not this run's to judge.
    for each in group:
        each.possibly_written = False
    raise RolloutError(
        f"{rollout.target} is in a rollout of version {resumed.new}, not of version {version}.",
        "Leave `version` empty."
        if spec.inputs.mode is Mode.PROMOTE
        else "So it cannot be resumed: set `on-stranded: rollback`.",
    )
