"""Filter patterns for unstructured events: terms, phrases, ``?`` before each for "any of them", one regular expression.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html. Regular expressions have no groups
there, and few symbols beside letters and digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.aws.errors import AwsError

Matches = Callable[[str], bool]

_IN_REGEX = re.compile(r"[\w#=@/;,^$?\[\]{}|\\*+.-]+", re.ASCII)
_TERM = re.compile(r'(\??)(?:"([^"]*)"|(\w+))(?:\s+|$)')


def parse(pattern: str) -> Matches:
    """What says whether a message matches. Raises `AwsError` for what is no pattern of these."""
    if not pattern.strip():
        return lambda _: True
    if len(pattern) > 2 and pattern[0] == pattern[-1] == "%":
        return _regex(pattern[1:-1])
    terms = []
    at = 0
    while at < len(pattern):
        found = _TERM.match(pattern, at)
        if found is None:
            raise invalid("Invalid filter pattern")
        terms.append((bool(found[1]), found[2] or found[3]))
        at = found.end()
    required = [term for optional, term in terms if not optional]
    if required:
        # "a ?b" is a, whether there is b or not.
        return lambda message: all(term in message for term in required)
    return lambda message: any(term in message for _, term in terms)


def _regex(text: str) -> Matches:
    if not _IN_REGEX.fullmatch(text):
        raise invalid("Invalid character(s) in term")
    compiled = re.compile(text)
    return lambda message: compiled.search(message) is not None


def invalid(message: str) -> AwsError:
    """What AWS says of a parameter that it does not take."""
    return AwsError("InvalidParameterException", message, 400)
