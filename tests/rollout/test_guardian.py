"""The guardian: what it puts back, and what it leaves alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.guardian import guard
from sandbox.aws.faults import Meanwhile
from tests.support.guardian import as_its_role
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

LATER = "00000001"
PREVIOUS = "live-previous"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def look(scene: Scene, bake: float = 0.0, **asked: Any) -> Finished:
    spec = rollout_spec(mode=Mode.ROLLBACK, rollout_id=LATER, **asked)
    with as_its_role(scene):
        return guard(spec, scene.ports(spec), timedelta(seconds=bake))


def whole_on(scene: Scene, version: str) -> bool:
    alias = scene.alias
    return alias.routing == Routing.all_on(version) and alias.description == OWNERS_TEXT


def split(scene: Scene) -> bool:
    return not scene.alias.routing.is_unsplit


@pytest.fixture
def held() -> Scene:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("10% 60s, hold")).result is Result.HELD
    return scene


def alarm(scene: Scene, state: str = "ALARM") -> None:
    scene.set_alarm("checkout-errors", state)


def test_what_is_held_goes_back_when_an_alarm_fires(held: Scene) -> None:
    alarm(held)
    end = look(held)
    assert end.result is Result.ROLLED_BACK
    assert end.reason == "checkout:live: held, and alarm checkout-errors fired"
    assert [reading.name for reading in end.failed_alarms] == ["checkout-errors"]
    assert whole_on(held, OLD)


def test_an_alarm_that_is_over_again_has_fired(held: Scene) -> None:
    held.clock.advance(3600)
    alarm(held)
    held.clock.advance(60)
    alarm(held, "OK")
    held.clock.advance(600)
    assert look(held).result is Result.ROLLED_BACK
    assert whole_on(held, OLD)


def test_what_is_held_stays_without_an_alarm(held: Scene) -> None:
    so_far = len(held.requests())
    end = look(held)
    assert end.result is Result.UNCHANGED
    assert end.reason == "checkout:live: held, and no alarm has fired"
    assert [r.operation for r in held.requests()[so_far:]] == [
        "GetAlias",
        "DescribeAlarms",
        # It became OK, for the first time, less than ten minutes before the weight was written.
        "DescribeAlarmHistory",
    ]
    assert not held.alias.routing.is_unsplit


def test_an_alarm_from_long_before_is_not_about_what_is_held() -> None:
    scene = Scene.ready()
    alarm(scene)
    scene.clock.advance(1200)
    assert (
        scene.roll_out(
            rollout_spec("10% 60s, hold", alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK)
        ).result
        is Result.HELD
    )
    assert look(scene).result is Result.UNCHANGED


def dies_at(weight: int) -> Scene:
    """A scene whose run was killed while it watched a weight, and nobody came after it."""
    scene = Scene.ready()
    scene.after(60, die)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec(f"{weight}% 10m"))
    return scene


def die() -> None:
    raise Killed


@pytest.mark.parametrize("weight", [10, 100])
def test_what_a_dead_run_left_goes_back_when_its_lease_is_over(weight: int) -> None:
    scene = dies_at(weight)
    before = look(scene)
    assert before.result is Result.UNCHANGED
    assert before.reason == "checkout:live: left to the run that is at work"
    alarm(scene)
    assert look(scene).result is Result.UNCHANGED, "a run that may be alive goes back by itself"
    scene.clock.advance(600)
    end = look(scene, alarms=())
    assert end.result is Result.ROLLED_BACK
    assert end.reason == "checkout:live: its run died, and its lease is over"
    assert whole_on(scene, OLD)


@pytest.fixture
def promoted() -> Scene:
    scene = Scene.ready()
    end = scene.roll_out(rollout_spec("10% 60s, 100% 60s", previous_alias=PREVIOUS))
    assert end.result is Result.PROMOTED
    return scene


def test_what_was_promoted_goes_back_within_the_bake_time(promoted: Scene) -> None:
    promoted.clock.advance(2400)
    alarm(promoted)
    end = look(promoted, bake=3600, previous_alias=PREVIOUS)
    assert end.result is Result.ROLLED_BACK
    assert re.fullmatch(
        r"checkout:live: promoted at 05:02:\d\d UTC, and alarm checkout-errors fired", end.reason
    )
    assert whole_on(promoted, OLD)
    again = look(promoted, bake=3600, previous_alias=PREVIOUS)
    assert again.result is Result.UNCHANGED
    assert whole_on(promoted, OLD)


@pytest.mark.parametrize(
    ("bake", "named"), [(3600, None), (0, PREVIOUS), (1200, PREVIOUS)], ids=str
)
def test_what_was_promoted_stays_without_bake_or_after_it(
    promoted: Scene, bake: float, named: str | None
) -> None:
    promoted.clock.advance(1300)
    alarm(promoted)
    assert look(promoted, bake=bake, previous_alias=named).result is Result.UNCHANGED
    assert whole_on(promoted, NEW)


def test_what_was_promoted_and_moved_on_is_left(promoted: Scene) -> None:
    promoted.build("def handler(event, context): return 3")
    end = promoted.roll_out(rollout_spec("100% 0s", rollout_id="00000002"))
    assert end.result is Result.PROMOTED
    alarm(promoted)
    end = look(promoted, bake=3600, previous_alias=PREVIOUS)
    assert end.result is Result.UNCHANGED
    assert "neither 2, which was promoted, nor 1" in end.reason
    assert whole_on(promoted, "3")


def test_somebody_elses_split_is_left() -> None:
    scene = Scene.ready()
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.call(
        "lambda",
        "UpdateAlias",
        FunctionName="checkout",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {NEW: 0.5}},
    )
    alarm(scene)
    end = look(scene)
    assert end.result is Result.UNCHANGED
    assert "is in no rollout" in end.reason


def test_a_missing_alarm_fails_and_changes_nothing(held: Scene) -> None:
    held.call("cloudwatch", "DeleteAlarms", AlarmNames=["checkout-errors"])
    end = look(held)
    assert end.result is Result.FAILED
    assert end.reason == (
        "checkout:live: held, and whether an alarm fired is not known: alarms that do not exist: checkout-errors"
    )
    assert not held.alias.routing.is_unsplit


def test_a_missing_function_fails_and_changes_nothing(held: Scene) -> None:
    alarm(held)
    held.world.lambda_().functions["cart"] = held.world.lambda_().functions.pop("checkout")
    end = look(held)
    assert end.result is Result.FAILED
    assert "there is no function checkout" in end.reason


def by_hand(scene: Scene, version: str, description: str = OWNERS_TEXT) -> None:
    scene.call(
        "lambda",
        "UpdateAlias",
        FunctionName="checkout",
        Name="live",
        FunctionVersion=version,
        Description=description,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_person_who_writes_between_look_and_write_wins(held: Scene, version: str) -> None:
    alarm(held)
    held.world.faults.add(Meanwhile(lambda _: by_hand(held, version)), operation="UpdateAlias")
    end = look(held)
    assert whole_on(held, version)
    # Whole on the old version is what was wished.
    assert end.result is (Result.ROLLED_BACK if version == OLD else Result.FAILED)


def test_what_a_person_puts_back_with_another_text_is_no_failure(held: Scene) -> None:
    alarm(held)
    back = Meanwhile(lambda _: by_hand(held, OLD, "by hand"))
    held.world.faults.add(back, operation="UpdateAlias")
    end = look(held)
    assert end.result is Result.UNCHANGED
    assert end.reason.endswith("but somebody else has put that back meanwhile")
    assert held.alias.description == "by hand"


def test_what_is_promoted_between_look_and_write_stays(held: Scene) -> None:
    """It was held at 100%: once its record is gone, nothing about it is held any more."""
    by_hand(held, NEW, held.alias.description)
    alarm(held)
    held.world.faults.add(Meanwhile(lambda _: by_hand(held, NEW)), operation="UpdateAlias")
    assert look(held).result is Result.FAILED
    assert whole_on(held, NEW)


def test_a_run_that_was_only_standing_still_is_left_to_itself() -> None:
    """It renews its record between the guardian's look and its write."""
    scene = dies_at(10)
    scene.clock.advance(600)
    text = scene.alias.description
    until = f"{scene.clock.now() + timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
    renewed = re.sub(r"until \S+Z", f"until {until}", text)

    def renew(_: object) -> None:
        scene.call(
            "lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=renewed
        )

    scene.world.faults.add(Meanwhile(renew), operation="UpdateAlias")
    end = look(scene)
    assert end.result is Result.UNCHANGED
    assert end.reason == "checkout:live: its run is at work again"
    assert scene.alias.description == renewed
    assert not scene.alias.routing.is_unsplit
