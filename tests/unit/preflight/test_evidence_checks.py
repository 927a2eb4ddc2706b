"""Whether the guards will be able to tell, with the traffic there is."""

from datetime import timedelta

import pytest

from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import Facts, Invoked
from lambda_rollout.preflight.finding import Code, Finding, Level
from tests.support.preflight_facts import DENIED, LIVE, alarm, facts, target

DEFAULT = "10% 5m, 100% 5m"


def busy(per_minute: float, errors: float = 0.0) -> Invoked:
    day = round(per_minute * 1440)
    return Invoked(LIVE, round(per_minute * 60), day, day, errors_last_day=round(errors * day))


def asked(invoked: object, guards: str, steps: str = DEFAULT, **more: object) -> list[Finding]:
    given = facts(target(invoked=invoked), steps=steps, guards=guards, alarms=(alarm(),), **more)
    return told(given)


def told(given: Facts) -> list[Finding]:
    return [each for each in examine(given) if each.code is Code.GUARDS_CANNOT_TELL]


@pytest.mark.parametrize(
    "guards",
    [
        "error-rate <= baseline",
        "error-rate < 1%",
        "p99-duration < 1s",
        "error-rate <= baseline + 1%\np95-duration <= baseline * 1.5",
    ],
)
def test_much_traffic_is_no_finding(guards: str) -> None:
    assert asked(busy(1000), guards) == []


def test_a_step_that_is_extended_is_a_note_with_a_schedule() -> None:
    [finding] = asked(busy(20), "error-rate <= baseline")
    assert (finding.level, finding.target) == (Level.NOTE, LIVE)
    assert finding.seen == (
        "With 20 requests a minute in the last hour, 20 over the day: `error-rate <= baseline` can be judged after "
        "about 13m of `10% 5m`, which is extended until then."
    )
    assert finding.remedy == "Set `steps: 10% 15m, 100% 5m`."


def test_a_hold_asks_for_nothing_and_stays_in_the_schedule() -> None:
    [finding] = asked(busy(20), "error-rate <= baseline", "10% 5m, hold 1m")
    assert finding.seen.endswith("about 13m of `10% 5m`, which is extended until then.")
    assert finding.remedy == "Set `steps: 10% 15m, hold 1m`."
    [starved] = asked(busy(5), "error-rate <= baseline + 1%", "10% 5m, hold 4h")
    assert starved.remedy.endswith("begin with more of the traffic: `steps: 25% 5m, hold 4h`.")


def test_one_that_is_rolled_back_is_a_warning_with_three_ways_out() -> None:
    [finding] = asked(busy(5), "error-rate <= baseline + 1%")
    assert finding.level is Level.WARNING
    assert finding.seen.endswith("of `10% 5m`, which is rolled back for want of evidence.")
    assert finding.remedy == (
        "Set `steps: 10% 50m, 100% 5m`. Or set `evidence-timeout: 45m`. Or begin with more of the traffic: "
        "`steps: 25% 5m, 100% 5m`."
    )


@pytest.mark.parametrize("per_minute", [3.0, 8.0, 20.0])
@pytest.mark.parametrize("guards", ["error-rate <= baseline", "error-rate < 2%\np99-duration < 1s"])
def test_the_schedule_to_copy_works(per_minute: float, guards: str) -> None:
    [finding] = asked(busy(per_minute, errors=0.01), guards)
    schedule = finding.remedy.split("`steps: ")[1].split("`")[0]
    parse_steps(schedule, timedelta(minutes=5))
    assert asked(busy(per_minute, errors=0.01), guards, schedule) == []


def test_more_patience_is_enough_too() -> None:
    patient = asked(busy(5), "error-rate <= baseline", evidence_timeout=timedelta(hours=2))
    assert [finding.level for finding in patient] == [Level.NOTE]


def test_what_cannot_be_judged_within_a_day_says_so() -> None:
    [finding] = asked(busy(0.1), "error-rate <= baseline")
    assert "cannot be judged within a day of `10% 5m`" in finding.seen
    assert finding.remedy == "Use an alarm, or a guard that asks for less, in place of this one."


def test_at_100_only_what_compares_with_a_number_waits() -> None:
    beside, fixed = (
        asked(busy(1), guards, "50% 0s, 100% 5m")
        for guards in ("error-rate <= baseline", "error-rate < 5%")
    )
    assert beside == []
    assert "`100% 5m`" in fixed[0].seen


@pytest.mark.parametrize(
    "guards",
    [
        "? error-rate <= baseline",
        "throttle-rate < 1%",
        "sum(A/B{v=$VERSION}) / sum(A/C{v=$VERSION}) <= baseline",
    ],
)
def test_what_holds_nothing_up_or_is_not_lambdas_is_not_reckoned(guards: str) -> None:
    assert asked(busy(0.1), guards) == []


@pytest.mark.parametrize("invoked", [DENIED, Invoked(LIVE, 0, 0, 0)])
def test_without_traffic_it_is_for_another_check_to_say(invoked: object) -> None:
    assert asked(invoked, "error-rate <= baseline") == []


def test_an_hour_without_traffic_is_reckoned_by_the_day() -> None:
    [finding] = asked(Invoked(LIVE, 0, 7200, 7200), "error-rate <= baseline")
    assert finding.seen.startswith("With 5 requests a minute in the last day: ")


def test_a_version_that_fails_often_takes_more_to_tell() -> None:
    [few], [many] = (asked(busy(20, errors), "error-rate <= baseline") for errors in (0.0, 0.2))
    assert few.seen < many.seen
    assert "about 13m" in few.seen
