"""Checks on functions that run on Lambda Managed Instances: a capacity provider of the owner's, not AWS's.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html. Nothing of it was seen on a live account.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.preflight.facts import Configuration, Facts, Scaling, TargetFacts
from lambda_rollout.preflight.finding import Code, Finding, Level, as_inputs

MOST_VERSIONS = 100
"""Function versions on one capacity provider; the quota cannot be raised."""

_TIGHT = 90
_GROWTH = timedelta(minutes=5)
"""In this time the traffic of a version may double, and no more: "you might see throttles"."""

_FEWEST = 3
"""Execution environments that a version has at the least, unless it is scaled to 0."""


def versions_scaled_alike(facts: Facts) -> Iterator[Finding]:
    """A new version begins with the default scaling, whatever the old one was given."""
    for each in facts.targets:
        old, new = each.old_scaling, each.new_scaling
        if not isinstance(old, Scaling) or not isinstance(each.new, Configuration) or _is_off(old):
            continue
        if isinstance(new, Scaling) and new != old:
            yield _scaled(
                each, old, f"is scaled to {_words(new)}", "Give it the same.", each.new.version
            )
        elif each.new_scaling is None and old != Scaling():
            yield _scaled(
                each,
                old,
                "will begin with the default",
                "Publish it first, give it the same by the command with its number in place of VERSION, and roll "
                "out that `version`.",
                "VERSION",
            )


def _scaled(each: TargetFacts, old: Scaling, is_: str, remedy: str, version: str) -> Finding:
    return Finding(
        Level.WARNING,
        Code.SCALING_DIFFERS,
        f"The old version is scaled to {_words(old)} execution environments, and the new one {is_}.",
        remedy,
        each.target,
        command=scaling_command(each.target.function, version, old),
    )


def _is_off(scaling: Scaling) -> bool:
    return scaling.most == 0


def _words(scaling: Scaling) -> str:
    if scaling == Scaling():
        return "the default of"
    least = "the default" if scaling.least is None else str(scaling.least)
    return f"{least} to {'no limit' if scaling.most is None else scaling.most}"


def scaling_command(function: str, version: str, scaling: Scaling) -> str:
    """Return the command that gives a version this scaling."""
    asked = {"MinExecutionEnvironments": scaling.least, "MaxExecutionEnvironments": scaling.most}
    given = ",".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    words = ["aws", "lambda", "put-function-scaling-config", "--function-name", function]
    config = given or f"MinExecutionEnvironments={_FEWEST}"
    return shlex.join([*words, "--qualifier", version, "--function-scaling-config", config])


def wake_scaled_down(each: TargetFacts, version: str) -> str:
    """Return the command that brings back a version that was scaled to 0: as much as the other one has."""
    known = (each.old_scaling, each.new_scaling)
    scaling = next((s for s in known if isinstance(s, Scaling) and not _is_off(s)), Scaling())
    return scaling_command(each.target.function, version, scaling)


def provider_has_room(facts: Facts) -> Iterator[Finding]:
    """A capacity provider takes a hundred function versions, and publishing adds one."""
    for each in facts.targets:
        if not isinstance(each.provider_versions, int) or each.provider_versions < _TIGHT:
            continue
        full = each.provider_versions >= MOST_VERSIONS
        refused = " AWS refuses to publish another one." if full else ""
        yield Finding(
            Level.WARNING if full else Level.NOTE,
            Code.PROVIDER_FULL,
            f"The capacity provider {each.provider} has {each.provider_versions} function versions of {MOST_VERSIONS}."
            f"{refused}",
            "Delete versions that no alias names and that nobody may want back: `aws lambda delete-function` with "
            "`--qualifier` and the number. The command lists them.",
            each.target,
            command=shlex.join(
                [
                    *("aws", "lambda", "list-function-versions-by-capacity-provider"),
                    *("--capacity-provider-name", each.provider.rpartition(":")[2]),
                ]
            ),
        )


def share_grows_slowly(facts: Facts) -> Iterator[Finding]:
    """Instances take time to start: a share that more than doubles within five minutes may be throttled."""
    fast = list(_fast(facts.plan))
    for each in facts.targets:
        if not (each.provider and fast):
            continue
        before, step = fast[0]
        more = f" The same goes for {len(fast) - 1} more." if fast[1:] else ""
        yield Finding(
            Level.WARNING,
            Code.SHARE_GROWS_TOO_FAST,
            f"`{step}` more than doubles the new version's share within 5 minutes, from {before.normalize():f}%: on "
            f"Lambda Managed Instances some of its calls may be throttled.{more}",
            f"{as_inputs(_slower(facts.plan), facts.plan)}.",
            each.target,
        )


def _fast(plan: Plan) -> Iterator[tuple[Decimal, Step]]:
    """Yield each step that more than doubles the share of five minutes before, with that share.

    The first one has none before it: a version begins with environments enough for some traffic.
    """
    timetable = list(plan.at_its_fastest.timetable())
    for at, step in timetable[1:]:
        before = [each.percent for start, each in timetable if start <= at - _GROWTH]
        share = before[-1] if before else timetable[0][1].percent
        if step.percent > 2 * share:
            yield share, step


def _at_least(step: Step, least: timedelta) -> Step:
    """Return the step, watched so long at least, a range as well."""
    earliest = None if step.earliest is None else max(step.earliest, least)
    watch = max(step.watch, least)
    return replace(step, watch=watch, earliest=earliest if earliest != watch else None)


def _slower(plan: Plan) -> Plan:
    """Put steps of five minutes in between, each of twice the share."""
    steps: list[Step] = []
    for step in plan.shifts:
        while steps and step.percent > 2 * steps[-1].percent:
            steps.append(Step(min(2 * steps[-1].percent, HUNDRED), _GROWTH))
        if steps:
            steps[-1] = _at_least(steps[-1], _GROWTH)
        if not steps or step.percent > steps[-1].percent:
            steps.append(step)
    return plan.with_shifts(steps)
