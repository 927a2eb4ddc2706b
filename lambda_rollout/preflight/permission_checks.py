"""What could not be read, and what will have to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lambda_rollout.alias.routing import Target
from lambda_rollout.preflight.facts import Facts, Unread
from lambda_rollout.preflight.finding import Code, Finding, Level

OUT_OF_TIME = "Start again when less is deployed at the same time, or have AWS raise the account's quota of calls."


def everything_was_read(facts: Facts) -> Iterator[Finding]:
    """A check without its permission is skipped, and says so; it never fails the rollout.

    One that AWS had no time for is another matter: what it would have shown is open.
    """
    told: set[tuple[str, Target | None]] = set()
    late: dict[str, dict[Target | None, Unread]] = {}
    for fact, what, target in _facts(facts):
        if not isinstance(fact, Unread) or (what, target) in told:
            continue
        told.add((what, target))
        if fact.out_of_time:
            late.setdefault(what, {})[target] = fact
            continue
        remedy = f"Allow {fact.action} to have this checked." if fact.denied else ""
        yield Finding(
            Level.NOTE,
            Code.NOT_CHECKED,
            f"Not checked: {what}. {_because(fact)}",
            remedy,
            target,
        )

    yield from (_late(what, unread, len(facts.targets)) for what, unread in late.items())


_NAMED = 3
"""Functions that are named of those of which something was not checked."""


def _late(what: str, unread: Mapping[Target | None, Unread], functions: int) -> Finding:
    """Tell of all functions at once, as they are many or none."""
    targets = [target for target in unread if target is not None]
    named = [target.name for target in targets[:_NAMED]]
    more = f" and {len(targets) - _NAMED} more" if len(targets) > _NAMED else ""
    of = f" of {len(targets)} of {functions} functions ({', '.join(named)}{more})"
    fact = next(iter(unread.values()))
    return Finding(
        Level.WARNING,
        Code.NOT_CHECKED,
        f"Not checked: {what}{of if len(targets) > 1 else ''}. {fact.action}: {fact.why}",
        OUT_OF_TIME,
        targets[0] if len(targets) == 1 else None,
    )


def _facts(facts: Facts) -> Iterator[tuple[object, str, Target | None]]:
    yield facts.alarms, "how the alarms are made", None
    for each in facts.targets:
        yield each.old, "whether the versions are alike", each.target
        yield each.new, "whether the versions are alike", each.target
        yield each.event_sources, "whether event sources name the alias", each.target
        yield each.function_policy, "whether callers are allowed on the alias", each.target
        yield each.alias_policy, "whether callers are allowed on the alias", each.target
        yield each.urls, "whether the function URL names the alias", each.target
        yield each.reserved, "reserved concurrency", each.target
        yield each.provisioned, "provisioned concurrency", each.target
        yield each.old_scaling, "whether the versions are scaled alike", each.target
        yield each.new_scaling, "whether the versions are scaled alike", each.target
        yield each.old_code, "whether the old version's code is still there", each.target
        yield each.provider_versions, "whether the capacity provider has room", each.target
        if each.not_invocable is not None and not each.not_invocable.denied:
            yield each.not_invocable, "whether the smoke test may invoke", each.target
        if isinstance(each.silent, Unread) and each.silent.out_of_time:
            yield each.silent, "whether the metrics of the guards have data", each.target
        if not facts.needs_numbers:
            yield each.invoked, "whether anybody invokes the alias", each.target


def _allow(fact: Unread) -> str:
    """Name the missing permission; nothing where it was something else, such as an answer that is not AWS's."""
    return f"Allow {fact.action}." if fact.denied else ""


def _because(fact: Unread) -> str:
    return f"{fact.action} is not allowed." if fact.denied else f"{fact.action}: {fact.why}"


def what_the_watch_reads(facts: Facts) -> Iterator[Finding]:
    """What the watch itself will have to read is tried now, before the first write."""
    if facts.history is not None:
        yield Finding(
            Level.WARNING,
            Code.HISTORY_UNREADABLE,
            "The alarms' history cannot be read: an alarm that changes its state between two reads will count "
            f"as fired. {_because(facts.history)}",
            _allow(facts.history),
        )
    if not facts.needs_numbers:
        return
    unread = next((e.invoked for e in facts.targets if isinstance(e.invoked, Unread)), None)
    if unread is not None:
        yield Finding(
            Level.WARNING,
            Code.NUMBERS_UNREADABLE,
            "The versions' own metrics cannot be read, and `guards` or `min-invocations` rest on them: no step "
            f"would pass. {_because(unread)}",
            _allow(unread),
        )


def what_will_be_written(facts: Facts) -> Iterator[Finding]:
    """Permissions to write cannot be tried, so they are listed."""
    if facts.writes:
        passes = "lambda:PublishVersion" in facts.writes and any(t.provider for t in facts.targets)
        writes = [*facts.writes, *(["lambda:PassCapacityProvider"] if passes else [])]
        yield Finding(
            Level.NOTE,
            Code.WRITES_NEEDED,
            f"Not tested, because a test would write: {', '.join(writes)}.",
            "Make sure that the role may do these, on the function and with the qualifier `:*`.",
        )
