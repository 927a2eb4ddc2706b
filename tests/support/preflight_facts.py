"""Facts of a rollout that is wired as it should be; tests change one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.preflight.alarm_rule import RuleUnread, parse_alarm_rule
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import (
    AlarmFacts,
    Configuration,
    Facts,
    Invoked,
    TargetFacts,
    Unread,
    WatchedMetric,
)
from lambda_rollout.preflight.finding import Code, Finding

LIVE = Target("checkout", "live")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 23, 4, 55, tzinfo=UTC)

OLD = Configuration(
    version="7",
    state="Active",
    state_reason="",
    role="arn:aws:iam::123456789012:role/checkout",
    dead_letter="",
    runtime="python3.13",
    limits=InvocationLimits(timeout=3),
)
NEW = replace(OLD, version="8")
BUSY = Invoked(LIVE, last_hour=60_000, last_day=1_000_000, function_last_day=1_000_000)
DENIED = Unread("lambda:Anything", "AccessDenied: not you")

ALIAS = {"FunctionName": "checkout", "Resource": "checkout:live"}
ONLY_NEW = {**ALIAS, "ExecutedVersion": "8"}


def metric(
    name: str = "Errors",
    dimensions: dict[str, str] | None = None,
    statistic: str = "Sum",
    period: timedelta = MINUTE,
    id_: str = "",
    namespace: str = "AWS/Lambda",
) -> WatchedMetric:
    return WatchedMetric(
        id_, namespace, name, ONLY_NEW if dimensions is None else dimensions, statistic, period
    )


def alarm(*metrics: WatchedMetric, **more: Any) -> AlarmFacts:
    """A metric alarm: one datapoint of a minute with more than no error."""
    watched = metrics or (metric(),)
    default = AlarmFacts(
        name="checkout-errors",
        kind="MetricAlarm",
        metrics=watched,
        period=max(each.period for each in watched),
        comparison="GreaterThanThreshold",
        threshold=0.0,
    )
    return replace(default, **more)


def composite(*children: AlarmFacts, name: str = "checkout-any", rule: str = "") -> AlarmFacts:
    """A composite alarm that any of those below it fires, unless its rule says otherwise."""
    any_of = " OR ".join(f'ALARM("{child.name}")' for child in children)
    try:
        parsed = parse_alarm_rule(rule or any_of)
    except RuleUnread:
        parsed = None
    return AlarmFacts(name, "CompositeAlarm", rule=parsed, children=children)


def target(**more: Any) -> TargetFacts:
    default = TargetFacts(
        target=LIVE,
        alias_arn=f"{ARN}:live",
        old=OLD,
        new=NEW,
        event_sources=(),
        function_policy=(),
        alias_policy=(),
        urls=(),
        reserved=None,
        provisioned=None,
        invoked=BUSY,
    )
    return replace(default, **more)


def facts(
    *targets: TargetFacts, steps: str = "10% 5m, 100% 5m", guards: str = "", **more: Any
) -> Facts:
    default = Facts(
        now=NOW,
        plan=parse_steps(steps, 5 * MINUTE),
        guards=parse_guards(guards),
        needs_numbers=bool(guards),
        targets=targets or (target(),),
        alarms=(alarm(),),
    )
    return replace(default, **more)


def found(given: Facts) -> list[Code]:
    return [finding.code for finding in examine(given)]


def only(given: Facts) -> Finding:
    [finding] = examine(given)
    return finding
