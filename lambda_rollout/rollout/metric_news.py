"""What to tell of numbers that are read again and again, as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import MINUTE, Comparison, Minute, VersionMetrics


class MetricNews:
    """What was told of each version's minutes, to tell only what is new in a whole window, or was revised."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self._minutes: dict[tuple[Target, str], tuple[Minute, ...]] = {}
        self._throttles: dict[Target, int] = {}

    def known(self, found: Comparison) -> Comparison:
        """Return the same, made of the minutes that were told already as far as they did not change."""
        return replace(
            found, canary=self._known(found.canary), baseline=self._known(found.baseline)
        )

    def _known(self, found: VersionMetrics) -> VersionMetrics:
        told = self._told(found)
        minutes = tuple(
            before if (before := told.get(minute.start)) == minute else minute
            for minute in found.minutes
        )
        return replace(found, minutes=minutes)

    def news(self, found: Comparison, until: datetime) -> Comparison:
        """Return what was not told yet of the minutes that end by ``until``."""
        throttles = found.throttles - self._throttles.get(found.target, 0)
        self._throttles[found.target] = found.throttles
        return Comparison(
            canary=self._news_of(found.canary, until),
            baseline=self._news_of(found.baseline, until),
            throttles=throttles,
            until=until,
        )

    def _told(self, found: VersionMetrics) -> dict[datetime, Minute]:
        minutes = self._minutes.get((found.target, found.version), ())
        return {minute.start: minute for minute in minutes}

    def _news_of(self, found: VersionMetrics, until: datetime) -> VersionMetrics:
        told = self._told(found)
        news = [
            minute
            for minute in found.minutes
            if minute.start + MINUTE <= until and told.get(minute.start) != minute
        ]
        told |= {minute.start: minute for minute in news}
        self._minutes[found.target, found.version] = tuple(told[start] for start in sorted(told))
        return replace(found, minutes=tuple(news))
