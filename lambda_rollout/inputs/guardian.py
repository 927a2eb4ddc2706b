"""What the guardian is told: its settings, variables of its Lambda function, and the event it is invoked with.

The settings are read as the inputs of the action that they are named after, so that both know the same functions and
alarms: ``FUNCTION_NAME`` is ``function-name``, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.durations import parse_duration
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import AlarmName, parse_alarms
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.text import Mistakes
from lambda_rollout.runtime.errors import RolloutError

VARIABLES: Mapping[str, str] = {
    "FUNCTION_NAME": "function-name",
    "ALIAS": "alias",
    "ALARMS": "alarms",
    "PREVIOUS_ALIAS": "previous-alias",
    "AWS_REGION": "aws-region",
}
"""Variable of the guardian's function -> the input of the action that it is read as."""

BAKE, TOPIC = "BAKE", "TOPIC"

BY_SCHEDULE = "aws.events"
"""The ``source`` of what EventBridge sends on a schedule
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html)."""

BY_ALARM = "aws.cloudwatch"
"""The ``source`` of what an alarm invokes a function with
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html)."""


_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
"""https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html, Name; a FIFO topic's alone has a dot, and it takes
no message like ours."""

_LONGEST = 400
"""Characters of an alarm's ARN; its name has up to 255. An event may be anybody's, and as long as 1 MB."""


_HOW_TO_INVOKE = (
    "Make the guardian an action of each alarm (AlarmActions), not by way of a topic or of a rule for an alarm's changes; "
    "and the target of an EventBridge rule with a schedule."
)


@dataclass(frozen=True, slots=True)
class GuardianSettings:
    """All that the guardian is told once."""

    inputs: Inputs
    bake: timedelta
    """How long after a promotion an alarm takes it back; zero: not at all."""
    topic: str
    """ARN of the SNS topic that is told; empty for none."""


def read_settings(environ: Mapping[str, str]) -> GuardianSettings:
    """Read the variables of the function. Raises `InputErrors` with all mistakes, by the variables' names."""
    problems: list[InputProblem] = []
    asked = {variable(name): environ.get(setting, "") for setting, name in VARIABLES.items()}
    inputs: Inputs | None = None
    try:
        inputs = read_inputs({**asked, variable("mode"): Mode.ROLLBACK.value})
    except InputErrors as errors:
        settings = {name: setting for setting, name in VARIABLES.items()}
        problems += [
            InputProblem(settings.get(each.input, each.input), each.given, each.remedy)
            for each in errors.problems
        ]
    bake = timedelta()
    if text := environ.get(BAKE, "").strip():
        try:
            bake = timedelta() if text == "0" else parse_duration(text)
        except Mistakes as mistakes:
            problems += [InputProblem(BAKE, each.given, each.remedy) for each in mistakes.mistakes]
    if bake and not environ.get("PREVIOUS_ALIAS", "").strip():
        remedy = "Set PREVIOUS_ALIAS, as in the rollouts: it says what was promoted, and when."
        problems.append(InputProblem(BAKE, environ[BAKE], remedy))
    topic = environ.get(TOPIC, "").strip()
    if topic and not _TOPIC.fullmatch(topic):
        problems.append(
            InputProblem(TOPIC, topic, "Give the ARN of an SNS topic, not of a FIFO one.")
        )
    if problems or inputs is None:
        raise InputErrors(tuple(problems))
    return GuardianSettings(inputs, bake, topic)


def check_event(event: object, settings: GuardianSettings, account: str) -> str:
    """Return in a few words why the guardian is invoked.

    ``account`` is the guardian's own. What the event says of the alarm's state is not read.

    Raises:
        RolloutError: it is neither an alarm's nor the schedule's, or that of an alarm that is not watched.
    """
    if not isinstance(event, Mapping) or event.get("source") not in (BY_SCHEDULE, BY_ALARM):
        raise RolloutError(
            "the event is neither an alarm's nor the schedule's.",
            _HOW_TO_INVOKE,
        )
    if event["source"] == BY_SCHEDULE:
        return "the schedule"
    arn = event.get("alarmArn")
    fired = _alarm_of(arn)
    if fired is None:
        raise RolloutError("the event names no alarm (alarmArn).", _HOW_TO_INVOKE)
    if fired.account != account:
        raise RolloutError(
            f"alarm {arn} is in another account than the guardian ({account}).",
            "Install a guardian there, too: the alarms of another account cannot be asked.",
        )
    region, watched = settings.inputs.region, settings.inputs.alarms
    if not any(fired.same_as(alarm, region) for alarm in watched):
        raise RolloutError(
            f"alarm {arn} is none of those that the guardian asks.",
            "Add it to ALARMS (of another Region: by its ARN), or take the guardian out of its actions.",
        )
    return f"alarm {fired.name}"


def _alarm_of(arn: Any) -> AlarmName | None:
    if not isinstance(arn, str) or not arn.startswith("arn:") or len(arn) > _LONGEST:
        return None
    try:
        names = parse_alarms(f"{arn}\n")
    except Mistakes:
        return None
    return names[0] if len(names) == 1 else None
