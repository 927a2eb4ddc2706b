"""A hundred functions in a real process over HTTP, with AWS's quotas on, on a machine whose time is the sandbox's.

How long something takes is what the quotas ask for, on every machine the same.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.report.cancellation import MOST_AT_ONCE, on_cancelling
from sandbox.aws.faults import OWN_RATES, Quota, Work
from sandbox.aws.http import Server
from sandbox.aws.request import Account, Request
from sandbox.aws.world import REGION
from sandbox.runner import Finished, Runner, Step
from sandbox.runner.runner import SIGNALS
from tests.support.code import package
from tests.support.groups import Group, names
from tests.support.live import MAIN, POST
from tests.support.sandbox_time import on_sandbox_time
from tests.support.scene import NEW, OLD

LAMBDA = 15.0
"""Calls a second, and as many at once after a rest."""

ALARMS = "{function}-errors\n{function}-{alias}-late"

OF_CLOUDWATCH = {"DescribeAlarms": 9.0, "DescribeAlarmHistory": 3.0, "GetMetricData": 50.0}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""

THROTTLED = frozenset({"TooManyRequestsException", "Throttling"})


@dataclass
class Hundred:
    """So many functions with two alarms each, all of them called; AWS's quotas are on."""

    scene: Group
    runner: Runner
    url: str
    inputs: dict[str, str] = field(default_factory=dict)

    def as_caller(self, key: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def start(self, **inputs: str) -> Step:
        return self.runner.start({**self.inputs, **inputs}, self.as_caller(MAIN))

    def post(self, state: Mapping[str, str]) -> Finished:
        return self.runner.post({}, state, self.as_caller(POST))

    def answered(self, caller: str = MAIN) -> list[Request]:
        """The requests that AWS took, throttled ones left out."""
        return [
            request
            for request in self.scene.requests()
            if request.caller == caller and request.outcome not in THROTTLED
        ]


@contextmanager
def group(folder: Path, count: int) -> Iterator[Hundred]:
    scene = Group.of(count)
    scene.world.lambda_().activation_delay = 0.0
    for name in names(count):
        scene.put_alarm(f"{name}-live-late")
        resource = {"FunctionName": name, "Resource": f"{name}:live"}
        earlier = scene.clock.now() - timedelta(hours=1)
        scene.world.cloudwatch().record(
            "AWS/Lambda", "Invocations", resource, 900, "Count", earlier
        )
    scene.world.log.clear()
    scene.world.faults.add(Quota(LAMBDA, LAMBDA), service="lambda", count=None)
    for operation, rate in OF_CLOUDWATCH.items():
        scene.world.faults.add(Quota(rate, rate), operation=operation, count=None)
    inputs = {
        "function-name": "\n".join(names(count)),
        "alarms": ALARMS,
        "preflight": "strict",
        "comment": "off",
        "errors": "off",
    }
    with Server(scene.world) as server:
        runner = Runner(folder, through=on_sandbox_time(server.url))
        yield Hundred(scene, runner, server.url, inputs)


def put_packages(hundred: Hundred, functions: Sequence[str]) -> str:
    """New code for each of these, in the workspace; the input that names it."""
    folder = hundred.runner.folder / "workspace"
    folder.mkdir(parents=True)
    for name in functions:
        (folder / f"{name}.zip").write_bytes(
            package(f"def handler(event, context): return '{name}'")
        )
    return "\n".join(f"{name}: {name}.zip" for name in functions)


def report(finished: Finished) -> Any:
    return json.loads(Path(finished.outputs["report"]).read_text("utf-8"))


def allowed(calls: Counter[str]) -> float:
    """The seconds that Lambda's quotas ask for."""
    shared = sum(calls[operation] for operation in calls if operation not in OWN_RATES)
    alone = ((calls[operation] - rate) / rate for operation, rate in OWN_RATES.items())
    return max((shared - LAMBDA) / LAMBDA, *alone)


def of_each_function(log: Sequence[Request]) -> Mapping[str, Counter[str]]:
    """How often each operation was asked for, by function; ``*``: of what is no function's."""
    counted: dict[str, Counter[str]] = {}
    for request in log:
        counted.setdefault(request.function, Counter())[request.operation] += 1
    return counted


PREFLIGHT = {
    # $LATEST, as it is published, and the old version.
    "GetFunction": 2,
    "GetPolicy": 1,
    "ListFunctionUrlConfigs": 1,
    "GetProvisionedConcurrencyConfig": 1,
}
"""What is asked of each function to check it. Event sources, numbers and alarms are asked for together."""


def test_a_hundred_are_all_checked_and_promoted_as_fast_as_the_quotas_allow(
    tmp_path: Path,
) -> None:
    with group(tmp_path, 100) as hundred:
        began = hundred.scene.clock.now()
        finished = hundred.start(steps="50% 1m, 100% 0s").wait()
    assert (finished.status, finished.outputs["result"]) == (0, "promoted"), finished.log
    assert hundred.scene.whole_on(NEW)
    log = hundred.answered()
    first = next(at for at, request in enumerate(log) if request.operation == "UpdateAlias")
    before = of_each_function(log[:first])
    published = {"GetAlias": 1, "PublishVersion": 1, "GetFunctionConfiguration": 1}
    # $LATEST of one of them is tried by the call that waits for new versions, before anything is published.
    before["f1"]["GetFunctionConfiguration"] -= 1
    assert before == {
        **dict.fromkeys(names(100), PREFLIGHT | published),
        "*": {
            "ListEventSourceMappings": 1,
            "GetMetricData": 1,
            "DescribeAlarmHistory": 1,
            # Two hundred alarms, two calls: at the start, how they are made, and before the first shift.
            "DescribeAlarms": 6,
        },
    }
    took = (log[first].at - began).total_seconds()
    assert took <= 1.2 * allowed(Counter(request.operation for request in log[:first]))
    # What is the same of all is said once.
    unseen = (
        "f1, f2, f3 and 97 more, step 1 (50%): no data yet; f1, f2, f3 and 97 more, step 2 (100%)"
    )
    assert f"Passed without evidence of traffic on the new version: {unseen}" in finished.shown
    told = report(finished)
    [found] = [event for event in told["events"] if event["type"] == "preflight-found"]
    # Of each alarm that a person has to look at its query, and nothing else: nothing was left unchecked.
    assert Counter(each["code"] for each in found["findings"]) == {"alarm-not-judged": 200}


@dataclass
class Once:
    """A fault that only watches: it acts at the first read of the alarms after every alias is at 50%."""

    scene: Group
    act: Callable[[], None]
    is_over: bool = False

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        half = (OLD, {NEW: 0.5})
        if not self.is_over and all(state == half for state in self.scene.states().values()):
            self.is_over = True
            self.act()
        return work()


def at_half(hundred: Hundred, act: Callable[[], None]) -> None:
    watcher = Once(hundred.scene, act)
    hundred.scene.world.faults.add(watcher, operation="DescribeAlarms", count=None)


@pytest.mark.long
def test_a_hundred_with_new_code_each_go_back_as_fast_as_the_quota_allows(tmp_path: Path) -> None:
    with group(tmp_path, 100) as hundred:
        packages = put_packages(hundred, names(100))
        at_half(hundred, lambda: hundred.scene.set_alarm("f7-errors", "ALARM"))
        finished = hundred.start(steps="50% 1m, 100% 1m", package=packages).wait()
    assert (finished.status, finished.outputs["result"]) == (1, "rolled-back"), finished.log
    assert finished.outputs["failed-alarms"] == '["f7-errors"]'
    assert hundred.scene.whole_on(OLD)
    log = hundred.answered()
    uploads = [request.function for request in log if request.operation == "UpdateFunctionCode"]
    assert sorted(uploads) == sorted(names(100))
    writes = [request for request in log if request.operation == "UpdateAlias"]
    assert Counter(request.function for request in writes) == dict.fromkeys(names(100), 2)
    # The shift has just used up what there is at once after a rest.
    took = (writes[-1].at - writes[100].at).total_seconds()
    assert took <= 1.2 * 100 / LAMBDA


@pytest.mark.long
def test_of_two_hundred_that_are_cancelled_the_post_stage_puts_back_the_rest(
    tmp_path: Path,
) -> None:
    with group(tmp_path, 200) as hundred:
        pid: list[int] = []
        at_half(hundred, lambda: cancel(hundred, pid))
        step = hundred.start(steps="50% 10m, 100% 10m")
        pid.append(step.pid)
        main = step.wait()
        assert main.status == -signal.SIGKILL, main.log
        back = [name for name, state in hundred.scene.states().items() if state == (OLD, {})]
        assert MOST_AT_ONCE <= len(back) < 200
        post = hundred.post(main.state)
        written = [r.function for r in hundred.answered(POST) if r.operation == "UpdateAlias"]
    # Told before anything was asked of AWS.
    told = main.shown.index(on_cancelling(200))
    assert told < main.shown.index("f1:live sends 100% to version 1")
    assert post.status == 0, post.log
    assert hundred.scene.whole_on(OLD)
    assert set(names(200)) - set(back) <= set(written)


def cancel(hundred: Hundred, pid: Sequence[int]) -> None:
    """Do what a cancelled job does to its step, on the sandbox's time."""
    clock, after = hundred.scene.clock, 0.0
    for number, seconds in SIGNALS:
        due = clock.now() + timedelta(seconds=after)
        clock.schedule(due, partial(os.kill, pid[0], number))
        after += seconds
