"""Checks on what guards look at: is there anything, and who looks at 100%?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.guard_metrics import CustomMetric, Ratio, StatisticOf
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.preflight.facts import Facts, TargetFacts
from lambda_rollout.preflight.finding import Code, Finding, Level


def something_watches_100(facts: Facts) -> Iterator[Finding]:
    """At 100% there is no old version beside the new one: what only compares the two sees nothing there.

    ``100% 0s`` asks for no watch, and a rollout without alarms and guards is told so elsewhere.
    """
    promotion = facts.plan.promotion
    counting = [guard for guard in facts.guards if not guard.observe_only]
    if promotion is None or not promotion.watch or facts.alarms != ():
        return
    if not counting or not all(guard.compares_with_baseline for guard in counting):
        return
    target = facts.targets[0].target
    yield Finding(
        Level.WARNING,
        Code.NOTHING_WATCHES_100,
        f"No alarm is named, and each guard compares with the old version, which serves nothing at `{promotion}`: a "
        "version that fails only there is promoted.",
        f"Add a guard with a number, such as `error-rate < 5%`, and an alarm: the command makes one, then set "
        f"`alarms: {_alarm_name(target)}`.",
        target,
        command=shlex.join(
            [
                *("aws", "cloudwatch", "put-metric-alarm"),
                *("--alarm-name", _alarm_name(target)),
                *("--namespace", "AWS/Lambda", "--metric-name", "Errors", "--statistic", "Sum"),
                "--dimensions",
                f"Name=FunctionName,Value={target.name}",
                f"Name=Resource,Value={target}",
                *("--period", "60", "--evaluation-periods", "2", "--datapoints-to-alarm", "2"),
                *("--threshold", "5", "--comparison-operator", "GreaterThanThreshold"),
                *("--treat-missing-data", "notBreaching"),
            ]
        ),
    )


def _alarm_name(target: Target) -> str:
    return f"{target.name}-{target.alias}-errors"


def guard_metrics_have_data(facts: Facts) -> Iterator[Finding]:
    """A guard on a metric that nobody publishes can never be judged, and the rollout goes back for that."""
    for each in facts.targets:
        silent = each.silent if isinstance(each.silent, tuple) else ()
        for guard in facts.guards:
            for metric, is_part in _looked_at(guard):
                if metric in silent:
                    yield _without_data(each, guard, metric, is_part=is_part)


def metrics_of(guard: Guard) -> tuple[CustomMetric, ...]:
    """Return the metrics that a guard names; none for one on Lambda's own."""
    return tuple(metric for metric, _ in _looked_at(guard))


def _looked_at(guard: Guard) -> tuple[tuple[CustomMetric, bool], ...]:
    """Return each metric, and whether none of it may as well mean that there was nothing to count."""
    match guard.metric:
        case StatisticOf(metric=metric):
            return ((metric, False),)
        case Ratio(part, whole):
            return ((part, True), (whole, False))
    return ()


def _without_data(
    each: TargetFacts, guard: Guard, metric: CustomMetric, *, is_part: bool
) -> Finding:
    seen = f"The metric `{metric}` of the guard `{guard}` has no data of the old version in the last day"
    if is_part or guard.observe_only:
        then = "it counts as 0" if is_part else "so the guard will have nothing to judge"
        return Finding(
            Level.NOTE,
            Code.GUARD_WITHOUT_DATA,
            f"{seen}: {then}.",
            "Check its name and dimensions, unless that is what you expect.",
            each.target,
        )
    return Finding(
        Level.WARNING,
        Code.GUARD_WITHOUT_DATA,
        f"{seen}: as long as it has none the guard cannot be judged, and the rollout goes back for want of evidence.",
        "Check its namespace, name and dimensions, each with its exact value, and that both versions publish it.",
        each.target,
    )
