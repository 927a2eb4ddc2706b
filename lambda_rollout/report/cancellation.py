"""What a cancelled job has time for. Pure.

GitHub kills a cancelled step 10 s after it was told to end, and gives the post stage minutes
(https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation). Lambda's control plane takes
15 calls a second (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and each alias is a call.
"""

from __future__ import annotations

CALLS_A_SECOND = 15
SECONDS = 8
"""Of the ten: one for the signal to arrive, one for the last answer."""

MOST_AT_ONCE = CALLS_A_SECOND * SECONDS
"""Functions of which every alias is written before a cancelled job is killed."""


def on_cancelling(functions: int) -> str:
    """Say what happens to a group that is too large when its job is cancelled; empty if it is not."""
    if functions <= MOST_AT_ONCE:
        return ""
    return (
        f"if this job is cancelled, GitHub ends it after 10s, and AWS Lambda takes {CALLS_A_SECOND} calls a second: "
        f"about {MOST_AT_ONCE} of the {functions} aliases can be written by then. The post stage of this action does the "
        f"rest, in about {seconds_for(functions - MOST_AT_ONCE)}s. Nothing has to be done for that; groups of at most "
        f"{MOST_AT_ONCE} functions need no post stage."
    )


def seconds_for(functions: int) -> int:
    """Return how long so many aliases take, in whole seconds."""
    return -(-functions // CALLS_A_SECOND)
