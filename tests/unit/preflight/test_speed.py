"""How soon an alarm can fire after the first failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.preflight.facts import AlarmFacts
from lambda_rollout.preflight.finding import Code
from tests.support.preflight_facts import (
    MINUTE,
    alarm,
    composite,
    facts,
    found,
    metric,
)

LOG = AlarmFacts("log", "LogAlarm", unread="a query of logs")


def test_a_composite_alarm_is_as_quick_as_the_quickest_below_it() -> None:
    slow = alarm(metric(period=60 * MINUTE))
    assert found(facts(alarms=(composite(slow, alarm()),))) == []
    assert found(facts(alarms=(composite(slow),))) == [Code.STEP_TOO_SHORT]


def log(minutes: int, results: int, offset: int = 0) -> AlarmFacts:
    return replace(
        LOG, period=minutes * MINUTE, datapoints_to_alarm=results, query_offset=offset * MINUTE
    )


PROMQL = alarm(unread="a PromQL query", metrics=(), period=MINUTE)


@pytest.mark.parametrize(
    ("watched", "takes"),
    [
        (log(5, 1), 5),
        (log(5, 3, offset=2), 17),
        (PROMQL, 3),
        (replace(PROMQL, pending=10 * MINUTE), 13),
        (replace(PROMQL, pending=10 * MINUTE, period=5 * MINUTE), 17),
    ],
)
def test_every_kind_of_alarm_has_its_own_pace(watched: AlarmFacts, takes: int) -> None:
    just, short = (f"10% {t}, 100% 1h" for t in (f"{takes}m", f"{takes * 60 - 1}s"))
    assert Code.STEP_TOO_SHORT not in found(facts(steps=just, alarms=(watched,)))
    assert Code.STEP_TOO_SHORT in found(facts(steps=short, alarms=(watched,)))
