"""Checks on versions, callers, concurrency and permissions, each on one fact that is wrong."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import EventSource, FunctionUrl, Invoked, Provisioned, Unread
from lambda_rollout.preflight.finding import Code, Finding, Level, blocking
from tests.unit.preflight_facts import (
    BUSY,
    DENIED,
    LIVE,
    NEW,
    OLD,
    facts,
    found,
    only,
    target,
)

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"


def test_a_rollout_wired_as_it_should_be_has_no_finding() -> None:
    assert found(facts()) == []


# What AWS would refuse -------------------------------------------------------------------------


def test_different_roles_are_an_error_before_a_split() -> None:
    other = replace(NEW, role="arn:aws:iam::123456789012:role/other")
    finding = only(facts(target(new=other)))
    assert (finding.level, finding.code, finding.target) == (Level.ERROR, Code.ROLES_DIFFER, LIVE)
    assert OLD.role in finding.seen
    assert other.role in finding.seen


def test_different_dead_letter_queues_are_an_error_before_a_split() -> None:
    finding = only(facts(target(new=replace(NEW, dead_letter=QUEUE))))
    assert (finding.level, finding.code) == (Level.ERROR, Code.DEAD_LETTERS_DIFFER)
    assert "none (old)" in finding.seen
    assert f"{QUEUE} (new)" in finding.seen


def test_without_a_split_the_versions_may_differ() -> None:
    other = replace(NEW, role="arn:aws:iam::123456789012:role/other", dead_letter=QUEUE)
    assert found(facts(target(new=other), steps="100% 5m")) == []


def test_an_alias_still_to_be_created_is_not_compared() -> None:
    idle = Invoked(LIVE, 0, 0, 0)
    assert found(facts(target(alias_arn="", old=None, invoked=idle))) == []


# Versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["Inactive", "Failed", "Pending", "ActiveNonInvocable"])
def test_an_old_version_that_cannot_serve_is_no_way_back(state: str) -> None:
    finding = only(facts(target(old=replace(OLD, state=state, state_reason="Idle."))))
    assert (finding.level, finding.code) == (Level.WARNING, Code.OLD_VERSION_CANNOT_SERVE)
    assert f"{state} (Idle.)" in finding.seen
    assert bool(finding.command) is (state == "Inactive")


def test_an_idle_version_that_was_named_is_an_error_with_what_wakes_it() -> None:
    finding = only(facts(target(new=replace(NEW, state="Inactive"))))
    assert (finding.level, finding.code) == (Level.ERROR, Code.NEW_VERSION_IDLE)
    assert finding.command == (
        "aws lambda invoke --function-name checkout --qualifier 8 /dev/stdout"
    )


@pytest.mark.parametrize("state", ["Inactive", "ActiveNonInvocable", "Pending", "Active"])
def test_latest_may_sleep_and_nobody_is_told_to_run_it(state: str) -> None:
    latest = replace(NEW, version="$LATEST", state=state)
    assert found(facts(target(new=latest), alarms=())) == []


@pytest.mark.parametrize("version", ["8", "$LATEST"])
def test_a_new_version_that_is_broken_is_told(version: str) -> None:
    broken = replace(NEW, version=version, state="Failed")
    finding = only(facts(target(new=broken), alarms=()))
    assert (finding.level, finding.code) == (Level.WARNING, Code.NEW_VERSION_CANNOT_SERVE)
    assert "nvoke" not in finding.remedy


def test_a_pending_version_is_waited_for() -> None:
    assert found(facts(target(new=replace(NEW, state="Pending")))) == []


@pytest.mark.parametrize(
    ("runtime", "today", "deprecated"),
    [
        ("python3.9", date(2026, 11, 23), True),
        ("python3.10", date(2026, 10, 31), True),
        ("python3.10", date(2026, 10, 30), False),
        ("python3.13", date(2026, 11, 23), False),
        ("python9.9", date(2026, 11, 23), False),
        ("", date(2026, 11, 23), False),
    ],
)
def test_a_deprecated_runtime_is_a_note(runtime: str, today: date, deprecated: bool) -> None:
    now = datetime(today.year, today.month, today.day, tzinfo=UTC)
    given = facts(target(new=replace(NEW, runtime=runtime)), now=now)
    assert found(given) == ([Code.RUNTIME_DEPRECATED] if deprecated else [])
    if deprecated:
        assert only(given).level is Level.NOTE


@pytest.mark.parametrize(
    ("storage", "code", "level"),
    [
        (None, None, None),
        (CodeStorage(), None, None),
        (CodeStorage(by_reference=True), Code.CODE_BY_REFERENCE, Level.NOTE),
        (CodeStorage(by_reference=True, lost="NoSuchKey"), Code.OLD_CODE_GONE, Level.WARNING),
        (DENIED, Code.NOT_CHECKED, Level.NOTE),
    ],
)
def test_code_that_is_kept_by_reference_lives_as_long_as_its_object(
    storage: CodeStorage | Unread | None, code: Code | None, level: Level | None
) -> None:
    given = facts(target(old_code=storage))
    assert [(each.code, each.level) for each in examine(given)] == ([(code, level)] if code else [])


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"is_durable": True}, Code.DURABLE_FUNCTION, "DurableExecutionFailed"),
        ({"per_tenant": True}, Code.TENANT_ISOLATION, "cold"),
    ],
)
def test_newer_kinds_of_functions_get_a_note(
    changes: dict[str, Any], code: Code, word: str
) -> None:
    finding = only(facts(target(new=replace(NEW, **changes))))
    assert (finding.level, finding.code) == (Level.NOTE, code)
    assert word in finding.seen + finding.remedy


# Concurrency -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("reserved", "codes"), [(0, [Code.CONCURRENCY_ZERO]), (1, []), (None, [])])
def test_no_concurrency_is_told(reserved: int | None, codes: list[Code]) -> None:
    assert found(facts(target(reserved=reserved))) == codes


def test_provisioned_concurrency_says_what_will_happen() -> None:
    finding = only(facts(target(provisioned=Provisioned(5, "READY", ""))))
    assert (finding.level, finding.code) == (Level.NOTE, Code.PROVISIONED_CONCURRENCY)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FAILED"])
def test_provisioned_concurrency_that_is_not_ready_is_a_warning(status: str) -> None:
    finding = only(facts(target(provisioned=Provisioned(5, status, "FUNCTION_ERROR_INIT_FAILURE"))))
    assert (finding.level, finding.code) == (
        Level.WARNING,
        Code.PROVISIONED_CONCURRENCY_UNREADY,
    )
    assert f"{status}: FUNCTION_ERROR_INIT_FAILURE" in finding.seen


# Callers ---------------------------------------------------------------------------------------


def test_nobody_invokes_the_alias() -> None:
    finding = only(facts(target(invoked=Invoked(LIVE, 0, 0, 5230))))
    assert (finding.level, finding.code) == (Level.WARNING, Code.NO_TRAFFIC)
    assert "5230 times" in finding.seen


def test_one_invocation_in_a_day_is_somebody() -> None:
    given = facts(target(invoked=Invoked(LIVE, 0, 1, 1)), alarms=())
    assert found(given) == []


@pytest.mark.parametrize(
    ("qualifier", "state", "told"),
    [
        ("", "Enabled", "$LATEST"),
        ("", "Enabling", "$LATEST"),
        ("7", "Enabled", "7"),
        ("other", "Enabled", "other"),
        ("live", "Enabled", ""),
        ("", "Disabled", ""),
    ],
)
def test_an_event_source_must_name_the_alias(qualifier: str, state: str, told: str) -> None:
    given = facts(target(event_sources=(EventSource("u-1", QUEUE, qualifier, state),)))
    if not told:
        assert found(given) == []
        return
    finding = only(given)
    assert (finding.level, finding.code) == (Level.WARNING, Code.EVENT_SOURCE_BYPASSES_ALIAS)
    assert f"{QUEUE} invokes {told}" in finding.seen
    assert shlex.split(finding.command)[-4:] == [
        "--uuid",
        "u-1",
        "--function-name",
        "checkout:live",
    ]


def test_a_source_that_invokes_both_is_told_with_the_other() -> None:
    both = (EventSource("u-1", QUEUE, "", "Enabled"), EventSource("u-2", QUEUE, "live", "Enabled"))
    assert "Another mapping" in only(facts(target(event_sources=both))).seen


BARE = FunctionUrl("", "NONE")


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ((BARE,), ["--auth-type", "NONE"]),
        (
            (replace(BARE, auth_type="AWS_IAM", invoke_mode="RESPONSE_STREAM"),),
            ["--auth-type", "AWS_IAM", "--invoke-mode", "RESPONSE_STREAM"],
        ),
        ((replace(BARE, has_cors=True),), []),
        ((replace(BARE, qualifier="live"), BARE), []),
    ],
)
def test_a_url_on_the_bare_function_bypasses_the_alias(
    urls: tuple[FunctionUrl, ...], told: list[str]
) -> None:
    finding = only(facts(target(urls=urls)))
    assert (finding.level, finding.code) == (Level.WARNING, Code.FUNCTION_URL_BYPASSES_ALIAS)
    assert "$LATEST" in finding.seen
    made = ["aws", "lambda", "create-function-url-config", "--function-name", "checkout"]
    assert shlex.split(finding.command) == ([*made, "--qualifier", "live", *told] if told else [])


@pytest.mark.parametrize("qualifier", ["live", "beta"])
def test_a_url_on_an_alias_is_as_it_should_be(qualifier: str) -> None:
    assert found(facts(target(urls=(replace(BARE, qualifier=qualifier),)))) == []


# Permissions -----------------------------------------------------------------------------------


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


# Together --------------------------------------------------------------------------------------


def test_the_gravest_comes_first_and_every_target_is_looked_at() -> None:
    basket = replace(LIVE, function="basket")
    given = facts(
        target(reserved=DENIED),
        target(target=basket, reserved=0, invoked=replace(BUSY, target=basket)),
        target(new=replace(NEW, role="other")),
    )
    assert found(given) == [Code.ROLES_DIFFER, Code.CONCURRENCY_ZERO, Code.NOT_CHECKED]


@pytest.mark.parametrize(
    ("level", "strict", "blocks"),
    [
        (Level.ERROR, False, True),
        (Level.ERROR, True, True),
        (Level.WARNING, False, False),
        (Level.WARNING, True, True),
        (Level.NOTE, True, False),
    ],
)
def test_only_blindness_becomes_an_error_when_strict(
    level: Level, strict: bool, blocks: bool
) -> None:
    finding = Finding(level, Code.NO_TRAFFIC, "seen", "remedy")
    assert blocking([finding], strict=strict) == ((finding,) if blocks else ())
