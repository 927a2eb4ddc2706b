"""What AWS's front door refuses before it looks at anything: ValidationException.

The texts are those recorded from AWS; botocore itself checks only a part of these
constraints, so they must be met here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.aws.errors import AwsError

ALIAS_NAME = r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
VERSION = r"(\$LATEST(\.PUBLISHED)?|[0-9]+)"
ROLE = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


def check_pattern(value: str, member: str, pattern: str) -> None:
    """Refuse a value that does not match `pattern` as a whole."""
    if not re.fullmatch(pattern, value):
        _refuse(value, member, f"Member must satisfy regular expression pattern: {pattern}")


def check_length(value: str, member: str, longest: int) -> None:
    """Refuse a text of more than `longest` characters."""
    if len(value) > longest:
        _refuse(value, member, f"Member must have length less than or equal to {longest}")


def check_weights(weights: Mapping[str, float]) -> None:
    """Refuse keys that are no version numbers and weights outside of 0 to 1.

    Exactly 1 is refused too: AWS itself stores it while provisioned concurrency moves,
    but nobody has been seen to send it.
    """
    for version, weight in weights.items():
        shown = f"{{{version}={weight}}}"
        if not re.fullmatch(r"[0-9]+", version):
            _refuse(
                shown,
                "routingConfig.additionalVersionWeights",
                "Map keys must satisfy constraint: [Member must have length less than or equal "
                "to 1024, Member must have length greater than or equal to 1, Member must "
                "satisfy regular expression pattern: [0-9]+, Member must not be null]",
            )
        if not 0.0 <= weight < 1.0:
            _refuse(
                shown,
                "routingConfig.additionalVersionWeights",
                "Map value must satisfy constraint: [Member must have value less than or equal "
                "to 1.0, Member must have value greater than or equal to 0.0, Member must not "
                "be null]",
            )


def _refuse(value: str, member: str, constraint: str) -> None:
    raise AwsError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: {constraint}",
    )
