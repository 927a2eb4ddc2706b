"""What an alias says to who has asked its rollout to go on early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lambda_rollout.alias.record import Record, compose, with_request
from lambda_rollout.alias.request import Answer, answer_of
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
        (TEN, ASKED, Answer.NOT_ASKED),
        (FIFTY, LATER, Answer.NOT_ASKED),
        (NEW, LATER, Answer.TAKEN),
        (NEW, None, Answer.TAKEN),
        (NEW, replace(ASKED, until=None), Answer.TAKEN),
        (OLD, None, Answer.WENT_BACK),
        # A record that could not be removed says nothing of a routing that it does not agree with.
        (OLD, ASKED, Answer.WENT_BACK),
        (TEN, replace(ASKED, until=None), Answer.HELD),
        (TEN, None, Answer.CHANGED),
        (TEN, OTHER, Answer.CHANGED),
        (NEW, OTHER, Answer.CHANGED),
        (Routing("8", {"9": 0.1}), NEXT, Answer.CHANGED),
        (Routing("8", {"9": 0.1}), ASKED, Answer.CHANGED),
        (Routing.all_on("6"), None, Answer.CHANGED),
        (Routing.all_on("9"), ASKED, Answer.CHANGED),
    ],
)
def test_what_it_says(routing: Routing, record: Record | None, answer: Answer) -> None:
    alias = Alias("arn", routing, compose("x", record), "1")
    assert answer_of(ASKED, alias) is answer
    waits = Answer.WAITING if answer is Answer.NOT_ASKED else answer
    assert answer_of(ASKED, replace(alias, description=with_request(alias.description))) is waits
