"""Which policies the role needs, for the log and as Markdown: what each statement is for, and what is seen of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from lambda_rollout.preflight.policy import INLINE_LIMIT, PolicyStatement, iam_policy, is_too_long
from lambda_rollout.report.markdown import code, prose, table, text_block
from lambda_rollout.report.wording import count
from lambda_rollout.rollout.events import PermissionsNeeded

POLICY = "The role's policy"
TRUST_POLICY = "Its trust policy, for this job alone"

_ENVIRONMENT = ":environment:"
_WHY_LIMIT = 300  # characters


def policy_text(needed: PermissionsNeeded) -> str:
    """Return the policy as indented JSON, in ASCII: what is seen is what it says."""
    # A runner would obey ##[…] anywhere in a line; so written it is the same JSON.
    return json.dumps(iam_policy(needed.statements), indent=2).replace("##[", "##\\u005b")


def told_of_permissions(needed: PermissionsNeeded) -> Iterator[str]:
    """Say what is known of them, a line for each thing."""
    yield f"permissions: {count(len(needed.statements), 'statement')}{_optional(needed.statements)}"
    if refused := _of(needed, needed.refused):
        yield f"refused now: {', '.join(refused)}"
    if not_tried := list(_not_tried(needed)):
        yield f"not tried: {', '.join(not_tried)}"
    yield from notes(needed)


def notes(needed: PermissionsNeeded) -> Iterator[str]:
    """Say in sentences what has to be known before the policies are pasted."""
    if is_too_long(iam_policy(needed.statements)):
        yield (
            f"The policy has more than the {INLINE_LIMIT:,} characters that fit into a role: make several managed policies of "
            "it, or name the functions with a wildcard."
        )
    if not needed.subject:
        yield f"This job's subject is not known, so there is no trust policy: {needed.why_unknown}"
    elif _ENVIRONMENT not in needed.subject:
        yield (
            "This job has no environment. Others may have its subject, too: for production give it one, and trust that "
            "alone."
        )


def permissions_section(needed: PermissionsNeeded) -> str:
    """Lay out the statements, and below them both policies, folded, to be copied."""
    rows = [
        (f"{code(each.sid)}<br>{_needed_for(each)}", "<br>".join(_seen(each, needed)))
        for each in needed.statements
    ]
    parts = [table(("statement, and what needs it", "seen of it in this run"), rows)]
    parts += [prose(text, _WHY_LIMIT) for text in notes(needed)]
    parts.append(_folded(POLICY, policy_text(needed)))
    if needed.trust_policy:
        parts.append(_folded(TRUST_POLICY, needed.trust_policy))
    return "\n\n".join(parts)


def _needed_for(statement: PolicyStatement) -> str:
    return f"{statement.needed_for}{' · *optional*' if statement.optional else ''}"


def _seen(statement: PolicyStatement, needed: PermissionsNeeded) -> Iterator[str]:
    for mark, actions in (
        ("❌ refused:", [each for each in statement.actions if each in needed.refused]),
        ("✅ allowed:", [each for each in statement.actions if each in needed.allowed]),
        ("not tried:", list(_unknown(statement, needed))),
    ):
        if actions:
            yield f"{mark} {', '.join(map(code, actions))}"


def _unknown(statement: PolicyStatement, needed: PermissionsNeeded) -> Iterator[str]:
    known = {*needed.allowed, *needed.refused}
    return (action for action in statement.actions if action not in known)


def _not_tried(needed: PermissionsNeeded) -> Iterator[str]:
    yield from dict.fromkeys(
        action for each in needed.statements for action in _unknown(each, needed)
    )


def _of(needed: PermissionsNeeded, actions: Sequence[str]) -> list[str]:
    asked_for = {action for each in needed.statements for action in each.actions}
    return [action for action in actions if action in asked_for]


def _optional(statements: Sequence[PolicyStatement]) -> str:
    optional = [each.sid for each in statements if each.optional]
    return f", of which optional: {', '.join(optional)}" if optional else ""


def _folded(title: str, policy: str) -> str:
    block = text_block(policy.splitlines(), "json")
    return f"<details><summary>{title}</summary>\n\n{block}\n\n</details>"
