"""Events of one target in, its `TargetNow` out. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED, Routing, routing_of
from lambda_rollout.report.state import Exposure, TargetNow
from lambda_rollout.rollout import events as e


def moved(now: TargetNow, event: e.Event) -> TargetNow:
    """Take into account what happened to one target; a way back is `rolled_back`."""
    match event:
        case e.AliasFound():
            found = event.routing
            previous = now.running.previous if now.running else found.version
            return replace(now, arn=event.arn, routing=found, previous=previous)
        case e.AliasMissing():
            return replace(now, missing=True)
        case e.AliasCreated():
            whole = Routing.all_on(event.version)
            made = replace(now, arn=event.arn, version=event.version, routing=whole)
            return replace(made, created=True)
        case e.VersionPublished() | e.VersionTaken():
            published = isinstance(event, e.VersionPublished)
            known = replace(now, version=event.version, previous=event.previous)
            return replace(known, published=published)
        case e.AlreadyThere():
            return replace(now, version=event.version, already_there=True)
        case e.WeightShifted():
            return _shifted(now, event)
        case e.AliasLeft():
            return _left(now, event)
        case _:
            return _of_other_runs(now, event)


def _of_other_runs(now: TargetNow, event: e.Event) -> TargetNow:
    match event:
        case e.AbandonedFound():
            return replace(now, abandoned=event, routing=event.routing)
        case e.Restored():
            whole = Routing.all_on(event.version)
            return replace(now, restored=True, routing=whole, previous=event.version)
        case e.Held():
            held = routing_of(event.previous, event.version, event.percent)
            return replace(now, version=event.version, previous=event.previous, routing=held)
        case e.RolloutRunning() | e.RequestEnded():
            return _asked(now, event)
        case e.ExecutionsLeft():
            return replace(now, executions_left=event)
        case e.PreviousAliasFound():
            return replace(now, way_back=event)
        case e.SmokeTestStarted() | e.SmokeTested():
            return replace(now, smoke_test=event)
        case _:
            return now


def _asked(now: TargetNow, event: e.RolloutRunning | e.RequestEnded) -> TargetNow:
    known = replace(now, version=event.version, previous=event.previous)
    if isinstance(event, e.RolloutRunning):
        return replace(known, running=event)
    return replace(known, routing=event.routing)


def _shifted(now: TargetNow, event: e.WeightShifted) -> TargetNow:
    whole = event.percent == HUNDRED
    return replace(
        now,
        version=event.version,
        previous=event.previous,
        routing=Routing.all_on(event.version)
        if whole
        else Routing.split(event.previous, event.version, event.percent),
        exposures=(*now.exposures, Exposure(event.at, event.percent)),
    )


def _left(now: TargetNow, event: e.AliasLeft) -> TargetNow:
    exposures = now.exposures
    # The post stage does not say which version it was about.
    version = now.version or (next(iter(event.routing.weights), None) if event.routing else None)
    if exposures and event.routing is not None and version is not None:
        exposures = (*exposures, Exposure(event.at, event.routing.percent_of(version)))
    return replace(now, version=version, left=event, routing=event.routing, exposures=exposures)


def rolled_back(
    now: TargetNow, event: e.RolledBack | e.TakenBack, step_began: datetime | None
) -> TargetNow:
    """Take a way back into account; ``step_began`` is None if an earlier run had shifted it."""
    exposures = now.exposures
    known = exposures[-1].percent if exposures else Decimal()
    if step_began is not None and event.percent > known:
        # A shift whose answer was lost: it may have worked from the step's first moment on.
        exposures = (*exposures, Exposure(step_began, event.percent))
    if exposures:
        exposures = (*exposures, Exposure(event.at, Decimal()))
    return replace(
        now,
        version=event.from_version,
        previous=event.version,
        routing=Routing.all_on(event.version),
        rolled_back_at=event.at,
        exposures=exposures,
        left=None,
    )


def to_be_ended(found: Routing, mode: str) -> str | None:
    """Return the new version of a rollout that an earlier run began, and this one is to finish or to undo.

    It is known from the first look on, so that outputs tell its weight however this run ends.
    """
    if mode == "rollback":
        return next(iter(found.weights), found.version)
    return next(iter(found.weights), None) if mode == "promote" else None
