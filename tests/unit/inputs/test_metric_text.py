"""A guard's metric: what each text means, how it is written back, and where a wrong one is wrong."""

import pytest

from lambda_rollout.inputs.guard_metrics import (
    CustomMetric,
    GuardMetric,
    Metric,
    Ratio,
    Statistic,
    StatisticOf,
)
from lambda_rollout.inputs.line import Line
from lambda_rollout.inputs.metric_text import parse_metric
from lambda_rollout.inputs.text import Mistake, Mistakes


def read(text: str) -> GuardMetric:
    line = Line(text, 1)
    metric = parse_metric(line)
    assert line.rest == ""
    return metric


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("Shop/Orders", CustomMetric("Shop", "Orders")),
        ("AWS/ApplicationELB/Requests", CustomMetric("AWS/ApplicationELB", "Requests")),
        ("/aws/sagemaker/Endpoints/CPU", CustomMetric("/aws/sagemaker/Endpoints", "CPU")),
        (' "AWS/Lambda"/Errors { } ', CustomMetric("AWS/Lambda", "Errors")),
        ('Shop/"Orders/Failed"', CustomMetric("Shop", "Orders/Failed")),
        ('Shop/"say ""hi"""', CustomMetric("Shop", 'say "hi"')),
        ("My Shop/Orders (failed)", CustomMetric("My Shop", "Orders (failed)")),
        (
            "Shop/Orders{ service = checkout , resource=$FUNCTION:$ALIAS,version=$VERSION}",
            CustomMetric(
                "Shop",
                "Orders",
                (
                    ("service", "checkout"),
                    ("resource", "$FUNCTION:$ALIAS"),
                    ("version", "$VERSION"),
                ),
            ),
        ),
        (
            'Shop/Orders{path=/orders (new), "a=b"="{x, y} ", cost=$5}',
            CustomMetric(
                "Shop", "Orders", (("path", "/orders (new)"), ("a=b", "{x, y} "), ("cost", "$5"))
            ),
        ),
        (
            "AWS/ApiGateway/5xx{ApiId=a1b2, Stage=$default, Route=$connect}",
            CustomMetric(
                "AWS/ApiGateway",
                "5xx",
                (("ApiId", "a1b2"), ("Stage", "$default"), ("Route", "$connect")),
            ),
        ),
    ],
)
def test_text_means_metric(text: str, metric: CustomMetric) -> None:
    assert read(f"p50({text})") == StatisticOf(Statistic.P50, metric)
    assert read(f"sum({text}) / sum ( {metric} )") == Ratio(metric, metric)
    assert read(f"p50({metric})") == StatisticOf(Statistic.P50, metric)


@pytest.mark.parametrize("metric", list(Metric))
def test_lambdas_own_metrics_are_read_by_their_names(metric: Metric) -> None:
    assert read(metric.value) is metric


def test_what_is_filled_in_is_not_looked_through_again() -> None:
    metric = CustomMetric("$FUNCTION", "$ALIAS", (("$VERSION", "$FUNCTION:$ALIAS:$VERSION$"),))
    filled = CustomMetric("$ALIAS", "live", (("8", "$ALIAS:live:8$"),))
    assert metric.filled_in("$ALIAS", "live", "8") == filled


@pytest.mark.parametrize(
    ("value", "apart"),
    [("$VERSION", True), ("v$VERSION", True), ("$FUNCTION", False), ("VERSION", False)],
)
def test_a_dimension_with_the_version_tells_versions_apart(value: str, apart: bool) -> None:
    assert CustomMetric("Shop", "Orders", (("v", value),)).tells_versions_apart is apart


UNCLOSED = (
    "this { is not closed: write } after the last dimension. A part that holds a brace stands in "
    "double quotes."
)
SECOND = (
    "after / write the second sum of the ratio, such as sum(Shop/OrdersFailed{version=$VERSION})."
)
HOLDS = "{} that holds {} stands in double quotes."
TWO_SUMS = "a ratio is made of two sums, sum(…) / sum(…): {} counts nothing."
PLACEHOLDER = "'{}' is not known: write $VERSION, $FUNCTION or $ALIAS."
PAIR = "write a dimension as name=value."


@pytest.mark.parametrize(
    ("text", "column", "wrong"),
    [
        (
            "median(A/B)",
            1,
            "'median' is no statistic: write sum, avg, min, max, p50, p90, p95 or p99.",
        ),
        (
            "SUM(A/B)",
            1,
            "'SUM' is no statistic: write sum, avg, min, max, p50, p90, p95 or p99.",
        ),
        ("sum(Orders{a=b})", 5, "write the namespace before the metric: NAMESPACE/Orders."),
        ("sum()", 5, "write the namespace before the metric: NAMESPACE/METRIC."),
        ('sum("A/B")', 5, 'write the namespace before the metric: NAMESPACE/"A/B".'),
        ("sum(/B)", 5, "write the namespace before the metric: NAMESPACE/B."),
        (
            "sum(A/ )",
            8,
            "write the name of the metric after the last slash: NAMESPACE/METRIC.",
        ),
        ("sum(A/B", 4, "this ( is not closed: write ) after the metric."),
        ("sum(A/B}", 8, "this } closes nothing: write { before the first dimension."),
        ("sum(A/B{a=b}{c=d})", 13, "write ) after the metric."),
        ("sum(A/B{a=b)", 8, UNCLOSED),
        ("sum(A/B{a=b", 8, UNCLOSED),
        ("sum(A/B{a", 8, UNCLOSED),
        ('sum(A/B{a="b"', 8, UNCLOSED),
        ("sum(A/B{a={b}})", 8, UNCLOSED),
        ("sum(A/B{v=1) / sum(A/C{v=1})", 8, UNCLOSED),
        ("sum(A/B{a=b,})", 13, PAIR),
        ("sum(A/B{a})", 9, PAIR),
        ("sum(A/B{=b})", 9, PAIR),
        ("sum(A/B{a=})", 11, "write a value for 'a'."),
        ('sum(A/B{a=""})', 11, "write a value for 'a'."),
        ("sum(A/B{a=b=c})", 12, HOLDS.format("a value", "=")),
        ('sum(A/B"C")', 8, HOLDS.format("a name", '"')),
        ("sum(A,B/C)", 6, HOLDS.format("a name", ",")),
        ('sum(A/B{a="b"c})', 14, "write one of , } after the closing quote."),
        (
            'sum(A/"B)',
            7,
            "a name begins with a double quote here and does not end with one.",
        ),
        ("sum(A/B{a=b, a=c})", 14, "the dimension 'a' stands here twice."),
        ("sum(A/B{v=$VERSIONS})", 11, PLACEHOLDER.format("$VERSIONS")),
        ("sum(A/B{Stage=$defaults})", 15, PLACEHOLDER.format("$defaults")),
        ("sum(A/B{f=x:$function})", 13, PLACEHOLDER.format("$function")),
        ("sum($STAGE/B)", 5, PLACEHOLDER.format("$STAGE")),
        ("sum(A/B{a=b}) / ", 17, SECOND),
        ("sum(A/B) / A/C", 12, SECOND),
        ("avg(A/B) / sum(A/C)", 1, TWO_SUMS.format("avg")),
        ("sum(A/B) / p50(A/C)", 12, TWO_SUMS.format("p50")),
        ("sum(:A/B)", 5, "a namespace does not begin with a colon."),
        ("sum(A/B{:a=b})", 9, "a dimension's name does not begin with a colon."),
        ("sum(A/B{a=é})", 11, "a value has only printable ASCII characters."),
        ("sum(A/B\x1b[31m)", 7, "a metric's name has only printable characters."),
        (f"sum(A/B{{a={'b' * 1025}}})", 11, "a value has at most 1024 characters."),
        (f"sum({'A' * 256}/B)", 5, "a namespace has at most 255 characters."),
        (
            "sum(A/B{" + ", ".join(f"d{number:02}=x" for number in range(31)) + "})",
            9 + 30 * 7,
            "a metric has at most 30 dimensions.",
        ),
    ],
)
def test_where_it_is_wrong(text: str, column: int, wrong: str) -> None:
    with pytest.raises(Mistakes) as raised:
        read(text)
    [mistake] = raised.value.mistakes
    assert mistake == Mistake(text.strip(), f"Line 1, column {column}: {wrong}")
