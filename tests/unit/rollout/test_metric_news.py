"""What is told of numbers that are read again and again."""

from datetime import UTC, datetime, timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import Comparison, Minute, VersionMetrics
from lambda_rollout.rollout.metric_news import MetricNews

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
TARGET = Target("checkout", "live")


def at(minute: int) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def read(*errors: int, throttles: int = 0) -> Comparison:
    minutes = tuple(Minute(at(number), 10, count) for number, count in enumerate(errors))
    return Comparison(
        VersionMetrics(TARGET, "8", minutes), VersionMetrics(TARGET, "7", ()), throttles, at(9)
    )


def test_each_minute_is_told_once_and_again_when_it_was_revised() -> None:
    news = MetricNews()
    told = [
        news.news(read(0, 0), at(1)),
        news.news(read(0, 0, 0, throttles=2), at(2)),
        news.news(read(0, 3, 0, throttles=3), at(3)),
        news.news(read(0, 3, 0, throttles=3), at(3)),
    ]
    assert [[(m.start, m.errors) for m in one.canary.minutes] for one in told] == [
        [(at(0), 0)],
        [(at(1), 0)],
        [(at(1), 3), (at(2), 0)],
        [],
    ]
    assert [one.throttles for one in told] == [0, 2, 1, 0]
    assert told[1].until == at(2)


def test_what_was_told_adds_up_to_what_was_read() -> None:
    news = MetricNews()
    first = news.news(read(0, 1, throttles=1), at(2))
    whole = first.joined(news.news(read(2, 1, 4, throttles=3), at(3)))
    assert whole.canary == read(2, 1, 4).canary
    assert whole.throttles == 3


def test_minutes_that_did_not_change_are_kept_once() -> None:
    news = MetricNews()
    first = news.known(read(0, 0))
    news.news(first, at(2))
    again = news.known(read(0, 3, 1))
    assert again == read(0, 3, 1)
    assert again.canary.minutes[0] is first.canary.minutes[0]
    assert again.canary.minutes[1].errors == 3
