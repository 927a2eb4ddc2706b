"""What an invocation answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """The answer to one synchronous invocation. All of it is the function's own words: hostile until escaped."""

    payload: bytes
    """What the function returned, usually JSON, up to 6 MB; after a `function_error` its description of that."""
    function_error: str = ""
    """``Handled`` or ``Unhandled`` (an exception, a timeout, no memory); empty if it returned."""
    log_tail: str = ""
    """The last 4 KB of its log, several lines; the first of them may be cut."""
    executed_version: str = ""
    """The number of the version that ran; empty if the answer does not say."""
