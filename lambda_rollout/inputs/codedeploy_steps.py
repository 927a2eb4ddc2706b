"""Which schedules CodeDeploy can run, and what its configurations for them are called."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import ceil

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.codedeploy_name import CODEDEPLOY_MOST_MINUTES
from lambda_rollout.inputs.steps import Plan


@dataclass(frozen=True, slots=True)
class TrafficRouting:
    """A plan as CodeDeploy can run it: shifts of ``percentage``, ``minutes`` apart.

    ``type`` is AWS's word for it: AllAtOnce (percentage 100, 0 minutes), TimeBasedCanary (one
    shift, then the rest) or TimeBasedLinear (equal shifts).

    Source: https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TrafficRoutingConfig.html
    """

    type: str
    percentage: int
    minutes: int


OUR_CONFIGURATIONS, AWS_CONFIGURATIONS = "lambda-rollout-", "CodeDeployDefault.Lambda"
"""How the names of the deployment configurations begin that this action made, and of those that every account has."""

_PREDEFINED = frozenset(
    {
        *(TrafficRouting("TimeBasedCanary", 10, minutes) for minutes in (5, 10, 15, 30)),
        *(TrafficRouting("TimeBasedLinear", 10, minutes) for minutes in (1, 2, 3, 10)),
        TrafficRouting("AllAtOnce", 100, 0),
    }
)


def nearest_codedeploy_name(plan: Plan) -> str:
    """Name a CodeDeploy schedule close to one that CodeDeploy cannot run; `parse_steps` reads it.

    One split step becomes a canary of about the same weight and time, several become as many equal ones.
    """
    split = plan.split_steps
    count = max(1, len(split))
    watched = sum((step.watch for step in split), timedelta(0))
    minutes = min(CODEDEPLOY_MOST_MINUTES, max(1, ceil(watched / count / timedelta(minutes=1))))
    unit = "Minute" if minutes == 1 else "Minutes"
    if count > 1:
        return f"Linear{ceil(HUNDRED / (count + 1))}PercentEvery{minutes}{unit}"
    percent = min(99, max(1, round(split[0].percent))) if split else 99
    return f"Canary{percent}Percent{minutes}{unit}"


def codedeploy_routing(plan: Plan) -> TrafficRouting | None:
    """Find the CodeDeploy configuration that shifts as ``plan`` does, or None if none does.

    The watch at 100% is no part of it: CodeDeploy has no such thing.
    """
    split = plan.split_steps
    if plan.ends_held or plan.hold:
        return None
    if not split:
        return TrafficRouting("AllAtOnce", 100, 0)
    percentage = int(split[0].percent)
    if plan.may_end_early:
        return None
    minutes, rest = divmod(split[0].watch, timedelta(minutes=1))
    if percentage != split[0].percent or rest or not 1 <= minutes <= CODEDEPLOY_MOST_MINUTES:
        return None
    if len(split) == 1:
        return TrafficRouting("TimeBasedCanary", percentage, minutes)
    linear = [(Decimal(p), split[0].watch) for p in range(percentage, 100, percentage)]
    if [(step.percent, step.watch) for step in split] != linear:
        return None
    return TrafficRouting("TimeBasedLinear", percentage, minutes)


def configuration_name(routing: TrafficRouting) -> str:
    """Return the name of the deployment configuration for a routing: AWS's own, or ours.

    Ours says what is in it, so that every rollout with the same schedule uses the same one: an account may
    have 200 (https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html).
    """
    start = AWS_CONFIGURATIONS if routing in _PREDEFINED else OUR_CONFIGURATIONS
    if routing.type == "AllAtOnce":
        return f"{start}AllAtOnce"
    unit = "Minute" if routing.minutes == 1 else "Minutes"
    if routing.type == "TimeBasedCanary":
        return f"{start}Canary{routing.percentage}Percent{routing.minutes}{unit}"
    return f"{start}Linear{routing.percentage}PercentEvery{routing.minutes}{unit}"


def is_predefined(routing: TrafficRouting) -> bool:
    """Whether AWS has a configuration for it in every account."""
    return routing in _PREDEFINED
