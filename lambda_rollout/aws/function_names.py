"""By which name Lambda is asked for a function: its full ARN, once AWS has said it.

A bare name means whatever function of that name the credentials' account has, and a later step of the job may have put
another account's credentials into the environment. An ARN means one function, or none.
"""

from __future__ import annotations

import re

from lambda_rollout.alias.routing import Target

_ALIAS_ARN = re.compile(
    r"(?P<function>arn:[\w-]+:lambda:[\w-]+:\d{12}:function:(?P<name>[\w-]+)):(?P<alias>[\w-]+)",
    re.ASCII,
)
"""https://docs.aws.amazon.com/lambda/latest/api/API_AliasConfiguration.html."""


class FunctionNames:
    """What functions are called in requests: as they were asked for, until an alias of theirs was read."""

    def __init__(self) -> None:
        """No ARN is known yet."""
        self._arns: dict[str, str] = {}

    def of(self, function: str) -> str:
        """Return the ARN of a function if it is known, else ``function`` as it is."""
        return self._arns.get(function, function)

    def learn(self, target: Target, alias_arn: str) -> None:
        """Take note of an alias's ARN. The first one counts; what is none of this alias's is passed over."""
        found = _ALIAS_ARN.fullmatch(alias_arn)
        if found and (found["name"], found["alias"]) == (target.name, target.alias):
            self._arns.setdefault(target.function, found["function"])
