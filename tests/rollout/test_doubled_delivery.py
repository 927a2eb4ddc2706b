"""A write that something between us and AWS delivers twice: what is answered is the second delivery's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.alias.routing import HUNDRED, Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import AliasLeft, Restored, Result, WeightShifted
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import ExpiredCredentials, Fault, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

LATER = "00000002"


@dataclass(frozen=True)
class Doubled:
    """The work is done, and asked for once more; the second time something else may be the answer."""

    code: str = ""
    status: int = 400

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Do it twice."""
        work()
        if self.code:
            raise AwsError(self.code, "said to the second delivery", self.status)
        return work()


@dataclass(frozen=True)
class DoneButSaid:
    """Nothing is done yet; the answer is AWS's, and the effect comes later."""

    code: str
    status: int
    lands_after: float

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Answer first."""
        at = world.clock.now() + timedelta(seconds=self.lands_after)
        world.schedule(at, lambda: _tried(work))
        raise AwsError(self.code, "said to the delivery that came first", self.status)


def _tried(work: Work) -> None:
    try:
        work()
    except AwsError:
        return


DOUBLED: list[Fault] = [
    Doubled(),
    Doubled("PreconditionFailedException", 412),
    Doubled("TooManyRequestsException", 429),
    Doubled("ResourceConflictException", 409),
]
"""What the second delivery may be answered although the first took effect."""

IN_DOUBT: list[Fault] = [
    Doubled("ExpiredTokenException", 403),
    Doubled("ResourceNotFoundException", 404),
    Doubled("UnknownException", 400),
]
"""The same, where going on makes no sense."""

WHOLE_AGAIN = (Routing.all_on(OLD), OWNERS_TEXT)
PROMOTED = (Routing.all_on(NEW), OWNERS_TEXT)


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def now(scene: Scene) -> tuple[Routing, str]:
    return scene.alias.routing, scene.alias.description


@pytest.mark.parametrize("fault", DOUBLED, ids=repr)
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_each_write_of_a_promotion_is_known_by_its_effect(
    scene: Scene, fault: Fault, nth: int
) -> None:
    # 10%, 100%, and while that is watched a renewal; then the record is removed.
    scene.world.faults.add(fault, operation="UpdateAlias", nth=nth)
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 400s"))
    assert (finished.result, *now(scene)) == (Result.PROMOTED, *PROMOTED)
    assert scene.saved_states[-1].phase is Phase.DONE


@pytest.mark.parametrize("fault", [*DOUBLED, *IN_DOUBT], ids=repr)
def test_a_rollback_is_known_by_its_effect(scene: Scene, fault: Fault) -> None:
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    scene.world.faults.add(fault, operation="UpdateAlias", nth=2)
    finished = scene.roll_out()
    assert (finished.result, *now(scene)) == (Result.ROLLED_BACK, *WHOLE_AGAIN)
    assert not scene.told(AliasLeft)
    assert scene.saved_states[-1].phase is Phase.DONE


@pytest.mark.parametrize("fault", IN_DOUBT, ids=repr)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_forward_write_is_gone_on_with_if_a_look_shows_its_effect(
    scene: Scene, fault: Fault, nth: int
) -> None:
    scene.world.faults.add(fault, operation="UpdateAlias", nth=nth)
    finished = scene.roll_out(rollout_spec("10% 60s, 50% 60s, 100% 60s"))
    assert (finished.result, *now(scene)) == (Result.PROMOTED, *PROMOTED)


@pytest.mark.parametrize("fault", IN_DOUBT, ids=repr)
@pytest.mark.parametrize("nth", [1, 2])
def test_one_that_no_look_can_decide_is_taken_back(scene: Scene, fault: Fault, nth: int) -> None:
    scene.world.faults.add(fault, operation="UpdateAlias", nth=nth)
    looks = 1 if nth == 1 else len(looks_before_the_second_write())
    scene.world.faults.add(AlwaysUnanswered(), operation="GetAlias", nth=looks + 1, count=20)
    finished = scene.roll_out(rollout_spec("10% 60s, 50% 60s, 100% 60s"))
    assert (finished.result, *now(scene)) == (Result.ROLLED_BACK, *WHOLE_AGAIN)
    assert not scene.told(AliasLeft)


def looks_before_the_second_write() -> list[Request]:
    scene = Scene.ready()
    scene.roll_out(rollout_spec("10% 60s, 50% 60s, 100% 60s"))
    log = scene.requests("GetAlias", "UpdateAlias")
    second = [each.operation for each in log].index("UpdateAlias", 2)
    return [each for each in log[:second] if each.operation == "GetAlias"]


@pytest.mark.parametrize(
    "answer", [("TooManyRequestsException", 429), ("ExpiredTokenException", 403)]
)
def test_an_effect_that_comes_after_its_answer_comes_too_late(
    scene: Scene, answer: tuple[str, int]
) -> None:
    scene.world.faults.add(DoneButSaid(*answer, lands_after=200.0), operation="UpdateAlias")
    scene.roll_out()
    left = now(scene)
    assert left in [WHOLE_AGAIN, PROMOTED]
    scene.clock.advance(300)
    assert now(scene) == left


@pytest.mark.parametrize("fault", DOUBLED, ids=repr)
def test_a_dead_runs_alias_is_told_as_mended_when_a_look_shows_it(
    scene: Scene, fault: Fault
) -> None:
    dead(scene)
    scene.world.faults.add(fault, operation="UpdateAlias")
    finished = scene.roll_out(rollout_spec("100% 0s", rollout_id=LATER))
    assert finished.result is Result.PROMOTED
    assert len(scene.told(Restored)) == 1


def dead(scene: Scene) -> None:
    """A rollout that died at 10%, its lease over."""
    scene.after(20, lambda: scene.stop.request("killed"))
    scene.world.faults.add(AlwaysUnanswered(), operation="UpdateAlias", nth=2, count=None)
    scene.roll_out()
    scene.world.faults.clear()
    scene.stop = type(scene.stop)()
    scene.clock.advance(700)
    assert scene.alias.routing == Routing.split(OLD, NEW, HUNDRED / 10)
    scene.events.clear()


@pytest.mark.parametrize(
    ("fault", "nth"),
    [*((fault, 1) for fault in (*DOUBLED, None)), (ExpiredCredentials(), 2), (ServerError(), 2)],
    ids=repr,
)
def test_no_record_of_a_dead_run_stays_where_aws_keeps_a_description_for_an_empty_one(
    scene: Scene, fault: Fault | None, nth: int
) -> None:
    """Whole on the new version with it, the alias would read as an unfinished rollout for ever."""
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description="")
    dead(scene)
    scene.world.lambda_().keeps_descriptions = True
    if fault is not None:
        scene.world.faults.add(fault, operation="UpdateAlias", nth=nth)
    finished = scene.roll_out(rollout_spec("100% 0s", rollout_id=LATER, version=OLD))
    assert finished.result is Result.UNCHANGED
    assert len(scene.told(Restored)) == 1
    assert (scene.alias.routing, scene.alias.description) == (Routing.all_on(OLD), "-")


def test_a_rollback_without_a_text_is_known_by_its_effect_also_where_aws_keeps_the_record(
    scene: Scene,
) -> None:
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description="")
    scene.world.lambda_().keeps_descriptions = True
    scene.after(20, lambda: scene.stop.request("SIGINT"))
    scene.world.faults.add(Doubled(), operation="UpdateAlias", nth=2)
    finished = scene.roll_out()
    assert finished.result is Result.ROLLED_BACK
    assert scene.told(AliasLeft) == []
    assert (scene.alias.routing, scene.alias.description) == (Routing.all_on(OLD), "-")


@dataclass(frozen=True)
class AlwaysUnanswered:
    """An outage."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Say nothing of use."""
        raise AwsError("ServiceException", "An error occurred", 500)


@pytest.mark.parametrize("fault", [*DOUBLED, *IN_DOUBT], ids=repr)
def test_the_emergency_rollback_is_known_by_its_effect(scene: Scene, fault: Fault) -> None:
    dead(scene)
    scene.world.faults.add(fault, operation="UpdateAlias")
    ordered = rollout_spec(mode=Mode.ROLLBACK, rollout_id=LATER)
    finished = rollback(ordered, scene.ports(ordered))
    assert (finished.result, *now(scene)) == (Result.ROLLED_BACK, *WHOLE_AGAIN)


@pytest.mark.parametrize("fault", [*DOUBLED, *IN_DOUBT], ids=repr)
def test_the_post_stage_is_known_by_its_effect(scene: Scene, fault: Fault) -> None:
    dead(scene)
    saved_state = next(h for h in reversed(scene.saved_states) if h.phase is Phase.ROLLING_BACK)
    scene.world.faults.add(fault, operation="UpdateAlias")
    ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    finished = settle_what_main_left(saved_state, ordered, scene.ports(ordered))
    assert (finished.result, *now(scene)) == (Result.ROLLED_BACK, *WHOLE_AGAIN)


@pytest.mark.parametrize("fault", [*DOUBLED, *IN_DOUBT], ids=repr)
def test_what_is_held_is_known_by_its_effect(scene: Scene, fault: Fault) -> None:
    scene.world.faults.add(fault, operation="UpdateAlias", nth=2)
    finished = scene.roll_out(rollout_spec("10% 60s, hold"))
    assert finished.result is Result.HELD
    assert scene.alias.routing == Routing.split(OLD, NEW, HUNDRED / 10)


@pytest.mark.parametrize("fault", DOUBLED, ids=repr)
@pytest.mark.parametrize("operation", ["UpdateFunctionCode", "PublishVersion"])
def test_code_and_version_are_known_by_what_is_there(
    scene: Scene, fault: Fault, operation: str
) -> None:
    from lambda_rollout.inputs.package import Zip
    from tests.support.code import package

    scene.world.faults.add(fault, operation=operation)
    new = Zip("build.zip", package("def handler(event, context): return 3"))
    finished = scene.roll_out(rollout_spec(package=new))
    assert finished.result is Result.PROMOTED
    # Uploaded before the first version was published from it: once is enough.
    assert sum(r.outcome == "ok" for r in scene.requests("UpdateFunctionCode")) <= 1


@pytest.mark.parametrize("fault", DOUBLED, ids=repr)
def test_an_alias_that_exists_after_all_is_the_one_that_was_created(
    scene: Scene, fault: Fault
) -> None:
    scene.call("lambda", "DeleteAlias", FunctionName="checkout", Name="live")
    scene.world.faults.add(fault, operation="CreateAlias")
    finished = scene.roll_out(rollout_spec(create_alias=True))
    assert finished.result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)


def test_after_a_412_the_same_routing_without_our_record_is_somebody_elses(scene: Scene) -> None:
    weights = {"AdditionalVersionWeights": {NEW: 0.1}}
    theirs = {"Description": "mine", "RoutingConfig": weights}

    @dataclass(frozen=True)
    class Theirs:
        act: Callable[[], object]

        def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
            self.act()
            return work()

    edit = lambda: scene.call(  # noqa: E731
        "lambda", "UpdateAlias", FunctionName="checkout", Name="live", **theirs
    )
    scene.world.faults.add(Theirs(edit), operation="UpdateAlias")
    finished = scene.roll_out()
    assert finished.result is Result.FAILED
    assert now(scene) == (Routing(OLD, {NEW: 0.1}), "mine")
    assert not scene.told(WeightShifted)


def test_a_read_that_shows_the_refused_revision_id_is_stale_and_read_again(scene: Scene) -> None:
    from sandbox.aws.faults import StaleRead

    scene.world.faults.add(Doubled(), operation="UpdateAlias")
    scene.world.faults.add(StaleRead(), operation="GetAlias", nth=2, count=2)
    finished = scene.roll_out()
    assert finished.result is Result.PROMOTED
    first, *_ = scene.requests("UpdateAlias")
    again = [r for r in scene.requests("UpdateAlias") if r.params == first.params]
    assert again == [first]


def test_done_is_not_saved_while_what_a_dead_run_left_is_in_doubt(scene: Scene) -> None:
    dead(scene)
    scene.saved_states.clear()
    scene.world.faults.add(AlwaysUnanswered(), operation="UpdateAlias", count=None)
    finished = scene.roll_out(rollout_spec(rollout_id=LATER, evidence_timeout=60.0))
    assert finished.result is Result.FAILED
    assert {saved_state.phase for saved_state in scene.saved_states} == {Phase.RESTORING}


def test_a_throttled_write_that_no_look_can_decide_is_taken_back_as_well(scene: Scene) -> None:
    throttled = Doubled("TooManyRequestsException", 429)
    scene.world.faults.add(throttled, operation="UpdateAlias")
    scene.world.faults.add(AlwaysUnanswered(), operation="GetAlias", nth=2, count=40)
    finished = scene.roll_out()
    assert (finished.result, *now(scene)) == (Result.ROLLED_BACK, *WHOLE_AGAIN)


def test_where_an_alias_is_is_not_told_while_a_write_of_a_weight_is_in_doubt(scene: Scene) -> None:
    scene.world.faults.add(Doubled("ServiceException", 500), operation="UpdateAlias")
    scene.world.faults.add(AlwaysUnanswered(), operation="UpdateAlias", nth=2, count=None)
    scene.world.faults.add(AlwaysUnanswered(), operation="GetAlias", nth=2, count=None)
    finished = scene.roll_out()
    assert finished.result is Result.FAILED
    (left,) = scene.told(AliasLeft)
    assert isinstance(left, AliasLeft)
    # As last seen it was whole on the old version; in truth a tenth of the traffic goes to the new one.
    assert left.routing is None
    assert scene.alias.routing == Routing.split(OLD, NEW, HUNDRED / 10)
    assert outputs(rollout_state(scene.events))["weight"] == ""
