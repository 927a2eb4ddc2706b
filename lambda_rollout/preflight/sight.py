"""Which of a target's invocations a metric counts, read off its dimensions.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: Lambda counts by nothing, by
FunctionName, by FunctionName and Resource (``name:qualifier`` as it was invoked) and, for an alias, by
ExecutedVersion besides. What comes through an alias is never counted under ``name:8``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from lambda_rollout.preflight.facts import (
    AlarmFacts,
    Configuration,
    Facts,
    TargetFacts,
    WatchedMetric,
)
from lambda_rollout.routing import Target

LAMBDA = "AWS/Lambda"


class Sight(IntEnum):
    """From blind to exact; the best of an alarm's metrics is what the alarm sees."""

    ELSEWHERE = 0
    """Another function or alias, or only what invokes the bare function."""
    OTHER_VERSION = 1
    """One version that is not the new one, or a version as invoked by its number."""
    FUNCTION = 2
    """Everything the function does, ``$LATEST`` included."""
    ALIAS = 3
    """Old and new version through the alias."""
    NEW = 4
    """The new version through the alias, and nothing else."""

    @property
    def blind(self) -> bool:
        """Whether nothing of the new version is counted."""
        return self <= Sight.OTHER_VERSION


@dataclass(frozen=True, slots=True)
class Seen:
    """What an alarm, or one of its metrics, counts."""

    sight: Sight
    target: Target | None
    where: str
    """The dimensions in words."""


def of_alarm(alarm: AlarmFacts, facts: Facts) -> Seen | None:
    """Return the best that the alarm's metrics see; None if that cannot be told from them."""
    if not alarm.metrics or any(metric.namespace != LAMBDA for metric in alarm.metrics):
        return None
    return max((of_metric(metric, facts.targets) for metric in alarm.metrics), key=_sight)


def of_metric(metric: WatchedMetric, targets: Iterable[TargetFacts]) -> Seen:
    """Say what a metric of Lambda counts."""
    where = ", ".join(f"{name}={value}" for name, value in metric.dimensions.items())
    function = metric.dimensions.get("FunctionName")
    if function is None:
        return Seen(Sight.FUNCTION, None, where or "no dimension")
    found = [
        Seen(_of_target(metric, each), each.target, where)
        for each in targets
        if each.target.name == function
    ]
    return max(found, key=_sight, default=Seen(Sight.ELSEWHERE, None, where))


def _of_target(metric: WatchedMetric, each: TargetFacts) -> Sight:
    resource = metric.dimensions.get("Resource")
    version = metric.dimensions.get("ExecutedVersion")
    if resource is None:
        return Sight.FUNCTION
    if resource != str(each.target):
        return Sight.OTHER_VERSION if resource.rpartition(":")[2].isdecimal() else Sight.ELSEWHERE
    if version is None:
        return Sight.ALIAS
    new = each.new.version if isinstance(each.new, Configuration) else version
    return Sight.NEW if version == new else Sight.OTHER_VERSION


def _sight(seen: Seen) -> Sight:
    return seen.sight


def leaves(alarm: AlarmFacts) -> tuple[AlarmFacts, ...]:
    """Return the alarms that look at data themselves: the alarm, or those below a composite one."""
    if alarm.kind != "CompositeAlarm":
        return (alarm,)
    return tuple(leaf for child in alarm.children for leaf in leaves(child))
