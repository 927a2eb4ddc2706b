"""What an invocation of a function needs, how long it may last, and what it answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_INVOCATION = 900
"""Seconds that a synchronous invocation lasts at most, that of a durable function included.

https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html
"""


@dataclass(frozen=True, slots=True)
class InvocationLimits:
    """What GetFunctionConfiguration says about invoking a version.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
    """

    timeout: int = LONGEST_INVOCATION
    """Seconds after which Lambda ends the function."""
    execution_timeout: int = 0
    """Seconds that an execution of a durable function may last, over all of its invocations; 0 for other functions."""
    per_tenant: bool = False
    """Whether every invocation must name a tenant (TenancyConfig)."""

    @property
    def longest(self) -> int:
        """Seconds after which a synchronous invocation is answered at the latest."""
        return min(self.execution_timeout or self.timeout, LONGEST_INVOCATION)


@dataclass(frozen=True, slots=True)
class Invocation:
    """The answer to one synchronous invocation. All of it is the function's own words: hostile until escaped."""

    payload: bytes
    """What the function returned, usually JSON, up to 6 MB; after a `function_error` its description of that."""
    function_error: str = ""
    """``Handled`` or ``Unhandled`` (an exception, a timeout, no memory); empty if it returned."""
    log_tail: str = ""
    """The last 4 KB of its log, several lines, without one that was cut."""
    executed_version: str = ""
    """The number of the version that ran; empty if the answer does not say."""
