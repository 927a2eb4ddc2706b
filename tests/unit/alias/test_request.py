"""What an alias says to who has asked its rollout to go on early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lambda_rollout.alias.record import Record, compose, with_request
from lambda_rollout.alias.request import RequestAnswer, answer_of
from lambda_rollout.alias.routing import Alias, Routing

ASKED = Record("7", "8", "3fa94c7d", datetime(2026, 11, 23, 5, 10, tzinfo=UTC))
LATER = replace(ASKED, until=datetime(2026, 11, 23, 5, 13, tzinfo=UTC))
OTHER = replace(ASKED, rollout_id="00000001")
NEXT = Record("8", "9", "00000001", datetime(2026, 11, 23, 5, 13, tzinfo=UTC))
TEN, FIFTY = Routing("7", {"8": 0.1}), Routing("7", {"8": 0.5})
OLD, NEW = Routing.all_on("7"), Routing.all_on("8")


@pytest.mark.parametrize(
    ("routing", "record", "answer"),
    [
        (TEN, ASKED, RequestAnswer.NOT_ASKED),
        (FIFTY, LATER, RequestAnswer.NOT_ASKED),
        (NEW, LATER, RequestAnswer.TAKEN),
        # It may be over, or have gone back, and another one has gone there since.
        (NEW, None, RequestAnswer.UNKNOWN),
        (NEW, replace(ASKED, until=None), RequestAnswer.TAKEN),
        (OLD, None, RequestAnswer.WENT_BACK),
        # A record that could not be removed says nothing of a routing that it does not agree with.
        (OLD, ASKED, RequestAnswer.WENT_BACK),
        (TEN, replace(ASKED, until=None), RequestAnswer.HELD),
        (TEN, None, RequestAnswer.CHANGED),
        (TEN, OTHER, RequestAnswer.CHANGED),
        (NEW, OTHER, RequestAnswer.CHANGED),
        (Routing("8", {"9": 0.1}), NEXT, RequestAnswer.CHANGED),
        (Routing("8", {"9": 0.1}), ASKED, RequestAnswer.CHANGED),
        (Routing.all_on("6"), None, RequestAnswer.CHANGED),
        (Routing.all_on("9"), ASKED, RequestAnswer.CHANGED),
    ],
)
def test_what_it_says(routing: Routing, record: Record | None, answer: RequestAnswer) -> None:
    alias = Alias("arn", routing, compose("x", record), "1")
    assert answer_of(ASKED, alias) is answer
    waits = RequestAnswer.WAITING if answer is RequestAnswer.NOT_ASKED else answer
    assert answer_of(ASKED, replace(alias, description=with_request(alias.description))) is waits
