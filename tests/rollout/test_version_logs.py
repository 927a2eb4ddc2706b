"""After a rollback the new version's own log is read: never before, and nothing waits for it for long."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.inputs.choices import Errors, Mode
from lambda_rollout.rollout.events import Event, Finished, LogNotRead, LogRead, Result, RolledBack
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.rollout.version_logs import (
    CANCELLED_LOG_LIMIT,
    LOG_LIMIT,
    RolledBackVersion,
    tell_what_was_logged,
)
from lambda_rollout.runtime.background import BackgroundThread
from sandbox.aws.between import Page
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Answer, Die, Hang, Meanwhile, Throttle
from sandbox.aws.traffic import Traffic
from tests.support.scene import NEW, OLD, TARGET, Scene, rollout_spec

BAD = """
def handler(event, context):
    print("basket", event["prices"])
    return {"average": sum(event["prices"]) / len(event["prices"])}
"""
GROUP = "/aws/lambda/checkout"
READS = "FilterLogEvents"
PRIVATE = {"shows_messages": True}


def ordered(steps: str = "10% 5m", *, private: bool = True, **asked: Any) -> RolloutSpec:
    return replace(rollout_spec(steps, **asked), shows_messages=private)


def parts(scene: Scene, spec: RolloutSpec) -> Ports:
    clients = scene.clients()
    return replace(scene.ports(spec, clients), logs=CloudWatchLogs(clients))


def bad_version(
    log: dict[str, str] | None = None, *, busy: bool = True, alarm: bool = True
) -> Scene:
    """A version that knows no average of an empty basket, customers, and an alarm that fires in the middle."""
    scene = Scene.ready()
    if log:
        scene.call(
            "lambda", "UpdateFunctionConfiguration", FunctionName="checkout", LoggingConfig=log
        )
        scene.clock.advance(2)
    scene.build(BAD)
    scene.world.log.clear()
    if busy:
        Traffic(scene.world, "checkout:live", 2.0, {"prices": []})
    if alarm:
        scene.after(60, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    return scene


class Killed(BaseException):
    """Nothing of ours catches this."""


def die() -> None:
    raise Killed


def rolled_back(scene: Scene, spec: RolloutSpec | None = None) -> Finished:
    spec = spec or ordered()
    finished = Rollout(spec, parts(scene, spec)).run()
    assert finished.result is Result.ROLLED_BACK
    assert scene.alias.routing.is_unsplit
    assert scene.alias.routing.version == OLD
    return finished


def read(scene: Scene) -> LogRead:
    (event,) = scene.told(LogRead)
    assert isinstance(event, LogRead)
    assert not scene.told(LogNotRead)
    return event


def not_read(scene: Scene) -> LogNotRead:
    (event,) = scene.told(LogNotRead)
    assert isinstance(event, LogNotRead)
    assert not scene.told(LogRead)
    return event


# What is told ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    [
        None,
        {"LogFormat": "JSON"},
        {"LogGroup": "/shop/all"},
        {"LogFormat": "JSON", "LogGroup": "/shop"},
    ],
    ids=str,
)
def test_the_exception_is_told_with_its_count_and_line(log: dict[str, str] | None) -> None:
    scene = bad_version(log)
    rolled_back(scene)
    told = read(scene)
    (error,) = told.errors
    assert (error.kind, error.message, error.where) == (
        "ZeroDivisionError",
        "division by zero",
        "app.py:4",
    )
    assert told.version == NEW
    assert told.log_group == (log or {}).get("LogGroup", GROUP)
    assert told.complete
    assert told.count == error.count
    assert len(error.request_id) == len("3e2fbf0c-1482-4d13-93b8-e6f4fc705d3f")
    assert error.first <= error.last <= scene.clock.now()
    written = scene.world.logs().groups[told.log_group].streams[error.stream]
    failed = [event for event in written if "ZeroDivisionError" in event.message]
    assert error.count == len(failed)
    assert error.first == failed[0].at


def test_what_the_old_version_writes_is_not_told() -> None:
    scene = bad_version()
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", FunctionVersion=OLD)
    for number in range(1, 20):
        stream = f"{scene.clock.now():%Y/%m/%d}/[{number}]other"
        if str(number) != NEW:
            scene.after(30, partial(log, scene, "[ERROR] KeyError: 1", stream))
    rolled_back(scene)
    assert [error.kind for error in read(scene).errors] == ["ZeroDivisionError"]


def test_nor_what_the_version_wrote_before_it_had_traffic() -> None:
    scene = bad_version(busy=False)
    log(scene, "[ERROR] KeyError: 'smoke test'", f"{scene.clock.now():%Y/%m/%d}/[{NEW}]one")
    scene.clock.advance(5)
    rolled_back(scene)
    assert not read(scene).errors


def log(scene: Scene, message: str, stream: str = "", group: str = GROUP) -> None:
    now = scene.clock.now()
    scene.world.logs().write(group, stream or f"{now:%Y/%m/%d}/[{NEW}]one", message, now)


# To the second, and which invocation ------------------------------------------------------------


def read_since(scene: Scene, since: datetime) -> LogRead:
    """What is told of a version whose first traffic was then."""
    spec = ordered()
    left = RolledBackVersion(TARGET, NEW, "", since)
    tell_what_was_logged(spec, parts(scene, spec), [left], scene.clock.monotonic())
    return read(scene)


def log_at(scene: Scene, at: datetime, message: str, stream: str = "one") -> None:
    name = f"{at:%Y/%m/%d}/[{NEW}]{stream}"
    scene.world.logs().write(GROUP, name, message, at)


@pytest.fixture
def published() -> Scene:
    """Version 2 in the middle of an hour, without traffic."""
    scene = bad_version(busy=False, alarm=False)
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(1800)
    return scene


@pytest.mark.parametrize(("before", "is_told"), [(1000, True), (1001, False)])
def test_aws_tells_the_time_of_the_first_traffic_in_whole_seconds(
    published: Scene, before: int, is_told: bool
) -> None:
    since = published.clock.now().replace(microsecond=0) - timedelta(seconds=60)
    log_at(published, since - timedelta(milliseconds=before), "[ERROR] KeyError: 1")
    assert bool(read_since(published, since).errors) == is_told


@pytest.mark.parametrize(
    ("after", "stream", "is_its"),
    [(1000, "one", True), (1001, "one", False), (-1, "one", False), (500, "other", False)],
)
def test_an_error_is_of_the_invocation_that_ends_right_after_it_in_the_same_environment(
    published: Scene, after: int, stream: str, is_its: bool
) -> None:
    """Lambda writes no id beside what a function's own code has printed, and the next invocation ends later."""
    at = published.clock.now().replace(microsecond=0) - timedelta(seconds=60)
    request_id = "3e2fbf0c-1482-4d13-93b8-e6f4fc705d3f"
    log_at(published, at, "ERROR KeyError: 1")
    log_at(published, at + timedelta(milliseconds=after), f"END RequestId: {request_id}", stream)
    (error,) = read_since(published, at).errors
    assert error.request_id == (request_id if is_its else "")


def test_an_environment_of_the_day_before_is_read_too() -> None:
    """A stream is named by the day on which its environment began."""
    scene = Scene.ready()
    midnight = scene.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    scene.clock.advance((midnight - scene.clock.now()).total_seconds() - 40)
    scene.build(BAD)
    before = f"{scene.clock.now():%Y/%m/%d}"
    scene.after(60, lambda: log(scene, "[ERROR] KeyError: 1", f"{before}/[{NEW}]one"))
    scene.after(90, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    rolled_back(scene)
    (error,) = read(scene).errors
    assert error.first > midnight
    assert error.stream.startswith(before)


def test_in_a_repository_that_is_not_known_to_be_private_types_and_counts_are_all() -> None:
    scene = bad_version()
    rolled_back(scene, ordered(private=False))
    told = read(scene)
    (error,) = told.errors
    assert (error.kind, error.message, error.where) == ("ZeroDivisionError", "", "")
    assert error.count
    assert error.request_id
    assert not told.messages


def test_none_in_it_yet_is_an_answer_too() -> None:
    scene = bad_version()
    scene.world.logs().delay = 120
    rolled_back(scene)
    told = read(scene)
    assert not told.errors
    assert told.waited == timedelta(seconds=LOG_LIMIT)


def test_entries_that_come_late_are_waited_for() -> None:
    scene = bad_version()
    scene.world.logs().delay = 2.5
    scene.after(59, lambda: setattr(scene.world.logs(), "delay", 3.0))
    rolled_back(scene)
    assert read(scene).errors


def test_off_reads_nothing() -> None:
    scene = bad_version()
    rolled_back(scene, ordered(errors=Errors.OFF))
    assert not scene.requests(READS)
    assert not scene.told(LogRead, LogNotRead)


def test_a_rollout_that_ends_well_reads_no_log() -> None:
    scene = Scene.ready()
    spec = ordered("100% 1m")
    assert Rollout(spec, parts(scene, spec)).run().result is Result.PROMOTED
    assert not scene.requests(READS)


def test_mode_rollback_reads_what_the_version_that_it_leaves_has_written() -> None:
    scene = bad_version(alarm=False)
    spec = ordered("10% 1m, hold")
    assert Rollout(spec, parts(scene, spec)).run().result is Result.HELD
    scene.events.clear()
    asked = ordered(mode=Mode.ROLLBACK)
    assert rollback(asked, parts(scene, asked)).result is Result.ROLLED_BACK
    assert [error.kind for error in read(scene).errors] == ["ZeroDivisionError"]


def test_the_post_stage_reads_no_log() -> None:
    scene = bad_version()
    spec = ordered()
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        Rollout(spec, parts(scene, spec)).run()
    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    identity = RunIdentity.of_saved_state(saved_state, spec.run)
    ports = replace(scene.ports(identity), logs=CloudWatchLogs(scene.clients()))
    assert settle_what_main_left(saved_state, identity, ports).result is Result.ROLLED_BACK
    assert not scene.requests(READS)


# Never before, and never in its way ---------------------------------------------------------------


def before_the_end(scene: Scene) -> list[Event]:
    return [event for event in scene.events if isinstance(event, RolledBack | LogRead | LogNotRead)]


def test_it_is_read_when_the_alias_is_confirmed_back() -> None:
    scene = bad_version()
    rolled_back(scene)
    writes = [request for request in scene.requests("UpdateAlias", READS) if request.effect_at]
    first = next(at for at, request in enumerate(writes) if request.operation == READS)
    assert all(request.operation == READS for request in writes[first:])
    assert [type(event) for event in before_the_end(scene)] == [RolledBack, LogRead]
    assert isinstance(scene.events[-1], Finished)


def test_an_alias_that_is_not_confirmed_back_has_no_log_read() -> None:
    scene = bad_version()
    refused = Answer("AccessDeniedException", "not authorized to perform: lambda:UpdateAlias", 403)
    scene.world.faults.add(refused, operation="UpdateAlias", nth=2, count=None)
    spec = ordered()
    assert Rollout(spec, parts(scene, spec)).run().result is Result.FAILED
    assert not scene.requests(READS)


DENIED = AwsError(
    "AccessDeniedException",
    "User: arn:aws:sts::123456789012:assumed-role/deploy/x is not authorized to perform: logs:FilterLogEvents on "
    "resource: arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/checkout:log-stream: because no "
    "identity-based policy allows the logs:FilterLogEvents action",
    400,
)
KMS = AwsError(
    "AccessDeniedException",
    "The log group is encrypted, and the caller is not authorized to perform: kms:Decrypt on the key",
    400,
)


def refusing(error: AwsError) -> Answer:
    return Answer(error.code, error.message, error.status)


@pytest.mark.parametrize(
    "fault",
    [
        refusing(DENIED),
        refusing(KMS),
        Hang(3600),
        Throttle(),
        Page(502),
        Page(200),
        refusing(AwsError("InvalidOperationException", "not in this class of log groups", 400)),
        refusing(AwsError("InvalidParameterException", "no such pattern", 400)),
        refusing(AwsError("ServiceUnavailableException", "later", 503)),
        refusing(AwsError("ExpiredTokenException", "expired", 400)),
    ],
    ids=str,
)
def test_whatever_the_log_does_the_rollback_is_the_same(fault: Any) -> None:
    """The same writes at the same moments, the same result and reason: only what is told differs."""
    calm = bad_version()
    expected = rolled_back(calm, ordered(errors=Errors.OFF))
    scene = bad_version()
    scene.world.faults.add(fault, operation=READS, count=None)
    finished = rolled_back(scene)
    assert replace(finished, at=expected.at) == expected
    assert not_read(scene).why
    times = [[r.effect_at for r in each.requests("UpdateAlias")] for each in (scene, calm)]
    assert times[0] == times[1]
    assert scene.saved_states[-1] == calm.saved_states[-1]
    # A call that has begun is waited for; none is begun later.
    begun = [request.at for request in scene.requests(READS)]
    assert begun[-1] - begun[0] <= timedelta(seconds=LOG_LIMIT)


def test_a_missing_permission_is_one_note_with_the_policy_line() -> None:
    scene = bad_version()
    scene.world.faults.add(refusing(DENIED), operation=READS)
    rolled_back(scene)
    told = not_read(scene)
    assert json.loads(told.statement) == {
        "Effect": "Allow",
        "Action": "logs:FilterLogEvents",
        "Resource": f"arn:aws:logs:eu-central-1:123456789012:log-group:{GROUP}:*",
    }
    assert "logs:FilterLogEvents" in told.remedy
    assert len(scene.requests(READS)) == 1


def test_a_key_that_may_not_be_used_is_told_and_no_policy_that_would_not_help() -> None:
    scene = bad_version()
    scene.world.faults.add(refusing(KMS), operation=READS)
    rolled_back(scene)
    told = not_read(scene)
    assert "kms:Decrypt" in told.remedy
    assert not told.statement


def test_a_log_group_that_does_not_exist_is_told_at_once() -> None:
    scene = bad_version(busy=False)
    rolled_back(scene)
    told = read(scene)
    assert (told.exists, told.errors, told.waited) == (False, (), timedelta())


def test_among_ten_thousand_streams_with_empty_pages_it_is_found() -> None:
    scene = bad_version()
    day = f"{scene.clock.now():%Y/%m/%d}"
    for number in range(10_000):
        log(scene, "INFO nothing", f"{day}/[{NEW}]{number:05}")
    scene.world.logs().page_streams = 1000
    rolled_back(scene)
    assert read(scene).errors
    assert len(scene.requests(READS)) > 10


def test_what_is_too_much_is_read_in_part_and_that_is_said() -> None:
    scene = bad_version()
    day = f"{scene.clock.now():%Y/%m/%d}"
    for number in range(1000):
        scene.after(20, partial(log, scene, f"[ERROR] KeyError: {number}", f"{day}/[{NEW}]x"))
    rolled_back(scene)
    told = read(scene)
    assert not told.complete
    assert told.count == 300


def test_a_call_that_was_throttled_or_not_answered_is_made_again() -> None:
    for fault in (Throttle(), Hang(3600), Page(502)):
        scene = bad_version()
        scene.world.faults.add(fault, operation=READS)
        rolled_back(scene)
        assert read(scene).errors, fault


def test_a_server_that_knows_no_such_pattern_is_asked_without() -> None:
    scene = bad_version()
    scene.world.faults.add(
        refusing(AwsError("InvalidParameterException", "no", 400)), operation=READS
    )
    rolled_back(scene)
    assert read(scene).errors
    assert "filterPattern" not in scene.requests(READS)[1].params


# Stop meanwhile ----------------------------------------------------------------------------------


def test_a_cancelled_job_reads_for_a_moment_only() -> None:
    scene = bad_version()
    scene.world.logs().delay = 120
    scene.after(30, lambda: scene.stop.request("SIGINT"))
    rolled_back(scene)
    assert read(scene).waited == timedelta(seconds=CANCELLED_LOG_LIMIT)


def test_one_whose_rollback_took_long_reads_nothing() -> None:
    scene = bad_version()
    scene.after(30, lambda: scene.stop.request("SIGINT"))
    scene.after(
        29, lambda: scene.world.faults.add(Hang(3600, "before"), operation="UpdateAlias", nth=1)
    )
    rolled_back(scene)
    assert not scene.requests(READS)
    assert "about to be killed" in not_read(scene).why


def test_a_stop_while_it_is_read_ends_that_at_once() -> None:
    scene = bad_version()
    scene.world.logs().delay = 120
    stops = Meanwhile(lambda _: scene.stop.request("SIGINT"))
    scene.world.faults.add(stops, operation=READS, nth=2)
    rolled_back(scene)
    assert len(scene.requests(READS)) == 2
    assert read(scene).waited < timedelta(seconds=LOG_LIMIT)


def test_one_that_hangs_beside_the_story_keeps_it_no_longer_than_the_limit() -> None:
    """In a thread of its own, as in a job: the call goes on, the story does not wait for it."""
    scene = bad_version()
    ordered_spec = ordered()
    ports = parts(scene, ordered_spec)
    release = threading.Event()

    class Hanging:
        def page(self, query: object, token: str = "") -> Any:
            release.wait(30)
            raise AssertionError(query, token)

    stopping = replace(ports, logs=Hanging(), background=lambda: BackgroundThread("logs"))
    try:
        finished = Rollout(ordered_spec, stopping).run()
    finally:
        release.set()
    assert finished.result is Result.ROLLED_BACK
    assert not_read(scene).why == "CloudWatch Logs did not answer in time"
