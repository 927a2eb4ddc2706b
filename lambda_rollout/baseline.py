"""The split that was there before this run: the only baseline of what goes to 100% at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.errors import CallFailed, RolloutError
from lambda_rollout.events import NumbersRead
from lambda_rollout.guarding.course import SPLIT_ONCE, Began
from lambda_rollout.numbers import Numbers
from lambda_rollout.order import Parts
from lambda_rollout.patience import patiently
from lambda_rollout.routing import HUNDRED

LOOK_BACK = timedelta(hours=1)
"""Nobody wrote down since when an alias is split; so much is baseline enough."""


def split_before(shares: Sequence[Decimal], now: datetime) -> Began:
    """Return it as a step; ``shares`` are the new versions' in percent, ``now`` is AWS's clock."""
    share = min(shares)
    return Began(now - LOOK_BACK, share if share < HUNDRED else SPLIT_ONCE)


def judge_split_before(numbers: Numbers, parts: Parts) -> str:
    """Judge the guards by it, before it is gone; return which one is broken, empty if none.

    Raises `RolloutError` if one that compares with the old version cannot be judged, `Cancelled` on stop.
    """
    try:
        news = patiently(parts.clock, parts.stop)(numbers.read)
    except CallFailed as error:
        raise RolloutError(
            f"the metrics that the guards are about could not be read: {error.what}",
            error.remedy or "Start again, or leave `guards` empty.",
        ) from error
    parts.emit(NumbersRead(at=parts.clock.now(), number=1, comparisons=news))
    broken, _ = numbers.verdict()
    lacks = numbers.lacks_baseline()
    if lacks and not broken:
        raise RolloutError(
            f"{lacks}; at 100% there is nothing to compare with, so the last hour's split must tell",
            "Let it serve more at its present weight first, or use guards that compare with a number.",
        )
    return broken
