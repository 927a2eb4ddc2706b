"""The alarms before anything is shifted: are they there, and is one of them in ALARM already?"""

from __future__ import annotations

from collections.abc import Sequence

from lambda_rollout.alarm_poll import Survey
from lambda_rollout.choices import Mode
from lambda_rollout.errors import RolloutError
from lambda_rollout.events import AlarmsFound, Warned
from lambda_rollout.judge import AlarmAtStart, AlarmReading, firing_at_start
from lambda_rollout.order import Order, Parts
from lambda_rollout.patience import heed, patiently

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
