"""The guardian as it runs in Lambda: the built zip file in a process of its own, invoked by the sandbox's events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.aws.events import Event
from sandbox.aws.world import ACCOUNT, REGION
from tests.support.scene import Scene
from tests.support.stack import Iam, Stack
from tests.support.workflows import ROOT

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:lambda-rollout-guardian"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
CALLER = "AKIAGUARDIAN"

RUNTIME = """
import json, os, sys, time

sys.path.insert(0, sys.argv[1])
from lambda_rollout.guardian import handler

class Context:
    invoked_function_arn = sys.argv[2]
    ends = time.monotonic() + 330

    def get_remaining_time_in_millis(self):
        return int((self.ends - time.monotonic()) * 1000)

print("RESULT", json.dumps(handler(json.loads(sys.argv[3]), Context())))
"""


@dataclass
class Guardian:
    """The installed function. logs: of each invocation that is over, with whether it succeeded."""

    package: Path
    environ: Mapping[str, str]
    logs: list[tuple[bool, str]] = field(default_factory=list)
    running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        """Invoke it once. Raises if the invocation fails."""
        with self._lock:
            self.running += 1
        command = [sys.executable, "-c", RUNTIME, str(self.package), ARN, json.dumps(event)]
        # A process has nothing but what Lambda gives it.
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], **self.environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        with self._lock:
            self.logs.append((done.returncode == 0, done.stdout + done.stderr))
            self.running -= 1
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])


def template(functions: Sequence[str] = ("checkout",), **given: str) -> Stack:
    """The stack of examples/guardian with the parameters that it wants."""
    arns = (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" for name in functions)
    usual = {
        "FunctionArns": ",".join(arns),
        "AlarmNames": ",".join(f"{name}-errors" for name in functions),
        "CodeBucket": "builds",
        "CodeKey": "guardian.zip",
        "TopicArn": TOPIC,
    }
    return Stack.of(ROOT / "examples" / "guardian" / "template.yml", **{**usual, **given})


@cache
def role_of(functions: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The statements of its role."""
    iam = Iam({})

    def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
        answers = {"CreateQueue": {"QueueUrl": "any"}, "PutRule": {"RuleArn": "any"}}
        answers["CreateFunction"] = {"FunctionArn": ARN}
        return iam(operation, **given) if service == "iam" else answers.get(operation, {})

    template(functions).deploy(call)
    return iam.statements


@contextmanager
def as_its_role(
    scene: Scene, functions: tuple[str, ...] = ("checkout",), without: str = ""
) -> Iterator[None]:
    """Let the caller have the rights of its role, ``without`` one action."""
    before = dict(scene.world.rights)
    actions = [
        {**each, "Action": [one for one in listed(each["Action"]) if one != without]}
        for each in role_of(functions)
    ]
    scene.world.rights["*"] = {"Statement": actions}
    try:
        yield
    finally:
        scene.world.rights.clear()
        scene.world.rights.update(before)


def listed(given: str | list[str]) -> list[str]:
    """IAM takes one text for a list of one."""
    return [given] if isinstance(given, str) else given
