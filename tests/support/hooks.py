"""Functions that are hooks: what they answer is written down, and what they were told is read from the world's log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from lambda_rollout.inputs.hooks import Hook, parse_hooks
from sandbox.aws import World
from sandbox.aws.lambda_.things import Fate
from tests.support.code import package
from tests.support.scene import ROLE, Scene


class Account(Protocol):
    """Where functions can be created: a scene, in process or live."""

    @property
    def world(self) -> World: ...

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]: ...


YES = {"hookStatus": "SUCCEEDED"}
NO = {"hookStatus": "FAILED", "hookDetails": {"orders": 0}}


def again(delay: float | None = None, **details: object) -> dict[str, Any]:
    """IN_PROGRESS, to be asked again in so many seconds."""
    answer: dict[str, Any] = {"hookStatus": "IN_PROGRESS", "hookDetails": details}
    return answer if delay is None else {**answer, "callBackDelay": delay}


def code_of_hook(answers: Sequence[object], slow: float = 0.0) -> str:
    """A function that gives these answers one after the other, the last one for ever."""
    return f"""
import json
import time

answers = json.loads({json.dumps(json.dumps(list(answers)))})

def handler(event, context):
    time.sleep({slow})
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if answer == "raise":
        raise ValueError("no orders")
    return answer
"""


def put_hook(scene: Account, name: str, *answers: object, slow: float = 0.0) -> None:
    """Create the function; ``slow`` is how many seconds each of its answers takes."""
    _put(scene, name, code_of_hook(answers or (YES,), slow))


def hooks(*lines: str) -> tuple[Hook, ...]:
    """The input, one line each."""
    return parse_hooks("\n".join(lines))


def told(scene: Scene, name: str) -> list[dict[str, Any]]:
    """What a hook was told, call by call, whether it ran or not."""
    return [
        json.loads(request.params["Payload"])
        for request in scene.requests("Invoke")
        if request.function == name and "Payload" in request.params
    ]


def put_codedeploys_hook(scene: Account, name: str, says: str | None) -> None:
    """Create a function that tells CodeDeploy how it went, as CodeDeploy's hooks do; None: it says nothing."""
    code = f"""
import boto3

def handler(event, context):
    says = {says!r}
    if says:
        boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=says,
        )
"""
    _put(scene, name, code)


def _put(scene: Account, name: str, code: str) -> None:
    how = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler", "Timeout": 900}
    zipped = {"ZipFile": package(code)}
    scene.call("lambda", "CreateFunction", FunctionName=name, Code=zipped, **how)
    scene.world.lambda_().set_state(name, "$LATEST", Fate())
