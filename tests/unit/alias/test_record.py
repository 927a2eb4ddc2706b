"""The record on the alias: how it is written, read, cut, and what it says of whose the alias is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.alias.record import (
    DESCRIPTION_LIMIT,
    Ownership,
    Record,
    RunStatus,
    agrees,
    compose,
    owners_text,
    ownership_of,
    parse,
    repository_hash,
    with_request,
)
from lambda_rollout.alias.routing import Alias, Moving, Routing

UNTIL = datetime(2026, 11, 23, 5, 10, tzinfo=UTC)
RECORD = Record(
    old="7",
    new="8",
    rollout_id="3fa94c7d",
    until=UNTIL,
    run="1234567890",
    attempt="1",
    repository="9f2c1a",
    since=datetime(2026, 11, 23, 4, 55, tzinfo=UTC),
)
MARK = (
    "[lambda-rollout 7>8 run 1234567890/1 of 9f2c1a id 3fa94c7d"
    " since 2026-11-23T04:55:00Z until 2026-11-23T05:10:00Z]"
)
HELD = replace(RECORD, until=None)
SPLIT = Routing("7", {"8": 0.1})


def units(text: str) -> int:
    """How long AWS takes a text to be, if it counts as Java does."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# Writing and reading ----------------------------------------------------------------------------


def test_it_stands_after_the_owners_text() -> None:
    assert compose("customers see this", RECORD) == f"customers see this {MARK}"
    assert parse(f"customers see this {MARK}") == ("customers see this", RECORD)


def test_without_an_owners_text_it_stands_alone() -> None:
    assert compose("", RECORD) == MARK
    assert parse(MARK) == ("", RECORD)


def test_a_held_one_has_no_end() -> None:
    assert str(HELD).endswith(" id 3fa94c7d since 2026-11-23T04:55:00Z held]")
    assert parse(f"x {HELD}") == ("x", HELD)
    assert HELD.held
    assert not HELD.expired(datetime.max.replace(tzinfo=UTC))


def test_a_request_is_a_word_at_its_end() -> None:
    asked = replace(RECORD, requested=True)
    assert compose("customers see this", asked) == f"customers see this {MARK[:-1]} promote]"
    assert parse(f"x {MARK[:-1]} promote]") == ("x", asked)
    assert with_request(f"x {MARK}") == f"x {asked}"
    assert asked.without_request == RECORD


def test_outside_github_it_says_local() -> None:
    local = replace(RECORD, run="", attempt="", repository="")
    assert "run local id" in str(local)
    assert parse(f"x {local}") == ("x", local)


@pytest.mark.parametrize(
    "text",
    [
        f"{MARK} and more",
        f"{MARK}\n",
        f"x{MARK}",
        MARK.replace("7>8", "7>7"),
        MARK.replace("7>8", "07>8"),
        MARK.replace("7>8", "0>8"),
        MARK.replace("7>8", "$LATEST>8"),
        MARK.replace("3fa94c7d", "3fa94c7"),
        MARK.replace("3fa94c7d", "3FA94C7D"),
        MARK.replace("05:10:00Z", "05:10:00"),
        MARK.replace("11-23", "13-23"),
        MARK.replace("11-23", "02-30"),
        MARK.replace("T05:10", "T25:10"),
        MARK.replace("of 9f2c1a ", ""),
        MARK.replace("/1", ""),
        MARK.replace("1234567890", "١٢٣"),
        MARK.replace("lambda-rollout", "lambda-rollouts"),
        MARK.replace(" until", "  until"),
        MARK.replace("]", " promote"),
        MARK.replace("]", "promote]"),
        MARK.replace("]", "  promote]"),
        MARK.replace("]", " Promote]"),
        MARK.replace("]", " promote promote]"),
        MARK.replace("]", " rollback]"),
        MARK.replace(" until", " promote until"),
        f"{MARK} promote",
        MARK.removeprefix("["),
        MARK.removesuffix("]"),
        "[lambda-rollout]",
        "",
    ],
)
def test_what_only_looks_alike_is_the_owners(text: str) -> None:
    assert parse(text) == (text, None)
    assert owners_text(text) == text


def test_several_at_the_end_are_all_taken_off() -> None:
    older = replace(RECORD, rollout_id="00000000")
    thrice = f"x {older} {older} {MARK}"
    assert parse(thrice) == (f"x {older} {older}", RECORD)
    assert owners_text(thrice) == "x"


def test_one_in_the_middle_is_the_owners() -> None:
    text = f"x {MARK} y"
    assert owners_text(f"{text} {MARK}") == text


# 256 characters ---------------------------------------------------------------------------------


def test_the_owners_text_is_cut_and_the_record_never() -> None:
    text = "x" * DESCRIPTION_LIMIT
    composed = compose(text, RECORD)
    assert units(composed) == DESCRIPTION_LIMIT
    assert composed.endswith(f"x {MARK}")
    assert compose(text, None) == text


@pytest.mark.parametrize("text", ["🚀" * 128, "x" + "🚀" * 127, "xx" + "🚀" * 127])
def test_an_emoji_is_never_cut_in_two(text: str) -> None:
    composed = compose(text, RECORD)
    assert units(composed) <= DESCRIPTION_LIMIT
    kept, record = parse(composed)
    assert record == RECORD
    assert text.startswith(kept)
    assert units(composed) >= DESCRIPTION_LIMIT - 1


def test_the_longest_record_leaves_room_for_a_text() -> None:
    longest = replace(RECORD, old="9" * 19, new="8" * 19, run="9" * 20, attempt="9" * 6)
    assert units(compose("x" * 256, longest)) == DESCRIPTION_LIMIT
    assert parse(compose("x" * 256, longest))[1] == longest


def test_a_repository_is_six_hex_digits() -> None:
    # printf octo/shop | sha256sum
    assert repository_hash("octo/shop") == "3041f3"


# Whose is it? -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "routing",
    [
        SPLIT,
        Routing("7", {"8": 0.99}),
        Routing.all_on("8"),
    ],
)
def test_a_record_agrees_with_what_its_rollout_writes(routing: Routing) -> None:
    assert agrees(RECORD, routing)


@pytest.mark.parametrize(
    "routing",
    [
        Routing.all_on("7"),
        Routing("7", {"9": 0.1}),
        Routing("6", {"8": 0.1}),
        Routing("8", {"6": 1.0}),
        # Half turned back by hand, or all of it: AWS's own weight is no part of a routing.
        Routing("8", {"7": 0.5}),
        Routing("8", {"7": 1.0}),
        Routing.all_on("9"),
    ],
)
def test_a_record_does_not_agree_with_anything_else(routing: Routing) -> None:
    assert not agrees(RECORD, routing)


def alias(routing: Routing, record: Record | None, moving: Moving | None = None) -> Alias:
    return Alias("arn", routing, compose("x", record), "revision", moving=moving)


MOVES, FAILED = Moving({"7": 1.0}), Moving({"7": 1.0}, failed=True)
EIGHT = Routing.all_on("8")


BEFORE, AFTER = UNTIL - timedelta(seconds=1), UNTIL


@pytest.mark.parametrize(
    ("seen", "now", "status", "is_"),
    [
        (alias(Routing.all_on("7"), None), BEFORE, RunStatus.UNKNOWN, Ownership.NOBODYS),
        (alias(SPLIT, None), BEFORE, RunStatus.UNKNOWN, Ownership.STRANGERS),
        (alias(Routing("8", {"7": 1.0}), None), BEFORE, RunStatus.UNKNOWN, Ownership.STRANGERS),
        (alias(EIGHT, None, MOVES), BEFORE, RunStatus.UNKNOWN, Ownership.AWS),
        # It stays like that until somebody does something: nothing to wait for.
        (alias(EIGHT, None, FAILED), BEFORE, RunStatus.UNKNOWN, Ownership.STRANGERS),
        (alias(SPLIT, RECORD), BEFORE, RunStatus.UNKNOWN, Ownership.ALIVE),
        (alias(SPLIT, RECORD), BEFORE, RunStatus.IN_PROGRESS, Ownership.ALIVE),
        (alias(SPLIT, RECORD), BEFORE, RunStatus.OVER, Ownership.DEAD),
        (alias(SPLIT, RECORD), AFTER, RunStatus.UNKNOWN, Ownership.DEAD),
        # GitHub's word never prolongs it: another job may keep the run in progress.
        (alias(SPLIT, RECORD), AFTER, RunStatus.IN_PROGRESS, Ownership.DEAD),
        # Killed during the watch at 100%: unfinished like any other.
        (alias(Routing.all_on("8"), RECORD), AFTER, RunStatus.UNKNOWN, Ownership.DEAD),
        (alias(Routing.all_on("8"), RECORD), BEFORE, RunStatus.UNKNOWN, Ownership.ALIVE),
        (alias(EIGHT, RECORD, MOVES), BEFORE, RunStatus.UNKNOWN, Ownership.ALIVE),
        (alias(EIGHT, RECORD, MOVES), AFTER, RunStatus.UNKNOWN, Ownership.DEAD),
        (alias(EIGHT, RECORD, FAILED), AFTER, RunStatus.UNKNOWN, Ownership.DEAD),
        # All of the traffic on a version that this rollout did not come from.
        (alias(EIGHT, RECORD, Moving({"6": 1.0})), AFTER, RunStatus.OVER, Ownership.STRANGERS),
        # Turned back by hand under a record, dead or alive.
        (alias(Routing("8", {"7": 0.5}), RECORD), AFTER, RunStatus.OVER, Ownership.STRANGERS),
        (alias(Routing("8", {"7": 1.0}), RECORD), AFTER, RunStatus.OVER, Ownership.STRANGERS),
        (alias(SPLIT, HELD), AFTER, RunStatus.OVER, Ownership.HELD),
        # A record that could not be cleared is harmless.
        (alias(Routing.all_on("7"), RECORD), BEFORE, RunStatus.UNKNOWN, Ownership.NOBODYS),
        # Somebody moved the routing below our record: then it is not ours any more.
        (alias(Routing("7", {"9": 0.1}), RECORD), BEFORE, RunStatus.UNKNOWN, Ownership.STRANGERS),
        (alias(Routing("7", {"9": 0.1}), HELD), BEFORE, RunStatus.UNKNOWN, Ownership.STRANGERS),
    ],
)
def test_whose_it_is(seen: Alias, now: datetime, status: RunStatus, is_: Ownership) -> None:
    assert ownership_of(seen, now, status) is is_
    asked = replace(seen, description=with_request(seen.description))
    assert ownership_of(asked, now, status) is is_
