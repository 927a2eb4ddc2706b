"""The smoke test in a seed: whether there is one, and what the new version makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from sandbox.aws.lambda_.code import zip_of

WITH_SMOKE_TEST = 0.1
"""In how many seeds there is one."""

PAYLOAD = b'{"order": 17}'

Tried = Literal["yes", "no", "not run", "lost"]
"""What became of an invocation: the version passed or did not, nothing ran, or nobody knows."""


@dataclass(frozen=True)
class DrawnSmokeTest:
    """What every new version does when it is invoked."""

    seconds: float
    """Before it answers; Lambda ends it after three."""
    raises: bool

    @property
    def passes(self) -> bool:
        return not self.raises and self.seconds <= 3.0

    def code(self, build: int) -> bytes:
        """A build's deployment package."""
        ends = "raise ValueError('drawn')" if self.raises else f"return {build}"
        return zip_of(
            f"import time\ndef handler(event, context):\n    time.sleep({self.seconds})\n    {ends}\n"
        )


def draw_smoke_test(seed: int, chance: float = WITH_SMOKE_TEST) -> DrawnSmokeTest | None:
    """Draw the smoke test of a seed; None in most."""
    r = Random(f"smoke {seed}")
    if r.random() > chance:
        return None
    return DrawnSmokeTest(r.choice([0.0, 0.0, 0.5, 2.5, 60.0]), raises=r.random() < 0.2)
