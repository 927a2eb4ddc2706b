"""action.yml says what the code does, and what the marketplace asks for."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lambda_rollout.inputs.read import DEFAULTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_inputs_and_defaults_are_the_codes(action: dict[str, Any]) -> None:
    declared = {name: entry.get("default", "") for name, entry in action["inputs"].items()}
    assert list(declared.items()) == list(DEFAULTS.items())


def test_only_the_function_is_required(action: dict[str, Any]) -> None:
    required = [name for name, entry in action["inputs"].items() if entry.get("required")]
    assert required == ["function-name"]


def test_outputs_are_these(action: dict[str, Any]) -> None:
    assert set(action["outputs"]) == {
        "result",
        "version",
        "previous-version",
        "weight",
        "reason",
        "failed-alarms",
        "report",
        "pr-number",
    }


def test_everything_is_described(action: dict[str, Any]) -> None:
    entries = {**action["inputs"], **{f"output {k}": v for k, v in action["outputs"].items()}}
    assert [name for name, entry in entries.items() if not entry["description"].strip()] == []


def test_the_marketplace_takes_it(action: dict[str, Any]) -> None:
    assert len(action["description"]) < 125
    assert set(action["branding"]) == {"icon", "color"}
    assert action["name"]
    assert action["author"]


def test_it_is_this_repositorys_container(action: dict[str, Any]) -> None:
    assert action["runs"]["using"] == "docker"
    assert (ROOT / action["runs"]["image"]).is_file()
