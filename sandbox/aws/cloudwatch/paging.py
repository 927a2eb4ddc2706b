"""Pages and their NextToken, for any list with a stable order."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sandbox.aws.errors import AwsError

T = TypeVar("T")

DEFAULT_PAGE = 50
"""Records in a page when MaxRecords is not given. AWS names only the maximum, 100."""


def page(
    items: Sequence[T], key: Callable[[T], Any], params: Mapping[str, Any]
) -> tuple[Sequence[T], dict[str, str]]:
    """One page of `items`, and {"NextToken": …} if there are more.

    The token holds the key of the last item given (strings, numbers or lists of them), so
    an item that appears or goes between two pages neither repeats nor hides another.
    `items` must be sorted by `key`, descending if ScanBy says so. Raises AwsError
    InvalidNextToken.
    """
    size = params.get("MaxRecords", DEFAULT_PAGE)
    if "NextToken" in params:
        descending = params.get("ScanBy") == "TimestampDescending"
        try:
            last = json.loads(base64.urlsafe_b64decode(params["NextToken"].encode()))
            items = [
                item for item in items if (key(item) < last if descending else key(item) > last)
            ]
        except (ValueError, TypeError):
            raise AwsError("InvalidNextToken", "Invalid next token") from None
    if len(items) <= size:
        return items, {}
    return items[:size], {"NextToken": _token(key(items[size - 1]))}


def _token(key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
