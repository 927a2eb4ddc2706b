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
        self._minutes: dict[tuple[Target, str], dict[datetime, Minute]] = {}
        self._throttles: dict[Target, int] = {}

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

    def _news_of(self, found: VersionMetrics, until: datetime) -> VersionMetrics:
        told = self._minutes.setdefault((found.target, found.version), {})
        news = [
            minute
            for minute in found.minutes
            if minute.start + MINUTE <= until and told.get(minute.start) != minute
        ]
        told.update((minute.start, minute) for minute in news)
        return replace(found, minutes=tuple(news))
