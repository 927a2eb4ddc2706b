"""What the end-to-end tests share: a live scene each, and an eye on what its action was seen to call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import Live, live

ROOT = Path(__file__).resolve().parents[2]


def allowed_actions() -> frozenset[str]:
    """The actions in the README's IAM policy."""
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```json\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    # The trust policy is the other one; it says who may assume the role.
    policies = [json.loads(block) for block in blocks if '"Resource"' in block]
    actions: set[str] = set()
    for statement in (statement for policy in policies for statement in policy["Statement"]):
        given = statement["Action"]
        actions |= {given} if isinstance(given, str) else set(given)
    return frozenset(actions)


def called(scene: Live) -> frozenset[str]:
    """The actions that the world saw asked for, as IAM names them."""
    asked = {f"{request.service}:{request.operation}" for request in scene.requests()}
    return frozenset(_NAMED_OTHERWISE.get(action, action) for action in asked)


_NAMED_OTHERWISE = {"lambda:Invoke": "lambda:InvokeFunction"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    """One account and one runner. Nothing may be called that the README does not ask permission for."""
    with live(tmp_path) as opened:
        yield opened
        unknown = {action for action in called(opened) if not action.startswith("sts:")}
        assert unknown <= allowed_actions()
