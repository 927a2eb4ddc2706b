"""What is to be done about alarms that DescribeAlarms does not know. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lambda_rollout.inputs.leftovers import hint_on
from lambda_rollout.inputs.names import account_of

CORRECT = "Correct `alarms`. An alarm in another Region is given by its ARN."

WITH_COMMA = (
    "In `alarms` a comma is part of a name as soon as there is a newline, also one at the end: write one alarm on each "
    "line, or all in a single line without one."
)

OWN_ONLY = (
    "CloudWatch tells of alarms in the account of the credentials only{theirs}: make the alarm there; it may watch a "
    "metric of another account (CloudWatch cross-account observability)."
)
"""DescribeAlarms has no account to ask for:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html."""


NAMED = 5
"""How many are named at most: a placeholder may stand for hundreds."""


def name_the_missing(missing: Sequence[str], asked: int, where: str) -> str:
    """Say which of the alarms that were ``asked`` for are not there; ``where`` begins with a space, or is empty."""
    if len(missing) <= NAMED:
        return f"no such alarm{where}: {', '.join(missing)}."
    named = ", ".join(missing[:NAMED])
    return (
        f"{len(missing)} of {asked} alarms do not exist{where}: {named} and "
        f"{len(missing) - NAMED} more."
    )


def remedy_for_missing(missing: Sequence[str], account: str) -> str:
    """Say what to do about alarms as they were named; ``account`` is where the function is, empty if not known."""
    elsewhere = [text for text in missing if account_of(text) not in {"", account}]
    said = []
    if elsewhere:
        accounts = ", ".join(sorted({account_of(text) for text in elsewhere}))
        theirs = f" ({account}), and not of {accounts}" if account else ""
        said.append(OWN_ONLY.format(theirs=theirs))
    if here := [text for text in missing if text not in elsewhere]:
        comma = WITH_COMMA if any("," in text for text in here) else ""
        said += [hint_on(here), comma, CORRECT]
    return " ".join(filter(None, said))
