"""An error of ours: outputs are written all the same."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest

from lambda_rollout.app import JobContext, _memory, post
from lambda_rollout.rollout.saved_state import KEY, Phase, SavedAlias, SavedState
from lambda_rollout.runtime.clock import Stop
from tests.support.job import Job, StandingClock
from tests.support.scene import NEW, OLD


@pytest.mark.parametrize(("count", "fits"), [(1, True), (100, True), (2000, False)])
def test_a_state_that_would_keep_the_post_stage_from_starting_is_not_saved_and_told(
    tmp_path: Path, count: int, *, fits: bool
) -> None:
    job = Job(tmp_path)
    job.runner.save_state({KEY: ""})
    context = JobContext(job.environ, job.runner, job.journal(), StandingClock(), Stop())
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
    lines = capfd.readouterr().out.splitlines()
    [begin] = [i for i, line in enumerate(lines) if line.startswith("::stop-commands::")]
    token = lines[begin].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert any("Traceback" in line for line in lines[begin:end])
