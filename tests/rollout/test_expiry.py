"""Credentials whose renewal fails while a rollout is under way: told, and heeded while that can still be signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.credentials import UNRENEWED_LIMIT, CredentialsLife
from lambda_rollout.inputs.choices import AlarmAtStart, OnCancel
from lambda_rollout.rollout.events import (
    Event,
    Finished,
    Result,
    StepExtended,
    StepPassed,
    Warned,
    WeightShifted,
)
from sandbox.clock import START
from tests.support.scene import NEW, OLD, Scene, rollout_spec

HOUR = 3600.0
KEY = "AKIASANDBOX"
WHY = "AssumeRoleWithWebIdentity: IDPCommunicationError: no answer"
BACK = Routing.all_on(OLD)


class Case(Scene):
    """A scene whose credentials end an hour after their issue, and are renewed after half of it."""

    def issue(self) -> None:
        """New ones, from now on."""
        self.life = CredentialsLife(self.clock.monotonic() + HOUR, HOUR)
        self.world.sts.let_expire(KEY, HOUR)

    def fails(self, after: float, until: float | None = None) -> None:
        """Every renewal fails from so many seconds on, until one succeeds after ``until`` seconds."""
        self.after(after, lambda: setattr(self, "life", replace(self.life, failure=WHY)))
        if until is not None:
            self.after(until, self.issue)

    @property
    def texts(self) -> list[str]:
        return [text for event in self.told(Warned) if "credentials" in (text := event.text)]  # type: ignore[attr-defined]

    def seconds_left(self, event: Event) -> float:
        """Of the credentials, when it happened."""
        return self.life.ends_at - (event.at - START).total_seconds()


@pytest.fixture
def case() -> Case:
    made = Case.ready()
    assert isinstance(made, Case)
    made.issue()
    return made


def test_the_first_failed_renewal_is_told_at_once_and_once(case: Case) -> None:
    case.fails(100)
    case.roll_out(rollout_spec("10% 10m, 100% 0s"))
    [text] = case.texts
    assert WHY in text
    [warned] = [e for e in case.told(Warned) if getattr(e, "text", "") == text]
    assert (warned.at - case.told(WeightShifted)[0].at).total_seconds() < 105


def test_nothing_goes_forward_while_it_fails_and_the_rollout_goes_on_when_it_does_not(
    case: Case,
) -> None:
    case.fails(100, until=1500)
    finished = case.roll_out(rollout_spec("10% 5m, 50% 5m, 100% 0s"))
    assert finished.result is Result.PROMOTED
    first, second, _ = case.told(WeightShifted)
    assert 1500 <= (second.at - first.at).total_seconds() < 1520
    assert case.texts[-1] == "The AWS credentials are renewed again."
    assert len(case.texts) == 2
    [extended] = case.told(StepExtended)
    assert isinstance(extended, StepExtended)
    assert "credentials" in extended.why
    assert extended.until - extended.at > timedelta(minutes=45), "until it would be too late"


def test_an_alarm_is_watched_all_the_while(case: Case) -> None:
    case.fails(100)
    case.after(700, lambda: case.set_alarm("checkout-errors", "ALARM"))
    finished = case.roll_out(rollout_spec("10% 5m, 100% 0s"))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason.startswith("alarm checkout-errors fired")


@pytest.mark.parametrize("steps", ["10% 2h", "1% 5m, 50% 2h", "10% 5m, 100% 2h"])
def test_at_every_weight_it_goes_back_while_that_can_be_signed(case: Case, steps: str) -> None:
    case.fails(1800)
    finished = case.roll_out(rollout_spec(steps, poll_interval=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert (case.alias.routing, lease.parse(case.alias.description)[1]) == (BACK, None)
    assert WHY in finished.reason
    assert "the AWS credentials end in " in finished.reason
    assert "six hours" in finished.remedy
    left = case.seconds_left(case.events[-1])
    assert UNRENEWED_LIMIT - 60 < left <= UNRENEWED_LIMIT


@pytest.mark.parametrize(("steps", "at"), [("10% 2h", {NEW: 0.1}), ("10% 5m, 100% 2h", {})])
def test_it_holds_where_a_cancelled_job_is_to_hold(
    case: Case, steps: str, at: dict[str, float]
) -> None:
    case.fails(1800)
    finished = case.roll_out(rollout_spec(steps, on_cancel=OnCancel.HOLD))
    assert finished.result is Result.HELD
    record = lease.parse(case.alias.description)[1]
    assert record is not None
    assert record.held
    assert case.alias.routing == Routing(OLD if at else NEW, at)


def test_the_last_step_passes_all_the_same(case: Case) -> None:
    """Nothing goes forward after it, and its end can be signed."""
    case.fails(100)
    assert case.roll_out(rollout_spec("100% 5m")).result is Result.PROMOTED


def test_so_does_the_last_one_before_a_hold(case: Case) -> None:
    case.fails(100)
    assert case.roll_out(rollout_spec("10% 5m, hold")).result is Result.HELD


def test_a_source_that_has_nothing_newer_is_enough_to_go_back(case: Case) -> None:
    """Variables with an end of their own: they are answered as they are, and nothing fails."""
    finished = case.roll_out(rollout_spec("10% 2h"))
    assert finished.result is Result.ROLLED_BACK
    assert "their source has no newer ones" in finished.reason
    assert 60 < case.seconds_left(case.events[-1]) <= 120
    assert case.alias.routing == BACK


# Before the first shift -------------------------------------------------------------------------


def test_the_first_shift_waits_for_the_renewal_and_looks_at_the_alarms_after_it(case: Case) -> None:
    case.life = replace(case.life, failure=WHY)
    case.after(500, case.issue)
    case.after(400, lambda: case.set_alarm("checkout-errors", "ALARM"))
    finished = case.roll_out(rollout_spec("10% 5m, 100% 0s"))
    assert finished.result is Result.FAILED
    assert finished.reason.startswith("in ALARM before anything was shifted")
    assert not case.requests("UpdateAlias")


def test_nothing_is_written_with_credentials_that_cannot_be_renewed(case: Case) -> None:
    case.life = replace(case.life, failure=WHY)
    finished = case.roll_out()
    assert finished.result is Result.FAILED
    assert "the AWS credentials end in " in finished.reason
    assert not case.requests("UpdateAlias")


def test_a_cancelled_job_does_not_wait_for_the_renewal(case: Case) -> None:
    case.life = replace(case.life, failure=WHY)
    case.after(50, lambda: case.stop.request("cancelled (SIGINT)"))
    finished: Finished = case.roll_out()
    assert (finished.result, finished.reason) == (Result.FAILED, "cancelled (SIGINT)")


def test_neither_does_the_wait_for_an_alarm_outlast_them(case: Case) -> None:
    case.set_alarm("checkout-errors", "ALARM")
    case.fails(1800)
    asked = {"alarm_at_start": AlarmAtStart.WAIT, "evidence_timeout": 3 * HOUR}
    finished = case.roll_out(rollout_spec("10% 5m", **asked))
    assert "the AWS credentials end in 8m" in finished.reason
    assert not case.requests("UpdateAlias")
    assert not case.told(StepPassed)
