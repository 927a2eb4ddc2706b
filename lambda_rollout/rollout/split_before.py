"""The split that was there before this run: what is promoted at once is judged by it, before it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.analysis.guards.windows import SPLIT_ONCE
from lambda_rollout.analysis.metrics import StepStart
from lambda_rollout.rollout.events import MetricsRead
from lambda_rollout.rollout.metrics import RolloutMetrics
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import CallFailed, RolloutError
from lambda_rollout.runtime.retry import retrying

LOOK_BACK = timedelta(hours=1)
"""Of a split that is over already, or since when nobody wrote down: so much is baseline enough."""

LONGEST_LOOK_BACK = timedelta(days=7)
"""CloudWatch keeps minutes for 15 days; what a week does not show, two do not."""


def split_before(
    shares: Sequence[Decimal], since: Sequence[datetime | None], now: datetime
) -> StepStart:
    """Return it as a step.

    Args:
        shares: the new versions', in percent, of all aliases that move.
        since: when the records say that these were written, on AWS's clock; None where one does not say.
        now: AWS's clock.
    """
    share = min(shares)
    known = [moment for moment in since if moment is not None]
    if len(known) < len(since):
        return StepStart(now - LOOK_BACK, share if share < HUNDRED else SPLIT_ONCE)
    began = max(known)
    if share >= HUNDRED:
        # Minutes since then hold only one version: they are no comparison, and do no harm.
        return StepStart(began - LOOK_BACK, SPLIT_ONCE)
    return StepStart(max(began, now - LONGEST_LOOK_BACK), share)


def judge_split_before(metrics: RolloutMetrics, ports: Ports) -> str:
    """Judge the guards by it, before it is gone; return which one is broken, empty if none.

    Raises `RolloutError` if one that compares with the old version cannot be judged, `Cancelled` on stop.
    """
    try:
        news = retrying(ports.clock, ports.stop)(metrics.read)
    except CallFailed as error:
        raise RolloutError(
            f"the metrics that the guards check could not be read: {error.what}",
            error.remedy or "Start again, or leave `guards` empty.",
        ) from error
    ports.emit(MetricsRead(number=1, comparisons=news))
    broken, _ = metrics.verdict()
    lacks = metrics.missing_baseline()
    if lacks and not broken:
        raise RolloutError(
            f"{lacks}; at 100% there is nothing to compare with, so these guards need data of the split",
            _remedy(metrics.steps[-1]),
        )
    return broken


def _remedy(split: StepStart) -> str:
    if split.percent == SPLIT_ONCE:
        return (
            "It is no longer split, so waiting does not help: use guards that compare with a number, or `mode: "
            "rollback`."
        )
    return (
        "Let the new version serve more requests at its present weight first: all that it serves there counts. Or use "
        "guards that compare with a number."
    )
