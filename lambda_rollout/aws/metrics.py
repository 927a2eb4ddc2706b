"""Lambda's own metrics, and any that a guard names, out of CloudWatch.

Alias traffic is counted under ``Resource=name:alias``, and by version under ``ExecutedVersion`` besides; not
under ``Resource=name:8``. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.duration import bounds_of
from lambda_rollout.analysis.metrics import (
    MINUTE,
    PERCENTILES,
    CanaryPair,
    Comparison,
    History,
    Measure,
    Minute,
    first_whole_minute,
)
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.metric_series import (
    Points,
    Series,
    at,
    duration,
    lambda_count,
    of_measure,
    version_metrics,
    version_series,
)
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.preflight.facts import Invoked
from lambda_rollout.runtime.errors import AccessDenied, Refused, Unanswered

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

QUERIES = 500
"""Queries in one GetMetricData call, at most."""

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
COARSE = timedelta(minutes=5)
"""The period in which a day's traffic is read: an hour's can be told from it, in few datapoints."""

DISPERSION_WINDOW = timedelta(hours=3)
"""How much of the old version's past shows how its errors come."""

_ALL_BUT_FEW = "p99.9"
"""The longest duration but for one invocation in a thousand: one that hangs once a day must not delay a verdict."""

_TELLS = 1000
"""Invocations of an hour whose p99 is one: AWS calls fewer "low data"."""


class CloudWatchMetrics:
    """`lambda_rollout.analysis.metrics` over boto3: one try each, errors are `CallFailed` and its kinds."""

    def __init__(self, clients: Clients, measures: Sequence[Measure] = ()) -> None:
        """Make no call yet. ``measures`` is what is read besides Lambda's own metrics."""
        self._clients = clients
        self._measures = measures
        self._counts_durations = True
        """Whether CloudWatch is believed to know TC, until it refuses it."""

    def compare(
        self, pairs: Sequence[CanaryPair], since: datetime, until: datetime
    ) -> tuple[Comparison, ...]:
        """Read every whole minute between ``since`` and ``until``, for all pairs at once.

        One call for each 38 pairs, more if the answer is long or more is asked for. CloudWatch bills by the metric, and
        not by the minutes: 13 a pair here, and one more for each measure and each bound over which durations are
        counted, of each version.
        """
        start = first_whole_minute(since)
        minutes = list(_periods(start, until))
        asked = dict.fromkeys(one for pair in pairs for one in self._series(pair))
        found = self._read_counts(list(asked), start, until, MINUTE) if minutes else {}
        return tuple(self._comparison(pair, found, minutes, max(start, until)) for pair in pairs)

    def _series(self, pair: CanaryPair) -> Iterator[Series]:
        for version, bounds in _versions(pair):
            yield from version_series(pair.target, version, bounds, self._measures)
        # By version it is unconfirmed that throttles are counted at all.
        yield _throttles(pair)

    def _comparison(
        self,
        pair: CanaryPair,
        found: Mapping[Series, Points],
        minutes: Sequence[datetime],
        until: datetime,
    ) -> Comparison:
        canary, baseline = (
            version_metrics(pair.target, version, found, minutes, bounds, self._measures)
            for version, bounds in _versions(pair)
        )
        throttles = found.get(_throttles(pair), {})
        return Comparison(
            canary=canary,
            baseline=baseline,
            throttles=round(sum(throttles.get(minute, 0.0) for minute in minutes)),
            until=until,
        )

    def history(
        self, pairs: Sequence[CanaryPair], guards: Sequence[Guard], until: datetime
    ) -> tuple[History, ...]:
        """Read what is known of the old versions from before ``until``, in two calls.

        It is read of the version through its alias, or of the alias as a whole where Lambda tells no versions while
        an alias is not split.
        """
        hour = datetime.fromtimestamp(until.timestamp() // 3600 * 3600, UTC)
        try:
            found = self._read(
                [one for pair in pairs for one in _day_of(pair)], hour - DAY, until, HOUR
            )
        except AccessDenied:
            raise
        except Refused:
            # A server that does not know all of these statistics: then nothing is known from before.
            return (History(),) * len(pairs)
        days = [_in_a_day(pair, found) for pair in pairs]
        counted = [
            tuple({each.old for guard in guards if (each := bounds_of(guard, day)) is not None})
            for day in days
        ]
        start = first_whole_minute(until - DISPERSION_WINDOW)
        minutes = list(_periods(start, until))
        asked = [
            one
            for pair, bounds in zip(pairs, counted, strict=True)
            for one in (
                *version_series(pair.target, pair.baseline, bounds, self._measures),
                *version_series(pair.target, "", bounds),
            )
        ]
        points = self._read_counts(asked, start, until, MINUTE)
        return tuple(
            replace(day, minutes=self._old_minutes(pair, points, minutes, bounds))
            for pair, day, bounds in zip(pairs, days, counted, strict=True)
        )

    def _old_minutes(
        self,
        pair: CanaryPair,
        found: Mapping[Series, Points],
        minutes: Sequence[datetime],
        bounds: Sequence[float],
    ) -> tuple[Minute, ...]:
        told = version_metrics(pair.target, _told_as(pair, found), found, minutes, bounds)
        # What a guard names itself is told by version, whatever Lambda tells.
        named = version_metrics(pair.target, pair.baseline, found, minutes, (), self._measures)
        return tuple(
            replace(one, measured=other.measured)
            for one, other in zip(told.minutes, named.minutes, strict=True)
        )

    def invoked(self, targets: Sequence[Target], until: datetime) -> tuple[Invoked, ...]:
        """Count how often each alias, and its function at all, were invoked in the day before ``until``."""
        seconds = int(COARSE.total_seconds())
        until = datetime.fromtimestamp(until.timestamp() // seconds * seconds, UTC)
        through = {target: lambda_count("Invocations", target, str(target)) for target in targets}
        at_all = {target: lambda_count("Invocations", target) for target in targets}
        failed = {target: lambda_count("Errors", target, str(target)) for target in targets}
        series = [*through.values(), *at_all.values(), *failed.values()]
        found = self._read(list(dict.fromkeys(series)), until - DAY, until, COARSE)
        return tuple(
            Invoked(
                target,
                last_hour=_total(found[through[target]], until - HOUR),
                last_day=_total(found[through[target]], until - DAY),
                function_last_day=_total(found[at_all[target]], until - DAY),
                errors_last_day=_total(found[failed[target]], until - DAY),
            )
            for target in targets
        )

    def served(
        self, versions: Mapping[Target, Sequence[str]], since: datetime, until: datetime
    ) -> frozenset[datetime]:
        """Return the minutes in which any of these versions was invoked through its alias; CloudWatch bills each."""
        start = since.replace(second=0, microsecond=0)
        series = [
            lambda_count("Invocations", target, str(target), version)
            for target, each in versions.items()
            for version in each
        ]
        found = self._read(series, start, until, MINUTE)
        return frozenset(
            at for points in found.values() for at, count in points.items() if count > 0
        )

    def silent(
        self, target: Target, version: str, metrics: Sequence[CustomMetric], until: datetime
    ) -> tuple[CustomMetric, ...]:
        """Return those that have no data of a version in the day before ``until``."""
        hour = datetime.fromtimestamp(until.timestamp() // 3600 * 3600, UTC)
        asked = {
            metric: of_measure(Measure("SampleCount", metric), target, version)
            for metric in metrics
        }
        found = self._read(list(dict.fromkeys(asked.values())), hour - DAY, until, HOUR)
        return tuple(metric for metric, series in asked.items() if not any(found[series].values()))

    def _read_counts(
        self, series: Sequence[Series], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[Series, Points]:
        """Read what may have counts of durations in it, and go without these from the first time they are refused."""
        if self._counts_durations:
            try:
                return self._read(series, start, end, period)
            except AccessDenied:
                raise
            except Refused:
                if not any(one.counts_durations for one in series):
                    raise
        plain = [one for one in series if not one.counts_durations]
        found = self._read(plain, start, end, period)
        self._counts_durations = False
        return found

    def _read(
        self, series: Sequence[Series], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[Series, Points]:
        found: dict[Series, Points] = {}
        for first in range(0, len(series), QUERIES):
            part = series[first : first + QUERIES]
            queries = [one.query(number, period) for number, one in enumerate(part)]
            by_id = self._pages(queries, start, end)
            found.update({one: by_id[f"q{number}"] for number, one in enumerate(part)})
        return found

    def _pages(
        self, queries: Sequence[MetricDataQueryTypeDef], start: datetime, end: datetime
    ) -> Mapping[str, Points]:
        found: defaultdict[str, dict[datetime, float]] = defaultdict(dict)
        status: dict[str, str] = {}
        token: dict[str, Any] = {}
        while True:
            answer: Mapping[str, Any] = ask(
                "GetMetricData",
                partial(
                    self._clients.cloudwatch(self._clients.region).get_metric_data,
                    MetricDataQueries=queries,
                    StartTime=start,
                    EndTime=end,
                    ScanBy="TimestampAscending",
                    **token,
                ),
                dict,
            )
            for result in answer["MetricDataResults"]:
                name = result["Id"]
                status[name] = result["StatusCode"]
                values = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True)
                found[name].update(values)
            if not answer.get("NextToken"):
                _check([status.get(query["Id"], "missing") for query in queries])
                return found
            token = {"NextToken": answer["NextToken"]}


def _check(statuses: Sequence[str]) -> None:
    """Refuse an answer with a hole in it: what was not read must not pass for "nothing happened"."""
    bad = next((status for status in statuses if status != "Complete"), None)
    if bad == "Forbidden":
        raise AccessDenied(
            "GetMetricData",
            bad,
            "these metrics may not be read",
            "Allow cloudwatch:GetMetricData to the role of this job; the README has the whole policy.",
        )
    if bad is not None:
        raise Unanswered("GetMetricData", bad, "not all metrics were answered")


def _versions(pair: CanaryPair) -> Iterator[tuple[str, Sequence[float]]]:
    yield pair.canary, pair.canary_slower_than
    yield pair.baseline, pair.baseline_slower_than


def _throttles(pair: CanaryPair) -> Series:
    return lambda_count("Throttles", pair.target, str(pair.target))


# The old version before the split ----------------------------------------------------------------


def _day_of(pair: CanaryPair) -> Iterator[Series]:
    for version in (pair.baseline, ""):
        yield lambda_count("Invocations", pair.target, str(pair.target), version)
        for statistic in (*PERCENTILES, _ALL_BUT_FEW):
            yield duration(statistic, pair.target, version)


def _told_as(pair: CanaryPair, found: Mapping[Series, Points]) -> str:
    """Return the version that there are numbers of, or "" for the alias as a whole."""
    by_version = found.get(
        lambda_count("Invocations", pair.target, str(pair.target), pair.baseline)
    )
    return pair.baseline if by_version else ""


def _in_a_day(pair: CanaryPair, found: Mapping[Series, Points]) -> History:
    version = _told_as(pair, found)
    invocations = found[lambda_count("Invocations", pair.target, str(pair.target), version)]
    longest = found[duration(_ALL_BUT_FEW, pair.target, version)]
    # The newest hour that tells, or the one that tells most.
    enough = [at for at, served in invocations.items() if served >= _TELLS]
    hour = max(enough, default=max(invocations, key=lambda at: invocations[at], default=None))
    percentiles = {name: found[duration(name, pair.target, version)] for name in PERCENTILES}
    return History(
        longest=timedelta(milliseconds=max(longest.values(), default=0.0)),
        percentiles=at(hour, percentiles) if hour else {},
    )


def _periods(start: datetime, end: datetime) -> Iterator[datetime]:
    while start + MINUTE <= end:
        yield start
        start += MINUTE


def _total(points: Points, since: datetime) -> int:
    return round(sum(value for at, value in points.items() if at >= since))
