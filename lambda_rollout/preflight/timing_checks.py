"""Checks on the schedule: is there time, and are there requests enough, for an alarm to speak?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.preflight.composite import fires, leaves, unclear_rule
from lambda_rollout.preflight.expression import value_of
from lambda_rollout.preflight.facts import AlarmFacts, Configuration, Facts, Invoked, WatchedMetric
from lambda_rollout.preflight.finding import Code, Finding, Level, as_inputs, in_words
from lambda_rollout.preflight.sight import AlarmSight, Seen, of_alarm
from lambda_rollout.preflight.speed import decisive, speed_in_words, takes, warm_until

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def steps_outlast_the_alarms(facts: Facts) -> Iterator[Finding]:
    """A step that ends before an alarm can fire was not guarded by it.

    An alarm takes Period times DatapointsToAlarm and the way of the data, at least.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. ``100% 0s`` is left
    alone: it says that it is not watched. So is a hold: when it is over, it is rolled back.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        if unclear_rule(alarm):
            continue
        slowest = decisive(alarm, _blind(alarm, facts)) or decisive(alarm)
        time = None if slowest is None else takes(slowest)
        if slowest is None or time is None:
            continue
        short = [step for step in facts.plan.shifts if step.watch < time and not _unwatched(step)]
        if short:
            yield Finding(
                Level.WARNING,
                Code.STEP_TOO_SHORT,
                f"It needs at least {readable_duration(time)} to fire ({speed_in_words(slowest)}), and {in_words(short)} "
                f"{'is' if len(short) == 1 else 'are'} over sooner.",
                f"Set {as_inputs(_longer(facts.plan, time), facts.plan)}, or use an alarm with shorter periods."
                f"{_timeouts(facts)}",
                alarm=alarm.name,
            )


def _blind(alarm: AlarmFacts, facts: Facts) -> set[str]:
    seen = {leaf.name: of_alarm(leaf, facts) for leaf in leaves(alarm)}
    return {name for name, each in seen.items() if each is not None and each.sight.blind}


def alarms_are_warm(facts: Facts) -> Iterator[Finding]:
    """An alarm in its warm-up does not fire, whatever its data say.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html: it may end early, once there
    are data enough; the latest moment is what can be known.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        until = None if unclear_rule(alarm) else warm_until(alarm)
        if until is None or until <= facts.now:
            continue
        over = [
            step
            for start, step in facts.plan.timetable()
            if facts.now + start + step.watch < until and not (_unwatched(step) or step.holds)
        ]
        yield Finding(
            Level.WARNING,
            Code.ALARM_WARMING_UP,
            f"It is in its warm-up until {until:%H:%M} UTC at the latest and does not fire before it ends: "
            + (
                f"{in_words(over)} may be over by then."
                if over
                else "the first step may begin while it cannot fire."
            ),
            "Start after that, or shorten its warm-up.",
            alarm=alarm.name,
        )


def _timeouts(facts: Facts) -> str:
    """Say that a call is told by its start, and counted at its end."""
    found = [each.new.timeout for each in facts.targets if isinstance(each.new, Configuration)]
    longest = max(found, default=timedelta())
    if longest < timedelta(minutes=1):
        return ""
    return (
        f" A call that hangs is counted only when it times out, after {readable_duration(longest)}."
    )


def _unwatched(step: Step) -> bool:
    return step.is_promotion and not step.watch


def _longer(plan: Plan, least: timedelta) -> Plan:
    return plan.with_shifts(
        step if _unwatched(step) else replace(step, watch=max(step.watch, least))
        for step in plan.shifts
    )


def weights_move_the_alarms(facts: Facts) -> Iterator[Finding]:
    """At a weight that brings too few requests, not even a version that always fails moves an alarm.

    Reckoned with the traffic of the last hour, for alarms on Errors and on error rates.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        able = {
            leaf.name: found
            for leaf in leaves(alarm)
            if (found := _reckoned(leaf, facts)) is not None
        }
        if unclear_rule(alarm) or not able or len(able) < len(leaves(alarm)):
            continue
        fires_at = partial(_fires_at, alarm, able)
        small = [step for step in facts.plan.shifts if not fires_at(step.percent)]
        if small:
            yield _too_small(alarm, next(iter(able.values())), small, fires_at)


def _fires_at(alarm: AlarmFacts, able: Mapping[str, _Reckoning], percent: Decimal) -> bool:
    return fires(alarm, {name for name, each in able.items() if each.fires(percent)})


def _too_small(
    alarm: AlarmFacts, reckoning: _Reckoning, small: list[Step], fires_at: Callable[[Decimal], bool]
) -> Finding:
    enough = next((p for p in range(1, 101) if fires_at(Decimal(p))), None)
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
        f"in {readable_duration(reckoning.alarm.period)} at {in_words(small[-1:])}: if all of them failed, the alarm "
        f"would still not fire.{_others(small)}",
        remedy,
        reckoning.invoked.target,
        alarm.name,
    )


def _others(small: list[Step]) -> str:
    return f" The same goes for {in_words(small[:-1])}." if small[1:] else ""


class _Reckoning:
    """What an alarm would see of a version that always fails."""

    def __init__(self, alarm: AlarmFacts, seen: Seen, invoked: Invoked) -> None:
        self.alarm = alarm
        self.invoked = invoked
        self.per_period = Fraction(invoked.last_hour * (alarm.period // SECOND), HOUR // SECOND)
        self._alone = seen.sight is AlarmSight.NEW

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
    if seen is None or seen.sight not in {AlarmSight.ALIAS, AlarmSight.NEW} or not alarm.period:
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
