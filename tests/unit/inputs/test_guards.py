"""Guards: what each text means, and where a wrong one is wrong."""

from decimal import Decimal

import pytest

from lambda_rollout.inputs.guards import (
    Absolute,
    BaselinePlus,
    BaselineTimes,
    Guard,
    Metric,
    Operator,
    parse_guards,
)
from lambda_rollout.inputs.text import Mistake, Mistakes

BELOW, AT_MOST = Operator.BELOW, Operator.AT_MOST


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


TIME = "p99-duration is a time: write it in ms or s, such as 800ms or 1.5s."
METRICS = "write error-rate, p50-duration, p90-duration, p95-duration or p99-duration."


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
        ("error-rate < -1%", 14, "write a number with its unit, such as 1%."),
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
    ],
)
def test_where_it_is_wrong(line: str, column: int, wrong: str) -> None:
    with pytest.raises(Mistakes) as raised:
        parse_guards(f"error-rate < 5%\n\n  {line}\n")
    assert raised.value.mistakes == (Mistake(line, f"Line 3, column {column + 2}: {wrong}"),)


def test_every_wrong_line_is_told() -> None:
    with pytest.raises(Mistakes) as raised:
        parse_guards("errors < 1%\nerror-rate < 1%\nerror-rate < 1")
    assert [mistake.given for mistake in raised.value.mistakes] == ["errors < 1%", "error-rate < 1"]
