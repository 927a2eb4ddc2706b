"""The two versions and what they run on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import Invoked, Provisioned, Unread
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import (
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


def test_latest_that_failed_is_a_finding_unless_new_code_is_uploaded_over_it() -> None:
    failed = replace(NEW, version="$LATEST", state="Failed")
    assert only(facts(target(new=failed), alarms=())).code is Code.NEW_VERSION_CANNOT_SERVE
    assert found(facts(target(new=failed, uploads=True), alarms=())) == []


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
        ({"limits": InvocationLimits(per_tenant=True)}, Code.TENANT_ISOLATION, "cold"),
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


# Permissions -----------------------------------------------------------------------------------


# Together --------------------------------------------------------------------------------------
