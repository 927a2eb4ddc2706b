"""The payload of the event that started a workflow run (GITHUB_EVENT_PATH), read without trust in its shape.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


class Payload:
    """An event's payload, read without trust in its shape."""

    def __init__(self, value: object) -> None:
        """Take what JSON gave."""
        self._value = value

    def at(self, *keys: str | int) -> object:
        """Return what is found by following ``keys``, None where they lead nowhere."""
        value = self._value
        for key in keys:
            if isinstance(value, Mapping) and isinstance(key, str):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def text(self, *keys: str | int) -> str:
        """Return a string, empty where there is none."""
        found = self.at(*keys)
        return found if isinstance(found, str) else ""

    def number(self, *keys: str | int) -> int | None:
        """Return a positive number, None where there is none."""
        found = self.at(*keys)
        return found if isinstance(found, int) and found > 0 else None


def event_payload(environ: Mapping[str, str]) -> Payload:
    """Return the payload that the job's variables name; one with nothing in it where there is none, or no JSON."""
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        return Payload(json.loads(Path(path).read_bytes()) if path else None)
    except (OSError, ValueError, RecursionError):
        return Payload(None)
