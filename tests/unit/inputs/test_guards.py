"""Guards: what each text means, and where a wrong one is wrong."""

from decimal import Decimal

import pytest

from lambda_rollout.inputs.guard_metrics import (
    CustomMetric,
    Metric,
    Ratio,
    Statistic,
    StatisticOf,
)
from lambda_rollout.inputs.guards import (
    Absolute,
    BaselinePlus,
    BaselineTimes,
    Guard,
    Operator,
    parse_guards,
)
from lambda_rollout.inputs.text import Mistake, Mistakes

BELOW, AT_MOST = Operator.BELOW, Operator.AT_MOST
VERSION = (("version", "$VERSION"),)
FAILED, ORDERS = CustomMetric("Shop", "Failed", VERSION), CustomMetric("Shop", "Orders", VERSION)
QUEUE = CustomMetric("Shop", "Queue")


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("error-rate < 1%", Guard(Metric.ERROR_RATE, BELOW, Absolute(Decimal(1)))),
        ("error-rate<=0%", Guard(Metric.ERROR_RATE, AT_MOST, Absolute(Decimal(0)))),
        ("  error-rate  <  0.25 %  ", Guard(Metric.ERROR_RATE, BELOW, Absolute(Decimal("0.25")))),
        ("p99-duration < 800ms", Guard(Metric.P99_DURATION, BELOW, Absolute(Decimal(800)))),
        ("p50-duration < 1.5s", Guard(Metric.P50_DURATION, BELOW, Absolute(Decimal(1500)))),
        ("p90-duration <= 900s", Guard(Metric.P90_DURATION, AT_MOST, Absolute(Decimal(900_000)))),
        (
            "error-rate <= baseline + 0.5%",
            Guard(Metric.ERROR_RATE, AT_MOST, BaselinePlus(Decimal("0.5"))),
        ),
        (
            "p95-duration<=baseline+50ms",
            Guard(Metric.P95_DURATION, AT_MOST, BaselinePlus(Decimal(50))),
        ),
        (
            "p95-duration <= baseline * 1.2",
            Guard(Metric.P95_DURATION, AT_MOST, BaselineTimes(Decimal("1.2"))),
        ),
        (
            "error-rate <= baseline",
            Guard(Metric.ERROR_RATE, AT_MOST, BaselinePlus(Decimal(0))),
        ),
        ("throttle-rate < 2%", Guard(Metric.THROTTLE_RATE, BELOW, Absolute(Decimal(2)))),
        (
            "? error-rate <= baseline * 2",
            Guard(Metric.ERROR_RATE, AT_MOST, BaselineTimes(Decimal(2)), observe_only=True),
        ),
        (
            "?error-rate<1%",
            Guard(Metric.ERROR_RATE, BELOW, Absolute(Decimal(1)), observe_only=True),
        ),
        (
            "sum(Shop/Failed{version=$VERSION}) / sum(Shop/Orders{version=$VERSION}) <= baseline + 1%",
            Guard(Ratio(FAILED, ORDERS), AT_MOST, BaselinePlus(Decimal(1))),
        ),
        (
            "sum(Shop/Failed)/sum(Shop/Orders{})<0.5%",
            Guard(
                Ratio(CustomMetric("Shop", "Failed"), CustomMetric("Shop", "Orders")),
                BELOW,
                Absolute(Decimal("0.5")),
            ),
        ),
        (
            "max(Shop/Queue) <= -2.5",
            Guard(StatisticOf(Statistic.MAX, QUEUE), AT_MOST, Absolute(Decimal("-2.5"))),
        ),
        (
            "sum(Shop/Queue) < 0",
            Guard(StatisticOf(Statistic.SUM, QUEUE), BELOW, Absolute(Decimal(0))),
        ),
        (
            "avg(Shop/Orders{version=$VERSION}) <= baseline + 0.25",
            Guard(StatisticOf(Statistic.AVG, ORDERS), AT_MOST, BaselinePlus(Decimal("0.25"))),
        ),
        (
            "p90(Shop/Orders{version=$VERSION}) <= baseline",
            Guard(StatisticOf(Statistic.P90, ORDERS), AT_MOST, BaselinePlus(Decimal(0))),
        ),
    ],
)
def test_text_means_guard(text: str, guard: Guard) -> None:
    assert parse_guards(text) == (guard,)
    assert parse_guards(str(guard)) == (guard,)


def test_only_a_guard_with_a_baseline_compares() -> None:
    absolute, relative = parse_guards("error-rate < 1%\nerror-rate <= baseline * 2")
    assert not absolute.compares_with_baseline
    assert relative.compares_with_baseline


def test_one_a_line_in_order_and_each_once() -> None:
    text = "\np99-duration < 1s\r\n\n error-rate < 1%\np99-duration < 1000ms\n"
    assert [str(guard) for guard in parse_guards(text)] == [
        "p99-duration < 1000ms",
        "error-rate < 1%",
    ]


def test_nothing_is_no_guard() -> None:
    assert parse_guards("") == ()
    assert parse_guards(" \n\n") == ()


LONG = "this number has too many digits: round it."
TIME = "p99-duration is a time: write it in ms or s, such as 800ms or 1.5s."
METRICS = (
    "write error-rate, throttle-rate, p50-duration, p90-duration, p95-duration, p99-duration or "
    "STAT(NAMESPACE/METRIC{name=value}), such as sum(Shop/OrdersFailed{version=$VERSION})."
)
SHARES = (
    "{} cannot be compared with baseline, because the versions have different shares of the traffic: write a ratio "
    "of two sums, a percentile, or a number."
)
APART = (
    "beside baseline a dimension must tell the versions apart, and {} has none: write $VERSION as its value, such as "
    "{{version=$VERSION}}, or compare with a number."
)
THROTTLES = (
    "Lambda counts throttles for the alias as a whole, not by version: compare with a number, such as "
    "throttle-rate < 1%."
)
FIRST = "baseline comes first: write baseline, baseline + MARGIN or baseline * FACTOR."
AVG = "avg beside baseline needs a margin: write baseline + a number, or baseline * 1.2."


@pytest.mark.parametrize(
    ("line", "column", "wrong"),
    [
        ("latency < 1s", 1, f"'latency' is no metric: {METRICS}"),
        ("< 1%", 1, f"'' is no metric: {METRICS}"),
        (
            "error-rate > 1%",
            12,
            "write < or <= after the metric: a guard says what must be true.",
        ),
        ("error-rate", 11, "write < or <= after the metric: a guard says what must be true."),
        (
            "error-rate <== 1%",
            12,
            "write < or <= after the metric: a guard says what must be true.",
        ),
        ("error-rate <", 13, "write a number with its unit, such as 1%."),
        ("error-rate < 1", 14, "error-rate is in percent: write 1%."),
        ("error-rate < 1ms", 14, "error-rate is in percent: write 1%."),
        ("error-rate < 101%", 14, "an error rate is at most 100%."),
        ("error-rate < 0%", 14, "nothing is below 0%: write a higher bound."),
        ("error-rate < 1%%", 16, "the guard ends before '%': write one guard on each line."),
        (
            "error-rate < 1,5%",
            14,
            "write a number in digits, with a point for a fraction, such as 1.5.",
        ),
        (
            "p99-duration < 5e2ms",
            16,
            "write a number in digits, with a point for a fraction, such as 1.5.",
        ),
        (
            "sum(A/B) < 1e9",
            12,
            "write a number in digits, with a point for a fraction, such as 1.5.",
        ),
        (
            "sum(A/B) < 1E-9",
            12,
            "write a number in digits, with a point for a fraction, such as 1.5.",
        ),
        (
            "p99-duration <= baseline * 1,2",
            28,
            "write a number in digits, with a point for a fraction, such as 1.5.",
        ),
        ("error-rate < -1%", 14, "write a number with its unit, such as 1%."),
        ("error-rate < 0.1234567%", 14, LONG),
        ("error-rate <= baseline * 1.00000001", 26, LONG),
        ("p99-duration < 1234567890ms", 16, LONG),
        ("p99(A/B) < 1234567890123456", 12, LONG),
        ("error-rate < 1.2.3%", 14, "write a number with its unit, such as 1%."),
        (
            "p99-duration < 800",
            16,
            TIME,
        ),
        (
            "p99-duration <= baseline + 5%",
            28,
            f"{TIME} A relative margin is a factor, such as baseline * 1.2.",
        ),
        ("p99-duration < 901s", 16, "no invocation lasts longer than 900s."),
        (
            "error-rate <= baseline - 1%",
            24,
            "after baseline write + and a margin, or * and a factor, or nothing.",
        ),
        ("error-rate <= baseline *", 25, "write a factor, such as 1.2."),
        (
            "error-rate <= baseline * 0.9",
            26,
            "a factor is 1 or more, up to 1000: a version just as good must pass.",
        ),
        (
            "error-rate < 1%, p99-duration < 1s",
            16,
            "the guard ends before ', p99-duration < 1s': write one guard on each line.",
        ),
        (
            "error-rate < 1% p99-duration < 1s",
            17,
            "the guard ends before 'p99-duration < 1s': write one guard on each line.",
        ),
        ("?", 2, "after ? write the guard that is only observed, such as ? error-rate < 1%."),
        ("? ? error-rate < 1%", 3, f"'?' is no metric: {METRICS}"),
        ("throttle-rate < 101%", 17, "a throttle rate is at most 100%."),
        ("sum(A/B) / sum(A/C) < 101%", 23, "a ratio is at most 100%."),
        ("sum(A/B) / sum(A/C) < 1", 23, "a ratio of sums is in percent: write 1%."),
        (
            "throttle-rate <= baseline",
            18,
            THROTTLES,
        ),
        ("sum(A/B{v=$VERSION}) <= baseline", 25, SHARES.format("sum")),
        ("min(A/B{v=$VERSION}) <= baseline * 2", 25, SHARES.format("min")),
        ("max(A/B{v=$VERSION}) <= baseline + 1", 25, SHARES.format("max")),
        ("avg(A/B{v=$VERSION}) <= baseline", 25, AVG),
        ("avg(A/B{v=$VERSION}) <= baseline + 0", 25, AVG),
        ("avg(A/B{v=$VERSION}) <= baseline * 1", 25, AVG),
        ("? p99(A/B{v=$ALIAS}) <= baseline", 3, APART.format("'A/B{v=$ALIAS}'")),
        ("sum(A/B{v=$VERSION}) / sum(A/C) <= baseline", 1, APART.format("'A/C'")),
        ("p99(A/B{v=$VERSION}) <= baseline + -1", 36, "write a number, such as 250."),
        ("p99(A/B) < many", 12, "write a number, such as 250."),
        (
            "p99(A/B) < 800ms",
            12,
            "write 800, without 'ms': a metric's value is compared in the unit it was published in.",
        ),
        ("error-rate < 1% + baseline", 19, FIRST),
        ("p99-duration < 2 * baseline", 20, FIRST),
        (
            "error-rate < 1% + 2%",
            17,
            "a number stands alone. Beside the old version write baseline + MARGIN.",
        ),
    ],
)
def test_where_it_is_wrong(line: str, column: int, wrong: str) -> None:
    with pytest.raises(Mistakes) as raised:
        parse_guards(f"error-rate < 5%\n\n  {line}\n")
    assert raised.value.mistakes == (Mistake(line, f"Line 3, column {column + 2}: {wrong}"),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("error-rate <= baseline + 1%", True),
        ("sum(A/B{v=$VERSION}) / sum(A/C{v=$VERSION}) <= baseline + 0.1%", True),
        ("error-rate <= baseline", False),
        ("error-rate <= baseline * 2", False),
        ("error-rate < 1%", False),
        ("p99-duration <= baseline + 10ms", False),
    ],
)
def test_only_a_rate_beside_the_baseline_with_room_can_be_shown_to_hold(
    text: str, shown: bool
) -> None:
    [guard] = parse_guards(text)
    assert guard.can_be_shown is shown


@pytest.mark.parametrize(
    ("text", "statistic"),
    [("p90-duration < 1s", "p90"), ("avg(A/B) < 1", "avg"), ("p95(A/B) < 1", "p95")],
)
def test_a_value_is_judged_by_one_statistic(text: str, statistic: str) -> None:
    [guard] = parse_guards(text)
    assert not guard.is_rate
    assert guard.statistic == statistic


@pytest.mark.parametrize(
    "text", ["error-rate < 1%", "throttle-rate < 1%", "sum(A/B) / sum(A/C) < 1%"]
)
def test_a_rate_has_no_statistic(text: str) -> None:
    [guard] = parse_guards(text)
    assert guard.is_rate
    with pytest.raises(ValueError, match="is no single value"):
        _ = guard.statistic


def test_every_wrong_line_is_told() -> None:
    with pytest.raises(Mistakes) as raised:
        parse_guards("errors < 1%\nerror-rate < 1%\nerror-rate < 1")
    assert [mistake.given for mistake in raised.value.mistakes] == ["errors < 1%", "error-rate < 1"]
