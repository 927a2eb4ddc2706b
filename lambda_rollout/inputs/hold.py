"""``hold`` at the end of a schedule: alone nobody watches it, with a duration it is watched until somebody says yes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.durations import format_duration, parse_duration
from lambda_rollout.inputs.text import Mistake, Mistakes

_HOLD = "hold"
_EXAMPLE = "hold 4h"
_TO = ".."
_NO_TIME = re.compile(r"(?:0+[hms])+")

LIKE_A_HOLD = (
    f"Write {_HOLD} in small letters, alone or with how long to wait after a space: {_EXAMPLE}."
)
HOLD_IN_A_STEP = (
    f"{_HOLD} is an item of its own, after the step at whose weight it stays: 10% 5m, {_HOLD}."
)


def looks_like_hold(item: str) -> bool:
    """Whether what is written in another place, or way, was meant as a hold: ``HOLD 4h``, ``hold4h``."""
    return item.lower().startswith(_HOLD)


def is_hold(item: str) -> bool:
    """Whether an item is a hold, with a duration or without."""
    return item.split(maxsplit=1)[:1] == [_HOLD]


def is_watched_hold(item: str) -> bool:
    """Whether an item is a hold with a duration."""
    return is_hold(item) and item != _HOLD


def parse_hold(item: str) -> timedelta | None:
    """Read for how long a hold waits; None for one without a duration.

    Raises:
        Mistakes: one: no duration, a range, or no time at all.
    """
    if not is_watched_hold(item):
        return None
    written = item.split(maxsplit=1)[1]
    if _TO in written:
        remedy = f"A hold ends when it is told to go on, or is over: write one duration, such as {_EXAMPLE}."
        raise Mistakes(Mistake(item, remedy))
    if _NO_TIME.fullmatch(written):
        remedy = (
            f"It would be over at once, and rolled back: write how long to wait, such as {_EXAMPLE}. hold without a duration "
            "ends the run there, and nothing watches it."
        )
        raise Mistakes(Mistake(item, remedy))
    return parse_duration(written, at_least=timedelta(seconds=1))


def misplaced_hold(text: str, items: Sequence[str], latest: Decimal) -> Iterator[Mistake]:
    """Yield what is wrong with where a hold stands; ``latest`` is the highest percentage that was read."""
    holds = [item for item in items if is_hold(item)]
    if not holds:
        return
    watched = next((item for item in holds if is_watched_hold(item)), "")
    others = [item for item in items if not is_hold(item)]
    at_whole = latest == HUNDRED
    # What is said of 100% below puts that right, too.
    only_whole_after = bool(watched) and at_whole and [items.index(watched)] == [len(items) - 2]
    if len(holds) > 1 or (is_hold(items[-1]) is False and not only_whole_after):
        yield Mistake(text, "hold can only be the last item, once.")
    if not others:
        example = _EXAMPLE if watched else _HOLD
        yield Mistake(
            text, f"hold stays at a weight: write a step before it, such as 10% 5m, {example}."
        )
    if at_whole and watched:
        remedy = (
            "A hold with a duration stays below 100%, which follows by itself once it is told to go on, watched for "
            "interval: remove 100%."
        )
        yield Mistake(text, remedy)
    elif at_whole:
        yield Mistake(text, "hold stands in place of 100%: remove one of the two.")


def hold_item(duration: timedelta) -> str:
    """Write a hold as `parse_hold` reads it."""
    return f"{_HOLD} {format_duration(duration)}"
