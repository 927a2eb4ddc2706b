"""Which of a target's invocations a metric counts, read off its dimensions.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: Lambda counts by nothing, by
FunctionName, by FunctionName and Resource (``name:qualifier`` as it was invoked) and, for an alias, by
ExecutedVersion besides. What comes through an alias is never counted under ``name:8``. A metric exists for exactly
these sets: one dimension more or less, and there never is a datapoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from lambda_rollout.alias.routing import Target
from lambda_rollout.preflight.facts import (
    AlarmFacts,
    Configuration,
    Facts,
    TargetFacts,
    WatchedMetric,
)
from lambda_rollout.preflight.finding import words

LAMBDA = "AWS/Lambda"
OF_INVOCATIONS = frozenset(
    {
        *("Invocations", "Errors", "Throttles", "Duration", "PostRuntimeExtensionsDuration"),
        *("DeadLetterErrors", "DestinationDeliveryFailures", "RecursiveInvocationsDropped"),
        *("AsyncEventsReceived", "AsyncEventAge", "AsyncEventsDropped", "IteratorAge"),
        "ConcurrentExecutions",
    }
)
"""The metrics that are counted by these sets. Event source mappings, tenants, capacity providers and durable
executions have metrics and dimensions of their own, which are not judged."""

_SETS = (
    frozenset[str](),
    frozenset({"FunctionName"}),
    frozenset({"FunctionName", "Resource"}),
    frozenset({"FunctionName", "Resource", "ExecutedVersion"}),
)


class AlarmSight(IntEnum):
    """From blind to exact; the best of an alarm's metrics is what the alarm sees."""

    NOTHING = 0
    """A set of dimensions for which Lambda has no metric."""
    ELSEWHERE = 1
    """Another function or alias, or only what invokes the bare function."""
    OTHER_VERSION = 2
    """One version that is not the new one, or a version as invoked by its number."""
    FUNCTION = 3
    """Everything the function does, ``$LATEST`` included."""
    ALIAS = 4
    """Old and new version through the alias."""
    NEW = 5
    """The new version through the alias, and nothing else."""

    @property
    def blind(self) -> bool:
        """Whether nothing of the new version is counted."""
        return self <= AlarmSight.OTHER_VERSION


@dataclass(frozen=True, slots=True)
class Seen:
    """What an alarm, or one of its metrics, counts."""

    sight: AlarmSight
    target: Target | None
    where: str
    """The dimensions in words."""


def of_alarm(alarm: AlarmFacts, facts: Facts) -> Seen | None:
    """Return the best that the alarm's metrics see; None if that cannot be told from them.

    Metric math has no value where one of its metrics has none, unless it is filled in.
    """
    if unjudged(alarm):
        return None
    seen = [of_metric(metric, facts.targets) for metric in alarm.metrics]
    least = min(seen, key=_sight)
    if least.sight is AlarmSight.NOTHING and "FILL(" not in alarm.expression.upper():
        return least
    return max(seen, key=_sight)


def unjudged(alarm: AlarmFacts) -> str:
    """Say what keeps an alarm that looks at data itself from being judged; empty if nothing does."""
    if alarm.unread:
        return alarm.unread
    others = sorted({metric.namespace for metric in alarm.metrics} - {LAMBDA})
    if others:
        return f"metrics of {words(others)}"
    unknown = sorted({metric.name for metric in alarm.metrics} - OF_INVOCATIONS)
    if unknown or not alarm.metrics:
        return f"Lambda's {words(unknown)}" if unknown else "an alarm that names no metric"
    return ""


def of_metric(metric: WatchedMetric, targets: Iterable[TargetFacts]) -> Seen:
    """Say what a metric of Lambda counts."""
    where = ", ".join(f"{name}={value}" for name, value in metric.dimensions.items())
    if frozenset(metric.dimensions) not in _SETS:
        return Seen(AlarmSight.NOTHING, _named(metric, targets), where)
    function = metric.dimensions.get("FunctionName")
    if function is None:
        return Seen(AlarmSight.FUNCTION, None, where or "no dimension")
    found = [
        Seen(_of_target(metric, each), each.target, where)
        for each in targets
        if each.target.name == function
    ]
    return max(found, key=_sight, default=Seen(AlarmSight.ELSEWHERE, None, where))


def _named(metric: WatchedMetric, targets: Iterable[TargetFacts]) -> Target | None:
    """Return the target that a metric without data was meant for, if one of its dimensions says so."""
    values = set(metric.dimensions.values())
    return next(
        (each.target for each in targets if values & {each.target.name, str(each.target)}), None
    )


def _of_target(metric: WatchedMetric, each: TargetFacts) -> AlarmSight:
    resource = metric.dimensions.get("Resource")
    version = metric.dimensions.get("ExecutedVersion")
    if resource is None:
        return AlarmSight.FUNCTION
    if resource != str(each.target):
        return (
            AlarmSight.OTHER_VERSION
            if resource.rpartition(":")[2].isdecimal()
            else AlarmSight.ELSEWHERE
        )
    if version is None:
        return AlarmSight.ALIAS
    new = each.new.version if isinstance(each.new, Configuration) else version
    return AlarmSight.NEW if version == new else AlarmSight.OTHER_VERSION


def _sight(seen: Seen) -> AlarmSight:
    return seen.sight
