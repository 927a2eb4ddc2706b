"""Credentials that end while a canary is out, and nobody renews them."""

from __future__ import annotations

import pytest
from tenacity import Retrying, retry_if_result, wait_fixed

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import AliasLeft, Result, Unreadable, Warned
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.runtime.errors import Busy, CallFailed, CredentialsExpired
from lambda_rollout.runtime.retry import EXPIRED_LIMIT, retrying, stop_after
from sandbox.aws import World
from sandbox.aws.faults import ExpiredCredentials, Throttle
from tests.support.scene import NEW, OLD, TARGET, Scene, rollout_spec
from tests.support.seam import SimClock, manual

KEY = "AKIASANDBOX"


def after(scene: Scene, seconds: float) -> Scene:
    """Let the credentials end so many seconds from now."""
    scene.world.sts.let_expire(KEY, seconds)
    return scene


def test_it_says_what_the_alias_does_and_how_to_mend_it() -> None:
    scene = after(Scene.ready(), 100)

    finished = scene.roll_out(rollout_spec("10% 10m, 100% 5m"))

    assert finished.result is Result.FAILED
    assert "credentials have expired" in finished.reason
    [left] = scene.told(AliasLeft)
    assert isinstance(left, AliasLeft)
    assert left.target == TARGET
    assert left.routing == Routing(OLD, {NEW: 0.1})
    assert left.expected == Routing.all_on(OLD)
    assert f"--function-version {OLD}" in left.command
    assert "ExpiredToken" in left.why


def test_the_first_refused_call_is_told_and_the_command_long_before_the_end_of_trying() -> None:
    scene = after(Scene.ready(), 100)

    scene.roll_out(rollout_spec("10% 10m, 100% 5m"))

    begins = scene.told(Unreadable)[0].at
    commands = [e.at for e in scene.told(Warned) if "update-alias" in getattr(e, "text", "")]
    [left] = scene.told(AliasLeft)
    assert (commands[0] - begins).total_seconds() < 10
    assert (left.at - begins).total_seconds() < 10 + EXPIRED_LIMIT + 5


def test_without_alarms_the_reads_of_the_alias_tell() -> None:
    scene = after(Scene.ready(), 100)

    finished = scene.roll_out(rollout_spec("10% 10m, 100% 5m", alarms=()))

    assert "credentials have expired" in finished.reason


def test_one_refusal_is_no_reason_to_go_back() -> None:
    scene = Scene.ready()
    scene.world.faults.add(ExpiredCredentials(), operation="DescribeAlarms", nth=5)

    assert scene.roll_out().result is Result.PROMOTED


def test_a_rollback_goes_on_as_long_as_anything_else_is_answered_too() -> None:
    scene = Scene.ready()
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    # Expired, throttled, expired, … for some four minutes, as while somebody renews them.
    for nth in range(2, 60, 2):
        scene.world.faults.add(ExpiredCredentials(), operation="UpdateAlias", nth=nth)
        scene.world.faults.add(Throttle(), operation="UpdateAlias", nth=nth + 1)

    finished = scene.roll_out()

    assert finished.result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


def test_the_post_stage_gives_up_as_soon() -> None:
    scene = after(Scene.ready(), 100)
    ordered = rollout_spec("10% 10m, 100% 5m")
    scene.roll_out(ordered)
    scene.events.clear()
    began = scene.clock.now()

    finished = settle_what_main_left(scene.saved_states[-1], ordered.identity, scene.ports(ordered))

    assert finished.result is Result.FAILED
    [left] = scene.told(AliasLeft)
    assert isinstance(left, AliasLeft)
    assert f"--function-version {OLD}" in left.command
    assert (scene.clock.now() - began).total_seconds() < EXPIRED_LIMIT + 10


@pytest.mark.parametrize("kind", [Busy, CredentialsExpired])
def test_patience_with_each_kind(kind: type[CallFailed]) -> None:
    world = World()

    def call() -> None:
        raise kind("GetAlias", "Code", "")

    with pytest.raises(kind):
        retrying(SimClock(world), None, 200, CallFailed)(call)

    limit = EXPIRED_LIMIT if kind is CredentialsExpired else 200
    assert limit <= manual(world).monotonic() < limit + 6


def test_another_answer_in_between_begins_the_count_anew() -> None:
    world = World()
    clock = SimClock(world)
    expired, busy = CredentialsExpired("A", "B", ""), Busy("A", "B", "")
    answers = iter([[expired], [expired, busy], *([[expired]] * 9)])

    Retrying(
        sleep=lambda length: clock.wait(length, None),
        stop=stop_after(clock, 1000),
        wait=wait_fixed(20),
        retry=retry_if_result(bool),
        retry_error_callback=lambda _: None,
    )(lambda: next(answers))

    assert manual(world).monotonic() == 20 + 20 + EXPIRED_LIMIT // 20 * 20 + 20
