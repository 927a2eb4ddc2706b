"""A stranger's walk through docs/start.md: its commands, its workflow, and what one should see."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.runner import Step
from tests.support import cli
from tests.support.live import MAIN, PATIENCE, Live, live
from tests.support.pages import page
from tests.support.stack import Iam
from tests.support.workflows import load, steps_of

PAGE = "docs/start.md"


class Walk:
    """Somebody who does what the page says, from its top down, and looks for what it says one should see."""

    def __init__(self, scene: Live) -> None:
        self._scene = scene
        self._iam = Iam(scene.world.sts.policies)
        self._blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page(PAGE), re.MULTILINE | re.DOTALL)
        self._workflow: dict[str, str] = {}

    @property
    def left(self) -> list[str]:
        """The kinds of the blocks that are still to come."""
        return [kind for kind, _ in self._blocks]

    def type_commands(self) -> list[dict[str, Any]]:
        """Run every command of the next block; return what they answer."""
        kind, text = self._blocks.pop(0)
        assert kind == "sh"
        lines = [shlex.split(line) for line in text.replace("\\\n", " ").splitlines()]
        assert all(words[0] == "aws" for words in lines)
        answers = [cli.run(words[1:], self._call) for words in lines]
        self._scene.world.run_due()
        return answers

    def commit_workflow(self) -> None:
        """Take the next block as the workflow."""
        kind, text = self._blocks.pop(0)
        assert kind == "yaml"
        workflow = load(text)
        [(job, step)] = steps_of(workflow)
        self._scene.world.sts.job.environment = job["environment"]
        self._workflow = step["with"]
        self.modes = workflow["on"]["workflow_dispatch"]["inputs"]["mode"]["options"]

    def start_workflow(self, mode: str) -> Step:
        """As by hand, with this mode."""
        assert mode in self.modes
        given = {**self._workflow, "mode": mode}
        assert not [text for text in given.values() if "${{" in text]
        step = self._scene.runner.start({**given, "comment": "off"}, self._scene.as_caller(MAIN))
        self._scene.started.append(step)
        return step

    def _call(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        if service != "iam":
            return self._scene.call(service, operation, **given)
        answer = self._iam(operation, **given)
        # Whoever has the role may do this and nothing else.
        self._scene.world.rights["*"] = {"Statement": self._iam.statements}
        return answer


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    """A function in use, and nothing else: no alias, no alarm, no role."""
    with live(tmp_path) as made:
        del made.world.lambda_().functions["checkout"].aliases["live"]
        made.call("cloudwatch", "DeleteAlarms", AlarmNames=["checkout-errors"])
        made.environ = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{made.url}/_sandbox/oidc?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": made.world.sts.request_token,
        }
        made.world.sts.strict = True
        yield made


def test_the_page_can_be_followed(scene: Live) -> None:
    walk = Walk(scene)
    role, function = walk.type_commands()
    assert role == {"RoleToAssume": "arn:aws:iam::123456789012:role/rollout"}
    assert function == {"Alarms": "checkout-errors, checkout-latency-p99"}
    [before] = walk.type_commands()
    assert "RoutingConfig" not in before or not before["RoutingConfig"]

    walk.commit_workflow()
    planned = walk.start_workflow("plan").wait(PATIENCE)
    assert planned.outputs["result"] == "planned", planned.log
    for said in ("📋 Plan for checkout:live", "Nothing was changed", "### Permissions"):
        assert said in planned.summary
    assert "❌" not in planned.summary
    assert "no-traffic" in planned.summary

    walk.type_commands()
    drill = walk.start_workflow("rollout")
    scene.until_shifted(drill)
    assert scene.alias[1] == {"3": 0.01}
    walk.type_commands()
    finished = drill.wait(PATIENCE)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert finished.outputs["failed-alarms"] == '["checkout-errors"]'
    assert "checkout:live now sends 1% to version 3" in finished.log
    assert "🔴 alarm checkout-errors" in finished.log
    assert "checkout:live sends 100% to version 2 again" in finished.log
    assert "Fire drill" in finished.outputs["reason"]
    [after] = walk.type_commands()
    assert {**after, "RevisionId": ""} == {**before, "RevisionId": ""}
    assert not walk.left


def test_what_it_says_of_the_log_is_what_is_said() -> None:
    """Only that the versions there are the first two of a function."""
    said = re.findall(r'"([^"]+)"', " ".join(page(PAGE).split()))
    assert "checkout:live now sends 1% to version 2" in said
    assert "checkout:live sends 100% to version 1 again" in said
