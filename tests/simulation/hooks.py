"""The user's hooks in a seed: which there are, and what they answer when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.hooks import Hook
from sandbox.aws.lambda_.code import zip_of

WITH_HOOKS = 0.12
"""In how many seeds there are hooks."""

Word = Literal["yes", "no", "again"]

INVALID: tuple[Any, ...] = (
    None,
    {},
    "SUCCEEDED",
    {"hookStatus": "OK"},
    {"hookStatus": "IN_PROGRESS", "callBackDelay": 0},
    {"hookStatus": "IN_PROGRESS", "callBackDelay": "soon"},
)
RAISES = "raise"


@dataclass(frozen=True)
class Said:
    """One answer, and how many seconds it takes."""

    answer: Any
    seconds: float


@dataclass(frozen=True)
class DrawnHook:
    """A hook, and what it answers one after the other; the last for ever."""

    hook: Hook
    script: tuple[Said, ...]

    def code(self) -> bytes:
        """Its deployment package."""
        script = json.dumps([[said.answer, said.seconds] for said in self.script])
        return zip_of(f"""
import json
import time

script = json.loads({script!r})

def handler(event, context):
    answer, seconds = script.pop(0) if len(script) > 1 else script[0]
    time.sleep(seconds)
    if answer == {RAISES!r}:
        raise ValueError("drawn")
    return answer
""")


def draw_hooks(seed: int, chance: float = WITH_HOOKS) -> tuple[DrawnHook, ...]:
    """Draw the hooks of a seed; none in most."""
    r = Random(f"hooks {seed}")
    if r.random() > chance:
        return ()
    stages = [r.choice(list(HookStage)) for _ in range(r.choice([1, 2, 2, 3, 4]))]
    return tuple(
        DrawnHook(Hook(stage, f"hook-{number}"), _script(r)) for number, stage in enumerate(stages)
    )


def _script(r: Random) -> tuple[Said, ...]:
    before = tuple(Said(_again(r), r.choice([0.0, 1.0])) for _ in range(r.choice([0, 0, 0, 1, 3])))
    return (*before, _last(r))


def _again(r: Random) -> dict[str, Any]:
    answer: dict[str, Any] = {"hookStatus": "IN_PROGRESS", "hookDetails": {"n": r.randint(0, 9)}}
    delay = r.choice([None, 1, 10, 120, 900])
    return answer if delay is None else {**answer, "callBackDelay": delay}


def _last(r: Random) -> Said:
    yes, no = {"hookStatus": "SUCCEEDED"}, {"hookStatus": "FAILED", "hookDetails": {"why": "drawn"}}
    kind = r.choices(
        ["yes", "slow", "late", "never", "no", "again", "invalid", "raise"],
        [50, 12, 8, 6, 10, 4, 6, 4],
    )[0]
    match kind:
        case "yes":
            return Said(yes, r.choice([0.0, 0.5, 3.0]))
        case "slow":
            return Said(yes, r.uniform(5, 60))
        case "late":
            return Said(yes, r.uniform(60, 890))
        case "never":
            return Said(yes, 10_000.0)
        case "no":
            return Said(no, r.choice([0.0, 20.0]))
        case "again":
            return Said(_again(r), 0.0)
        case "invalid":
            return Said(r.choice(INVALID), 0.0)
        case _:
            return Said(RAISES, 0.0)


def word_of(answer: Mapping[str, Any]) -> Word:
    """What an Invoke's answer means, found out without the code under test."""
    if answer.get("FunctionError"):
        return "no"
    try:
        said = json.loads(answer["Payload"])
    except ValueError:
        return "no"
    status = said.get("hookStatus") if isinstance(said, dict) else None
    if status == "SUCCEEDED":
        return "yes"
    delay = said.get("callBackDelay", 30) if isinstance(said, dict) else None
    known = isinstance(delay, int) and 1 <= delay <= 900
    return "again" if status == "IN_PROGRESS" and known else "no"
