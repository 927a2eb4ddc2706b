"""Functions on Lambda Managed Instances: scaling, room on the capacity provider, and how fast a share may grow."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import EventSource, Facts, Scaling, TargetFacts
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import NEW, OLD, facts, found, only, target

PROVIDER = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet"
SLOWLY = "10% 5m, 20% 5m, 40% 5m, 80% 5m, 100% 5m"


def managed(**more: Any) -> TargetFacts:
    """On a capacity provider with room, both versions scaled by default."""
    versions = {
        "old": replace(OLD, capacity_provider=PROVIDER),
        "new": replace(NEW, capacity_provider=PROVIDER),
    }
    scaled = {"old_scaling": Scaling(), "new_scaling": Scaling()}
    return target(**{**versions, **scaled, **more})


def slowly(*targets: TargetFacts) -> Facts:
    return facts(*targets, steps=SLOWLY)


LATEST = replace(NEW, version="$LATEST", capacity_provider=PROVIDER, state="ActiveNonInvocable")


def test_a_function_on_managed_instances_that_is_wired_well_has_no_finding() -> None:
    assert found(slowly(managed())) == []
    unpublished = managed(new=LATEST, new_scaling=None, provider_versions=89)
    assert found(replace(slowly(unpublished), alarms=())) == []


# Scaling ----------------------------------------------------------------------------------------


def test_a_new_version_that_is_scaled_otherwise_is_told_with_what_copies_it() -> None:
    finding = only(slowly(managed(old_scaling=Scaling(10, 50))))
    assert (finding.level, finding.code) == (Level.WARNING, Code.SCALING_DIFFERS)
    assert "10 to 50" in finding.seen
    assert shlex.split(finding.command) == [
        *("aws", "lambda", "put-function-scaling-config", "--function-name", "checkout"),
        *("--qualifier", "8", "--function-scaling-config"),
        "MinExecutionEnvironments=10,MaxExecutionEnvironments=50",
    ]


def test_a_version_still_to_be_published_will_begin_with_the_default() -> None:
    given = managed(new=LATEST, new_scaling=None, old_scaling=Scaling(10))
    finding = only(replace(slowly(given), alarms=()))
    assert finding.code is Code.SCALING_DIFFERS
    assert "default" in finding.seen
    assert "Publish it first" in finding.remedy
    assert finding.command.endswith("MinExecutionEnvironments=10")


@pytest.mark.parametrize("scaling", [Scaling(), Scaling(10), Scaling(10, 50)])
def test_versions_scaled_alike_are_as_they_should_be(scaling: Scaling) -> None:
    assert found(slowly(managed(old_scaling=scaling, new_scaling=scaling))) == []


def test_an_old_version_scaled_to_0_does_not_come_back_by_itself() -> None:
    gone = replace(OLD, capacity_provider=PROVIDER, state="Deactivated")
    off = managed(old=gone, old_scaling=Scaling(0, 0), new_scaling=Scaling(5, 9))
    finding = only(slowly(off))
    assert (finding.level, finding.code) == (Level.WARNING, Code.OLD_VERSION_CANNOT_SERVE)
    assert "--qualifier 7" in finding.command
    assert finding.command.endswith("MinExecutionEnvironments=5,MaxExecutionEnvironments=9")
    unknown = only(slowly(replace(off, new_scaling=Scaling())))
    assert unknown.command.endswith("MinExecutionEnvironments=3")


def test_a_new_version_scaled_to_0_is_told_with_what_brings_it_back() -> None:
    gone = replace(NEW, capacity_provider=PROVIDER, state="Deactivated")
    given = slowly(managed(new=gone, new_scaling=Scaling(0, 0), old_scaling=Scaling(5)))
    serve, scaled = examine(given)
    assert (serve.code, scaled.code) == (Code.NEW_VERSION_CANNOT_SERVE, Code.SCALING_DIFFERS)
    assert serve.command == scaled.command


# Room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "level"),
    [(89, None), (90, Level.NOTE), (99, Level.NOTE), (100, Level.WARNING), (101, Level.WARNING)],
)
def test_a_capacity_provider_takes_a_hundred_versions(versions: int, level: Level | None) -> None:
    full = managed(new=LATEST, new_scaling=None, provider_versions=versions)
    given = replace(slowly(full), alarms=())
    if level is None:
        assert found(given) == []
        return
    finding = only(given)
    assert (finding.level, finding.code) == (level, Code.PROVIDER_FULL)
    assert "no alias names" in finding.remedy
    assert finding.command.endswith("--capacity-provider-name fleet")


# Growth -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (SLOWLY, ""),
        ("50% 1m, 100% 0s", ""),
        ("10% 5m, 100% 5m", "10% 5m, 20% 5m, 40% 5m, 80% 5m, 100% 5m"),
        ("10% 1h, 30% 5m, 60% 5m, 100% 5m", "10% 1h, 20% 5m, 30% 5m, 60% 5m, 100% 5m"),
        # Step by step it only doubles, and within five minutes it does so twice.
        ("10% 2m, 20% 2m, 40% 5m, 80% 5m, 100% 0s", "10% 5m, 20% 5m, 40% 5m, 80% 5m, 100% 0s"),
        ("1% 5m, 3% 5m, hold", "1% 5m, 2% 5m, 3% 5m, hold"),
        ("100% 5m", ""),
    ],
)
def test_a_share_that_grows_too_fast_is_told_with_a_schedule_that_does_not(
    steps: str, told: str
) -> None:
    given = facts(managed(), steps=steps, alarms=())
    if not told:
        assert found(given) == []
        return
    finding = only(given)
    assert (finding.level, finding.code) == (Level.WARNING, Code.SHARE_GROWS_TOO_FAST)
    assert finding.remedy == f"`steps: {told}`."
    assert found(facts(managed(), steps=told, alarms=())) == []


def test_where_aws_runs_it_a_share_may_grow_at_once() -> None:
    assert found(facts(steps="1% 5m, 100% 5m")) == []


# Words ------------------------------------------------------------------------------------------


def test_the_bare_function_runs_the_latest_that_was_published() -> None:
    queue = EventSource("u-1", "arn:aws:sqs:eu-central-1:123456789012:orders", "", "Enabled")
    assert "invokes $LATEST.PUBLISHED" in only(slowly(managed(event_sources=(queue,)))).seen


def test_publishing_passes_the_capacity_provider() -> None:
    writes = ("lambda:PublishVersion", "lambda:UpdateAlias")
    assert "lambda:PassCapacityProvider" in only(replace(slowly(managed()), writes=writes)).seen
    assert "PassCapacityProvider" not in only(facts(writes=writes)).seen
    assert "PassCapacityProvider" not in only(replace(slowly(managed()), writes=writes[1:])).seen
