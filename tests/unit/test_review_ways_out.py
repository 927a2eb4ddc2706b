"""Ways out that are seldom taken: an error of ours, a text that was cut, a rollback that is cut short."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.app import STAGE, main
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Finished, Result, Warned
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import KEY, SavedState
from lambda_rollout.rollout.spec import spec_of_saved_state
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import Die
from tests.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

LATER = "00000001"
LONG = "a long story " * 19


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def roll_back(scene: Scene, **asked: Any) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER, **asked)
    return rollback(wanted, scene.ports(wanted))


def held(text: str = OWNERS_TEXT) -> Scene:
    scene = Scene.ready()
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    assert scene.roll_out(rollout_spec("50% 10s, hold")).result is Result.HELD
    scene.events.clear()
    return scene


def test_an_error_of_ours_ends_with_outputs_and_is_told_where_the_runner_obeys_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    # No name of a function: nothing that is saved by us, so nothing that anybody has thought of.
    charge = {
        "function": 7,
        "alias": "live",
        "old": OLD,
        "new": NEW,
        "text": "",
        "attempted_percents": [],
    }
    state = {"phase": "moving", "region": "x", "role_to_assume": "role", "hold_on_cancel": False}
    environ = {
        "LAMBDA_ROLLOUT_STAGE": "post",
        f"STATE_{KEY}": json.dumps({**state, "aliases": [charge]}),
        "GITHUB_OUTPUT": str(output),
        "RUNNER_TEMP": str(tmp_path),
    }

    assert main(environ, Stop()) == 1

    assert "failed" in output.read_text()
    lines = capfd.readouterr().out.splitlines()
    [begin] = [i for i, line in enumerate(lines) if line.startswith("::stop-commands::")]
    token = lines[begin].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert any("Traceback" in line for line in lines[begin:end])


class Chatty(dict[str, str]):
    """Prints when it is asked for the stage, as a library may."""

    def get(self, key: str, default: Any = None) -> Any:
        if key == STAGE:
            print("::error::from a library", file=sys.stderr)
            print("##[error]from another")
        return super().get(key, default)


def test_what_a_library_prints_is_obeyed_by_nobody_and_goes_where_it_can_block_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(Chatty({STAGE: "post"}), Stop()) == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    lines = set(shown.out.splitlines())
    assert {": :error::from a library", "# #[error]from another"} < lines
    assert not any(line.startswith("::") for line in lines)


def cut_texts(scene: Scene) -> list[str]:
    return [e.text for e in scene.events if isinstance(e, Warned) and "may have been cut" in e.text]


def test_a_rollback_says_that_it_restores_a_text_without_its_end() -> None:
    scene = held(LONG)
    assert roll_back(scene).result is Result.ROLLED_BACK
    [text] = cut_texts(scene)
    assert scene.alias.description in text
    assert LONG.startswith(scene.alias.description)


def test_a_promotion_says_that_it_restores_a_text_without_its_end() -> None:
    scene = held(LONG)
    end = scene.roll_out(rollout_spec("100% 10s", mode=Mode.PROMOTE, rollout_id=LATER))
    assert end.result is Result.PROMOTED
    [text] = cut_texts(scene)
    assert scene.alias.description in text


@pytest.mark.parametrize("text", ["🚀" * 128, "x" + "🚀" * 127])
def test_a_text_that_was_cut_beside_an_emoji_is_told_of_as_well(text: str) -> None:
    """One of the two leaves room for half of one."""
    scene = held(text)
    assert roll_back(scene).result is Result.ROLLED_BACK
    assert cut_texts(scene)


def test_a_text_of_emoji_is_restored_whole_by_who_knows_it() -> None:
    """Should AWS count characters, an owner's text may have more UTF-16 units than 256."""
    scene = Scene.ready()
    text = "🚀" * 200
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    assert scene.roll_out().result is Result.PROMOTED
    assert scene.alias.description == text


def test_what_was_not_cut_is_not_talked_about() -> None:
    scene = held()
    assert roll_back(scene).result is Result.ROLLED_BACK
    assert cut_texts(scene) == []


def test_the_post_stage_ends_a_rollback_of_a_whole_alias_that_was_cut_short() -> None:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=1)
    with pytest.raises(Killed):
        roll_back(scene, version=OLD)
    scene.world.faults.clear()

    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    ordered = spec_of_saved_state(saved_state, rollout_spec().run)
    end = settle_what_main_left(saved_state, ordered, scene.ports(ordered))

    assert end.result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
