"""A post stage with another account's credentials writes nothing, and says what is to be done by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import AliasLeft, Finished, Result
from lambda_rollout.rollout.post_stage import LIMIT, settle_what_main_left
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import AccessDenied, Answer, Die, Fault, LoseConnection, ServerError
from sandbox.aws.sts import Session
from tests.support.scene import NEW, OLD, TARGET, Scene, rollout_spec
from tests.support.seam import direct

SPLIT = Routing(OLD, {NEW: 0.5})
OTHERS, OTHER = "AKIAOTHER", "210987654321"
WHO = f"arn:aws:sts::{OTHER}:assumed-role/reports/job"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


@pytest.fixture
def scene() -> Scene:
    """Main died with the alias split; a namesake of the function is in another account, split alike."""
    made = Scene.ready()
    made.world.sts.sessions[OTHERS] = Session(WHO, made.clock.now().replace(year=2100))
    theirs = made.world.in_account(OTHER)
    theirs.lambda_().functions = {**made.world.lambda_().functions}
    made.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        made.roll_out(rollout_spec("50% 10s, 100% 10s"))
    made.world.faults.clear()
    made.world.log.clear()
    made.events.clear()
    assert made.alias.routing == SPLIT
    return made


def post(scene: Scene, key: str = OTHERS, phase: Phase | None = None) -> Finished:
    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    if phase is not None:
        saved_state = replace(saved_state, phase=phase)
    identity = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    ports = scene.ports(identity, direct(scene.world, caller=key))
    return settle_what_main_left(saved_state, identity, ports)


def left(scene: Scene) -> AliasLeft:
    [event] = scene.told(AliasLeft)
    assert isinstance(event, AliasLeft)
    return event


NO_SUCH = Answer("ResourceNotFoundException", f"Function not found: {ARN}", 404)
"""What an account says of a function that it does not have, or does not show."""


def test_main_saves_the_arn_and_names_the_function_by_it() -> None:
    scene = Scene.ready()
    scene.roll_out(rollout_spec("50% 10s, 100% 10s"))
    names = [r.params["FunctionName"] for r in scene.requests() if r.service == "lambda"]
    assert names[0] == "checkout"
    assert set(names[1:]) == {ARN}
    [saved] = next(state.aliases for state in scene.saved_states if state.aliases)
    assert saved.arn == f"{ARN}:live"


def test_the_post_stage_never_asks_for_a_bare_name(scene: Scene) -> None:
    assert post(scene, "AKIASANDBOX").result is Result.ROLLED_BACK
    assert {r.params["FunctionName"] for r in scene.requests()} == {ARN}
    assert not scene.requests("GetCallerIdentity"), "only where there is a doubt"


@pytest.mark.parametrize("phase", [Phase.MOVING, Phase.CLEARING, Phase.HOLDING, Phase.RESTORING])
@pytest.mark.parametrize("says", ["denied", "not found"])
def test_with_another_accounts_credentials_nothing_is_written(
    scene: Scene, phase: Phase, says: str
) -> None:
    if says == "not found":
        scene.world.faults.add(NO_SUCH, operation="GetAlias", count=None)
    began = scene.clock.monotonic()
    finished = post(scene, phase=phase)
    assert finished.result is Result.FAILED
    assert not scene.requests("UpdateAlias")
    assert scene.alias.routing == SPLIT
    why = left(scene).why
    assert WHO in why
    assert OTHER in why
    assert "the alias is in account 123456789012" in why
    version = NEW if phase is Phase.CLEARING else OLD
    assert f"--function-version {version} " in left(scene).command
    assert scene.clock.monotonic() - began < 10, "no trying helps"
    assert "another account" in f"{finished.reason} {finished.remedy}" or WHO in finished.reason


@pytest.mark.parametrize("fault", [ServerError(), LoseConnection(), AccessDenied()], ids=repr)
def test_not_found_is_in_doubt_while_nobody_says_whose_credentials_these_are(
    scene: Scene, fault: Fault
) -> None:
    scene.world.faults.add(NO_SUCH, operation="GetAlias", count=None)
    scene.world.faults.add(fault, operation="GetCallerIdentity", count=None)
    assert post(scene, "AKIASANDBOX").result is Result.FAILED
    assert "was deleted" not in left(scene).why
    assert "it is not known to whom it says so" in left(scene).why
    assert f"--function-version {OLD} " in left(scene).command


def test_it_is_found_when_the_word_was_wrong_for_a_while(scene: Scene) -> None:
    scene.world.faults.add(NO_SUCH, operation="GetAlias", count=1)
    assert post(scene, "AKIASANDBOX").result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


def test_mains_own_account_may_say_that_it_is_gone(scene: Scene) -> None:
    scene.call("lambda", "DeleteFunction", FunctionName=TARGET.function)
    assert post(scene, "AKIASANDBOX").result is Result.FAILED
    assert "was deleted" in left(scene).why
    assert not left(scene).command
    assert len(scene.requests("GetCallerIdentity")) == 1


def test_a_permission_that_is_missing_is_told_as_that(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="GetAlias", count=None)
    began = scene.clock.monotonic()
    assert post(scene, "AKIASANDBOX").result is Result.FAILED
    assert "not authorized to perform" in left(scene).why
    assert scene.clock.monotonic() - began > LIMIT - 10, "it may be given yet"
