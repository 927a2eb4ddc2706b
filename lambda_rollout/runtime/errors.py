"""What goes wrong for a user, each with what to do next.

Two families. `CallFailed` and its kinds say how one AWS call ended, in the only distinctions that
matter for what to do next: was it refused, may it be repeated, or is its outcome unknown? The others
end a rollout, and speak to the person deploying.
"""

from __future__ import annotations

from textwrap import shorten
from typing import ClassVar

_BRIEF = 300
"""Characters: AWS names user, action, resource and policy at length."""


class RolloutError(Exception):
    """Something ends the rollout; ``what`` happened and the ``remedy`` are for the person deploying."""

    def __init__(self, what: str, remedy: str = "") -> None:
        """Keep both sentences; ``str()`` joins them. AWS's own words often have no full stop."""
        stop = "." if remedy and not what.endswith((".", "!", "?")) else ""
        super().__init__(f"{what}{stop} {remedy}".strip())
        self.what = what
        self.remedy = remedy


class CallFailed(RolloutError):
    """An AWS call did not succeed."""

    may_have_effect: ClassVar[bool] = True
    """Whether the call may have had its effect all the same, or may have it later.

    A middle box may deliver a call twice (RFC 9110, section 9.2.2: PUT is idempotent, so it may be repeated), and
    then the answer is that to the second delivery: also AWS's own 412, 409, 429 or ExpiredToken says nothing about
    the first. Only what holds for every delivery alike, or never left this machine, had none.
    """

    def __init__(self, operation: str, code: str, message: str, remedy: str = "") -> None:
        """``operation`` is AWS's name of the call, ``code`` and ``message`` are AWS's own words."""
        super().__init__(
            f"{operation}: {code}: {message}" if message else f"{operation}: {code}", remedy
        )
        self.operation = operation
        self.code = code
        self.message = message

    @property
    def brief(self) -> str:
        """What happened, cut where it is long and without a full stop: for a line that has more to say."""
        return shorten(self.what, _BRIEF, placeholder="…").rstrip(".")


class Refused(CallFailed):
    """AWS said no. It did nothing, and saying it again would not help."""


class NotFound(Refused):
    """The function, version or alias does not exist (404)."""


class AccessDenied(Refused):
    """The credentials may not do this; AWS's message names the action and the resource."""

    may_have_effect = False


class DeniedOtherwise(AccessDenied):
    """Denied, but not for want of a permission of this role for this call: to allow it would not help."""


class OtherAccount(DeniedOtherwise):
    """The credentials are another account's than the alias's: what they cannot see may be there."""

    def __init__(self, operation: str, arn: str, account: str, expected: str) -> None:
        """``arn`` and ``account`` are the credentials', ``expected`` is the account of the alias."""
        super().__init__(
            operation,
            "OtherAccount",
            f"the credentials of this stage are those of {arn} in account {account}, and the alias is in account "
            f"{expected}. Nothing was written with them",
            f"A later step of the job has exported other credentials. Run the command with those of account {expected}; "
            "set `role-to-assume`, which no step can change, or give that step an `env:` of its own.",
        )


class InvalidRequest(Refused):
    """AWS found the call itself to be wrong: it would say so to every delivery of it."""

    may_have_effect = False


class RevisionMismatch(Refused):
    """Somebody wrote since the RevisionId we hold (412), or a lost answer of ours had succeeded."""


class AlreadyExists(Refused):
    """What was to be created is there already (409)."""


class CredentialsExpired(Refused):
    """The credentials were good once; newer ones may be."""


class Busy(CallFailed):
    """AWS did nothing *now*: throttled, or an update is in progress. Ask again later."""


class NotSent(Busy):
    """The call never left this machine: there was nothing to sign it with, or nobody to send it to."""

    may_have_effect = False


class Unreachable(NotSent):
    """There was no connection, so AWS has not even seen the call."""


class Unanswered(CallFailed):
    """No answer, or a 5xx: the call may have had its effect, may have none, or may have it later."""


class ForeignAnswer(Unanswered):
    """Somebody who is not AWS answered: a proxy's page, half an answer, nothing that AWS's marks are on."""

    def __init__(
        self, operation: str, code: str, message: str, remedy: str = "", endpoint: str = ""
    ) -> None:
        """``endpoint``: the host of an endpoint of somebody's own that answered, empty where it is one of AWS's."""
        super().__init__(operation, code, message, remedy)
        self.endpoint = endpoint


class UnmarkedNotFound(ForeignAnswer):
    """An endpoint of somebody's own said with AWS's code, but without a request id, that something does not exist.

    No `NotFound`, so that whoever does not know of it takes it for no answer at all. Before the first write two equal
    ones may be believed; later none.
    """


class Cancelled(RolloutError):
    """The job was cancelled, timed out or was told to stop."""


def is_throttled(error: BaseException | None) -> bool:
    """Whether AWS had no time for a call that reached it."""
    return isinstance(error, Busy) and not isinstance(error, NotSent)
