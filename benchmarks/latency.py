"""From an alarm's change to the rollback's UpdateAlias, and what an hour's rollout asks of AWS: on a simulated clock.

Nothing here depends on the machine: each trial is a rollout whose alarm fires at a moment drawn from a seed.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from statistics import median, quantiles

from benchmarks.table import Row
from lambda_rollout.rollout.events import Result
from tests.support.scene import Scene, rollout_spec

TRIALS = 200
ROUND_TRIP = 0.05
"""Seconds of every call."""
POLLS = (1.0, 5.0, 30.0)

PRICE = 0.01 / 1000
"""US dollars for a CloudWatch API request beyond the first free million of a month; Lambda's API calls are free.
https://aws.amazon.com/cloudwatch/pricing/"""


def run() -> list[Row]:
    return [*(_row(poll) for poll in POLLS), *_hour()]


def delays(poll: float, trials: int = TRIALS) -> list[float]:
    """Seconds from the change to the UpdateAlias that rolls back, one a trial."""
    random = Random(f"latency {poll}")
    return [delay(poll, random.uniform(60, 240)) for _ in range(trials)]


def delay(poll: float, after: float) -> float:
    """Let the alarm fire so many seconds into the rollout."""
    scene = Scene.ready()
    began = scene.clock.now()
    scene.after(after, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    ordered = rollout_spec("10% 10m, 100% 0s", poll_interval=poll)
    finished = scene.roll_out(ordered, scene.clients(latency=ROUND_TRIP))
    assert finished.result is Result.ROLLED_BACK, finished
    # The others are the shift and renewals of the record: they carry weights.
    back = next(
        request
        for request in scene.requests("UpdateAlias")
        if not request.params["RoutingConfig"]["AdditionalVersionWeights"]
    )
    return (back.at - began).total_seconds() - after


def _row(poll: float) -> Row:
    seen = delays(poll)
    theory = poll / 2 + ROUND_TRIP
    cuts = quantiles(seen, n=20)
    return Row(
        f"From the alarm's change to the rollback's `UpdateAlias`, {TRIALS} trials, round trip {ROUND_TRIP:g} s",
        f"`poll-interval: {poll:g}s`",
        {
            "median / (poll/2 + round trip)": f"{median(seen) / theory:.2f}",
            "median, s": f"{median(seen):.2f}",
            "poll/2 + round trip, s": f"{theory:.2f}",
            "5%, s": f"{cuts[0]:.2f}",
            "95%, s": f"{cuts[-1]:.2f}",
            "longest, s": f"{max(seen):.2f}",
        },
    )


def requests_of_an_hour() -> Counter[str]:
    """Count the requests of a rollout of an hour by operation."""
    scene = Scene.ready()
    finished = scene.roll_out(rollout_spec("10% 30m, 100% 30m", poll_interval=5.0))
    assert finished.result is Result.PROMOTED, finished
    return Counter(request.operation for request in scene.world.log)


def _hour() -> list[Row]:
    counted = requests_of_an_hour()
    name = "Requests of a rollout of one hour, one function, one alarm, `poll-interval: 5s`"
    rows = [
        Row(name, f"`{operation}`", {"requests": many, "US dollars": _dollars(operation, many)})
        for operation, many in counted.most_common()
    ]
    dollars = f"{sum(many * PRICE for op, many in counted.items() if _paid(op)):.4f}"
    return [*rows, Row(name, "in all", {"requests": counted.total(), "US dollars": dollars})]


def _paid(operation: str) -> bool:
    return "Alarm" in operation or "Metric" in operation


def _dollars(operation: str, many: int) -> str:
    return f"{many * PRICE:.4f}" if _paid(operation) else "0"
