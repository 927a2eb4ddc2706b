"""What the end-to-end tests share: a live scene each, and an eye on what its action was seen to call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lambda_rollout.aws.rights import action_of
from lambda_rollout.inputs.package import Image
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.preflight.policy import FunctionKinds, Place, policy_statements
from sandbox.aws.world import ACCOUNT, REGION
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


def allowed_for(inputs: Mapping[str, str]) -> frozenset[str]:
    """The actions of the policy that ``mode: plan`` prints for these inputs; none for those that have a mistake."""
    try:
        read = read_inputs({variable("aws-region"): REGION, **_variables(inputs)})
    except InputErrors:
        return frozenset()
    packages = {each.function: Image("whatever it is") for each in read.package}
    kinds = FunctionKinds(("arn:aws:lambda:::capacity-provider:any",), durable=True)
    found = policy_statements(read, packages, Place("aws", ACCOUNT, read.region), kinds)
    return frozenset(action for each in found for action in each.actions)


def _variables(inputs: Mapping[str, str]) -> dict[str, str]:
    return {variable(name): text for name, text in inputs.items()}


def called(scene: Live) -> frozenset[str]:
    """The actions that the world saw asked for, as IAM names them."""
    return frozenset(action_of(each.service, each.operation) for each in scene.requests())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    """One account and one runner. Nothing may be called that README, and a plan, do not ask permission for."""
    with live(tmp_path) as opened:
        yield opened
        ours = {action for action in called(opened) if not action.startswith("sts:")}
        assert ours <= allowed_actions()
        assert ours <= frozenset().union(*map(allowed_for, [opened.inputs, *opened.asked]))
