"""An alarm that is not found: another account's, one with signs of YAML or JSON around it, or a wrong name."""

from __future__ import annotations

from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.rollout.missing_alarms import (
    CORRECT,
    WITH_COMMA,
    name_the_missing,
    remedy_for_missing,
)

OURS, THEIRS = "111111111111", "222222222222"
ARN = "arn:aws:cloudwatch:eu-central-1:{}:alarm:checkout: errors"


def test_an_alarm_of_another_account_has_to_be_made_in_the_functions() -> None:
    remedy = remedy_for_missing(["nope", ARN.format(THEIRS)], OURS)
    assert f"of the credentials only ({OURS}), and not of {THEIRS}: make the alarm there" in remedy
    assert remedy.endswith(CORRECT), "for the other one"
    assert CORRECT not in remedy_for_missing([ARN.format(THEIRS)], OURS)


def test_where_the_account_is_not_known_it_is_said_without_it() -> None:
    assert "in the account of the credentials only: make" in remedy_for_missing(
        [ARN.format(THEIRS)], ""
    )


def test_an_arn_of_ones_own_account_is_a_wrong_name() -> None:
    assert remedy_for_missing([ARN.format(OURS)], OURS) == CORRECT


def test_signs_of_yaml_around_a_name_are_named() -> None:
    remedy = remedy_for_missing(["- checkout-errors"], OURS)
    assert remedy == f"Write 'checkout-errors', without the dash of YAML or JSON. {CORRECT}"


def test_a_list_with_commas_in_a_block_of_yaml_is_told_apart_from_a_name() -> None:
    # What `alarms: |` and one line below it make of a list.
    (alarm,) = parse_alarms("checkout-errors, checkout-latency\n")
    assert remedy_for_missing([alarm.text], OURS) == f"{WITH_COMMA} {CORRECT}"
    assert [alarm.text for alarm in parse_alarms("checkout-errors, checkout-latency")] == [
        "checkout-errors",
        "checkout-latency",
    ]


def test_a_few_are_all_named() -> None:
    assert (
        name_the_missing(["a", "b"], 3, " in eu-central-1")
        == "no such alarm in eu-central-1: a, b."
    )


def test_of_many_the_first_are_named_and_all_counted() -> None:
    names = [f"f{number}-errors" for number in range(12)]
    assert name_the_missing(names, 40, "") == (
        "12 of 40 alarms do not exist: f0-errors, f1-errors, f2-errors, f3-errors, f4-errors and 7 more."
    )
