"""Checks on the schedule: is there time, and are there requests enough, for an alarm to speak?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from lambda_rollout.durations import format_duration
from lambda_rollout.plan import Plan, Step
from lambda_rollout.preflight.expression import value_of
from lambda_rollout.preflight.facts import AlarmFacts, Configuration, Facts, Invoked, WatchedMetric
from lambda_rollout.preflight.finding import Code, Finding, Level, words
from lambda_rollout.preflight.sight import Seen, Sight, leaves, of_alarm
from lambda_rollout.routing import HUNDRED

ARRIVAL = timedelta(minutes=2)
"""From an invocation to a change of the alarm's state, besides the alarm's own periods: measured from published
notifications, 71 and 123 s with periods of a minute."""

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def steps_outlast_the_alarms(facts: Facts) -> Iterator[Finding]:
    """A step that ends before an alarm can fire was not guarded by it.

    An alarm takes Period times DatapointsToAlarm and the way of the data, at least.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. ``100% 0s`` is left
    alone: it says that it is not watched.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        timed = [leaf for leaf in leaves(alarm) if leaf.period]
        if not timed:
            continue
        quickest = min(timed, key=_takes)
        takes = _takes(quickest)
        short = [step for step in facts.plan.steps if step.watch < takes and not _unwatched(step)]
        if short:
            periods = f"{quickest.datapoints_to_alarm} × {format_duration(quickest.period)}"
            yield Finding(
                Level.WARNING,
                Code.STEP_TOO_SHORT,
                f"It takes {format_duration(takes)} to fire at the least ({periods}, and "
                f"{format_duration(ARRIVAL)} until the data are there), and {_steps(short)} "
                f"{'is' if len(short) == 1 else 'are'} over sooner.",
                f"`steps: {_longer(facts.plan, takes).describe()}`, or an alarm with shorter periods."
                f"{_timeouts(facts)}",
                alarm=alarm.name,
            )


def _takes(alarm: AlarmFacts) -> timedelta:
    return alarm.period * alarm.datapoints_to_alarm + ARRIVAL


def _timeouts(facts: Facts) -> str:
    """Say that a call is told by its start, and counted at its end."""
    found = [each.new.timeout for each in facts.targets if isinstance(each.new, Configuration)]
    longest = max(found, default=timedelta())
    if longest < timedelta(minutes=1):
        return ""
    return (
        f" A call that hangs is counted only when it times out, after {format_duration(longest)}."
    )


def _unwatched(step: Step) -> bool:
    return step.is_promotion and not step.watch


def _longer(plan: Plan, least: timedelta) -> Plan:
    steps = [
        step if _unwatched(step) else replace(step, watch=max(step.watch, least))
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


def _steps(steps: list[Step]) -> str:
    return words([f"`{step}`" for step in steps])


def weights_move_the_alarms(facts: Facts) -> Iterator[Finding]:
    """At a weight that brings too few requests, not even a version that always fails moves an alarm.

    Reckoned with the traffic of the last hour, for alarms on Errors and on error rates.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        reckoned = [_reckoned(leaf, facts) for leaf in leaves(alarm)]
        if not reckoned or None in reckoned:
            continue
        able = [each for each in reckoned if each is not None]
        small = [
            step for step in facts.plan.steps if not any(each.fires(step.percent) for each in able)
        ]
        if small:
            yield _too_small(alarm, able[0], small)


def _too_small(alarm: AlarmFacts, reckoning: _Reckoning, small: list[Step]) -> Finding:
    enough = next((p for p in range(1, 101) if reckoning.fires(Decimal(p))), None)
    if enough is None or enough == HUNDRED:
        remedy = "Send it traffic, widen the alarm's period, or set `min-invocations`."
    else:
        remedy = (
            f"Begin with {enough}% or more, widen the alarm's period, or set `min-invocations`."
        )
    hourly = reckoning.invoked.last_hour
    requests = float(reckoning.per_period * Fraction(small[-1].percent) / 100)
    return Finding(
        Level.WARNING,
        Code.WEIGHT_TOO_SMALL,
        f"With the last hour's traffic ({hourly} invocations) the new version gets about {requests:.2g} requests "
        f"in {format_duration(reckoning.alarm.period)} at {_steps(small[-1:])}: if all of them failed, the alarm "
        f"would still not fire.{_others(small)}",
        remedy,
        reckoning.invoked.target,
        alarm.name,
    )


def _others(small: list[Step]) -> str:
    return f" The same goes for {_steps(small[:-1])}." if small[1:] else ""


class _Reckoning:
    """What an alarm would see of a version that always fails."""

    def __init__(self, alarm: AlarmFacts, seen: Seen, invoked: Invoked) -> None:
        self.alarm = alarm
        self.invoked = invoked
        self.per_period = Fraction(invoked.last_hour * (alarm.period // SECOND), HOUR // SECOND)
        self._alone = seen.sight is Sight.NEW

    def fires(self, percent: Decimal) -> bool:
        """Whether it would fire, on the average, with this share of the traffic."""
        failing = float(self.per_period * Fraction(percent) / 100)
        value = self.value(failing, failing if self._alone else float(self.per_period))
        return failing >= 1 and (value is None or self._breaches(value))

    def value(self, failing: float, counted: float) -> float | None:
        """Return the alarm's value in a period with so many failing requests among so many that it counts.

        None if that cannot be told.
        """
        if not self.alarm.expression:
            # Errors come whole: 4.9 of them are 4.
            metric = self.alarm.metrics[0]
            return _value(metric, float(math.floor(failing)), counted)
        values = {
            metric.id: value
            for metric in self.alarm.metrics
            if (value := _value(metric, failing, counted)) is not None
        }
        return value_of(self.alarm.expression, values)

    def _breaches(self, value: float) -> bool:
        threshold = self.alarm.threshold
        match self.alarm.comparison:
            case "GreaterThanThreshold" if threshold is not None:
                return value > threshold
            case "GreaterThanOrEqualToThreshold" if threshold is not None:
                return value >= threshold
            case "LessThanThreshold" if threshold is not None:
                return value < threshold
            case "LessThanOrEqualToThreshold" if threshold is not None:
                return value <= threshold
        return True


def _reckoned(alarm: AlarmFacts, facts: Facts) -> _Reckoning | None:
    """Prepare the reckoning, None where nothing can be said."""
    seen = of_alarm(alarm, facts)
    if seen is None or seen.sight not in {Sight.ALIAS, Sight.NEW} or not alarm.period:
        return None
    invoked = next(each.invoked for each in facts.targets if each.target == seen.target)
    if not isinstance(invoked, Invoked) or not invoked.last_day:
        return None
    reckoning = _Reckoning(alarm, seen, invoked)
    return None if reckoning.value(1.0, 1.0) is None else reckoning


def _value(metric: WatchedMetric, failing: float, counted: float) -> float | None:
    match metric.name, metric.statistic:
        case "Errors", "Sum":
            return failing
        case "Errors", "Average":
            return failing / counted if counted else None
        case "Errors", "Maximum":
            return 1.0
        case "Invocations", "Sum":
            return counted
    return None
