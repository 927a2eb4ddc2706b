"""What `mode: promote` refuses to ask for, and what it waits for; nothing is written then."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import RunStatus
from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.rollout.events import (
    AliasFound,
    Finished,
    PromotionRequested,
    Result,
    RolloutAwaited,
    RolloutRunning,
)
from lambda_rollout.rollout.rollback import rollback
from sandbox.aws.faults import ServerError
from tests.support.scene import NEW, OLD, rollout_spec
from tests.support.two_jobs import ASKER, Job, Jobs

LONG = "10% 30m, 100% 60s"


@pytest.fixture
def jobs() -> Jobs:
    return Jobs.of_one()


def ended(jobs: Jobs, asker: Job) -> Finished:
    """How the one who asks ended; it wrote nothing."""
    jobs.until_over(asker)
    assert not [r for r in jobs.requests("UpdateAlias") if r.caller == ASKER]
    assert not asker.told(PromotionRequested)
    assert asker.saved_states == []
    return asker.end


def edit(jobs: Jobs, **change: Any) -> None:
    jobs.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **change)


def weights(percent: int) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {NEW: percent / 100}}


def test_another_version_than_the_one_that_was_meant(jobs: Jobs) -> None:
    jobs.roll_out_aside(LONG)
    end = ended(jobs, jobs.promote_aside(after=300, version="7"))
    assert end.result is Result.FAILED
    assert f"is in a rollout of version {NEW}, not of version 7" in end.reason


def test_the_version_that_was_meant_is_asked_for(jobs: Jobs) -> None:
    jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300, version=NEW)
    jobs.until_over(asker)
    assert asker.end.result is Result.REQUESTED


def test_while_an_alarm_of_its_own_is_in_alarm(jobs: Jobs) -> None:
    jobs.put_alarm("business-hours", "ALARM")
    main = jobs.roll_out_aside(LONG)
    end = ended(jobs, jobs.promote_aside(after=300, alarms=["business-hours"]))
    assert end.result is Result.FAILED
    assert "business-hours" in end.reason
    jobs.until_over(main)
    assert main.end.result is Result.PROMOTED


def test_not_for_an_alarm_that_the_fix_was_let_past(jobs: Jobs) -> None:
    jobs.put_alarm("the-bug", "ALARM")
    past: dict[str, Any] = {
        "alarms": ["the-bug"],
        "alarm_at_start": AlarmAtStart.IGNORE_UNTIL_OK,
    }
    main = jobs.roll_out_aside(LONG, **past)
    asker = jobs.promote_aside(after=300, **past)
    jobs.until_over(asker)
    assert asker.end.result is Result.REQUESTED
    jobs.until_over(main)
    assert main.end.result is Result.PROMOTED


def test_while_an_alarm_of_its_own_does_not_exist(jobs: Jobs) -> None:
    jobs.roll_out_aside(LONG)
    end = ended(jobs, jobs.promote_aside(after=300, alarms=["nobody-made-it"]))
    assert end.result is Result.FAILED
    assert "nobody-made-it" in end.reason


def test_a_split_of_somebody_elses(jobs: Jobs) -> None:
    jobs.call("lambda", "PublishVersion", FunctionName="checkout")
    jobs.clock.advance(5)
    edit(jobs, RoutingConfig=weights(30))
    end = ended(jobs, jobs.promote_aside(after=1))
    assert end.result is Result.FAILED
    assert "Somebody else did that" in end.reason


def test_somebody_elses_weight_under_the_record_of_a_rollout_to_another_version(
    jobs: Jobs,
) -> None:
    record = lease.Record("5", "6", "3fa94c7d", jobs.clock.now() + lease.LEASE)
    jobs.call("lambda", "PublishVersion", FunctionName="checkout")
    jobs.clock.advance(5)
    edit(jobs, RoutingConfig=weights(30), Description=str(record))
    assert "Somebody else did that" in ended(jobs, jobs.promote_aside(after=1)).reason


def test_a_rollout_whose_run_has_died(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.after(200, lambda: jobs.scheduler.kill(main.process))  # type: ignore[arg-type]
    end = ended(jobs, jobs.promote_aside(after=200 + lease.LEASE.total_seconds() + 60))
    assert end.result is Result.FAILED
    assert "was left by a run that died" in end.reason


def test_a_rollout_whose_run_is_over_by_githubs_word(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.after(200, lambda: jobs.scheduler.kill(main.process))  # type: ignore[arg-type]
    jobs.runs.said = RunStatus.OVER
    assert "was left by a run that died" in ended(jobs, jobs.promote_aside(after=210)).reason


def test_one_whose_life_cannot_be_known_because_aws_time_is_in_doubt(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.clock.advance(60)
    jobs.date = lambda _: None
    end = ended(jobs, jobs.promote_aside(after=60))
    assert end.result is Result.FAILED
    assert "AWS's time is in doubt" in end.reason
    assert "`mode: rollback`" in end.remedy
    assert main.process is not None


def test_an_alias_that_is_missing(jobs: Jobs) -> None:
    end = ended(jobs, jobs.promote_aside(after=1, targets=(Target("checkout", "green"),)))
    assert "has no alias green" in end.reason


# Nothing there yet ------------------------------------------------------------------------------


def test_a_rollout_that_begins_meanwhile_is_waited_for(jobs: Jobs) -> None:
    asker = jobs.promote_aside(after=1, evidence_timeout=900)
    main = jobs.roll_out_aside(LONG, after=600)
    jobs.until_over(main, asker)
    assert (main.end.result, asker.end.result) == (Result.PROMOTED, Result.REQUESTED)
    assert len(asker.told(RolloutAwaited)) == 1
    kinds = [type(event) for event in asker.events]
    assert kinds.index(RolloutRunning) < kinds.index(AliasFound), "its comment is another run's"


def test_a_held_one_that_begins_meanwhile_is_promoted_as_ever(jobs: Jobs) -> None:
    jobs.roll_out_aside("10% 1s, hold", after=1)
    asker = jobs.promote_aside(after=60, evidence_timeout=900)
    jobs.until_over(asker)
    assert asker.end.result is Result.PROMOTED
    assert not asker.told(RolloutAwaited, RolloutRunning)


@pytest.mark.parametrize("timeout", [0, 900])
def test_it_is_waited_for_no_longer_than_evidence_timeout(jobs: Jobs, timeout: int) -> None:
    asker = jobs.promote_aside(after=1, evidence_timeout=timeout)
    end = ended(jobs, asker)
    assert end.result is Result.FAILED
    assert "there is nothing to promote" in end.reason
    lasted = (asker.events[-1].at - asker.events[0].at).total_seconds()
    assert timeout <= lasted < timeout + 10


def test_nobody_waits_for_a_version_that_is_live_already(jobs: Jobs) -> None:
    asker = jobs.promote_aside(after=1, evidence_timeout=900, version=OLD)
    assert ended(jobs, asker).result is Result.FAILED
    assert not asker.told(RolloutAwaited)


def test_who_is_cancelled_while_waiting_has_asked_for_nothing(jobs: Jobs) -> None:
    asker = jobs.promote_aside(after=1, evidence_timeout=900)
    jobs.after(100, lambda: asker.stop.request("cancelled (SIGINT)"))
    end = ended(jobs, asker)
    assert (end.result, end.remedy) == (Result.FAILED, "")
    assert jobs.clock.monotonic() < 200


# Groups -----------------------------------------------------------------------------------------


def test_functions_of_different_rollouts_are_not_asked_together() -> None:
    jobs = Jobs.of_group(2)
    for number, rollout_id in ((1, "00000001"), (2, "00000002")):
        alone = (Target(f"f{number}", "live"),)
        jobs.roll_out_aside(LONG, targets=alone, rollout_id=rollout_id)
    end = ended(jobs, jobs.promote_aside(after=60))
    assert end.result is Result.FAILED
    assert "not in the same rollout" in end.reason


def test_nor_one_that_is_held_beside_one_that_is_running() -> None:
    jobs = Jobs.of_group(2)
    held = jobs.roll_out_aside("10% 1s, hold", targets=(Target("f1", "live"),))
    jobs.until_over(held)
    jobs.roll_out_aside(LONG, targets=(Target("f2", "live"),), rollout_id="00000002")
    assert "not in the same rollout" in ended(jobs, jobs.promote_aside(after=60)).reason


# At 100% ----------------------------------------------------------------------------------------


def test_one_that_is_at_100_percent_already_is_asked_for_nothing(jobs: Jobs) -> None:
    jobs.roll_out_aside("10% 1s, 100% 30m")
    end = ended(jobs, jobs.promote_aside(after=60))
    assert end.result is Result.REQUESTED


def test_one_that_was_promoted_and_is_over_is_not_found_any_more(jobs: Jobs) -> None:
    main = jobs.roll_out_aside("10% 1s, 100% 1s")
    jobs.until_over(main)
    assert ended(jobs, jobs.promote_aside(after=1, evidence_timeout=0)).result is Result.FAILED


# The emergency button ---------------------------------------------------------------------------


def test_who_rolls_back_is_faster_than_who_asks(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=300)
    spec = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id="00000003")
    back = jobs.begin("AKIABACK", lambda job: rollback(spec, jobs.ports_of(job, spec)), 302)
    jobs.until_over(main, asker, back)
    assert back.end.result is Result.ROLLED_BACK
    assert asker.end.result is Result.FAILED
    assert jobs.alias.routing.version == OLD
    assert main.end.result is Result.FAILED


def test_aws_that_does_not_answer_is_an_error(jobs: Jobs) -> None:
    jobs.roll_out_aside(LONG)
    down = ServerError()
    jobs.after(299, lambda: jobs.world.faults.add(down, operation="GetAlias", count=10_000))
    assert ended(jobs, jobs.promote_aside(after=300)).result is Result.FAILED
