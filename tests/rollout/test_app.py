"""An error of ours: outputs are written all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambda_rollout.app import post
from lambda_rollout.rollout.saved_state import KEY
from lambda_rollout.runtime.clock import Stop
from tests.support.scene import NEW, OLD


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
