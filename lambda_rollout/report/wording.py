"""How times, shares and foreign words are written, the same in the log and in the summary."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.steps import format_percent

UNSEEN = "\N{REPLACEMENT CHARACTER}"
"""Stands for a character that would not be seen for what it is."""

_NOT_FOR_PEOPLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def clean(text: str, limit: int = 1000) -> str:
    """Make foreign text one harmless line: what AWS, GitHub or a user wrote.

    Runs of white space become one space. Control and format characters (bidi marks, zero-width ones)
    and lone surrogates become U+FFFD. At most ``limit`` characters are kept.
    """
    head = text[: 4 * limit]  # long enough whatever the white space; never a walk through megabytes
    line = " ".join(visible(head).split())
    if len(line) > limit or len(text) > len(head):
        return line[: limit - 1].rstrip() + "…"
    return line


def visible(text: str) -> str:
    """Return ``text`` with nothing in it that would not be seen, its spaces as they are."""
    return "".join(_seen(character) for character in text)


def _seen(character: str) -> str:
    if character.isspace():
        return " "
    return UNSEEN if unicodedata.category(character) in _NOT_FOR_PEOPLE else character


def clock_time(moment: datetime) -> str:
    """Write the time of day in UTC, ``10:05:09``; the date stands once at the top."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def planned_watch(watch: timedelta, earliest: timedelta | None, *, holds: bool = False) -> str:
    """Write how long a step is watched: ``30m``, or ``5m to 30m`` if it may end from ``earliest`` on; ``up to 4h``."""
    longest = readable_duration(watch)
    if holds:
        return f"up to {longest}"
    return longest if earliest is None else f"{readable_duration(earliest)} to {longest}"


def date_and_time(moment: datetime) -> str:
    """Write date and time in UTC: ``2026-11-23 10:05:09 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def share(percent: Decimal) -> str:
    """Write a share of the traffic without needless zeros: ``10%``, ``12.5%``."""
    return format_percent(percent)


def step_name(percent: Decimal, *, holds: bool) -> str:
    """Name a step by its weight, or as what it is: ``10%``, ``hold at 10%``."""
    return f"hold at {share(percent)}" if holds else share(percent)


def listing(items: Sequence[str], most: int = 3) -> str:
    """Join as one would say it: ``a``, ``a and b``, ``a, b and c``, ``a, b, c and 4 more``."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: ``1 alarm``, ``3 alarms``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def states(counts: Iterable[tuple[AlarmState, int]]) -> str:
    """Write how many alarms are in which state: ``1 ALARM, 2 OK``; ``none`` without alarms."""
    return ", ".join(f"{number} {state}" for state, number in counts if number) or "none"


def traffic(routing: Routing) -> str:
    """Say where an alias sends its traffic: ``100% to version 7``, ``10% to version 8, 90% to version 7``."""
    versions = (*routing.weights, routing.version)
    return ", ".join(
        f"{share(routing.percent_of(version))} to version {version}" for version in versions
    )


def sentence(text: str) -> str:
    """End ``text`` like a sentence. Its first letter stays as it is: it may be a function's name."""
    text = text.strip()
    return text if not text or text[-1] in ".!?…" else f"{text}."
