"""The owner's text beside the record: restored, and told of where it was cut."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from lambda_rollout.alias.record import parse
from lambda_rollout.app import post
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Finished, Result, Run
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import KEY
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import ExpiredCredentials
from tests.support.scene import OWNERS_TEXT, Scene, rollout_spec

LATER = "00000001"
LONG = "a long story " * 19


def roll_back(scene: Scene, **asked: Any) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER, **asked)
    return rollback(wanted, scene.ports(wanted))


def held(text: str = OWNERS_TEXT) -> Scene:
    scene = Scene.ready()
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    assert scene.roll_out(rollout_spec("50% 10s, hold")).result is Result.HELD
    scene.events.clear()
    return scene


class Chatty(dict[str, str]):
    """Prints when it is asked for what was saved, as a library may."""

    def get(self, key: str, default: Any = None) -> Any:
        if key == f"STATE_{KEY}":
            print("::error::from a library", file=sys.stderr)
            print("##[error]from another")
        return super().get(key, default)


def test_what_a_library_prints_is_obeyed_by_nobody_and_goes_where_it_can_block_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert post(Chatty(), Stop()) == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    lines = set(shown.out.splitlines())
    assert {": :error::from a library", "# #[error]from another"} < lines
    assert not any(line.startswith("::") for line in lines)


def cut_texts(scene: Scene) -> list[str]:
    return [text for text in scene.warnings if "may have been cut" in text]


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


@pytest.mark.parametrize(
    ("run_id", "attempt", "written"),
    [("77", "2", "run 77/2 of"), ("77", "", "run 77/1 of"), ("act-run", "1", "run local")],
)
def test_a_record_can_be_read_again_whatever_the_run_is_called(
    run_id: str, attempt: str, written: str
) -> None:
    scene = Scene.ready()
    run = Run(run_id=run_id, attempt=attempt, repository="octo/shop")
    assert scene.roll_out(rollout_spec("20% 10s, hold", run=run)).result is Result.HELD
    text, record = parse(scene.alias.description)
    assert text == OWNERS_TEXT
    assert record is not None
    assert written in str(record)


def test_no_record_stays_of_the_run_that_a_promotion_went_on_from() -> None:
    """Nothing of ours was written yet, and AWS takes an empty description for "leave it"."""
    scene = held(text="")
    scene.world.lambda_().keeps_descriptions = True
    scene.world.faults.add(ExpiredCredentials(), operation="UpdateAlias")
    spec = rollout_spec("100% 0s", mode=Mode.PROMOTE, rollout_id=LATER)
    assert scene.roll_out(spec).result is Result.ROLLED_BACK
    assert parse(scene.alias.description) == ("-", None)
