"""What a job's OIDC token says of it, and whether a role's trust policy accepts that.

Sources: GitHub, "OpenID Connect reference" (the subjects, with the owner's and the repository's ids in repositories
created, renamed or transferred since 2026-07-15); IAM User Guide, "IAM JSON policy elements: Condition operators",
"Policy variables" (``${*}``, ``${?}`` and ``${$}`` are those characters themselves) and "Principal".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ISSUER = "token.actions.githubusercontent.com"
ASSUME = "sts:AssumeRoleWithWebIdentity"

Policy = Mapping[str, Any]
Claims = Mapping[str, Any]


@dataclass
class Job:
    """Whose token it is.

    ids: the owner's and the repository's, None for a repository whose subjects still are of the form without them.
    environment: empty for none. event: a pull request's subject names neither branch nor tag.
    """

    repository: str = "octo/shop"
    ids: tuple[int, int] | None = (123456, 456789)
    ref: str = "refs/heads/main"
    environment: str = ""
    event: str = "push"

    @property
    def subject(self) -> str:
        """The default subject."""
        return f"repo:{self._repository}:{self._context}"

    @property
    def claims(self) -> Claims:
        """What the token says of the job, as far as policies are made of it."""
        owner = self.repository.partition("/")[0]
        environment = {"environment": self.environment} if self.environment else {}
        return {
            "sub": self.subject,
            "repository": self.repository,
            "repository_owner": owner,
            "ref": self.ref,
            "event_name": self.event,
            **environment,
        }

    @property
    def _repository(self) -> str:
        if self.ids is None:
            return self.repository
        owner, _, name = self.repository.partition("/")
        return f"{owner}@{self.ids[0]}/{name}@{self.ids[1]}"

    @property
    def _context(self) -> str:
        if self.environment:
            # So that no name ends what it is the name of.
            return f"environment:{self.environment.replace(':', '%3A')}"
        return "pull_request" if self.event == "pull_request" else f"ref:{self.ref}"


def accepts(policy: Policy, provider: str, claims: Claims) -> bool:
    """Whether a trust policy lets the owner of a token of ``provider`` (an ARN) assume the role.

    Raises ValueError for an element or a condition operator that is not known here.
    """
    effects = {
        statement["Effect"]
        for statement in as_list(policy["Statement"])
        if _is_about(statement, provider, claims)
    }
    return effects == {"Allow"}


def _is_about(statement: Policy, provider: str, claims: Claims) -> bool:
    if unknown := statement.keys() - {"Sid", "Effect", "Principal", "Action", "Condition"}:
        raise ValueError(f"not known: {', '.join(sorted(unknown))}")
    principal = statement["Principal"]
    federated = [principal] if principal == "*" else as_list(principal.get("Federated", []))
    actions = as_list(statement["Action"])
    return (
        any(each in {"*", provider} for each in federated)
        and any(like(action.lower(), ASSUME.lower()) for action in actions)
        and all(_conditions(statement.get("Condition", {}), claims))
    )


def _conditions(condition: Policy, claims: Claims) -> Iterator[bool]:
    for operator, keys in condition.items():
        for key, values in keys.items():
            yield _holds(operator, _claim(key, claims), as_list(values))


def _claim(key: str, claims: Claims) -> str | None:
    """The value of a condition key, whose name is not case-sensitive; None if the token has none of it."""
    provider, _, name = key.lower().rpartition(":")
    if provider != ISSUER:
        return None
    value = {claim.lower(): value for claim, value in claims.items()}.get(name)
    return None if value is None else str(value)


def _equal(pattern: str, value: str) -> bool:
    return _literal(pattern) == value


def like(pattern: str, value: str) -> bool:
    """Whether a value fits a pattern with ``*`` and ``?``; ``${*}``, ``${?}`` and ``${$}`` are those characters."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    meaning = {"*": ".*", "?": "."}
    regex = "".join(meaning.get(part, re.escape(_literal(part))) for part in parts)
    return re.fullmatch(regex, value, re.DOTALL) is not None


def _literal(text: str) -> str:
    if re.search(r"\$\{[^*?$]", text):
        # A variable of the request, and a token's has no value here.
        return "\0"
    return re.sub(r"\$\{([*?$])\}", r"\1", text)


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": lambda pattern, value: _equal(pattern.lower(), value.lower()),
    "StringLike": like,
}


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    # A claim is one value, so of all or of any makes a difference only where there is none.
    quantifier, _, plain = operator.rpartition(":")
    name = plain.removesuffix("IfExists")
    positive = name.replace("StringNot", "String")
    if quantifier not in {"", "ForAnyValue", "ForAllValues"} or positive not in OPERATORS:
        raise ValueError(f"not known: {operator}")
    if value is None:
        # What is not there is equal to nothing.
        absent_fits = name != plain or quantifier == "ForAllValues"
        return absent_fits or (name != positive and quantifier != "ForAnyValue")
    found = any(OPERATORS[positive](pattern, value) for pattern in wanted)
    return found if name == positive else not found


def as_list(value: Any) -> list[Any]:
    """Several things, of which a policy may say a single one without a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
