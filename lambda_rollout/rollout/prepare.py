"""Before the first write: the preflight and the alarms are looked at, told, and what must not begin is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lambda_rollout.alias.routing import Target
from lambda_rollout.alias.writer import Traffic
from lambda_rollout.analysis.alarms import AlarmReading, Survey, firing_at_start
from lambda_rollout.inputs.choices import AlarmAtStart, Mode, Preflight
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.finding import Finding, blocking
from lambda_rollout.preflight.reader import LATEST, Passage, Question, look
from lambda_rollout.rollout.events import AlarmsFound, PreflightFound, Warned
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import heed, patiently


def preflight(
    order: Order,
    parts: Parts,
    traffics: Sequence[tuple[Target, Traffic | None]],
    storages: Mapping[Target, CodeStorage],
) -> None:
    """Look at all targets (without a `Traffic`: an alias still to be created) and tell what was found.

    ``storages`` is how the code is kept of those to which code is to be uploaded.

    Raises `RolloutError` for what AWS would refuse, with ``preflight: strict`` also for what would make the
    watch blind. ``mode: plan`` only says that it would.
    """
    # A number that the alias is on already leaves nothing to move, and nothing to look at.
    moving = [(target, t) for target, t in traffics if not (t and t.old == order.version)]
    if parts.lookout is None or not moving:
        return
    there = [traffic for _, traffic in moving if traffic is not None]
    question = Question(
        now=parts.aws_clock.now(),
        passages=tuple(
            _passage(order, target, traffic, storages.get(target)) for target, traffic in moving
        ),
        plan=order.plan,
        guards=order.guards,
        needs_numbers=bool(order.guards or order.min_invocations),
        writes=tuple(_writes(order, there, moving)) if order.mode is Mode.PLAN else (),
    )
    findings = examine(look(question, parts.lookout, parts.clock, parts.stop))
    parts.emit(PreflightFound(at=parts.clock.now(), findings=findings))
    refused = blocking(findings, strict=order.preflight is Preflight.STRICT)
    if not refused:
        return
    if order.mode is Mode.PLAN:
        text = f"A rollout would be refused: {_reason(refused)}"
        parts.emit(Warned(at=parts.clock.now(), text=text))
        return
    raise RolloutError(f"preflight: {_reason(refused)}", refused[0].remedy)


def _passage(
    order: Order, target: Target, traffic: Traffic | None, storage: CodeStorage | None
) -> Passage:
    return Passage(
        target=target,
        alias_arn=traffic.found.arn if traffic else "",
        old=traffic.old if traffic else None,
        new=order.version or order.version_alias or LATEST,
        by_reference=storage is not None and storage.by_reference,
    )


def _writes(
    order: Order, there: Sequence[Traffic], moving: Sequence[tuple[Target, Traffic | None]]
) -> Iterator[str]:
    if order.package is not None:
        yield "lambda:UpdateFunctionCode"
    if order.version is None and order.version_alias is None:
        yield "lambda:PublishVersion"
    if len(there) < len(moving):
        yield "lambda:CreateAlias"
    if there:
        yield "lambda:UpdateAlias"


def _reason(refused: Sequence[Finding]) -> str:
    first = refused[0]
    about = f"alarm {first.alarm}" if first.alarm else str(first.target or "the rollout")
    more = f" (and {len(refused) - 1} more)" if refused[1:] else ""
    return f"{about}: {first.seen}{more}"


# The alarms before anything is shifted -------------------------------------------------------------


_WOULD = {
    AlarmAtStart.FAIL: "A rollout would be refused now",
    AlarmAtStart.WAIT: "A rollout would not begin now, but wait",
    AlarmAtStart.IGNORE_UNTIL_OK: "Would count only once it was OK",
}


def first_look(order: Order, parts: Parts) -> None:
    """Check the alarms when the aliases are known, before anything is published or shifted.

    Raises `RolloutError` for an alarm that does not exist, or is in ALARM against ``alarm-at-start``.
    """
    survey = _read(order, parts, wait=order.mode is not Mode.PLAN)
    parts.emit(AlarmsFound(at=parts.clock.now(), readings=survey.readings))
    if not order.alarms and not order.guards:
        _warn(parts, "No alarm guards this rollout: `alarms` is empty.")
    firing = firing_at_start(survey.readings)
    if firing and order.mode is Mode.PLAN:
        _warn(parts, f"{_WOULD[order.alarm_at_start]}, in ALARM: {_names(firing)}")
    elif firing:
        _refuse_unless_ignored(firing, order)


def last_look(order: Order, parts: Parts) -> Survey:
    """Check them again just before the first shift; what is read here is what the watch starts from."""
    survey = _read(order, parts, wait=True)
    firing = firing_at_start(survey.readings)
    if firing:
        _refuse_unless_ignored(firing, order)
        _warn(parts, f"In ALARM before the start, counts only once it was OK: {_names(firing)}")
    return survey


def _read(order: Order, parts: Parts, *, wait: bool) -> Survey:
    """Read the alarms; with ``alarm-at-start: wait`` until none is in ALARM or evidence-timeout is over."""
    end = parts.clock.monotonic() + order.evidence_timeout
    while True:
        survey = patiently(parts.clock, parts.stop)(parts.alarms.read)
        if survey.missing:
            raise RolloutError(
                f"no such alarm{_where(survey.missing, order)}: {', '.join(survey.missing)}.",
                "Correct `alarms`; an alarm of another Region is given by its ARN.",
            )
        waiting = wait and order.alarm_at_start is AlarmAtStart.WAIT
        over = parts.clock.monotonic() >= end
        if over or not (waiting and firing_at_start(survey.readings)):
            return survey
        parts.clock.wait(order.poll_interval, parts.stop)
        heed(parts.stop)


def _refuse_unless_ignored(firing: Sequence[AlarmReading], order: Order) -> None:
    if order.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK:
        return
    raise RolloutError(
        f"in ALARM before anything was shifted: {_names(firing)}.",
        "Wait until it is OK; or, to get a fix past the alarm that its bug raised, set "
        "`alarm-at-start: ignore-until-ok`.",
    )


def _names(firing: Sequence[AlarmReading]) -> str:
    return ", ".join(f"{reading.name} ({reading.reason})" for reading in firing)


def _warn(parts: Parts, text: str) -> None:
    parts.emit(Warned(at=parts.clock.now(), text=text))


def _where(missing: Sequence[str], order: Order) -> str:
    """Say the Region, unless each was given by its ARN: that one names its own."""
    by_arn = all(text.startswith("arn:") for text in missing)
    return "" if by_arn else f" in {order.region}"
