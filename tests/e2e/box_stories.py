"""The stories whose writes a middle box meddles with: the rows of the matrix, and what must come of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_rollout import lease
from sandbox.aws.lambda_.things import Alias
from sandbox.runner import Finished, Runner, Step
from tests.e2e.middle_box import SIGNATURE, MiddleBox, middle_box
from tests.live import MAIN, NEW, NEXT, OLD, OWNERS_TEXT, PATIENCE, POST, Live, live
from tests.scene import package
from tests.units import LiveUnit, live_unit, names, text_of

HALF = {NEW: 0.5}
CHECKOUT = ("checkout",)
GROUP = tuple(names(2))

NOT_SAID = re.compile(
    r"some(body|one) else|\bdeleted\b|there is no alias|no such|Allow \w+:\w+|expired|not allowed"
    r"|provisioned concurrency|execution role|no AWS credentials|internal error|Traceback|STILL SENDS|MAY STILL",
    re.IGNORECASE,
)
"""What must be said only when AWS said it, and AWS never did in these stories."""


@dataclass(frozen=True, eq=False)
class Story:
    """A run of one stage from beginning to end, and what comes of it where AWS alone answers."""

    tell: Callable[[Live], Finished]
    result: str
    status: int
    whole_on: str
    """The version that every alias is whole on in the end; empty: held at 50%."""
    weights: tuple[Mapping[str, float], ...]
    """The weights that each alias goes through, repetitions left out."""
    caller: str = MAIN
    functions: tuple[str, ...] = CHECKOUT
    alias: str = "live"

    @property
    def name(self) -> str:
        """For a test's id."""
        return f"{self.tell.__name__} of {len(self.functions)}"


@contextmanager
def stage(story: Story, folder: Path) -> Iterator[tuple[Live, MiddleBox]]:
    """A scene for this story with a box between the action and AWS."""
    group = len(story.functions) > 1
    make = live_unit(folder, len(story.functions)) if group else live(folder)
    with make as scene, middle_box(scene.url) as box:
        scene.url = box.url
        try:
            yield scene, box
        finally:
            for step in scene.started:
                step.kill()


# The stories ------------------------------------------------------------------------------------


def aliases(scene: Live, alias: str = "live") -> dict[str, Alias]:
    """Every function's alias of this name as it is."""
    with scene.world.lock:
        functions = scene.world.lambda_().functions
        return {name: f.aliases[alias] for name, f in functions.items() if alias in f.aliases}


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
    if isinstance(scene, LiveUnit):
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
ALARM = Story(an_alarm, **BACK)
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
GROUP_ALARM = Story(an_alarm, functions=GROUP, **BACK)
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
    "configuration, old version": Call(ROLLOUT, 1, operation="GetFunctionConfiguration"),
    "configuration, $LATEST": Call(ROLLOUT, 2, operation="GetFunctionConfiguration"),
    "configuration, before publishing": Call(ROLLOUT, 3, operation="GetFunctionConfiguration"),
    "configuration, new version": Call(ROLLOUT, 4, operation="GetFunctionConfiguration"),
    "provisioned concurrency": Call(ROLLOUT, operation="GetProvisionedConcurrencyConfig"),
    "metrics": Call(ROLLOUT, operation="GetMetricData"),
    "triggers": Call(ROLLOUT, operation="ListEventSourceMappings"),
    "policy": Call(ROLLOUT, operation="GetPolicy"),
    "reserved concurrency": Call(ROLLOUT, operation="GetFunctionConcurrency"),
}


# What must be so ----------------------------------------------------------------------------------


@dataclass
class Ended:
    """A story that was told to its end."""

    story: Story
    scene: Live
    box: MiddleBox
    finished: Finished
    late: list[int] = field(default_factory=list)
    """What AWS answered to the requests that the box delivered when all was over."""


def tell(story: Story, scene: Live, box: MiddleBox) -> Ended:
    """Tell it, and let land what the box has kept."""
    finished = story.tell(scene)
    before = {name: vars(a).copy() for name, a in aliases(scene, story.alias).items()}
    ended = Ended(story, scene, box, finished)
    ended.late = [answer.status for answer in box.land()]
    after = {name: vars(a).copy() for name, a in aliases(scene, story.alias).items()}
    assert before == after, f"a late delivery had an effect:\n{finished.log}"
    return ended


def ends_as_without_a_box(ended: Ended) -> None:
    """AWS's side: each alias went where it would have gone, ends whole, and says what its owner wrote."""
    story, log = ended.story, ended.finished.log
    for name, alias in aliases(ended.scene, story.alias).items():
        if story.whole_on:
            mine = OWNERS_TEXT if name == "checkout" else text_of(name)
            text = "" if story.alias != "live" else mine
            assert (alias.version, alias.weights) == (story.whole_on, {}), log
            assert alias.description == text, log
        else:
            _, record = lease.parse(alias.description)
            assert (alias.version, alias.weights) == (OLD, HALF), log
            assert record is not None
            assert record.held
        assert weights(ended.scene, name) == list(story.weights), log
    versions = ended.scene.world.lambda_().functions[story.functions[0]].published
    assert set(versions) == {OLD, NEW}, log


def weights(scene: Live, function: str) -> list[Mapping[str, float]]:
    """The weights that AWS took on, in order, without repetitions."""
    all_of_it = [
        dict(request.params["RoutingConfig"]["AdditionalVersionWeights"])
        for request in scene.requests("UpdateAlias")
        if request.effect_at is not None and request.params["FunctionName"] == function
    ]
    return [w for i, w in enumerate(all_of_it) if i == 0 or all_of_it[i - 1] != w]


def is_told_as_it_is(ended: Ended) -> None:
    """Our side: the outputs, the report and the exit status agree with AWS's state and with the story."""
    story, finished = ended.story, ended.finished
    assert finished.outputs["result"] == story.result, finished.log
    assert finished.status == story.status, finished.log
    assert json.loads(finished.outputs["failed-alarms"]) == (
        [f"{'f2' if len(story.functions) > 1 else 'checkout'}-errors"]
        if story.tell is an_alarm
        else []
    )
    weights_are_true(ended.scene, finished, story.alias)


def weights_are_true(scene: Live, finished: Finished, alias: str = "live") -> None:
    """What is told of each alias is what it is."""
    report = json.loads(Path(finished.outputs["report"]).read_text("utf-8"))
    assert report["result"] == finished.outputs["result"]
    told = {each["function"]: each for each in report["functions"]}
    actual = aliases(scene, alias)
    assert set(told) == set(actual)
    for name, is_now in actual.items():
        version = _of(finished.outputs["version"], name)
        assert float(_of(finished.outputs["weight"], name)) == 100 * share(is_now, version)
        assert told[name]["version"] == version
        assert float(told[name]["weight"]) == 100 * share(is_now, version)
        assert told[name]["traffic"] == {"version": is_now.version, "weights": is_now.weights}


def _of(output: str, function: str) -> str:
    """This function's part of an output."""
    return str(json.loads(output)[function]) if output.startswith("{") else output


def share(alias: Alias, version: str) -> float:
    """The share of an alias's traffic that a version gets, 0 to 1."""
    if alias.version == version:
        return 1 - sum(alias.weights.values())
    return alias.weights.get(version, 0.0)


def nothing_is_put_into_awss_mouth(finished: Finished) -> None:
    """No line says what AWS did not say, or shows what the box wrote without saying that it is not AWS's."""
    said = "\n".join((finished.shown, finished.summary, finished.outputs.get("reason", "")))
    for line in said.splitlines():
        assert NOT_SAID.search(line) is None, said
        assert SIGNATURE not in line or "not AWS's" in line, said


def the_post_stage_has_nothing_to_do(ended: Ended) -> None:
    """What is settled is settled: no call is made, for the keys may be gone by then."""
    if ended.story.caller == POST:
        return
    so_far = len(ended.scene.requests(caller=POST))
    after = ended.scene.post(ended.finished.state)
    assert after.status == 0, after.log
    assert len(ended.scene.requests(caller=POST)) == so_far, after.log
