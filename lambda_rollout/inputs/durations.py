"""Durations as inputs write them, ``90s``, ``5m``, ``1h30m``, and as reports show them, ``1h 30m``."""

import re
from datetime import timedelta

from lambda_rollout.inputs.text import Mistake, Mistakes, quote

# No job lives longer, and only on a self-hosted runner that long:
# https://docs.github.com/en/actions/reference/limits
LONGEST = timedelta(days=5)

_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_BARE_NUMBER = re.compile(r"[0-9]+")
_OTHER_NUMBER = re.compile(r"[+-]?[.,]?\d[\d.,]*")  # also in the digits of other scripts
_MOST_DIGITS = 9  # keeps int() and timedelta() far from their own limits


def parse_duration(
    text: str, *, at_least: timedelta = timedelta(0), at_most: timedelta = LONGEST
) -> timedelta:
    """Read hours, minutes and seconds, in that order, each at most once, in whole numbers.

    Raises:
        Mistakes: one: no unit, not a duration, or outside ``at_least`` to ``at_most``.
    """
    if _BARE_NUMBER.fullmatch(text):
        shown = text if len(text) <= _MOST_DIGITS else "5"
        remedy = f"Add a unit to {quote(text)}: {shown}s, {shown}m or {shown}h."
        raise Mistakes(Mistake(text, remedy))
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        remedy = (
            f"{quote(text)} is not a duration: write hours, minutes and seconds in that order, "
            "in whole numbers and without spaces, such as 90s, 5m or 1h30m."
        )
        if _OTHER_NUMBER.fullmatch(text):
            remedy = (
                f"Add a unit to {quote(text)}, and write whole numbers, such as 90s, 5m or 1h30m."
            )
        raise Mistakes(Mistake(text, remedy))
    digits = [(part or "0").lstrip("0") or "0" for part in found.groups()]
    if all(len(part) <= _MOST_DIGITS for part in digits):
        hours, minutes, seconds = map(int, digits)
        duration = timedelta(seconds=hours * 3600 + minutes * 60 + seconds)
        if at_least <= duration <= at_most:
            return duration
    remedy = f"Write a duration from {format_duration(at_least)} to {format_duration(at_most)}."
    raise Mistakes(Mistake(text, remedy))


def format_duration(duration: timedelta) -> str:
    """Write ``duration`` so that :func:`parse_duration` reads it back, to the nearest second.

    >>> format_duration(timedelta(seconds=5400))
    '1h30m'
    """
    return "".join(_parts(duration)) or "0s"


def readable_duration(duration: timedelta) -> str:
    """Write ``duration`` for people, wherever one is shown, to the nearest second.

    >>> readable_duration(timedelta(seconds=5400))
    '1h 30m'
    """
    if timedelta(0) < duration < timedelta(seconds=1):
        return "under 1s"
    return " ".join(_parts(duration)) or "0s"


def _parts(duration: timedelta) -> list[str]:
    minutes, seconds = divmod(max(0, round(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return [f"{number}{unit}" for number, unit in parts if number]
