"""`mode: promote` on a rollout that is still running: two jobs over one alias, at every moment that matters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambda_rollout.alias.record import parse
from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.inputs.choices import InsufficientData
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import (
    HookStarted,
    PromotionRequested,
    RequestSeen,
    Result,
    StepPassed,
    StepStarted,
)
from lambda_rollout.rollout.step_request import TAKEN_BACK
from sandbox.aws.faults import Meanwhile, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.support.hooks import NO, YES, again, hooks, put_hook
from tests.support.scene import NEW, OLD, OWNERS_TEXT
from tests.support.two_jobs import ASKER, MAIN, Job, Jobs, refusals

LONG = "10% 30m, 50% 30m, 100% 60s"
PROMOTED = (Routing.all_on(NEW), OWNERS_TEXT)
BACK = (Routing.all_on(OLD), OWNERS_TEXT)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs.of_one()


def now(jobs: Jobs) -> tuple[Routing, str]:
    return jobs.alias.routing, jobs.alias.description


def percents(job: Job) -> list[int]:
    return [int(each.percent) for each in job.told(StepStarted) if isinstance(each, StepStarted)]


def asked(jobs: Jobs) -> list[Mapping[str, Any]]:
    """What the asker wrote."""
    return [r.params for r in jobs.requests("UpdateAlias") if r.caller == ASKER]


def test_a_running_rollout_goes_to_100_percent_when_it_is_asked_to(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    assert asker.end.result is Result.REQUESTED
    assert percents(main) == [10, 100], "the steps between are left out"
    assert [e.number for e in main.told(StepPassed) if isinstance(e, StepPassed)] == [1, 3]
    assert len(main.told(RequestSeen)) == len(asker.told(PromotionRequested)) == 1


def test_one_write_is_all_that_the_asker_does_and_it_is_the_routing_that_it_read(
    jobs: Jobs,
) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    (write,) = asked(jobs)
    assert write["RoutingConfig"] == {"AdditionalVersionWeights": {NEW: 0.1}}
    assert write["FunctionVersion"] == OLD
    text, record = parse(str(write["Description"]))
    assert (text, record and record.requested) == (OWNERS_TEXT, True)
    assert asker.saved_states == []


def test_a_request_in_the_second_step(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, 50% 30m, 100% 60s")
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert (main.end.result, asker.end.result) == (Result.PROMOTED, Result.REQUESTED)
    assert percents(main) == [10, 50, 100]


def test_a_schedule_that_ends_held_is_promoted_and_watched_like_any(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 30m, hold")
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    assert asker.end.result is Result.REQUESTED
    assert percents(main) == [10, 100]


@pytest.mark.parametrize("after", range(0, 260, 9))
def test_at_any_moment_it_does_no_harm(after: int) -> None:
    jobs = Jobs.of_one()
    main = jobs.roll_out_aside("10% 60s, 50% 120s, 100% 60s")
    asker = jobs.promote_aside(after=after + 0.05, evidence_timeout=200)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    (*_, ended) = main.events
    is_over = asker.events[0].at > ended.at
    assert asker.end.result is (Result.FAILED if is_over else Result.REQUESTED), asker.end
    for write in asked(jobs):
        assert write["RoutingConfig"] != {"AdditionalVersionWeights": {}}


def test_an_alarm_wins_although_the_request_came_before_it(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    jobs.after(301, lambda: jobs.set_alarm("checkout-errors", "ALARM"))
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.ROLLED_BACK, *BACK)
    assert asker.end.result is Result.FAILED
    assert "went back to version 1" in asker.end.reason
    assert percents(main) == [10]


def test_what_is_lacking_refuses_it_and_the_step_goes_on_as_planned(jobs: Jobs) -> None:
    jobs.set_alarm("checkout-errors", "INSUFFICIENT_DATA")
    main = jobs.roll_out_aside("10% 30m, 100% 60s", insufficient_data=InsufficientData.FAIL)
    asker = jobs.promote_aside(after=300)
    jobs.after(1200, lambda: jobs.set_alarm("checkout-errors", "OK"))
    jobs.until_over(main, asker)
    assert asker.end.result is Result.FAILED
    assert "refused" in asker.end.reason
    assert refusals(main) == ["INSUFFICIENT_DATA: checkout-errors"]
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    (passed, _) = main.told(StepPassed)
    (begun, _) = main.told(StepStarted)
    assert (passed.at - begun.at).total_seconds() >= 1800


def test_a_step_that_has_refused_passes_on_looks_at_the_alias_from_after_that(jobs: Jobs) -> None:
    """Its time was over when it was asked, and the next read of the alarms shows what was missing."""
    jobs.set_alarm("checkout-errors", "INSUFFICIENT_DATA")
    main = jobs.roll_out_aside("10% 60s, 100% 60s", insufficient_data=InsufficientData.FAIL)
    asker = jobs.promote_aside(after=100)
    refused_at: list[datetime] = []

    def is_it_refused() -> None:
        if not refusals(main):
            jobs.after(0.1, is_it_refused)
            return
        refused_at.append(jobs.clock.now())
        jobs.set_alarm("checkout-errors", "OK")

    jobs.after(100, is_it_refused)
    jobs.until_over(main, asker)
    assert main.end.result is Result.PROMOTED
    (passed, _) = main.told(StepPassed)
    looks = [r.at for r in jobs.requests("GetAlias") if r.caller == MAIN]
    assert [at for at in looks if refused_at[0] < at < passed.at]


def test_nobody_answers_and_it_is_taken_back(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    assert main.process is not None
    jobs.after(200, lambda: jobs.scheduler.freeze(main.process, 400))  # type: ignore[arg-type]
    asker = jobs.promote_aside(after=300)
    jobs.until_over(asker)
    assert asker.end.result is Result.FAILED
    assert "no answer" in asker.end.reason
    text, record = parse(jobs.alias.description)
    assert record is not None
    assert not record.requested
    assert text == OWNERS_TEXT
    jobs.until_over(main)
    assert main.end.result is Result.PROMOTED, "it stood still, and was asked for nothing"


@pytest.mark.parametrize("second", [0.05, 1, 3, 60])
def test_two_who_ask_are_both_answered(jobs: Jobs, second: float) -> None:
    main = jobs.roll_out_aside(LONG)
    one = jobs.promote_aside(after=300)
    other = jobs.promote_aside(after=300 + second, caller="AKIAOTHER")
    jobs.until_over(main, one, other)
    assert one.end.result is other.end.result is Result.REQUESTED
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)


def test_100_percent_that_is_not_watched_is_shown_to_who_asked(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 30m, 100% 0s")
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    assert asker.end.result is Result.REQUESTED


@pytest.mark.parametrize("at", range(58, 68))
def test_it_is_shown_also_where_the_schedule_got_there_by_itself(jobs: Jobs, at: int) -> None:
    """Whoever got his word in is answered, whatever the step was about to do."""
    main = jobs.roll_out_aside("10% 60s, 100% 0s")
    asker = jobs.promote_aside(after=at, evidence_timeout=0)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    got_in = [r for r in jobs.requests("UpdateAlias") if r.caller == ASKER and r.effect_at]
    assert asker.end.result is Result.REQUESTED or not got_in, asker.end


def test_nobody_who_did_not_ask_is_waited_for(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, 100% 0s")
    jobs.until_over(main)
    (_, to_new, cleared) = jobs.requests("UpdateAlias")
    assert (cleared.at - to_new.at).total_seconds() < 3


def test_a_stop_while_it_is_shown_changes_nothing(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 30m, 100% 0s")
    asker = jobs.promote_aside(after=300)
    jobs.until_over(asker)
    main.stop.request("cancelled (SIGINT)")
    jobs.until_over(main)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)


def test_what_another_rollout_has_promoted_since_is_not_what_was_asked_for(jobs: Jobs) -> None:
    """It went back, and the same version went to 100% by another hand, while the one who asked stood still."""
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    jobs.after(302, lambda: jobs.scheduler.freeze(asker.process, 100))  # type: ignore[arg-type]
    jobs.after(302, lambda: jobs.set_alarm("checkout-errors", "ALARM"))
    jobs.after(365, lambda: jobs.set_alarm("checkout-errors", "OK"))
    other = jobs.roll_out_aside("100% 0s", 370, "AKIAOTHER", version=NEW, rollout_id="00000002")
    jobs.until_over(main, asker, other)
    assert (main.end.result, other.end.result) == (Result.ROLLED_BACK, Result.PROMOTED)
    assert now(jobs) == PROMOTED
    assert asker.end.result is Result.FAILED
    assert "that run or somebody else" in asker.end.reason


def test_any_one_function_of_a_group_is_enough() -> None:
    jobs = Jobs.of_group(3, unchanged=("f3",))
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300, targets=(Target("f2", "live"),))
    jobs.until_over(main, asker)
    assert asker.end.result is Result.REQUESTED
    assert main.end.result is Result.PROMOTED
    assert jobs.whole_on(NEW, "f3")


def test_the_whole_group_with_an_unchanged_one() -> None:
    jobs = Jobs.of_group(3, unchanged=("f3",))
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert asker.end.result is Result.REQUESTED, asker.end
    assert jobs.whole_on(NEW, "f3")
    assert len(asked(jobs)) == 1
    told = outputs(rollout_state(asker.events))
    assert json.loads(told["version"]) == {"f1": NEW, "f2": NEW, "f3": OLD}
    assert json.loads(told["weight"]) == {"f1": 100, "f2": 100, "f3": 100}


@dataclass
class NoMoreThan:
    """So many writes of a kind are made, and no more until the time has come."""

    count: int
    kind: Callable[[Mapping[str, Any]], bool]
    is_time: Callable[[], bool]

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Count them."""
        if self.kind(request.params):
            self.count -= 1
            if self.count < 0 and not self.is_time():
                return ServerError().around(world, request, work)
        return work()


def clears(write: Mapping[str, Any]) -> bool:
    return parse(str(write["Description"]))[1] is None


def goes_to_100(write: Mapping[str, Any]) -> bool:
    return write["FunctionVersion"] == NEW and not clears(write)


def test_a_group_is_at_100_percent_in_its_runs_hands_while_one_record_says_so() -> None:
    """The one who asked stood still, and looks again when all but one are off."""
    jobs = Jobs.of_group(3)
    main = jobs.roll_out_aside("10% 30m, 100% 0s")
    asker = jobs.promote_aside(after=300)
    stays = NoMoreThan(2, clears, lambda: bool(asker.ended))
    jobs.world.faults.add(stays, operation="UpdateAlias", caller=MAIN, count=None)
    jobs.after(302, lambda: jobs.scheduler.freeze(asker.process, 80))  # type: ignore[arg-type]
    jobs.until_over(asker)
    records = [parse(jobs.alias_of(name).description)[1] for name in ("f1", "f2", "f3")]
    assert sorted(record is None for record in records) == [False, True, True]
    assert asker.end.result is Result.REQUESTED, asker.end
    jobs.until_over(main)
    assert main.end.result is Result.PROMOTED


def test_a_group_is_not_there_while_one_function_is_not() -> None:
    """AWS does not take the last one's 100%, so all go back."""
    jobs = Jobs.of_group(2)
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    stays = NoMoreThan(1, goes_to_100, lambda: False)
    jobs.world.faults.add(stays, operation="UpdateAlias", caller=MAIN, count=None)
    jobs.until_over(main, asker)
    assert jobs.whole_on(OLD)
    assert (main.end.result, asker.end.result) == (Result.ROLLED_BACK, Result.FAILED)


# While it holds ---------------------------------------------------------------------------------


def test_a_hold_goes_on_within_seconds(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, hold 4h")
    asker = jobs.promote_aside(after=3600)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    assert asker.end.result is Result.REQUESTED
    took = asker.events[-1].at - asker.events[0].at
    assert took.total_seconds() < 25
    assert percents(main) == [10, 10, 100]


def test_an_alarm_in_a_hold_wins_although_the_approval_came_a_second_later(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, hold 4h")
    jobs.after(3600, lambda: jobs.set_alarm("checkout-errors", "ALARM"))
    asker = jobs.promote_aside(after=3601)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.ROLLED_BACK, *BACK)
    assert asker.end.result is Result.FAILED


def test_and_so_it_does_if_it_fires_between_the_request_and_100_percent(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, hold 4h")
    asker = jobs.promote_aside(after=3600)
    jobs.world.faults.add(
        Meanwhile(lambda _: jobs.set_alarm("checkout-errors", "ALARM")),
        operation="UpdateAlias",
        caller=ASKER,
    )
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.ROLLED_BACK, *BACK)
    assert percents(main) == [10, 10]


def test_a_hold_that_is_over_goes_back_and_nobody_can_ask_any_more(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 60s, hold 10m")
    asker = jobs.promote_aside(after=700, evidence_timeout=0)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.ROLLED_BACK, *BACK)
    assert asker.end.result is Result.FAILED


@pytest.mark.parametrize("before", [0, 1, 4, 8, 11, 13])
def test_at_the_very_end_of_a_hold_it_is_one_or_the_other(jobs: Jobs, before: int) -> None:
    main = jobs.roll_out_aside("10% 60s, hold 10m")
    asker = jobs.promote_aside(after=661 + 3.5 - before, evidence_timeout=0)
    jobs.until_over(main, asker)
    told = (main.end.result, asker.end.result)
    assert told in {
        (Result.PROMOTED, Result.REQUESTED),
        (Result.ROLLED_BACK, Result.FAILED),
    }, asker.end
    assert now(jobs) == (PROMOTED if main.end.result is Result.PROMOTED else BACK)


# Hooks and evidence -----------------------------------------------------------------------------


def test_hooks_that_take_longer_than_who_asks_waits_are_asked_again_at_the_steps_end(
    jobs: Jobs,
) -> None:
    """The request is taken back meanwhile, so the step is watched to its end, and only then they decide."""
    put_hook(jobs, "gate", *(again(20) for _ in range(10)), YES)
    main = jobs.roll_out_aside("10% 30m, 100% 60s", hooks=hooks("each-step: gate"))
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert asker.end.result is Result.FAILED
    assert "withdrawn" in asker.end.reason
    assert refusals(main) == [TAKEN_BACK]
    assert (main.end.result, *now(jobs)) == (Result.PROMOTED, *PROMOTED)
    (passed, _) = main.told(StepPassed)
    (begun, _) = main.told(StepStarted)
    assert (passed.at - begun.at).total_seconds() >= 1800
    assert [event.at for event in main.told(HookStarted)][1] >= passed.at - timedelta(seconds=120)


def test_a_hook_of_the_step_that_says_no_takes_it_back_whoever_asks(jobs: Jobs) -> None:
    put_hook(jobs, "gate", NO)
    main = jobs.roll_out_aside(LONG, hooks=hooks("each-step: gate"))
    asker = jobs.promote_aside(after=300)
    jobs.until_over(main, asker)
    assert (main.end.result, *now(jobs)) == (Result.ROLLED_BACK, *BACK)
    assert asker.end.result is Result.FAILED
