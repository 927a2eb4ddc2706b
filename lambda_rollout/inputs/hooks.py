"""The ``hooks`` input: functions of the user's own that are asked whether a rollout may go on.

One a line, ``STAGE: FUNCTION[:QUALIFIER]``. Several lines may name one stage: its hooks are asked one after the other,
in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.names import (
    name_of_function,
    parse_invoked_function,
    region_of_function,
    split_qualifier,
)
from lambda_rollout.inputs.text import Mistake, Mistakes, all_lines, quote

_STAGES = ", ".join(stage.value for stage in HookStage)

CODEDEPLOY_EVENTS: Mapping[HookStage, str] = {
    HookStage.BEFORE_TRAFFIC: "BeforeAllowTraffic",
    HookStage.AFTER_TRAFFIC: "AfterAllowTraffic",
}
"""What the stages are called in an AppSpec, those that it has.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""


@dataclass(frozen=True, slots=True)
class Hook:
    """One function that is invoked at one stage of a rollout."""

    stage: HookStage
    function: str
    """Its name, partial ARN or full ARN, with its qualifier if it was given one."""

    def __str__(self) -> str:
        """Name it as reports do."""
        return f"{self.stage} hook {self.function}"

    @property
    def name(self) -> str:
        """The function's own name, without account, Region and qualifier."""
        return name_of_function(self.function)

    @property
    def target(self) -> tuple[str, str]:
        """The function without its qualifier, and the qualifier, empty for none."""
        return split_qualifier(self.function)

    @property
    def region(self) -> str | None:
        """The Region that a full ARN names, None for the other forms."""
        return region_of_function(self.function)


def parse_hooks(text: str) -> tuple[Hook, ...]:
    """Read hooks, one a line; blank lines are nothing.

    Raises:
        Mistakes: a line without a stage or without a function, a stage that there is not, no function's name.
    """
    hooks: list[Hook] = []
    mistakes: list[Mistake] = []
    for line in filter(None, map(str.strip, all_lines(text))):
        try:
            hooks.append(_parse_hook(line))
        except Mistakes as found:
            mistakes.extend(Mistake(line, mistake.remedy) for mistake in found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(hooks)


def _parse_hook(line: str) -> Hook:
    word, colon, function = (part.strip() for part in line.partition(":"))
    if not colon:
        raise Mistakes(Mistake(line, f"Write STAGE: FUNCTION, with one of {_STAGES} as STAGE."))
    try:
        stage = HookStage(word)
    except ValueError:
        remedy = f"{quote(word)} is no stage of a rollout: write one of {_STAGES}.{_meant(word)}"
        raise Mistakes(Mistake(line, remedy)) from None
    if not function:
        remedy = f"Write the function after the colon, such as {stage}: check-orders."
        raise Mistakes(Mistake(line, remedy))
    if "," in function:
        raise Mistakes(Mistake(line, "Write one hook on each line, without commas."))
    return Hook(stage, parse_invoked_function(function))


def _meant(word: str) -> str:
    """Ask for a stage that was written otherwise: with other letters, or as in an AppSpec."""
    written = {event.lower(): stage for stage, event in CODEDEPLOY_EVENTS.items()}
    written |= {stage.value.replace("-", ""): stage for stage in HookStage}
    stage = written.get("".join(filter(str.isalnum, word.lower())))
    return f" Did you mean {stage}?" if stage else ""
