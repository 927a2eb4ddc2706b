"""The stories whose calls a middle box meddles with: the rows of the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.runner import Finished, Runner, Step
from tests.e2e.box_story import HALF, Story, aliases, weights_are_true
from tests.support.code import package
from tests.support.groups import LiveGroup, names
from tests.support.live import MAIN, NEW, NEXT, OLD, PATIENCE, POST, Live

GROUP = tuple(names(2))


def split(scene: Live) -> bool:
    return all(alias.weights for alias in aliases(scene).values())


def shifted(scene: Live, **inputs: str) -> Step:
    """A main that has shifted every alias to 50%, and watches."""
    step = scene.start(MAIN, **{"steps": "50% 10m", **inputs})
    scene.until(lambda: split(scene), step)
    return step


def killed_at_half(scene: Live) -> Finished:
    step = shifted(scene)
    step.kill()
    return step.wait()


def rollout(scene: Live) -> Finished:
    return scene.run(MAIN)


def hold(scene: Live) -> Finished:
    return scene.run(MAIN, steps="50% 0s, hold")


def an_alarm(scene: Live) -> Finished:
    step = shifted(scene)
    if isinstance(scene, LiveGroup):
        scene.alarm("f2-errors", "ALARM")
    else:
        scene.set_alarm("ALARM")
    return step.wait(PATIENCE)


def cancelled(scene: Live) -> Finished:
    step = shifted(scene)
    step.cancel()
    return step.wait(PATIENCE)


def cancelled_to_hold(scene: Live) -> Finished:
    step = shifted(scene, on_cancel="hold")
    step.cancel()
    return step.wait(PATIENCE)


def promotion(scene: Live) -> Finished:
    hold(scene)
    return scene.run(NEXT, mode="promote", steps="50% 0s, 100% 0s", interval="0s")


def emergency(scene: Live) -> Finished:
    hold(scene)
    return scene.run(NEXT, mode="rollback")


def emergency_while_it_lives(scene: Live) -> Finished:
    main = shifted(scene)
    finished = scene.run(NEXT, mode="rollback")
    # It looks at the alias once a minute by itself; an alarm makes it look now. What it wants to write then is what
    # it finds, to the letter, so whether it was itself that wrote it nobody can say.
    scene.set_alarm("ALARM")
    ended = main.wait(PATIENCE)
    assert ended.outputs["result"] in {"failed", "rolled-back"}, ended.log
    assert ended.status == 1
    weights_are_true(scene, ended)
    return finished


def post(scene: Live) -> Finished:
    return scene.post(killed_at_half(scene).state)


def post_that_holds(scene: Live) -> Finished:
    step = shifted(scene, on_cancel="hold")
    step.kill()
    return scene.post(step.wait().state)


def next_run(scene: Live) -> Finished:
    killed_at_half(scene)
    scene.let_leases_pass()
    scene.runner = Runner(scene.runner.folder / "next", run_id="1234567891")
    return scene.run(NEXT)


def creation(scene: Live) -> Finished:
    return scene.run(MAIN, alias="canary", create_alias="true")


def upload(scene: Live) -> Finished:
    workspace = scene.runner.folder / "workspace"
    workspace.mkdir(exist_ok=True)
    (workspace / "new.zip").write_bytes(package("def handler(event, context): return 'uploaded'"))
    return scene.run(MAIN, package="new.zip")


FORWARD: tuple[Mapping[str, float], ...] = (HALF, {})
PROMOTED: dict[str, Any] = {"result": "promoted", "status": 0, "whole_on": NEW, "weights": FORWARD}
BACK: dict[str, Any] = {"result": "rolled-back", "status": 1, "whole_on": OLD, "weights": FORWARD}
HELD: dict[str, Any] = {"result": "held", "status": 0, "whole_on": "", "weights": (HALF,)}
ASKED_BACK = BACK | {"status": 0}

ROLLOUT = Story(rollout, **PROMOTED)
ALARM = Story(an_alarm, failed_alarms=("checkout-errors",), **BACK)
CANCELLED = Story(cancelled, **BACK)
HOLD = Story(hold, **HELD)
CANCELLED_TO_HOLD = Story(cancelled_to_hold, **HELD)
PROMOTION = Story(promotion, caller=NEXT, **PROMOTED)
EMERGENCY = Story(emergency, caller=NEXT, **ASKED_BACK)
EMERGENCY_LIVE = Story(emergency_while_it_lives, caller=NEXT, **ASKED_BACK)
POST_STAGE = Story(post, caller=POST, **ASKED_BACK)
POST_HOLDS = Story(post_that_holds, caller=POST, **HELD)
MENDING = Story(next_run, caller=NEXT, **PROMOTED | {"weights": (HALF, {}, HALF, {})})
CREATION = Story(creation, alias="canary", **PROMOTED | {"weights": ()})
UPLOAD = Story(upload, **PROMOTED)
GROUP_ROLLOUT = Story(rollout, functions=GROUP, **PROMOTED)
GROUP_ALARM = Story(an_alarm, functions=GROUP, failed_alarms=("f2-errors",), **BACK)
GROUP_PROMOTION = Story(promotion, functions=GROUP, caller=NEXT, **PROMOTED)
GROUP_EMERGENCY = Story(emergency, functions=GROUP, caller=NEXT, **ASKED_BACK)
GROUP_POST = Story(post, functions=GROUP, caller=POST, **ASKED_BACK)


@dataclass(frozen=True)
class Call:
    """One call of a story: which one of its caller's, of this operation and about this function."""

    story: Story
    nth: int = 1
    function: str = ""
    operation: str = "UpdateAlias"


WRITES: Mapping[str, Call] = {
    "first shift": Call(ROLLOUT, 1),
    "100%": Call(ROLLOUT, 2),
    "clearing": Call(ROLLOUT, 3),
    "hold": Call(HOLD, 2),
    "rollback by alarm": Call(ALARM, 2),
    "rollback at SIGINT": Call(CANCELLED, 2),
    "hold at SIGINT": Call(CANCELLED_TO_HOLD, 2),
    "promotion to 100%": Call(PROMOTION, 1),
    "promotion's clearing": Call(PROMOTION, 2),
    "mode rollback of a held one": Call(EMERGENCY),
    "mode rollback of a living one": Call(EMERGENCY_LIVE),
    "post stage": Call(POST_STAGE),
    "post stage that holds": Call(POST_HOLDS),
    "next run's mending": Call(MENDING, 1),
    "group's first shift, f1": Call(GROUP_ROLLOUT, 1, "f1"),
    "group's first shift, f2": Call(GROUP_ROLLOUT, 1, "f2"),
    "group's 100%, f2": Call(GROUP_ROLLOUT, 2, "f2"),
    "group's mark": Call(GROUP_ROLLOUT, 3, "f2"),
    "group's clearing, f1": Call(GROUP_ROLLOUT, 3, "f1"),
    "group's clearing, f2": Call(GROUP_ROLLOUT, 4, "f2"),
    "group's rollback, f1": Call(GROUP_ALARM, 2, "f1"),
    "group's rollback, f2": Call(GROUP_ALARM, 2, "f2"),
    "group's promotion, f1": Call(GROUP_PROMOTION, 1, "f1"),
    "group's mode rollback, f2": Call(GROUP_EMERGENCY, 1, "f2"),
    "group's post stage, f1": Call(GROUP_POST, 1, "f1"),
    "new alias": Call(CREATION, operation="CreateAlias"),
    "publishing": Call(ROLLOUT, operation="PublishVersion"),
    "upload": Call(UPLOAD, operation="UpdateFunctionCode"),
}

READS: Mapping[str, Call] = {
    "the alias, first look": Call(ROLLOUT, 1, operation="GetAlias"),
    "the alias, before 100%": Call(ROLLOUT, 2, operation="GetAlias"),
    "the alias, before clearing": Call(ROLLOUT, 3, operation="GetAlias"),
    "the alias that is to be promoted": Call(PROMOTION, 1, operation="GetAlias"),
    "the alias that is to go back": Call(EMERGENCY, 1, operation="GetAlias"),
    "the alias that a dead run left": Call(MENDING, 1, operation="GetAlias"),
    "the alias in the post stage": Call(POST_STAGE, 1, operation="GetAlias"),
    "the alias in the post stage that holds": Call(POST_HOLDS, 1, operation="GetAlias"),
    "the group's alias, first look": Call(GROUP_ROLLOUT, 1, "f2", "GetAlias"),
    "the group's alias, before 100%": Call(GROUP_ROLLOUT, 2, "f1", "GetAlias"),
    "the group's alias in the post stage": Call(GROUP_POST, 1, "f2", "GetAlias"),
    "alarms, first look": Call(ROLLOUT, 1, operation="DescribeAlarms"),
    "alarms, their definitions": Call(ROLLOUT, 2, operation="DescribeAlarms"),
    "alarms, before the first shift": Call(ROLLOUT, 3, operation="DescribeAlarms"),
    "alarms, in the step": Call(ROLLOUT, 4, operation="DescribeAlarms"),
    "alarms, at 100%": Call(ROLLOUT, 5, operation="DescribeAlarms"),
    "alarms, before a promotion": Call(PROMOTION, 1, operation="DescribeAlarms"),
    "alarms' history": Call(ROLLOUT, operation="DescribeAlarmHistory"),
    "configuration, $LATEST": Call(ROLLOUT, 1, operation="GetFunction"),
    "configuration, old version": Call(ROLLOUT, 2, operation="GetFunction"),
    "configuration, new version": Call(ROLLOUT, 1, operation="GetFunctionConfiguration"),
    "provisioned concurrency": Call(ROLLOUT, operation="GetProvisionedConcurrencyConfig"),
    "metrics": Call(ROLLOUT, operation="GetMetricData"),
    "triggers": Call(ROLLOUT, operation="ListEventSourceMappings"),
    "policy": Call(ROLLOUT, operation="GetPolicy"),
}
