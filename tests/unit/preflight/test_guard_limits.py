"""What guards cannot tell, however much traffic there is."""

from dataclasses import replace

import pytest

from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import Facts
from lambda_rollout.preflight.finding import Code, Finding, Level
from tests.support.preflight_facts import LIVE, NEW, facts, target

BESIDE = "error-rate <= baseline"


def told(given: Facts, code: Code) -> list[Finding]:
    return [each for each in examine(given) if each.code is code]


def with_timeout(seconds: int, steps: str, guards: str = BESIDE) -> list[Finding]:
    new = replace(NEW, limits=InvocationLimits(timeout=seconds))
    return told(facts(target(new=new), steps=steps, guards=guards), Code.TIMEOUT_OUTLASTS_STEPS)


def test_a_timeout_that_outlasts_all_split_steps_is_a_warning_with_a_schedule() -> None:
    [finding] = with_timeout(900, "10% 5m, 50% 5m, 100% 10m")
    assert (finding.level, finding.target) == (Level.WARNING, LIVE)
    assert "may last 15m, and the steps below 100% last 10m together" in finding.seen
    assert "`steps: 10% 5m, 50% 14m, 100% 10m`" in finding.remedy


def test_a_hold_is_no_time_to_count_on() -> None:
    [finding] = with_timeout(900, "10% 5m, hold 4h")
    assert "`steps: 10% 19m, hold 4h`" in finding.remedy


@pytest.mark.parametrize(
    ("seconds", "steps", "guards"),
    [
        (300, "10% 5m", BESIDE),
        (900, "10% 20m", BESIDE),
        (900, "10% 5m", ""),
        (900, "10% 5m", f"? {BESIDE}"),
        (900, "100% 5m", "error-rate < 1%"),
    ],
)
def test_what_is_waited_for_outlasted_or_not_guarded_is_none(
    seconds: int, steps: str, guards: str
) -> None:
    assert with_timeout(seconds, steps, guards) == []


@pytest.mark.parametrize("guard", ["p50-duration <= baseline", "p99-duration < baseline * 1"])
def test_durations_without_a_margin_are_noted(guard: str) -> None:
    [finding] = told(facts(guards=guard), Code.DURATION_WITHOUT_MARGIN)
    assert finding.level is Level.NOTE
    assert f"`{guard}` has no margin" in finding.seen
    assert "baseline * 1.2`" in finding.remedy


@pytest.mark.parametrize(
    "guard",
    [
        "p50-duration <= baseline * 1.2",
        "p99-duration <= baseline + 50ms",
        "p99-duration < 1s",
        "? p50-duration <= baseline",
        BESIDE,
    ],
)
def test_with_a_margin_or_beside_nothing_they_are_not(guard: str) -> None:
    assert told(facts(guards=guard), Code.DURATION_WITHOUT_MARGIN) == []
