"""Several functions as one: how near to AWS's quotas a hundred are shifted and rolled back, and with how many calls.

The action runs as a real process, over HTTP, on the machine's clock, against the sandbox with token buckets: 15 Lambda
calls a second and 15 at once, and one each for GetFunction (100) and GetPolicy (15). What the buckets would have
allowed is worked out from the sandbox's log: the tokens that were there when the first call of a phase came, and 15 a
second from then on.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.table import Row
from sandbox.aws.faults import OWN_RATES, Quota
from sandbox.aws.request import Request
from tests.support.groups import LiveGroup, live_group
from tests.support.live import MAIN

FUNCTIONS = 100
PER_SECOND = BURST = 15.0
THROTTLED = "TooManyRequestsException"
STEPS = 2
TIMES = f"{FUNCTIONS} functions at {PER_SECOND:.0f} Lambda calls a second"
CALLS = f"Calls of a promoted rollout with {STEPS} steps, without throttling"
PATIENCE = 300.0


def run() -> list[Row]:
    return [*_times(), *(_calls(count) for count in (1, 12, 100))]


def _times() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, live_group(Path(folder), FUNCTIONS) as scene:
        scene.world.faults.add(Quota(PER_SECOND, BURST), service="lambda", count=None)
        began = scene.clock.now()
        step = scene.start(MAIN, steps="10% 5m, 100% 1s", preflight="warn")
        # The watch begins when all are out; by the next read of the alarms the bucket has had a rest.
        _until(lambda: all(weights for _, weights in scene.states().values()))
        _until(lambda: _quiet(scene))
        scene.alarm("f7-errors", "ALARM")
        step.wait(120)
        log = scene.requests(caller=MAIN)
    writes = [request for request in log if request.operation == "UpdateAlias"]
    shifts = [request for request in writes if _weights(request)]
    backs = [request for request in writes if not _weights(request)]
    return [
        _start(began, shifts[0], log),
        _time("shifted", shifts, log),
        _time("rolled back", backs, log),
    ]


def _until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, at most a few minutes: eight hundred calls take one."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def _quiet(scene: LiveGroup) -> bool:
    """Whether nothing was asked of Lambda for as long as the bucket takes to fill."""
    last = [r.at for r in scene.requests(caller=MAIN) if r.service == "lambda"][-1]
    return (scene.clock.now() - last).total_seconds() > BURST / PER_SECOND + 1


def _weights(request: Request) -> object:
    return request.params["RoutingConfig"]["AdditionalVersionWeights"]


def _start(began: datetime, first: Request, log: Sequence[Request]) -> Row:
    """From the process's start to the first shift, beside what the quotas allow for the least calls."""
    took = (first.at - began).total_seconds()
    before = [request for request in log if request.at < first.at and request.service == "lambda"]
    calls, least = Counter(request.operation for request in before), _least_until_shifted(FUNCTIONS)
    allowed = max(
        (sum(least[operation] for operation in group) - burst) / burst
        for group, burst in (
            (least.keys() - OWN_RATES.keys(), BURST),
            *(({operation}, rate) for operation, rate in OWN_RATES.items()),
        )
    )
    return Row(
        TIMES,
        "from the start to the first shift",
        {
            "seconds": f"{took:.1f}",
            "the quota allows": f"{allowed:.1f}",
            "ratio": f"{took / allowed:.2f}",
            "calls": calls.total(),
            "throttled": sum(request.outcome == THROTTLED for request in before),
        },
    )


def _time(case: str, phase: Sequence[Request], log: Sequence[Request]) -> Row:
    done = [request for request in phase if request.effect_at is not None]
    began = phase[0].at
    took = (done[-1].at - began).total_seconds()
    tokens = _tokens(log, phase[0])
    least = (len(done) - tokens) / PER_SECOND
    return Row(
        TIMES,
        case,
        {
            "seconds": f"{took:.1f}",
            "the quota allows": f"{least:.1f}",
            "ratio": f"{took / least:.2f}",
            "calls": len(phase),
            "throttled": sum(request.outcome == THROTTLED for request in phase),
        },
    )


def _tokens(log: Sequence[Request], first: Request) -> float:
    """Tokens in the bucket just before a request came."""
    tokens, at = BURST, log[0].at
    for request in log:
        if request.service != "lambda" or request.operation in OWN_RATES:
            continue
        tokens = min(BURST, tokens + (request.at - at).total_seconds() * PER_SECOND)
        at = request.at
        if request is first:
            break
        tokens -= request.outcome != THROTTLED
    return tokens


# Calls -------------------------------------------------------------------------------------------


def _calls(count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder, live_group(Path(folder), count) as scene:
        finished = scene.run(MAIN, steps="10% 0s, 100% 0s")
        assert finished.outputs["result"] == "promoted", finished.log
        made = Counter(request.operation for request in scene.requests(caller=MAIN))
    least = _least(count)
    figures: dict[str, str | int | float] = {}
    for name, operations in GROUPS.items():
        calls, needed = (sum(counted[o] for o in operations) for counted in (made, least))
        figures[name] = f"{calls} / {needed} = {calls / needed:.2f}"
    figures["preflight, of other quotas"] = made.total() - sum(
        made[o] for group in GROUPS.values() for o in group
    )
    return Row(CALLS, f"{count} function{'s' * (count > 1)}", figures)


GROUPS = {
    "looking at aliases": ("GetAlias",),
    "preflight": (
        "GetFunctionConcurrency",
        "GetProvisionedConcurrencyConfig",
        "ListEventSourceMappings",
        "ListFunctionUrlConfigs",
    ),
    "publishing": ("GetFunctionConfiguration", "PublishVersion"),
    "writing aliases": ("UpdateAlias",),
    "reading alarms": ("DescribeAlarms",),
}


def _least(count: int) -> Counter[str]:
    """Count what the promises cannot be kept with less than, and no check of the preflight made.

    Of each function: its alias before the first write and before each verdict; its publication, and that the version
    is ready, ``$LATEST`` being known from GetFunction; one write for each step, and one that takes the record off; its
    URLs and its alias's provisioned concurrency, which nothing else tells. Of the account one page of event source
    mappings. Of every hundred alarms: a read before anything is changed, one before the first shift, one after each
    step.
    """
    hundreds = -(-count // 100)
    return Counter(
        GetAlias=count * (1 + STEPS),
        GetProvisionedConcurrencyConfig=count,
        ListFunctionUrlConfigs=count,
        ListEventSourceMappings=1,
        GetFunctionConfiguration=count,
        PublishVersion=count,
        UpdateAlias=count * (STEPS + 1),
        DescribeAlarms=hundreds * (2 + STEPS),
    )


def _least_until_shifted(count: int) -> Counter[str]:
    """Count those of them before the first shift, and those of Lambda that have quotas of their own."""
    return Counter(
        GetAlias=count,
        GetProvisionedConcurrencyConfig=count,
        ListFunctionUrlConfigs=count,
        ListEventSourceMappings=1,
        GetFunctionConfiguration=count,
        PublishVersion=count,
        GetFunction=2 * count,
        GetPolicy=count,
    )
