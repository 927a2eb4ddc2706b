"""What AWS has allowed, seen in its answers: who may not do something is told so before anything else is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_rollout.aws.marks import error_code, has_request_id, is_marked_error, status

NAMED_OTHERWISE: Mapping[str, str] = {"lambda:Invoke": "lambda:InvokeFunction"}
"""IAM's names of the actions whose call has another one.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

_SUCCESS = range(200, 300)
_AFTER_THE_CHECK = frozenset({404, 409, 412})
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""By whichever policy: the role's own, an organization's, a boundary."""


def action_of(service: str, operation: str) -> str:
    """Return the IAM action of a call."""
    action = f"{service}:{operation}"
    return NAMED_OTHERWISE.get(action, action)


class Rights:
    """Keeps for each IAM action what was said to it. One that is refused for anything stays refused."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._said: dict[str, bool] = {}

    @property
    def said(self) -> Mapping[str, bool]:
        """IAM action -> whether it was allowed; one of which nothing is known is not there."""
        return dict(self._said)

    def heed(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        """Take in an answer; a handler of botocore's ``after-call`` event."""
        action = action_of(model.service_model.service_name, model.name)
        if status(parsed) in _SUCCESS and has_request_id(parsed):
            self._said.setdefault(action, True)
        elif is_marked_error(parsed):
            if error_code(parsed) in _REFUSED:
                self._said[action] = False
            elif status(parsed) in _AFTER_THE_CHECK:
                # AWS says what is there, or in its way, only to those who may ask.
                self._said.setdefault(action, True)
