"""``previous-alias`` when something comes between: late writes, stages that die, AWS that does not answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.promotion import Promotion, promotion_of
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.faults import Answer, Die, Fault, Hang, Meanwhile, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.support.groups import Group, group_spec
from tests.support.scene import NEW, OLD, Scene, rollout_spec
from tests.support.seam import direct

KEPT = "live-previous"
THIRD = "3"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


@dataclass
class AboutKept:
    """A fault that only the requests about the previous alias (of one function) meet."""

    fault: Fault
    nth: int = 1
    function: str = ""
    seen: int = 0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        about = request.params.get("Name") == KEPT
        if not about or self.function not in {"", request.function}:
            return work()
        self.seen += 1
        return self.fault.around(world, request, work) if self.seen == self.nth else work()


@dataclass
class LateAndNoMore:
    """The first write of the previous alias lands after so many seconds, and no other gets through."""

    lands_after: float
    seen: int = 0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        writes = request.operation in {"UpdateAlias", "CreateAlias"}
        if not writes or request.params.get("Name") != KEPT:
            return work()
        self.seen += 1
        fault: Fault = ServerError()
        if self.seen == 1:
            fault = Hang(effect="late", lands_after=self.lands_after)
        return fault.around(world, request, work)


@dataclass(frozen=True)
class AllOfThem:
    """A fault that every request about the previous alias meets."""

    fault: Fault

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        is_about = request.params.get("Name") == KEPT
        return self.fault.around(world, request, work) if is_about else work()


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def asked(steps: str = "10% 10s, 100% 10s", **more: Any) -> RolloutSpec:
    return rollout_spec(steps, **{"previous_alias": KEPT, **more})


def promoted(scene: Scene) -> None:
    assert scene.roll_out(asked()).result is Result.PROMOTED


def next_build(scene: Scene) -> None:
    scene.build("def handler(event, context): return 3")


def kept(scene: Scene, function: str = "checkout") -> Alias:
    return LambdaAliases(direct(scene.world)).read(Target(function, KEPT))


def told(scene: Scene, function: str = "checkout") -> tuple[str, str]:
    promotion = promotion_of(kept(scene, function))
    assert promotion is not None, kept(scene, function)
    return promotion.old, promotion.new


def put_kept(scene: Scene, version: str, description: str, function: str = "checkout") -> None:
    fields = {"FunctionVersion": version, "Description": description}
    scene.call("lambda", "CreateAlias", FunctionName=function, Name=KEPT, **fields)


def write(scene: Scene, name: str, version: str, **more: Any) -> None:
    fields = {"FunctionVersion": version, **more}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name=name, **fields)


def mark(scene: Scene, old: str, new: str) -> str:
    return str(Promotion(old, new, scene.clock.now().replace(microsecond=0)))


# Two rollouts, one after the other ---------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("lands_after", [65.0, 75.0, 83.0, 300.0])
def test_a_late_write_of_the_first_never_undoes_what_the_second_keeps(
    scene: Scene, lands_after: float, there: bool
) -> None:
    """The first one's first write hangs, and lands when the second one is at work, or is done."""
    if there:
        put_kept(scene, OLD, "for emergencies")
    late = LateAndNoMore(lands_after)
    rule = scene.world.faults.add(late, count=None)
    promoted(scene)
    assert "was not pointed at version 1" in scene.warnings[0]
    scene.world.faults.rules.remove(rule)
    next_build(scene)
    promoted(scene)
    scene.clock.advance(300)
    assert told(scene) == (NEW, THIRD)


def test_one_that_lands_between_the_seconds_read_and_write_is_overwritten(scene: Scene) -> None:
    """It tells of the promotion before, and nobody was promoted since: not somebody else's to be left alone."""
    put_kept(scene, OLD, "for emergencies")
    promoted(scene)
    next_build(scene)
    late = Meanwhile(lambda _: write(scene, KEPT, OLD, Description=mark(scene, OLD, NEW)))
    scene.world.faults.add(AboutKept(late), operation="UpdateAlias", count=None)
    promoted(scene)
    assert told(scene) == (NEW, THIRD)
    assert scene.warnings == []


def test_a_later_rollouts_promotion_is_not_overwritten(scene: Scene) -> None:
    put_kept(scene, OLD, "for emergencies")

    def later(_: object) -> None:
        next_build(scene)
        scene.call("lambda", "PublishVersion", FunctionName="checkout")
        write(scene, "live", THIRD)
        write(scene, KEPT, NEW, Description=mark(scene, NEW, THIRD))

    scene.world.faults.add(AboutKept(Meanwhile(later)), operation="UpdateAlias", count=None)
    promoted(scene)
    assert told(scene) == (NEW, THIRD)
    assert "was not pointed at version 1" in scene.warnings[0]


# The read before the records are removed ------------------------------------------------------------


@pytest.mark.parametrize("fault", [ServerError(), Hang()], ids=str)
def test_clearing_does_not_wait_for_it(scene: Scene, fault: Fault) -> None:
    put_kept(scene, OLD, "for emergencies")
    promised = 10.0 + 10.0 + 15.0
    began = scene.clock.monotonic()
    rule = scene.world.faults.add(AllOfThem(fault), operation="GetAlias", count=None)

    def back_again(_: object) -> None:
        scene.world.faults.rules.remove(rule)

    scene.world.faults.add(Meanwhile(back_again), operation="UpdateAlias", nth=3)
    promoted(scene)
    cleared = next(event for event in scene.events if isinstance(event, e.RecordCleared))
    assert (cleared.at - scene.events[0].at).total_seconds() < promised + began
    assert told(scene) == (OLD, NEW)
    assert scene.warnings == []


def test_a_cancelled_job_removes_the_record_first(scene: Scene) -> None:
    put_kept(scene, OLD, "for emergencies")
    ports = scene.ports(asked())

    def cancel_when_clearing(saved_state: SavedState) -> None:
        scene.saved_states.append(saved_state)
        if saved_state.phase == "clearing":
            scene.stop.request("SIGINT")

    finished = Rollout(asked(), replace(ports, remember=cancel_when_clearing)).run()
    assert finished.result is Result.PROMOTED
    calls = [(r.operation, r.params["Name"]) for r in scene.requests() if "Name" in r.params]
    # The record first; and only then the read, a look at what was promoted, and the write.
    at_the_end = [("UpdateAlias", "live"), ("GetAlias", KEPT), ("GetAlias", "live")]
    assert calls[-4:] == [*at_the_end, ("UpdateAlias", KEPT)]
    assert told(scene) == (OLD, NEW)


def test_what_was_not_read_before_is_left_if_a_later_one_was_promoted(scene: Scene) -> None:
    put_kept(scene, OLD, "for emergencies")
    rule = scene.world.faults.add(AllOfThem(ServerError()), operation="GetAlias", count=None)

    def later(_: object) -> None:
        write(scene, "live", OLD)
        write(scene, KEPT, NEW, Description=mark(scene, NEW, OLD))

    def cleared(_: object) -> None:
        scene.world.faults.rules.remove(rule)
        scene.world.faults.add(AboutKept(Meanwhile(later)), operation="GetAlias", count=None)

    scene.world.faults.add(Meanwhile(cleared), operation="UpdateAlias", nth=3)
    promoted(scene)
    scene.world.faults.clear()
    assert told(scene) == (NEW, OLD)
    assert "was not pointed at version 1" in scene.warnings[0]


def test_the_command_creates_what_is_missing(scene: Scene) -> None:
    denied = AllOfThem(Answer("AccessDeniedException", "not allowed", 403))
    scene.world.faults.add(denied, operation="CreateAlias", count=None)
    promoted(scene)
    [text] = scene.warnings
    assert "To do it by hand: aws lambda create-alias" in text
    assert f"--name {KEPT} --function-version 1 --description" in text


# Stages that die -------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 2])
def test_the_post_stage_sets_those_of_a_group_that_main_had_not(nth: int) -> None:
    group = Group.of(2)
    for function in ("f1", "f2"):
        put_kept(group, OLD, "for emergencies", function)
    dies = AboutKept(Die(die, after_effect=True), nth=nth)
    rule = group.world.faults.add(dies, operation="UpdateAlias", count=None)
    with pytest.raises(Killed):
        group.roll_out(group_spec(2, "100% 0s", previous_alias=KEPT))
    group.world.faults.rules.remove(rule)
    assert group.post_stage().result is Result.PROMOTED
    assert [told(group, function) for function in ("f1", "f2")] == [(OLD, NEW)] * 2
    assert group.warnings == []


def test_what_another_stage_of_the_same_rollout_has_set_is_set(scene: Scene) -> None:
    put_kept(scene, OLD, "for emergencies")

    def post_stage(_: object) -> None:
        write(scene, "live", NEW)
        write(scene, KEPT, OLD, Description=mark(scene, OLD, NEW))

    about = AboutKept(Meanwhile(post_stage))
    scene.world.faults.add(about, operation="UpdateAlias", count=None)
    promoted(scene)
    assert told(scene) == (OLD, NEW)
    assert scene.warnings == []
    assert scene.told(e.PreviousAliasSet)


def marked_and_dead(count: int, unchanged: tuple[str, ...] = (), cleared: int = 0) -> Group:
    """A group that had passed when its run died, with the record of the first ``cleared`` removed already."""
    group = Group.of(count, unchanged)
    moving = count - len(unchanged)
    dies = Die(die, after_effect=True)
    nth = moving + 1 + cleared
    rule = group.world.faults.add(dies, operation="UpdateAlias", nth=nth)
    with pytest.raises(Killed):
        group.roll_out(group_spec(count, "100% 0s", previous_alias=KEPT))
    group.world.faults.rules.remove(rule)
    group.clock.advance((lease.LEASE + timedelta(seconds=1)).total_seconds())
    return group


def finish_forward(group: Group, count: int) -> Finished:
    group.events.clear()
    spec = group_spec(count, "100% 0s", previous_alias=KEPT, rollout_id="00000009")
    return group.roll_out(spec)


def test_a_next_run_that_finishes_a_group_forward_sets_them() -> None:
    group = marked_and_dead(2)
    assert finish_forward(group, 2).result is Result.UNCHANGED
    assert group.whole_on(NEW)
    assert [told(group, function) for function in ("f1", "f2")] == [(OLD, NEW)] * 2
    assert len(group.told(e.PreviousAliasSet)) == 2
    back = group_spec(2, "100% 0s", previous_alias=KEPT, mode=Mode.ROLLBACK)
    assert rollback(back, group.ports(back.identity)).result is Result.ROLLED_BACK
    assert group.whole_on(OLD)


def test_it_keeps_the_version_of_one_that_stayed() -> None:
    group = marked_and_dead(3, unchanged=("f2",))
    put_kept(group, OLD, mark(group, "1", "1").replace("2026", "2025"), "f2")
    assert finish_forward(group, 3).result is Result.UNCHANGED
    assert told(group, "f2") == (OLD, OLD)
    at = {promotion_of(kept(group, function)) for function in ("f1", "f3")}
    assert at == {replace(promotion_of(kept(group, "f2")), new=NEW)}  # type: ignore[type-var]


def test_it_leaves_what_nobody_knows_with_a_warning() -> None:
    group = marked_and_dead(2, cleared=1)
    put_kept(group, OLD, "for emergencies", "f1")
    before = kept(group, "f1")
    assert finish_forward(group, 2).result is Result.UNCHANGED
    assert kept(group, "f1") == before
    assert told(group, "f2") == (OLD, NEW)
    [text] = [text for text in group.warnings if KEPT in text]
    assert text.startswith("f1:live-previous was left as it is")


# A group ----------------------------------------------------------------------------------------------


def test_an_alias_that_the_rollout_created_has_no_way_back() -> None:
    group = Group.of(2)
    group.call("lambda", "DeleteAlias", FunctionName="f2", Name="live")
    spec = group_spec(2, "100% 0s", previous_alias=KEPT, create_alias=True)
    assert group.roll_out(spec).result is Result.PROMOTED
    assert told(group, "f1") == (OLD, NEW)
    assert KEPT not in group.world.lambda_().functions["f2"].aliases


def test_a_group_of_which_one_cannot_be_set_sets_the_others() -> None:
    group = Group.of(2)
    split = {"RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.5}}}
    group.call("lambda", "PublishVersion", FunctionName="f1")
    put_kept(group, OLD, "theirs", "f1")
    group.call("lambda", "UpdateAlias", FunctionName="f1", Name=KEPT, **split)
    spec = group_spec(2, "100% 0s", previous_alias=KEPT)
    assert group.roll_out(spec).result is Result.PROMOTED
    assert told(group, "f2") == (OLD, NEW)
    assert kept(group, "f1").description == "theirs"
    assert kept(group, "f1").routing == Routing.split(OLD, NEW, 50)  # type: ignore[arg-type]


class Broken(LambdaAliases):
    """An error of ours in what only the previous alias needs."""

    def create(self, target: Target, version: str, description: str) -> Alias:
        raise ZeroDivisionError(f"{target} {version} {description}")


def test_an_error_of_ours_in_it_undoes_nothing(scene: Scene) -> None:
    ports = replace(scene.ports(asked()), aliases=Broken(direct(scene.world)))
    assert Rollout(asked(), ports).run().result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)
    assert "internal error: ZeroDivisionError" in scene.warnings[0]
