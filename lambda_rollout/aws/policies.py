"""Resource policies as Lambda answers them, taken apart and not judged.

https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html: any element may be one value or a
list of them. Since August 2026 a function may have a full policy: Deny, NotPrincipal and any condition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lambda_rollout.preflight.facts import Condition, Statement

_NEGATIONS = ("NotPrincipal", "NotAction", "NotResource")


def statements(policy: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what is none.
    """
    return tuple(_statement(each) for each in _list(json.loads(policy)["Statement"]))


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(
        sid=str(raw.get("Sid", "")),
        effect=str(raw["Effect"]),
        principals=tuple(_principals(raw.get("Principal", {}))),
        actions=tuple(map(str, _list(raw.get("Action", ())))),
        resources=tuple(map(str, _list(raw.get("Resource", ())))),
        conditions=tuple(_conditions(raw.get("Condition") or {})),
        negated=tuple(each for each in _NEGATIONS if each in raw),
    )


def _principals(principal: str | Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(principal, str):
        yield ("*", principal)
        return
    for kind, names in principal.items():
        yield from ((kind, str(name)) for name in _list(names))


def _conditions(raw: Mapping[str, Any]) -> Iterator[Condition]:
    for operator, compared in raw.items():
        for key, values in compared.items():
            yield Condition(operator, key, tuple(_text(value) for value in _list(values)))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
