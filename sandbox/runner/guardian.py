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

import boto3

from sandbox.aws.events import Event

RUNTIME = """
import json, sys, time

assert not [path for path in sys.path if path.endswith("site-packages")]
sys.path[:0] = [sys.argv[1], sys.argv[4]]
from lambda_rollout.guardian import handler
import tenacity

assert tenacity.__file__.startswith(sys.argv[1])
assert not [name for name in sys.modules if name.startswith(("lambda_rollout.github", "github"))]

class Context:
    invoked_function_arn = sys.argv[2]
    ends = time.monotonic() + 330

    def get_remaining_time_in_millis(self):
        return int((self.ends - time.monotonic()) * 1000)

print("RESULT", json.dumps(handler(json.loads(sys.argv[3]), Context())))
"""


BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3", "six.py")


def runtime_in(folder: Path, packages: Path | None = None) -> Path:
    """Make a folder with what Lambda's runtime brings, and nothing else: boto3 with all that it needs.

    ``packages`` is where it is installed; this Python's own by default.
    """
    folder.mkdir()
    for name in BOTO3:
        (folder / name).symlink_to((packages or Path(boto3.__file__).parents[1]) / name)
    return folder


@dataclass
class Guardian:
    """The installed function. logs: of each invocation that is over, with whether it succeeded."""

    package: Path
    arn: str
    environ: Mapping[str, str]
    runtime: Path
    """What Lambda's runtime brings: `runtime_in`."""
    logs: list[tuple[bool, str]] = field(default_factory=list)
    running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        """Invoke it once. Raises if the invocation fails."""
        with self._lock:
            self.running += 1
        arguments = [str(self.package), self.arn, json.dumps(event), str(self.runtime)]
        command = [sys.executable, "-I", "-S", "-c", RUNTIME, *arguments]
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
