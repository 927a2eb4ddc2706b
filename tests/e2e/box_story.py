"""One story of the action behind a middle box: its stage, and what must be so when it is over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lambda_rollout.alias import record as lease
from lambda_rollout.rollout.saved_state import KEY, Phase, SavedState
from sandbox.aws.lambda_.things import Alias
from sandbox.runner import Finished
from tests.support.groups import live_group, text_of
from tests.support.live import MAIN, NEW, OLD, OWNERS_TEXT, POST, Live, live
from tests.support.middle_box import SIGNATURE, MiddleBox, middle_box

HALF = {NEW: 0.5}
CHECKOUT = ("checkout",)

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
    failed_alarms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For a test's id."""
        return f"{self.tell.__name__} of {len(self.functions)}"


@contextmanager
def stage(story: Story, folder: Path) -> Iterator[tuple[Live, MiddleBox]]:
    """A scene for this story with a box between the action and AWS."""
    group = len(story.functions) > 1
    make = live_group(folder, len(story.functions)) if group else live(folder)
    with make as scene, middle_box(scene.url) as box:
        scene.url = box.url
        try:
            yield scene, box
        finally:
            for step in scene.started:
                step.kill()


def aliases(scene: Live, alias: str = "live") -> dict[str, Alias]:
    """Every function's alias of this name as it is."""
    with scene.world.lock:
        functions = scene.world.lambda_().functions
        return {name: f.aliases[alias] for name, f in functions.items() if alias in f.aliases}


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
        if request.effect_at is not None and request.function == function
    ]
    return [w for i, w in enumerate(all_of_it) if i == 0 or all_of_it[i - 1] != w]


def is_told_as_it_is(ended: Ended) -> None:
    """Our side: the outputs, the report and the exit status agree with AWS's state and with the story."""
    story, finished = ended.story, ended.finished
    assert finished.outputs["result"] == story.result, finished.log
    assert finished.status == story.status, finished.log
    assert json.loads(finished.outputs["failed-alarms"]) == list(story.failed_alarms)
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
        # What was not to be had is said not to be checked, by its name.
        told = line.replace("Not checked: provisioned concurrency", "")
        assert NOT_SAID.search(told) is None, said
        assert SIGNATURE not in line or "not AWS's" in line, said


def the_post_stage_has_nothing_to_do(ended: Ended) -> None:
    """What is settled is settled, and saved so: `tests/e2e/test_post_race.py` has a post stage that finds that."""
    if ended.story.caller == POST:
        return
    saved = SavedState.from_json(ended.finished.state[KEY])
    assert saved.phase is Phase.DONE or not saved.aliases, ended.finished.log


def check(ended: Ended) -> None:
    """All of it."""
    ends_as_without_a_box(ended)
    is_told_as_it_is(ended)
    nothing_is_put_into_awss_mouth(ended.finished)
    the_post_stage_has_nothing_to_do(ended)
