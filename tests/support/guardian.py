"""The guardian as it runs in Lambda: the built zip file in a process of its own, invoked by the sandbox's events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.aws.events import Event

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
