"""What the preflight found, and what the two versions did, as lines for the log and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from statistics import median

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import MINUTE, Comparison, VersionMetrics
from lambda_rollout.preflight.finding import Finding, Level
from lambda_rollout.report.alike import FEW_ROWS, failing_more
from lambda_rollout.report.markdown import breakable, code, code_block, folded, prose, table
from lambda_rollout.report.wording import count, sentence

LEVEL_MARKS: Mapping[Level, str] = {Level.ERROR: "❌", Level.WARNING: "⚠️", Level.NOTE: "💡"}

MOST_NUMBERS = 5
"""Aliases whose numbers have a line of their own in the log, each minute."""

FEW_OF_A_KIND = 3
"""Findings of one kind that are each told in full."""

_MOST_NAMED = 8
"""Of more, how many are named where there is little room."""

_OF_ONE = re.compile(r"\S*[:/]\S+|\d+")
"""ARNs, addresses and numbers."""

_MOST_ROWS = 50
_SEEN_LIMIT = 600  # characters
_NOTHING = "–"


# Findings --------------------------------------------------------------------------------------


def about(finding: Finding) -> str:
    """Say what a finding is about: its code, and the alarm or the alias."""
    what = f"alarm {finding.alarm}" if finding.alarm else str(finding.target or "")
    return f"{finding.code.value} {what}".rstrip()


def counted(findings: Sequence[Finding]) -> str:
    """Say how many findings there are of each level: ``1 error, 2 warnings``."""
    levels = [finding.level for finding in findings]
    told = [count(levels.count(level), level.value) for level in Level if level in levels]
    return ", ".join(told) or "nothing found"


def told_in_full(finding: Finding) -> str:
    """Return what was seen and what to do, as one line."""
    return " ".join(filter(None, (sentence(finding.seen), finding.remedy)))


def by_kind(findings: Sequence[Finding]) -> Sequence[Sequence[Finding]]:
    """Put findings together that differ in names and numbers alone, where there are more than a few of them.

    Of a hundred functions that lack the same, one is told in full, and the others must not hide what else was found.
    """
    kinds: dict[object, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(_kind_of(finding), []).append(finding)
    rows: list[Sequence[Finding]] = []
    for kind in kinds.values():
        rows += [kind] if len(kind) > FEW_OF_A_KIND else [[finding] for finding in kind]
    return rows


def _kind_of(finding: Finding) -> object:
    if not _named(finding):
        return finding
    return (
        finding.level,
        finding.code,
        _nameless(finding.seen, finding),
        _nameless(finding.remedy, finding),
    )


def _nameless(text: str, finding: Finding) -> str:
    """Return a text without what is of one function or alarm alone."""
    function = finding.target.name if finding.target else finding.alarm
    for name in filter(None, (finding.alarm, str(finding.target or ""), function)):
        text = text.replace(name, "")
    return _OF_ONE.sub("", text)


def about_all(kind: Sequence[Finding]) -> str:
    """Say what findings of one kind are about: ``no-traffic f1:live and 99 more``."""
    others = f" and {len(kind) - 1} more" if len(kind) > 1 else ""
    return f"{about(kind[0])}{others}"


def findings_table(findings: Sequence[Finding], most: int = _MOST_ROWS) -> str:
    """Lay out the findings in ``most`` rows, and below them the commands that do what they advise."""
    kinds = by_kind(findings)
    shown = kinds[:most]
    # Two columns: four would leave a phone no room for what to do.
    parts = [table(("finding", "what was seen, and what to do"), map(_row_of, shown))]
    if hidden := sum(map(len, kinds[most:])):
        parts.append(f"And {count(hidden, 'more finding')}, in the log.")
    commands = dict.fromkeys(kind[0].command for kind in shown if kind[0].command)
    if commands:
        others = any(len(kind) > 1 for kind in shown if kind[0].command)
        log = " The log has those for the others." if others else ""
        parts.append(f"Commands for the findings above.{log} Read each one before you run it.")
        parts.extend(code_block(command) for command in commands)
    return "\n\n".join(parts)


def _row_of(kind: Sequence[Finding]) -> tuple[str, str]:
    first, *others = kind
    what = code(_named(first)) if _named(first) else ""
    more = f" and {len(others)} more" if others else ""
    about_it = f"{LEVEL_MARKS[first.level]} {code(first.code.value)}<br>{what}{more}"
    seen = breakable(prose(first.seen, _SEEN_LIMIT)) + _to_do(first)
    return about_it.removesuffix("<br>"), seen + _the_others(others)


def _the_others(others: Sequence[Finding]) -> str:
    if not others:
        return ""
    names = [code(_named(finding)) for finding in others[:_MOST_NAMED]]
    more = len(others) - len(names)
    rest = f" and {more} more" if more else ""
    return f"<br>**The same was found of** {', '.join(names)}{rest}; the log has each."


def _named(finding: Finding) -> str:
    return finding.alarm or str(finding.target or "")


def _to_do(finding: Finding) -> str:
    remedy = breakable(prose(finding.remedy, _SEEN_LIMIT))
    return f"<br>**What to do:** {remedy}" if remedy else ""


# Numbers ---------------------------------------------------------------------------------------


def numbers(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """Tell what both versions did, a line for each alias; of many, those with most errors, and the sum of all."""
    shown = list(comparisons)
    if len(shown) > MOST_NUMBERS:
        yield _in_all(shown)
        failing = [one for one in shown if one.canary.errors]
        shown = sorted(failing, key=lambda one: one.canary.errors, reverse=True)[:MOST_NUMBERS]
    for comparison in shown:
        told = [_told(side) for side in (comparison.canary, comparison.baseline)]
        throttled = f" · {comparison.throttles} throttled" if comparison.throttles else ""
        yield f"{comparison.target}{_span(comparison)}: {' · '.join(told)}{throttled}"


def _in_all(comparisons: Sequence[Comparison]) -> str:
    sides = {
        "new": [one.canary for one in comparisons],
        "old": [one.baseline for one in comparisons],
    }
    said = [
        f"{which} versions: {count(sum(side.invocations for side in each), 'invocation')}, "
        f"{count(sum(side.errors for side in each), 'error')}"
        for which, each in sides.items()
    ]
    throttles = sum(one.throttles for one in comparisons)
    throttled = f" · {throttles} throttled" if throttles else ""
    # All are read together, and the same minutes are new of each but for what was revised.
    span = max((_span(one) for one in comparisons), default="")
    return f"{count(len(comparisons), 'alias', 'aliases')}{span}: {' · '.join(said)}{throttled}"


def _told(side: VersionMetrics) -> str:
    words = [count(side.invocations, "invocation"), count(side.errors, "error")]
    if slow := typical(side, "p99"):
        words.append(f"p99 {slow}")
    return f"version {side.version}: {', '.join(words)}"


def _span(comparison: Comparison) -> str:
    minutes = comparison.canary.minutes
    if not minutes:
        return ""
    first, last = minutes[0].start, minutes[-1].start + MINUTE
    return f" {first.astimezone(UTC):%H:%M} to {last.astimezone(UTC):%H:%M}"


def both_versions(compared: Mapping[Target, Comparison]) -> str:
    """Show what both versions did; of many functions the sum, and those that fail more than before; others folded."""
    every = list(compared.values())
    if len(every) <= FEW_ROWS:
        return _numbers_table(every)
    failing = [compared[target] for target in failing_more(compared)]
    others = [one for one in every if one not in failing]
    parts = [prose(sentence(_in_all(every)))]
    parts += [_numbers_table(failing)] if failing else []
    parts.append(folded(f"{count(len(others), 'more alias', 'more aliases')}", _some(others)))
    return "\n\n".join(parts)


def _some(comparisons: Sequence[Comparison]) -> str:
    shown = comparisons[:_MOST_ROWS]
    hidden = len(comparisons) - len(shown)
    more = f"\n\nAnd {hidden} more, in the JSON report." if hidden else ""
    return _numbers_table(shown) + more


def _numbers_table(comparisons: Iterable[Comparison]) -> str:
    """Lay out both versions side by side. Of the durations, the middle one of their minutes is shown."""
    rows = [
        row
        for comparison in comparisons
        for row in (
            _row(comparison, comparison.canary, "new"),
            _row(comparison, comparison.baseline, "old"),
        )
    ]
    header = ("alias", "version", "invocations", "errors", "error rate", "p50", "p99", "throttled")
    return table(header, rows)


def _row(comparison: Comparison, side: VersionMetrics, which: str) -> tuple[str, ...]:
    return (
        code(str(comparison.target)),
        prose(f"{which}, version {side.version}"),
        str(side.invocations),
        str(side.errors),
        rate(side),
        typical(side, "p50") or _NOTHING,
        typical(side, "p99") or _NOTHING,
        # Throttled calls are counted for the alias, not by version.
        str(comparison.throttles) if side is comparison.canary else "",
    )


def rate(side: VersionMetrics) -> str:
    """Return the share of the invocations that failed: ``1.25%``; a dash without invocations."""
    return f"{100 * side.errors / side.invocations:.3g}%" if side.invocations else _NOTHING


def typical(side: VersionMetrics, percentile: str) -> str:
    """Return the median of a percentile's minutes, ``123ms``; empty without any."""
    found = median_of(side, percentile)
    return "" if found is None else f"{found:.0f}ms"


def median_of(side: VersionMetrics, percentile: str) -> float | None:
    """Return the median of a percentile's minutes in milliseconds, None without any.

    Percentiles of minutes cannot be added up to one of the whole.
    """
    found = [
        minute.durations[percentile] for minute in side.minutes if percentile in minute.durations
    ]
    return median(found) if found else None
