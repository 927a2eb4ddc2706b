"""How functions, versions and aliases are named in requests and in ARNs."""

from __future__ import annotations

import re

from sandbox.aws.errors import AwsError

LATEST = "$LATEST"
LATEST_PUBLISHED = "$LATEST.PUBLISHED"

# Either a name, a partial ARN (ACCOUNT:function:NAME) or a full one, each with or without a
# qualifier: botocore's service model, shape FunctionName.
_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


def parse_reference(
    text: str, qualifier: str | None, region: str, account: str
) -> tuple[str, str | None]:
    """Function name and qualifier (None: unqualified) that a request speaks of.

    Raises `AwsError`: ValidationException for what is no reference,
    InvalidParameterValueException for two qualifiers that differ,
    ResourceNotFoundException for another Region, AccessDeniedException for another account.
    """
    match = _REFERENCE.fullmatch(text)
    if not match:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
            r"(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
        )
    if (match["account"] or account) != account:
        raise AwsError(
            "AccessDeniedException",
            f"User: arn:aws:iam::{account}:user/sandbox is not authorized to perform this "
            f"action on resource: {text} because no resource-based policy allows it",
            403,
        )
    if (match["region"] or region) != region:
        raise AwsError(
            "ResourceNotFoundException",
            f"Functions from '{match['region']}' are not reachable in this region ('{region}')",
            404,
        )
    inner = match["qualifier"]
    if inner and qualifier and inner != qualifier:
        raise AwsError(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return match["name"], qualifier or inner


def is_number(qualifier: str) -> bool:
    """Whether a qualifier names a published version."""
    return qualifier.isascii() and qualifier.isdigit()
