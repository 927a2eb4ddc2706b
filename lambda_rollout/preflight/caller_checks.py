"""The alias that nobody invokes: who calls, and do they name the alias?

The gotcha behind all of these: a trigger on the bare function runs ``$LATEST``, and no weight touches it.
https://docs.aws.amazon.com/lambda/latest/dg/using-aliases.html
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from lambda_rollout.preflight.facts import EventSource, Facts, Invoked, Permission, TargetFacts
from lambda_rollout.preflight.finding import Code, Finding, Level

_IDLE = frozenset({"Disabled", "Disabling", "Deleting"})


def event_sources_name_the_alias(facts: Facts) -> Iterator[Finding]:
    """A queue or stream that polls for the bare function, or for another qualifier, bypasses the alias."""
    for each in facts.targets:
        if not isinstance(each.event_sources, tuple):
            continue
        for source in each.event_sources:
            if source.qualifier == each.target.alias or source.state in _IDLE:
                continue
            yield _bypass(each, source)


def _bypass(each: TargetFacts, source: EventSource) -> Finding:
    invoked = source.qualifier or "$LATEST"
    also = isinstance(each.event_sources, tuple) and any(
        other.qualifier == each.target.alias and other.source == source.source
        for other in each.event_sources
    )
    twice = " Another mapping of the same source names the alias." if also else ""
    return Finding(
        Level.WARNING,
        Code.EVENT_SOURCE_BYPASSES_ALIAS,
        f"The event source {source.source or source.uuid} invokes {invoked}, not the alias: this rollout "
        f"does not touch what it runs.{twice}",
        "Point the mapping at the alias.",
        each.target,
        command=shlex.join(
            [
                *("aws", "lambda", "update-event-source-mapping", "--uuid", source.uuid),
                *("--function-name", str(each.target)),
            ]
        ),
    )


def callers_allowed_on_the_alias(facts: Facts) -> Iterator[Finding]:
    """A caller that is allowed on the unqualified function and not on the alias cannot be using the alias.

    Function and alias have a resource policy each. A caller with a right by IAM of its own needs none,
    so no policy at all is no finding. https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """
    for each in facts.targets:
        if not (isinstance(each.function_policy, tuple) and isinstance(each.alias_policy, tuple)):
            continue
        for permission in each.function_policy:
            if not any(_covers(other, permission) for other in each.alias_policy):
                yield _not_allowed(each, permission)


def _covers(wider: Permission, permission: Permission) -> bool:
    """Whether whoever has ``permission`` on the function has it on the alias by ``wider``."""
    return (
        wider.principal in {permission.principal, "*"}
        and wider.source in {permission.source, ""}
        and wider.account in {permission.account, ""}
    )


def _not_allowed(each: TargetFacts, permission: Permission) -> Finding:
    source = f" for {permission.source}" if permission.source else ""
    command = ["aws", "lambda", "add-permission", "--function-name", each.target.name]
    command += ["--qualifier", each.target.alias, "--statement-id", permission.sid]
    command += ["--action", "lambda:InvokeFunction", "--principal", permission.principal]
    command += ["--source-arn", permission.source] if permission.source else []
    command += ["--source-account", permission.account] if permission.account else []
    return Finding(
        Level.WARNING,
        Code.CALLER_NOT_ALLOWED_ON_ALIAS,
        f"{permission.principal}{source} may invoke the unqualified function (statement {permission.sid}) but "
        "not the alias: it runs $LATEST, which this rollout does not touch.",
        "Let the trigger name the alias's ARN, and allow it there.",
        each.target,
        command=shlex.join(command),
    )


def somebody_invokes(facts: Facts) -> Iterator[Finding]:
    """A watch over an alias without traffic sees nothing, whatever the version does."""
    for each in facts.targets:
        if not (each.alias_arn and isinstance(each.invoked, Invoked)) or each.invoked.last_day:
            continue
        elsewhere = each.invoked.function_last_day
        seen = "Nobody invoked the function through this alias in the last day"
        if elsewhere:
            seen += f", while the function itself was invoked {elsewhere} times"
        yield Finding(
            Level.WARNING,
            Code.NO_TRAFFIC,
            f"{seen}: the new version may pass without serving one request.",
            f"Let the callers name {each.target}, or set `min-invocations` so that no step passes unseen.",
            each.target,
        )
