"""Whether the smoke test can run at all, known before anything is published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.preflight.checks import BEFORE_PUBLISHING, examine
from lambda_rollout.preflight.facts import Unread
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import DENIED, LIVE, NEW, facts, found, only, target

TENANTS = replace(NEW, limits=InvocationLimits(per_tenant=True))
HOURS = replace(NEW, limits=InvocationLimits(execution_timeout=3600))


@pytest.mark.parametrize(("new", "told"), [(TENANTS, "tenant"), (HOURS, "durable")])
def test_what_needs_more_than_a_payload_is_an_error(new: object, told: str) -> None:
    refused = facts(target(new=new, is_smoke_tested=True, not_invocable=DENIED))
    finding = examine(refused)[0]
    assert (finding.level, finding.code) == (Level.ERROR, Code.SMOKE_TEST_REFUSED)
    assert told in finding.seen
    assert finding.target == LIVE
    # And only where it is invoked.
    assert Code.SMOKE_TEST_REFUSED not in found(facts(target(new=new)))


def test_a_missing_permission_is_an_error_and_anything_else_a_note() -> None:
    finding = only(facts(target(is_smoke_tested=True, not_invocable=DENIED)))
    assert (finding.level, finding.code) == (Level.ERROR, Code.SMOKE_TEST_NOT_ALLOWED)
    throttled = Unread("lambda:InvokeFunction", "throttled", denied=False)
    finding = only(facts(target(is_smoke_tested=True, not_invocable=throttled)))
    assert (finding.level, finding.code) == (Level.NOTE, Code.NOT_CHECKED)
    assert found(facts(target(is_smoke_tested=True))) == []


def test_it_is_looked_at_where_a_version_is_only_published() -> None:
    refused = facts(target(is_smoke_tested=True, not_invocable=DENIED, alias_arn="", old=None))
    [finding] = examine(refused, BEFORE_PUBLISHING)
    assert finding.code is Code.SMOKE_TEST_NOT_ALLOWED
