"""What guards look at, and who looks at 100%."""

import shlex
from dataclasses import replace

import pytest

from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import Facts
from lambda_rollout.preflight.finding import Code, Finding, Level
from tests.support.preflight_facts import DENIED, LIVE, alarm, facts, target

VERSION = (("version", "$VERSION"),)
FAILED, ORDERS = CustomMetric("Shop", "Failed", VERSION), CustomMetric("Shop", "Orders", VERSION)
RATIO = f"sum({FAILED}) / sum({ORDERS})"


def told(given: Facts, code: Code) -> list[Finding]:
    return [each for each in examine(given) if each.code is code]


@pytest.mark.parametrize(
    "guards",
    ["error-rate <= baseline", "error-rate <= baseline\n? error-rate < 1%", f"{RATIO} <= baseline"],
)
def test_what_only_compares_watches_nothing_at_100(guards: str) -> None:
    [finding] = told(facts(guards=guards, alarms=()), Code.NOTHING_WATCHES_100)
    assert (finding.level, finding.target) == (Level.WARNING, LIVE)
    assert "`100% 5m`" in finding.seen
    assert "`error-rate < 5%`" in finding.remedy
    assert "`alarms: checkout-live-errors`" in finding.remedy
    command = shlex.split(finding.command)
    assert command[:3] == ["aws", "cloudwatch", "put-metric-alarm"]
    assert "Name=Resource,Value=checkout:live" in command


def test_an_alarm_or_a_guard_with_a_number_watches_it() -> None:
    beside = "error-rate <= baseline"
    both = f"{beside}\np99-duration < 1s"
    assert told(facts(guards=beside, alarms=(alarm(),)), Code.NOTHING_WATCHES_100) == []
    assert told(facts(guards=beside, alarms=DENIED), Code.NOTHING_WATCHES_100) == []
    assert told(facts(guards=both, alarms=()), Code.NOTHING_WATCHES_100) == []


@pytest.mark.parametrize("steps", ["10% 5m, 100% 0s", "10% 5m, hold"])
def test_who_asks_for_no_watch_at_100_is_not_told(steps: str) -> None:
    given = facts(steps=steps, guards="error-rate <= baseline", alarms=())
    assert told(given, Code.NOTHING_WATCHES_100) == []


def test_without_any_guard_it_is_said_elsewhere() -> None:
    assert told(facts(alarms=()), Code.NOTHING_WATCHES_100) == []


def silent(*metrics: CustomMetric, guards: str) -> list[Finding]:
    return told(facts(target(silent=metrics), guards=guards), Code.GUARD_WITHOUT_DATA)


@pytest.mark.parametrize("guard", [f"{RATIO} <= baseline", f"p99({ORDERS}) < 5"])
def test_a_metric_without_data_is_a_warning(guard: str) -> None:
    [finding] = silent(ORDERS, guards=guard)
    assert (finding.level, finding.target) == (Level.WARNING, LIVE)
    assert f"`{ORDERS}` of the guard `{guard}` has no data of the old version" in finding.seen
    assert "want of evidence" in finding.seen


def test_no_failures_may_be_what_one_expects() -> None:
    [finding] = silent(FAILED, guards=f"{RATIO} <= baseline")
    assert finding.level is Level.NOTE
    assert finding.seen.endswith("it counts as 0.")


def test_of_a_guard_that_is_only_observed_it_is_a_note() -> None:
    [finding] = silent(ORDERS, guards=f"? p99({ORDERS}) < 5")
    assert finding.level is Level.NOTE


def test_what_has_data_or_could_not_be_read_is_no_finding() -> None:
    assert silent(guards=f"{RATIO} <= baseline") == []
    unread = facts(replace(target(), silent=DENIED), guards=f"{RATIO} <= baseline")
    assert told(unread, Code.GUARD_WITHOUT_DATA) == []
