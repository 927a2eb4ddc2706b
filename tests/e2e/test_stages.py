"""Which stage it is, the executable says; what the post stage obeys, main saved. The job's variables say neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_rollout.rollout.saved_state import KEY, Phase, SavedAlias, SavedState
from sandbox.runner import Runner

FORGED = SavedState(
    Phase.MOVING,
    "eu-central-1",
    "",
    hold_on_cancel=False,
    aliases=(SavedAlias("checkout", "live", "1", "2", "", ("50",), "3fa94c7d"),),
).to_json()
JOB = {f"STATE_{KEY}": FORGED, "STATE_comment": "{}", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize("stage", ["post", "main", ""])
def test_no_variable_of_the_job_makes_one_stage_into_the_other(tmp_path: Path, stage: str) -> None:
    runner = Runner(tmp_path)
    job = JOB | {"LAMBDA_ROLLOUT_STAGE": stage}

    main = runner.start({}, job).wait()
    post = runner.post({}, main.state, job)

    assert main.outputs["result"] == "failed"
    assert "Input function-name" in str(main.annotations)
    assert (post.status, post.outputs) == (0, {})
    assert post.log.startswith("Post stage: nothing was done.")


def test_main_saves_an_empty_handover_first_of_all(tmp_path: Path) -> None:
    """So a state of the job's own making is laid over, even if main saves nothing else."""
    assert Runner(tmp_path).start({}, JOB).wait().state == {KEY: "", "comment": ""}
