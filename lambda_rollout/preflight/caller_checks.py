"""The alias that nobody invokes: who calls, and do they name the alias?

The gotcha behind all of these: a trigger on the bare function runs ``$LATEST``, and no weight touches it.
https://docs.aws.amazon.com/lambda/latest/dg/using-aliases.html
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from lambda_rollout.preflight.facts import (
    EventSource,
    Facts,
    FunctionUrl,
    Invoked,
    Statement,
    TargetFacts,
    Unread,
)
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.preflight.statements import (
    INVOKE,
    INVOKE_URL,
    CallerAnswer,
    add_permission,
    concerns,
    conditions,
    covers,
    is_of_a_url,
    may_refuse,
    principals,
    statement_title,
    unclear,
)

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
    invoked = source.qualifier or each.bare
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


def function_urls_name_the_alias(facts: Facts) -> Iterator[Finding]:
    """A URL on the bare function runs ``$LATEST``, whatever the alias's weights are.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html: there is one for each qualifier.
    """
    for each in facts.targets:
        bare = _bare_url(each.urls)
        if bare is None:
            continue
        yield Finding(
            Level.WARNING,
            Code.FUNCTION_URL_BYPASSES_ALIAS,
            f"The bare function has a function URL ({bare.auth_type}): what is called through it runs {each.bare}, and "
            "this rollout does not touch it.",
            _way_to_a_url_of_its_own(each, bare),
            each.target,
            command=shlex.join(_url_command(each, bare)),
        )


def _bare_url(urls: tuple[FunctionUrl, ...] | Unread) -> FunctionUrl | None:
    known = urls if isinstance(urls, tuple) else ()
    return next((url for url in known if not url.qualifier), None)


def _alias_has_a_url(each: TargetFacts) -> bool:
    return isinstance(each.urls, tuple) and any(
        url.qualifier == each.target.alias for url in each.urls
    )


def _way_to_a_url_of_its_own(each: TargetFacts, bare: FunctionUrl) -> str:
    if _alias_has_a_url(each):
        return "The alias has a URL, too: let everybody call that one, and delete the function's."
    cors = ", with the same CORS settings" if bare.has_cors else ""
    return (
        f"Give the alias a URL of its own{cors}, allow the same callers on it, let everybody call that one, and delete "
        "the function's."
    )


def _url_command(each: TargetFacts, bare: FunctionUrl) -> list[str]:
    """Return the command that makes the same URL for the alias; empty if it would be another."""
    if bare.has_cors or _alias_has_a_url(each):
        return []
    mode = ["--invoke-mode", bare.invoke_mode] if bare.invoke_mode not in {"", "BUFFERED"} else []
    return [
        *("aws", "lambda", "create-function-url-config", "--function-name", each.target.name),
        *("--qualifier", each.target.alias, "--auth-type", bare.auth_type, *mode),
    ]


def callers_allowed_on_the_alias(facts: Facts) -> Iterator[Finding]:
    """A caller that is allowed on the unqualified function and not on the alias cannot be using the alias.

    Function and alias have a resource policy each. A caller with a right by IAM of its own needs none,
    so no policy at all is no finding. https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """
    for each in facts.targets:
        if not (isinstance(each.function_policy, tuple) and isinstance(each.alias_policy, tuple)):
            continue
        for statement in _letting_in(each.function_policy, each.urls):
            yield from _judged(each, statement, each.function_policy, each.alias_policy)


def needs_alias_policy(
    on_function: Sequence[Statement], urls: tuple[FunctionUrl, ...] | Unread
) -> bool:
    """Whether anything could follow from the alias's policy: whether the function's lets anybody invoke."""
    return any(_letting_in(on_function, urls))


def _letting_in(
    on_function: Sequence[Statement], urls: tuple[FunctionUrl, ...] | Unread
) -> Iterator[Statement]:
    # What is left of a URL that is no more lets nobody in.
    gone = isinstance(urls, tuple) and _bare_url(urls) is None
    for statement in on_function:
        if statement.effect != "Allow" or not _lets_invoke(statement):
            continue
        if not (gone and is_of_a_url(statement)):
            yield statement


def _lets_invoke(statement: Statement) -> bool:
    return any(concerns(statement, action) for action in (INVOKE, INVOKE_URL))


def _judged(
    each: TargetFacts,
    statement: Statement,
    on_function: Sequence[Statement],
    on_alias: Sequence[Statement],
) -> Iterator[Finding]:
    allowing = [other for other in on_alias if other.effect == "Allow"]
    answers = [(covers(other, statement), other) for other in allowing]
    best = max((answer for answer, _ in answers), default=CallerAnswer.NO)
    denying = [s for s in (*on_function, *on_alias) if s.effect != "Allow"]
    if why := unclear(statement, each.target.name):
        yield _not_judged(each, statement, why)
    elif any(may_refuse(other, statement) for other in denying):
        yield _not_judged(each, statement, "a Deny may be about the same callers")
    elif best is CallerAnswer.MAYBE:
        other = next(other for answer, other in answers if answer is best)
        yield _not_judged(
            each,
            statement,
            f"whether {statement_title(other)} of the alias lets in the same callers is open",
        )
    elif best is CallerAnswer.NO:
        yield _not_allowed(each, statement)


def _not_judged(each: TargetFacts, statement: Statement, why: str) -> Finding:
    return Finding(
        Level.NOTE,
        Code.CALLER_NOT_JUDGED,
        f"Whether {principals(statement)}, who may invoke the unqualified function ({statement_title(statement)})"
        f"{conditions(statement)}, may invoke the alias cannot be judged: {why}.",
        f"Look at both resource policies: a caller that names the unqualified function runs {each.bare}, which this rollout "
        "does not touch.",
        each.target,
    )


def _not_allowed(each: TargetFacts, statement: Statement) -> Finding:
    command = add_permission(statement, each.target.name, each.target.alias)
    remedy = "Let the trigger name the alias's ARN, and allow it there"
    if is_of_a_url(statement):
        remedy = "Give the alias a function URL of its own, and allow the same on it"
    return Finding(
        Level.WARNING,
        Code.CALLER_NOT_ALLOWED_ON_ALIAS,
        f"{principals(statement)} may invoke the unqualified function ({statement_title(statement)})"
        f"{conditions(statement)}, but not the alias: such calls run {each.bare}, which this rollout does "
        "not touch.",
        f"{remedy}, with each of its conditions.",
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
            f"Let the callers invoke {each.target}, or set `min-invocations` so that no step passes unseen.",
            each.target,
        )
