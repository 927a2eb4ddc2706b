"""How a guard's metric is read: Lambda's own by its name, any other as ``STAT(NAMESPACE/METRIC{name=value, …})``.

The last slash parts namespace and metric. A part that holds a slash, brace, comma, equals sign or double quote, or a
blank at an end, stands in double quotes; a double quote in it is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from lambda_rollout.inputs.guard_metrics import (
    AWS_NAMES,
    PLACEHOLDER,
    PLACEHOLDERS,
    CustomMetric,
    GuardMetric,
    Metric,
    Ratio,
    Statistic,
    StatisticOf,
)
from lambda_rollout.inputs.line import Line
from lambda_rollout.inputs.text import quote

EXAMPLE = "sum(Shop/OrdersFailed{version=$VERSION})"
FORM = "STAT(NAMESPACE/METRIC{name=value}), such as " + EXAMPLE

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html and API_Dimension.html
_LONGEST_NAME = 255
_LONGEST_VALUE = 1024
_MOST_DIMENSIONS = 30
_PRINTABLE_ASCII = re.compile(r"[ -~]*")

_WORD = r"[^\s<>={}(),/]*"
_CALL = re.compile(_WORD + r"\s*\(")


def parse_metric(line: Line) -> GuardMetric:
    """Read the metric that a guard begins with.

    Raises:
        Mistakes: one, with its place.
    """
    start = line.at
    if not _CALL.match(line.text, line.at):
        return _parse_own_name(line)
    first = _parse_statistic(line)
    if not line.take("/"):
        return first
    at = line.at
    if not _CALL.match(line.text, line.at):
        line.refuse(f"after / write the second sum of the ratio, such as {EXAMPLE}.")
    second = _parse_statistic(line)
    for one, place in ((first, start), (second, at)):
        if one.statistic is not Statistic.SUM:
            line.refuse(
                f"a ratio is made of two sums, sum(…) / sum(…): {one.statistic} counts nothing.",
                place,
            )
    return Ratio(first.metric, second.metric)


def _parse_own_name(line: Line) -> Metric:
    start = line.at
    word = line.take(r"[^\s<>=]*") or ""
    try:
        return Metric(word)
    except ValueError:
        metrics = ", ".join(metric.value for metric in Metric)
        line.refuse(f"{quote(word)} is no metric: write {metrics} or {FORM}.", start)


def _parse_statistic(line: Line) -> StatisticOf:
    start = line.at
    word = line.take(_WORD) or ""
    if word not in [each.value for each in Statistic]:
        *others, last = (each.value for each in Statistic)
        line.refuse(f"{quote(word)} is no statistic: write {', '.join(others)} or {last}.", start)
    opened = line.at
    line.take(r"\(")
    metric = _parse_custom_metric(line)
    if line.take(r"\)") is None:
        if line.next == "}":
            line.refuse("this } closes nothing: write { before the first dimension.")
        if line.rest:
            line.refuse("write ) after the metric.")
        line.refuse("this ( is not closed: write ) after the metric.", opened)
    return StatisticOf(Statistic(word), metric)


def _parse_custom_metric(line: Line) -> CustomMetric:
    start = line.at
    parts, at = [_parse_part(line, "/{})", "a name")], start
    while line.take("/"):
        at = line.at
        parts.append(_parse_part(line, "/{})", "a name"))
    *namespace, name = parts
    if not namespace or not "".join(namespace).strip():
        given = CustomMetric("NAMESPACE", name.strip() or "METRIC")
        line.refuse(f"write the namespace before the metric: {given}.", start)
    if not name.strip():
        line.refuse("write the name of the metric after the last slash: NAMESPACE/METRIC.")
    _check_name(line, "/".join(namespace), "a namespace", start)
    _check_name(line, name, "a metric's name", at)
    return CustomMetric("/".join(namespace), name, tuple(_parse_dimensions(line)))


def _parse_dimensions(line: Line) -> Iterator[tuple[str, str]]:
    opened = line.at
    if line.take(r"\{") is None or line.take(r"\}"):
        return
    names = set[str]()
    while True:
        start = line.at
        name = _parse_part(line, "=,}", "a dimension's name", opened)
        if line.take("=") is None or not name.strip():
            line.refuse("write a dimension as name=value.", start)
        at = line.at
        value = _parse_part(line, ",}", "a value", opened)
        if not value.strip():
            line.refuse(f"write a value for {quote(name)}.", at)
        _check_name(line, name, "a dimension's name", start, ascii_only=True)
        _check_name(line, value, "a value", at, longest=_LONGEST_VALUE, ascii_only=True)
        if name in names:
            line.refuse(f"the dimension {quote(name)} stands here twice.", start)
        names.add(name)
        yield name, value
        if len(names) > _MOST_DIMENSIONS:
            line.refuse(f"a metric has at most {_MOST_DIMENSIONS} dimensions.", start)
        if line.take(r"\}"):
            return
        line.take(",")


def _parse_part(line: Line, ends: str, what: str, opened: int | None = None) -> str:
    """Read one part, up to one of the characters that end it.

    ``opened`` is where the brace around it stands, None outside of braces: there a ``)`` ends, unless it closes one
    of the part's own.
    """
    if line.next == '"':
        part = _parse_quoted(line, what)
        if line.next not in ends:
            line.refuse(f"write one of {' '.join(ends)} after the closing quote.")
    else:
        part = _parse_unquoted(line, ends, what, opened)
    if not line.next and opened is not None:
        _refuse_unclosed(line, opened)
    return part


def _parse_quoted(line: Line, what: str) -> str:
    start = line.at
    found = re.compile(r'"((?:[^"]|"")*)"').match(line.text, line.at)
    if found is None:
        line.refuse(f"{what} begins with a double quote here and does not end with one.", start)
    line.at = found.end()
    line.skip_blanks()
    return found[1].replace('""', '"')


def _parse_unquoted(line: Line, ends: str, what: str, opened: int | None) -> str:
    start, depth = line.at, 0
    while sign := line.text[line.at : line.at + 1]:
        if sign in ends and (sign != ")" or depth == 0):
            break
        if sign == "{" and opened is not None:
            _refuse_unclosed(line, opened)
        if sign in '{}=,"':
            line.refuse(f"{what} that holds {sign} stands in double quotes.")
        depth += (sign == "(") - (sign == ")")
        line.at += 1
    return line.text[start : line.at].strip()


def _refuse_unclosed(line: Line, opened: int) -> NoReturn:
    line.refuse(
        "this { is not closed: write } after the last dimension. A part that holds a brace stands in double quotes.",
        opened,
    )


def _check_name(
    line: Line,
    text: str,
    what: str,
    at: int,
    *,
    longest: int = _LONGEST_NAME,
    ascii_only: bool = False,
) -> None:
    if len(text) > longest:
        line.refuse(f"{what} has at most {longest} characters.", at)
    if not text.isprintable() or (ascii_only and _PRINTABLE_ASCII.fullmatch(text) is None):
        kind = "printable ASCII" if ascii_only else "printable"
        line.refuse(f"{what} has only {kind} characters.", at)
    if text.startswith(":") and what in {"a namespace", "a dimension's name"}:
        line.refuse(f"{what} does not begin with a colon.", at)
    for found in PLACEHOLDER.findall(text):
        if found not in PLACEHOLDERS + AWS_NAMES:
            line.refuse(
                f"{quote(found)} is not known: write {', '.join(PLACEHOLDERS[:-1])} or {PLACEHOLDERS[-1]}.",
                line.text.find(found, at),
            )
