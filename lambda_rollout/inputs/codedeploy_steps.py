"""Which schedules CodeDeploy can run."""

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
