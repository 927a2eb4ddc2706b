"""An error of ours: outputs are written all the same."""

from __future__ import annotations

import json
import random
import string
import sys
from pathlib import Path

import pytest

from lambda_rollout.app import main, post
from lambda_rollout.github.job import JobContext
from lambda_rollout.inputs.read import variable
from lambda_rollout.parts import _memory
from lambda_rollout.rollout.saved_state import KEY, Phase, SavedAlias, SavedState
from lambda_rollout.runtime.clock import Stop
from tests.support.job import Job, StandingClock
from tests.support.scene import NEW, OLD


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A job in which AWS cannot be called at all: the image lacks a module."""
    monkeypatch.setitem(sys.modules, "lambda_rollout.aws.credentials", None)
    return {"GITHUB_OUTPUT": str(tmp_path / "output"), "RUNNER_TEMP": str(tmp_path)}


LACKS = "internal error: ModuleNotFoundError: import of lambda_rollout.aws.credentials halted"


def test_what_breaks_before_the_story_is_told_as_what_it_is(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = {variable("function-name"): "checkout", variable("aws-region"): "eu-central-1"}
    assert main({**environ, **inputs}, Stop()) == 1
    assert LACKS in Path(environ["GITHUB_OUTPUT"]).read_text()
    assert "interrupted" not in Path(environ["GITHUB_OUTPUT"]).read_text()
    assert "Traceback" in capfd.readouterr().out


def test_in_the_post_stage_every_alias_has_its_command_besides(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    saved = tuple(SavedAlias(f"checkout-{n}", "live", OLD, NEW, "text", ("50",)) for n in range(3))
    state = SavedState(Phase.MOVING, "eu-central-1", "", hold_on_cancel=False, aliases=saved)
    assert post({**environ, f"STATE_{KEY}": state.to_json()}, Stop()) == 1
    assert LACKS in Path(environ["GITHUB_OUTPUT"]).read_text()
    log = capfd.readouterr().out
    for number in range(3):
        assert f"ALIAS CHECKOUT-{number}:LIVE" in log.upper()
        command = (
            f"aws lambda update-alias --region eu-central-1 --function-name checkout-{number} "
        )
        assert command in log


@pytest.mark.parametrize(("count", "fits"), [(1, True), (100, True), (2000, False)])
def test_a_state_that_would_keep_the_post_stage_from_starting_is_not_saved_and_told(
    tmp_path: Path, count: int, *, fits: bool
) -> None:
    job = Job(tmp_path)
    job.runner.save_state({KEY: ""})
    context = JobContext(job.environ, job.runner, StandingClock(), Stop())
    drawn = random.Random(7)
    names = ("".join(drawn.choices(string.ascii_letters + "-_", k=64)) for _ in range(count))
    aliases = tuple(SavedAlias(name, "live", OLD, NEW, "") for name in names)
    saved = SavedState(Phase.MOVING, "x", "", hold_on_cancel=False, aliases=aliases)

    _memory(context)(saved)

    assert (job.state[KEY] == saved.to_json()) is fits
    assert ("State could not be saved (it is too long for a variable)" in job.log) is not fits


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
        f"STATE_{KEY}": json.dumps({**state, "aliases": [charge]}),
        "GITHUB_OUTPUT": str(output),
        "RUNNER_TEMP": str(tmp_path),
    }

    assert post(environ, Stop()) == 1

    assert "failed" in output.read_text()
    # What came first, and not that it could not be told as it should have been.
    assert "may not ask GitHub for an OIDC token" in output.read_text()
    lines = capfd.readouterr().out.splitlines()
    [begin] = [i for i, line in enumerate(lines) if line.startswith("::stop-commands::")]
    token = lines[begin].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert any("Traceback" in line for line in lines[begin:end])
