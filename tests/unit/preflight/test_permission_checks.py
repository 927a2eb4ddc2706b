"""What could not be read, and what that means for the rollout."""

from __future__ import annotations

import pytest

from lambda_rollout.preflight.facts import Unread
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import DENIED, LIVE, facts, found, only, target


@pytest.mark.parametrize(
    "fact",
    [
        "old",
        "new",
        "event_sources",
        "function_policy",
        "alias_policy",
        "urls",
        "reserved",
        "provisioned",
    ],
)
def test_a_check_without_its_permission_is_skipped_and_says_so(fact: str) -> None:
    finding = only(facts(target(**{fact: DENIED})))
    assert (finding.level, finding.code, finding.target) == (Level.NOTE, Code.NOT_CHECKED, LIVE)
    assert "lambda:Anything is not allowed" in finding.seen
    assert "lambda:Anything" in finding.remedy


def test_one_check_that_lacks_two_facts_is_told_once() -> None:
    assert found(facts(target(function_policy=DENIED, alias_policy=DENIED))) == [Code.NOT_CHECKED]


def test_a_fact_that_aws_would_not_tell_asks_for_no_permission() -> None:
    finding = only(facts(target(reserved=Unread("lambda:X", "ServiceException", denied=False))))
    assert "ServiceException" in finding.seen
    assert finding.remedy == ""


def test_alarms_that_cannot_be_described_are_a_note() -> None:
    assert only(facts(alarms=DENIED)).code is Code.NOT_CHECKED


def test_numbers_that_cannot_be_read_matter_only_if_something_rests_on_them() -> None:
    assert only(facts(target(invoked=DENIED))).level is Level.NOTE
    finding = only(facts(target(invoked=DENIED), needs_numbers=True))
    assert (finding.level, finding.code) == (Level.WARNING, Code.NUMBERS_UNREADABLE)


def test_a_history_that_cannot_be_read_would_roll_back_for_nothing() -> None:
    finding = only(facts(history=DENIED))
    assert (finding.level, finding.code) == (Level.WARNING, Code.HISTORY_UNREADABLE)


def test_what_the_watch_could_not_read_for_another_reason_asks_for_no_permission() -> None:
    lost = Unread("cloudwatch:X", "ReadTimeoutError", denied=False)
    assert only(facts(history=lost)).remedy == ""
    assert only(facts(target(invoked=lost), needs_numbers=True)).remedy == ""
    assert only(facts(history=DENIED)).remedy == f"Allow {DENIED.action}."


def test_permissions_to_write_are_listed() -> None:
    finding = only(facts(writes=("lambda:PublishVersion", "lambda:UpdateAlias")))
    assert (finding.level, finding.code) == (Level.NOTE, Code.WRITES_NEEDED)
    assert "lambda:PublishVersion, lambda:UpdateAlias" in finding.seen
