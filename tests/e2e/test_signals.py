"""A cancelled job, as the runner cancels it: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL.

What is proven is that it is all over before the SIGKILL, whatever was going on; how long it takes is printed by
`benchmarks/signals.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_rollout.alias import record as lease
from sandbox.aws.request import Request
from sandbox.runner import Finished, Step
from tests.support.dripping import Front, front
from tests.support.live import NEW, OLD, WRITES, Live, Withheld, live
from tests.support.profile import Profile

INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.inputs["steps"] = "50% 10m, 100% 10m"
        yield made


def hang(scene: Live, *operations: str, nth: int = 1) -> None:
    """Have no call of these answered any more, from the ``nth`` of each on."""
    for operation in operations:
        scene.world.faults.add(Withheld(), operation=operation, nth=nth, count=None)


def seen(scene: Live, operation: str, times: int, step: Step) -> None:
    scene.until(lambda: len(scene.requests(operation)) >= times, step)


def cancelled(step: Step) -> Finished:
    """Cancel it as the runner does."""
    step.cancel()
    finished = step.wait(60)
    assert finished.status != -signal.SIGKILL, f"it was not over in time:\n{finished.log}"
    return finished


def writes(scene: Live) -> list[Request]:
    return [request for request in scene.requests() if request.operation in WRITES]


def went_back(scene: Live, finished: Finished, reason: str = "cancelled (SIGINT)") -> None:
    assert finished.status == 1
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert finished.outputs["reason"] == reason
    assert finished.outputs["weight"] == "0"
    assert scene.whole_on(OLD)


# In a step -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signals", [[INT], [TERM], [INT, TERM], [TERM, INT], [INT, INT, INT]], ids=str
)
def test_it_goes_back_whatever_the_signals_and_their_order(
    scene: Live, signals: list[signal.Signals]
) -> None:
    step = scene.start()
    scene.until_shifted(step)
    for number in signals:
        step.send(number)
    finished = step.wait(60)
    # Of two that are pending at once the lower number is delivered first, so either may be the reason.
    reasons = {f"cancelled ({number.name})" for number in signals}
    assert finished.outputs["reason"] in reasons
    went_back(scene, finished, finished.outputs["reason"])


def test_signals_that_go_on_through_the_rollback_do_not_spoil_it(scene: Live) -> None:
    step = scene.start()
    scene.until_shifted(step)
    late = Withheld()
    scene.world.faults.add(late, operation="UpdateAlias")
    step.send(INT)
    seen(scene, "UpdateAlias", 2, step)
    # The rollback is on its way and hangs; its second try is what confirms it.
    for number in (INT, TERM, INT, TERM):
        step.send(number)
    went_back(scene, step.wait(60))


def test_the_rollback_is_the_first_call_after_the_signal(scene: Live) -> None:
    step = scene.start()
    scene.until_shifted(step)
    so_far = len(scene.requests())
    step.send(INT)
    went_back(scene, step.wait(60))
    operations = [request.operation for request in scene.requests()[so_far:]]
    # One read of the alarms may have come just before the signal, and one have been on its way.
    assert "UpdateAlias" in operations[:3]
    assert set(operations[: operations.index("UpdateAlias")]) <= {"DescribeAlarms"}


def test_at_100_percent_it_goes_back_too(scene: Live) -> None:
    scene.inputs["steps"] = "100% 10m"
    step = scene.start()
    scene.until(lambda: scene.alias[0] == NEW, step)
    went_back(scene, cancelled(step))


# Before anything was shifted -------------------------------------------------------------------------


def test_during_publish_nothing_was_shifted_and_nothing_is_written(scene: Live) -> None:
    hang(scene, "PublishVersion")
    step = scene.start()
    seen(scene, "PublishVersion", 1, step)
    finished = cancelled(step)
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["reason"] == "cancelled (SIGINT)"
    assert scene.whole_on(OLD)
    assert {request.operation for request in writes(scene)} == {"PublishVersion"}


def test_while_the_version_is_not_ready_yet(scene: Live) -> None:
    scene.world.lambda_().activation_delay = 3600.0
    step = scene.start()
    scene.until(lambda: any(NEW in r.params.values() for r in scene.requests()), step)
    finished = cancelled(step)
    assert finished.outputs["result"] == "failed"
    assert not scene.requests("UpdateAlias")


def test_before_the_first_answer(scene: Live) -> None:
    hang(scene, "GetAlias")
    step = scene.start()
    seen(scene, "GetAlias", 1, step)
    finished = cancelled(step)
    assert finished.outputs["result"] == "failed"
    assert not writes(scene)


# While calls hang ------------------------------------------------------------------------------------


def test_while_the_read_of_the_alias_hangs(scene: Live) -> None:
    scene.inputs["steps"] = "50% 0s, 100% 0s"
    hang(scene, "GetAlias", nth=2)
    step = scene.start()
    seen(scene, "GetAlias", 2, step)
    went_back(scene, cancelled(step))


def test_while_the_read_of_the_alarms_hangs(scene: Live) -> None:
    step = scene.start()
    scene.until_shifted(step)
    so_far = len(scene.requests("DescribeAlarms"))
    hang(scene, "DescribeAlarms")
    seen(scene, "DescribeAlarms", so_far + 1, step)
    went_back(scene, cancelled(step))


@pytest.mark.parametrize("nth", [1, 2], ids=["first shift", "promotion"])
def test_while_a_shift_hangs_and_never_lands(scene: Live, nth: int) -> None:
    scene.inputs["steps"] = "50% 0s, 100% 10m"
    scene.world.faults.add(Withheld(), operation="UpdateAlias", nth=nth)
    step = scene.start()
    seen(scene, "UpdateAlias", nth, step)
    went_back(scene, cancelled(step))


def test_while_a_shift_hangs_that_has_landed(scene: Live) -> None:
    late = Withheld()
    scene.world.faults.add(late, operation="UpdateAlias")
    step = scene.start()
    seen(scene, "UpdateAlias", 1, step)
    assert late.lands(scene.world) == ""
    went_back(scene, cancelled(step))


def test_while_a_shift_hangs_and_every_read_would_too(scene: Live) -> None:
    """One hanging call must not lead to the next one: the rollback comes first."""
    scene.world.faults.add(Withheld(), operation="UpdateAlias")
    step = scene.start()
    seen(scene, "UpdateAlias", 1, step)
    hang(scene, "GetAlias", "DescribeAlarms")
    went_back(scene, cancelled(step))
    operations = [request.operation for request in scene.requests()]
    assert operations[operations.index("UpdateAlias") + 1] == "UpdateAlias"


# on-cancel: hold -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signals", [[INT], [TERM], [INT, TERM, INT]])
def test_hold_keeps_the_weight_and_says_so(scene: Live, signals: list[signal.Signals]) -> None:
    step = scene.start(on_cancel="hold")
    scene.until_shifted(step)
    for number in signals:
        step.send(number)
    finished = step.wait(60)
    _, record = lease.parse(scene.alias[2])
    assert finished.status == 0
    assert finished.outputs["result"] == "held", finished.log
    assert finished.outputs["weight"] == "50"
    assert "mode: promote" in finished.summary
    assert scene.alias[1] == {NEW: 0.5}
    assert record is not None
    assert record.held


def test_hold_before_the_first_shift_has_nothing_to_hold(scene: Live) -> None:
    hang(scene, "PublishVersion")
    step = scene.start(on_cancel="hold")
    seen(scene, "PublishVersion", 1, step)
    finished = cancelled(step)
    assert finished.outputs["result"] == "failed"
    assert scene.whole_on(OLD)


def test_an_alarm_is_no_cancellation_and_goes_back_with_hold_too(scene: Live) -> None:
    step = scene.start(on_cancel="hold")
    scene.until_shifted(step)
    scene.set_alarm("ALARM")
    finished = step.wait(60)
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)


# Answers that drip -----------------------------------------------------------------------------------


@pytest.fixture
def before(scene: Live) -> Iterator[Front]:
    """What stands between the action and AWS."""
    with front(scene.url) as made:
        scene.environ["AWS_ENDPOINT_URL"] = made.url
        yield made


@pytest.mark.parametrize("operation", ["DescribeAlarms", "GetAlias"])
def test_while_the_answer_to_a_read_drips(scene: Live, before: Front, operation: str) -> None:
    if operation == "GetAlias":
        scene.inputs["steps"] = "50% 3s, 100% 10m"
    step = scene.start()
    scene.until_shifted(step)
    before.operations.add(operation)
    scene.until(lambda: before.dripping, step)
    went_back(scene, cancelled(step))


def test_while_the_answer_to_a_shift_drips(scene: Live, before: Front) -> None:
    before.operations.add("UpdateAlias")
    step = scene.start()
    scene.until(lambda: "UpdateAlias" in before.dripping, step)
    before.operations.remove("UpdateAlias")
    went_back(scene, cancelled(step))


def test_nobody_is_blind_for_as_long_as_an_answer_drips(scene: Live, before: Front) -> None:
    """Alarms whose answers drip cannot be read: that is told, they are asked for again, and the next answer counts."""
    step = scene.start()
    scene.until_shifted(step)
    before.operations.add("DescribeAlarms")
    scene.until(lambda: before.dripping.count("DescribeAlarms") > 1, step)
    scene.set_alarm("ALARM")
    before.operations.clear()
    finished = step.wait(60)
    went_back(scene, finished, finished.outputs["reason"])
    assert "checkout-errors" in finished.outputs["reason"]
    assert "DescribeAlarms: ReadTimeoutError" in finished.log


@pytest.mark.long
def test_a_canary_that_nobody_can_watch_goes_back(scene: Live, before: Front) -> None:
    step = scene.start()
    scene.until_shifted(step)
    before.operations.add("DescribeAlarms")
    finished = step.wait(90)
    went_back(scene, finished, "the alarms could not be read for 1m")


# Sources of credentials that hang --------------------------------------------------------------------

LIFETIME = 16.0
"""Seconds; they are renewed after half of it. Botocore alone would in each call: less than 15 minutes are left."""


@pytest.fixture
def profile(scene: Live, tmp_path: Path) -> Profile:
    made = Profile(tmp_path)
    scene.environ |= made.environ
    return made


def test_while_a_credential_process_hangs(scene: Live, profile: Profile) -> None:
    profile.does("run == 1 or time.sleep(20)", LIFETIME)
    step = scene.start()
    scene.until_shifted(step)
    scene.until(lambda: profile.runs > 1, step)
    went_back(scene, cancelled(step))
    assert {request.caller for request in scene.requests("UpdateAlias")} == {"AKIA1"}


def test_before_the_first_answer_of_a_credential_process(scene: Live, profile: Profile) -> None:
    profile.does("time.sleep(20)")
    step = scene.start()
    scene.until(lambda: profile.runs, step)
    finished = cancelled(step)
    assert finished.outputs["reason"] == "cancelled (SIGINT)"
    assert not scene.requests()


def test_while_sts_hangs_that_takes_a_token_file(scene: Live, tmp_path: Path) -> None:
    sts = scene.world.sts
    sts.lifetime, sts.strict = LIFETIME, True
    path = tmp_path / "token"
    claims = {"audience": "sts.amazonaws.com", "bearer": sts.request_token}
    path.write_text(sts.get_id_token(claims)["value"])
    scene.environ |= {
        **Profile(tmp_path).environ,
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/deploy",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(path),
    }
    hang(scene, "AssumeRoleWithWebIdentity", nth=2)
    step = scene.start()
    scene.until_shifted(step)
    seen(scene, "AssumeRoleWithWebIdentity", 2, step)
    went_back(scene, cancelled(step))
    assert len({request.caller for request in scene.requests("UpdateAlias")}) == 1
