"""M out of N, and what missing data means: the decision alone, on values.

Source: "Configuring how CloudWatch alarms treat missing data", with "How alarm state is
evaluated when data is missing" and "Avoiding premature transitions to alarm state",
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OK = "OK"
ALARM = "ALARM"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
STATES = (OK, ALARM, INSUFFICIENT_DATA)

MISSING_DATA_TREATMENTS = ("missing", "notBreaching", "breaching", "ignore")

EXTRA_PERIODS = 2
"""How many periods beyond EvaluationPeriods are looked at.

AWS says "a higher number", which "depends on the length of the alarm period"; its examples have
3 + 2, so this model has N + 2 for every period.
"""

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Decision:
    """`state` is None where the current state is retained.

    `evaluated` are the positions (in the points given) of the real datapoints that counted, newest
    first; `filled` is how many missing ones had to stand in to reach N.
    """

    state: str | None
    evaluated: tuple[int, ...]
    filled: int


def decide(points: Sequence[bool | None], n: int, m: int, treat_missing_data: str) -> Decision:
    """The state after one look at the evaluation range.

    `points` are the range's periods, oldest first: breaching, not breaching, or None for
    missing. `n` is EvaluationPeriods, `m` DatapointsToAlarm.
    """
    real = [at for at in reversed(range(len(points))) if points[at] is not None]
    evaluated = tuple(real[:n])
    breaching = sum(points[at] is True for at in evaluated)
    filled = n - len(evaluated)
    state: str | None
    if filled == 0:
        state = ALARM if breaching >= m else OK
    else:
        age = len(points) - evaluated[-1] if evaluated else 0
        state = _with_missing(len(evaluated), breaching, filled, age, m, treat_missing_data)
    return Decision(state, evaluated, filled)


def _with_missing(
    real: int, breaching: int, filled: int, age: int, m: int, treat_missing_data: str
) -> str | None:
    """`age` is that of the oldest real datapoint: 1 for the newest period."""
    if treat_missing_data == "breaching":
        return ALARM if breaching + filled >= m else OK
    if breaching >= m:
        return ALARM
    if breaching < real or treat_missing_data == "notBreaching":
        return OK
    # Nothing is there, or only breaching datapoints and fewer than M: "premature alarm state".
    if treat_missing_data == "ignore":
        return None
    return ALARM if real and age >= m else INSUFFICIENT_DATA
