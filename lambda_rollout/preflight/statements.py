"""Resource policies: whom a statement lets invoke, and whether another one lets the same callers in.

What cannot be decided for certain is MAYBE, and never passes for yes: advice that rests on it could open a door.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from fnmatch import fnmatchcase
from hashlib import sha256

from lambda_rollout.preflight.facts import Condition, Statement

INVOKE = "lambda:InvokeFunction"
INVOKE_URL = "lambda:InvokeFunctionUrl"
_VIA_URL = "lambda:invokedviafunctionurl"
_UNTOLD = "lambda:eventsourcetoken"
"""What a caller has to know, so nothing for a log."""

_EVERYBODY = frozenset({("*", "*"), ("AWS", "*")})
_OF_PATTERNS = frozenset({"arnlike", "arnequals", "stringlike"})
"""Operators that take wildcards; ArnEquals and ArnLike are the same."""
_OF_VALUES = frozenset({"stringequals", "bool"})

# What add-permission can write, and nothing besides: option, operators, key. Recorded answers of AddPermission, and
# https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
_OPTIONS: tuple[tuple[str, frozenset[str], str], ...] = (
    ("--source-arn", frozenset({"arnlike", "arnequals"}), "aws:sourcearn"),
    ("--source-account", frozenset({"stringequals"}), "aws:sourceaccount"),
    ("--principal-org-id", frozenset({"stringequals"}), "aws:principalorgid"),
    ("--function-url-auth-type", frozenset({"stringequals"}), "lambda:functionurlauthtype"),
    ("--invoked-via-function-url", frozenset({"bool"}), _VIA_URL),
)
_STATEMENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,100}")
_ACTION = re.compile(r"lambda:[a-zA-Z]+")
_AWS_PRINCIPAL = re.compile(r"\d{12}|arn:[^\s*]+")


class CallerAnswer(IntEnum):
    """Whether one thing holds of another."""

    NO = 0
    MAYBE = 1
    YES = 2


def concerns(statement: Statement, action: str) -> bool:
    """Whether the statement is about this action; one with NotAction may be about any."""
    if "NotAction" in statement.negated:
        return True
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in statement.actions)


def is_of_a_url(statement: Statement) -> bool:
    """Whether it only lets in what comes through a function URL.

    There are two of them for each since October 2025: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html.
    """
    via_url = any(
        each.key.lower() == _VIA_URL and [value.lower() for value in each.values] == ["true"]
        for each in statement.conditions
    )
    return via_url or not concerns(statement, INVOKE)


def unclear(statement: Statement, name: str) -> str:
    """Say why nothing can be said of an ``Allow`` of function ``name``; empty if something can."""
    if statement.negated or not statement.principals:
        return f"it has {' and '.join(statement.negated) or 'no Principal'}"
    if any(each.split(":")[5:] != ["function", name] for each in statement.resources):
        return "its Resource is not the unqualified function alone"
    return ""


def covers(wider: Statement, statement: Statement) -> CallerAnswer:
    """Whether whoever ``statement`` lets in is let in by ``wider``, an ``Allow``, too."""
    if wider.negated:
        return CallerAnswer.MAYBE
    wanted = [action for action in (INVOKE, INVOKE_URL) if concerns(statement, action)]
    if not all(concerns(wider, action) for action in wanted):
        return CallerAnswer.NO
    principals = [
        max((_includes(one, other) for one in wider.principals), default=CallerAnswer.NO)
        for other in statement.principals
    ]
    conditions = [_implied(each, statement.conditions) for each in wider.conditions]
    return min([*principals, *conditions], default=CallerAnswer.NO)


def may_refuse(denying: Statement, statement: Statement) -> bool:
    """Whether a ``Deny`` may be about callers whom ``statement`` lets in."""
    actions = (action for action in (INVOKE, INVOKE_URL) if concerns(statement, action))
    if not any(concerns(denying, action) for action in actions):
        return False
    if "NotPrincipal" in denying.negated:
        return True
    pairs = ((one, other) for one in denying.principals for other in statement.principals)
    return any(max(_includes(*pair), _includes(*reversed(pair))) for pair in pairs)


def _includes(wider: tuple[str, str], principal: tuple[str, str]) -> CallerAnswer:
    if wider == principal or wider in _EVERYBODY:
        return CallerAnswer.YES
    if wider[0] != "AWS" or principal[0] != "AWS":
        return CallerAnswer.NO
    # An account lets its own IAM decide; an id that stands for a deleted role has no account.
    one, other = _account(wider[1]), _account(principal[1])
    if one == other and _is_root(wider[1]) and _is_root(principal[1]):
        return CallerAnswer.YES
    return CallerAnswer.MAYBE if not (one and other) or one == other else CallerAnswer.NO


def _account(principal: str) -> str:
    if principal.isdecimal():
        return principal
    parts = principal.split(":")
    return parts[4] if len(parts) > 5 else ""


def _is_root(principal: str) -> bool:
    return principal.isdecimal() or principal.endswith(":root")


def _implied(condition: Condition, given: Sequence[Condition]) -> CallerAnswer:
    """Whether the condition holds wherever all of those given do."""
    operator, key = condition.operator.lower(), condition.key.lower()
    alike = [each for each in given if (each.operator.lower(), each.key.lower()) == (operator, key)]
    if not alike:
        return CallerAnswer.MAYBE
    if set(alike[0].values) <= set(condition.values) and operator in _OF_PATTERNS | _OF_VALUES:
        return CallerAnswer.YES
    if set(alike[0].values) == set(condition.values):
        return CallerAnswer.YES
    if operator not in _OF_PATTERNS | _OF_VALUES:
        return CallerAnswer.MAYBE
    compare = _pattern_includes if operator in _OF_PATTERNS else _value_includes
    return min(_best(compare, condition.values, value) for value in alike[0].values)


def _best(
    compare: Callable[[str, str], CallerAnswer], values: Iterable[str], value: str
) -> CallerAnswer:
    return max((compare(wider, value) for wider in values), default=CallerAnswer.NO)


def _value_includes(wider: str, value: str) -> CallerAnswer:
    return CallerAnswer.YES if wider == value else CallerAnswer.NO


def _pattern_includes(wider: str, value: str) -> CallerAnswer:
    """Whether all that ``value`` matches is matched by ``wider``: both may have wildcards."""
    if wider == value:
        return CallerAnswer.YES
    ours, theirs = _literal(wider), _literal(value)
    if not (ours.startswith(theirs) or theirs.startswith(ours)):
        return CallerAnswer.NO
    if not re.search(r"[*?]", wider):
        return CallerAnswer.MAYBE if re.search(r"[*?]", value) else CallerAnswer.NO
    # All of it but the end: what comes before the first wildcard is the same in both.
    if wider == f"{ours}*" and wider.count(":") >= 5 and value.startswith(ours):
        return CallerAnswer.YES
    return CallerAnswer.MAYBE


def _literal(pattern: str) -> str:
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


# In words, and as a command ----------------------------------------------------------------------


def principals(statement: Statement) -> str:
    """Name whom it lets in."""
    return ", ".join(
        "everybody" if each in _EVERYBODY else each[1] for each in statement.principals
    )


def conditions(statement: Statement) -> str:
    """Tell all conditions: `` if ArnLike AWS:SourceArn is …, and …``; empty if there are none."""
    told = [
        f"{each.operator} {each.key}"
        + ("" if each.key.lower() == _UNTOLD else f" is {' or '.join(each.values)}")
        for each in statement.conditions
    ]
    return f" if {', and '.join(told)}" if told else ""


def statement_title(statement: Statement) -> str:
    """Name the statement itself."""
    return f"statement {statement.sid}" if statement.sid else "a statement without Sid"


def add_permission(statement: Statement, name: str, alias: str) -> list[str]:
    """Return the command that gives exactly this on an alias; empty if add-permission cannot.

    Never everybody without a condition, whatever the statement says.
    """
    options = _options(statement)
    principal = _principal(statement)
    if options is None or not principal or (principal == "*" and not options):
        return []
    if len(statement.actions) != 1 or not _ACTION.fullmatch(statement.actions[0]):
        return []
    return [
        *("aws", "lambda", "add-permission", "--function-name", name, "--qualifier", alias),
        *("--statement-id", _statement_id(statement, alias)),
        *("--action", statement.actions[0], "--principal", principal, *options),
    ]


def _options(statement: Statement) -> list[str] | None:
    """Return the conditions as options, None if one of them cannot be said."""
    options: list[str] = []
    for each in statement.conditions:
        operator, key = each.operator.lower(), each.key.lower()
        option = next((o for o, ops, k in _OPTIONS if operator in ops and k == key), "")
        if not option or option in options or len(each.values) != 1:
            return None
        if key != _VIA_URL:
            options += [option, each.values[0]]
        elif each.values[0].lower() == "true":
            options += [option]
        else:
            return None
    return options


def _principal(statement: Statement) -> str:
    """Return the principal as add-permission takes it, empty if it takes no such one."""
    if len(statement.principals) != 1:
        return ""
    [(kind, name)] = statement.principals
    if (kind, name) in _EVERYBODY:
        return "*"
    known = kind == "Service" or (kind == "AWS" and _AWS_PRINCIPAL.fullmatch(name))
    return name if known else ""


def _statement_id(statement: Statement, alias: str) -> str:
    if _STATEMENT_ID.fullmatch(statement.sid):
        return statement.sid
    return f"{alias[:80]}-{sha256(repr(statement).encode()).hexdigest()[:8]}"
