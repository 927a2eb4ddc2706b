"""A second opinion on what the runner does: `act` runs a workflow with the action in it.

act reads action.yml itself, makes the inputs of it, starts the container its own way and obeys what it writes.
It hands no STATE_* and no defaults to a post stage, so those are asked of our own runner only.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.engine import BASE, ROOT, Engine
from tests.support.live import MAIN, NEW, Live

pytestmark = pytest.mark.image

ACT = ROOT / "build" / "tools" / "bin" / "act"

WORKFLOW = """
on: push
jobs:
  rollout:
    runs-on: here
    steps:
      - id: rollout
        uses: ./action
        with:
          function-name: checkout
          steps: |
            50% 0s
            100% 1s
          alarms: |
            checkout-errors
          poll-interval: 1s
          comment: "off"
      - run: echo "AFTER result=$RESULT weight=$WEIGHT"
        env:
          RESULT: ${{ steps.rollout.outputs.result }}
          WEIGHT: ${{ steps.rollout.outputs.weight }}
"""


def test_a_workflow_rolls_out(docker: Engine, image: str, scene: Live, tmp_path: Path) -> None:
    place = tmp_path / "repository"
    (place / "action").mkdir(parents=True)
    action = (ROOT / "action.yml").read_text("utf-8")
    prebuilt = action.replace("image: Dockerfile", f"image: docker://{image}")
    assert prebuilt != action
    (place / "action" / "action.yml").write_text(prebuilt)
    (place / ".github" / "workflows").mkdir(parents=True)
    (place / ".github" / "workflows" / "deploy.yml").write_text(WORKFLOW)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    environ = {
        name: value for name, value in scene.as_caller(MAIN).items() if name not in {"PATH", "HOME"}
    }
    run = subprocess.run(
        [
            *(str(ACT), "push", "--bind", "--pull=false", "--network", "host", "--rm"),
            *("--platform", f"here={BASE}", "--container-daemon-socket", "-"),
            *(word for name, value in environ.items() for word in ("--env", f"{name}={value}")),
        ],
        cwd=place,
        env={**docker.environment(), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    shutil.rmtree(place, ignore_errors=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "AFTER result=promoted weight=100" in run.stdout
    assert scene.whole_on(NEW)
    assert scene.changes() == [{NEW: 0.5}, {}, {}]
