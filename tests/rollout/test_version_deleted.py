"""A version that is deleted in the middle: at 100% the alias does not name the old one, and AWS lets anybody do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import AliasLeft, Finished, Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import AccessDenied, Answer, Meanwhile, ServerError
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

LATER = "00000001"
NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def delete(scene: Scene, version: str) -> None:
    scene.call("lambda", "DeleteFunction", FunctionName="checkout", Qualifier=version)


def deleted_at_100(scene: Scene) -> Finished:
    """Promoted, the old version deleted, and then the alarm fires."""
    scene.after(90, lambda: delete(scene, OLD))
    scene.after(120, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    return scene.roll_out(rollout_spec("10% 60s, 100% 300s"))


def left(scene: Scene) -> AliasLeft:
    [event] = scene.told(AliasLeft)
    assert isinstance(event, AliasLeft)
    return event


def rolling_back(scene: Scene) -> list[str]:
    """What was asked of AWS from the last look at the alarms on."""
    asked = [request.operation for request in scene.requests()]
    return asked[len(asked) - asked[::-1].index("DescribeAlarms") :]


def test_aws_refuses_it_while_the_alias_is_split(scene: Scene) -> None:
    refused: list[str] = []

    def try_to_delete() -> None:
        try:
            delete(scene, OLD)
        except AwsError as error:
            refused.append(error.code)

    scene.after(30, try_to_delete)
    assert scene.roll_out().result is Result.PROMOTED
    assert refused == ["ResourceConflictException"]


def test_it_is_said_at_once_with_a_command_that_works(scene: Scene) -> None:
    finished = deleted_at_100(scene)
    assert finished.result is Result.FAILED
    assert left(scene).routing == Routing.all_on(NEW)
    assert left(scene).expected == Routing.all_on(OLD)
    assert f"version {OLD} was deleted meanwhile" in left(scene).why
    assert f"--function-version {NEW} " in left(scene).command
    assert OWNERS_TEXT in left(scene).command
    fired = scene.requests("DescribeAlarms")[-1].at
    assert finished.at - fired < timedelta(seconds=5)
    assert scene.saved_states[-1].phase is Phase.ROLLING_BACK, "the post stage says it, too"


def test_the_rollback_is_sent_before_anything_is_asked(scene: Scene) -> None:
    deleted_at_100(scene)
    write, look, again, proof = rolling_back(scene)
    assert (write, look, again) == ("UpdateAlias", "GetAlias", "UpdateAlias")
    assert proof == "GetFunctionConfiguration"


def test_an_ordinary_rollback_asks_nothing(scene: Scene) -> None:
    scene.after(120, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    scene.roll_out(rollout_spec("10% 60s, 100% 300s"))
    assert rolling_back(scene)[0] == "UpdateAlias"
    assert "GetFunctionConfiguration" not in rolling_back(scene)


def not_found_for_a_while(scene: Scene) -> None:
    """AWS does not find a version that is there."""
    scene.world.faults.add(
        Answer(NOT_FOUND, "Function not found", 404), operation="UpdateAlias", count=4
    )


def unprovable(scene: Scene) -> None:
    not_found_for_a_while(scene)
    scene.world.faults.add(AccessDenied(), operation="GetFunctionConfiguration", count=None)


def unanswered(scene: Scene) -> None:
    not_found_for_a_while(scene)
    scene.world.faults.add(ServerError(), operation="GetFunctionConfiguration", count=None)


@pytest.mark.parametrize("trouble", [not_found_for_a_while, unprovable, unanswered])
def test_what_is_not_proven_is_tried_on(scene: Scene, trouble: Callable[[Scene], None]) -> None:
    def fires() -> None:
        scene.set_alarm("checkout-errors", "ALARM")
        trouble(scene)

    scene.after(120, fires)
    assert scene.roll_out(rollout_spec("10% 60s, 100% 300s")).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


def test_the_post_stage_says_it_too(scene: Scene) -> None:
    deleted_at_100(scene)
    saved_state = scene.saved_states[-1]
    scene.events.clear()
    wanted = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    finished = settle_what_main_left(saved_state, wanted, scene.ports(wanted))
    assert finished.result is Result.FAILED
    assert f"version {OLD} was deleted meanwhile" in left(scene).why


def test_so_does_the_button_at_three_in_the_morning(scene: Scene) -> None:
    deleted_at_100(scene)
    scene.events.clear()
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER)
    assert rollback(wanted, scene.ports(wanted)).result is Result.FAILED
    assert f"version {OLD} was deleted meanwhile" in left(scene).why


def test_the_next_run_says_what_is_to_be_done_and_goes_on_once_it_is(scene: Scene) -> None:
    deleted_at_100(scene)
    scene.clock.advance(3600)
    scene.set_alarm("checkout-errors", "OK")
    refused = scene.roll_out(rollout_spec(rollout_id=LATER))
    assert refused.result is Result.FAILED
    assert f"version {OLD}" in refused.reason
    assert "point the alias at one that exists" in refused.remedy

    by_hand = {"FunctionVersion": NEW, "Description": OWNERS_TEXT}
    whole: dict[str, Any] = {"RoutingConfig": {"AdditionalVersionWeights": {}}}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **by_hand, **whole)
    scene.build("def handler(event, context): return 3")
    assert scene.roll_out(rollout_spec(rollout_id=LATER)).result is Result.PROMOTED


def test_a_new_version_that_is_deleted_before_the_first_shift_leaves_the_alias_as_it_was(
    scene: Scene,
) -> None:
    gone = Meanwhile(lambda _: delete(scene, NEW))
    scene.world.faults.add(gone, operation="UpdateAlias")
    finished = scene.roll_out()
    # "Not found" may be the answer to a second delivery, so the alias is written once more.
    assert finished.result is Result.ROLLED_BACK
    assert NOT_FOUND in finished.reason
    assert (scene.alias.routing, scene.alias.description) == (Routing.all_on(OLD), OWNERS_TEXT)
