"""Which calls a group's rollout makes, by operation, and that AWS's quotas leave nothing unchecked. Never timed.

The clock jumps, so seconds are those that the sandbox's quotas ask for, on every machine the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.preflight.finding import Code
from lambda_rollout.rollout.events import Finished, PreflightFound, Result
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.faults import Quota, Slow
from sandbox.aws.request import Request
from tests.support.code import package
from tests.support.groups import Group, group_spec, names
from tests.support.scene import ROLE
from tests.support.seam import through_botocore

CODE = package("def handler(event, context): return 1")
STEPS = "10% 0s, 100% 0s"
PER_SECOND = BURST = 15
ROUND_TRIP = 0.0025
"""Seconds. The calls follow one another here, so this stands for eight at once that take eight times as long."""


@dataclass
class Rolled:
    """What came of it, and the calls that were answered, throttled ones left out."""

    scene: Group
    finished: Finished
    log: Sequence[Request]

    @property
    def made(self) -> Counter[str]:
        return Counter(each.operation for each in self.log)

    @property
    def until_the_first_shift(self) -> tuple[Counter[str], float]:
        """The calls, and the seconds that they took."""
        at = [each.operation for each in self.log].index("UpdateAlias")
        took = (self.log[at].at - self.log[0].at).total_seconds()
        return Counter(each.operation for each in self.log[:at]), took

    @property
    def findings(self) -> Counter[Code]:
        [found] = [event for event in self.scene.events if isinstance(event, PreflightFound)]
        return Counter(each.code for each in found.findings)


def group(count: int) -> Group:
    scene = Group.of(count)
    # One read shows a version to be ready.
    scene.world.lambda_().activation_delay = 0.0
    return scene


def roll_out(scene: Group) -> Rolled:
    spec = group_spec(scene.count, STEPS)
    clients = through_botocore(scene.world)
    reader = AwsPreflightReader(clients, spec.inputs.alarms)
    scene.world.log.clear()
    finished = Rollout(spec, replace(scene.ports(spec, clients), preflight_reader=reader)).run()
    throttled = "TooManyRequestsException"
    return Rolled(scene, finished, [e for e in scene.world.log if e.outcome != throttled])


@pytest.mark.parametrize("count", [1, 12, 100])
def test_each_call_of_a_promoted_group_is_there_for_something(count: int) -> None:
    rolled = roll_out(group(count))
    assert rolled.finished.result is Result.PROMOTED
    assert rolled.made == {
        # Before the first write, and before the verdict of each of the two steps.
        "GetAlias": 3 * count,
        # Preflight, from quotas of their own: $LATEST, which is then published as it was read, and the old version.
        "GetFunction": 2 * count,
        # The function's policy lets nobody in here, so nothing could follow from the alias's.
        "GetPolicy": count,
        # Preflight, from the quota that all share.
        "ListFunctionUrlConfigs": count,
        "GetProvisionedConcurrencyConfig": count,
        # One page of the account's list is all of it.
        "ListEventSourceMappings": 1,
        # Preflight, of CloudWatch: how often each was invoked, in 500 queries a call; whether history can be read.
        "GetMetricData": 1,
        "DescribeAlarmHistory": 1,
        # Publishing: the version, and that it is ready. One more is tried before anything is published, for $LATEST.
        "PublishVersion": count,
        "GetFunctionConfiguration": count + 1,
        # One write for each step, and one that takes the record off. A group has a mark besides, on one of them.
        "UpdateAlias": 3 * count + (count > 1),
        # A hundred alarms a call: at the start, how they are made, before the first shift, after each step.
        "DescribeAlarms": 5,
    }


def wire_wrongly(scene: Group) -> None:
    """Give each function all that a finding needs: callers, a URL and a queue of the bare one, and no concurrency."""
    for name in names(scene.count):
        of = {"FunctionName": name}
        queue = "arn:aws:sqs:eu-central-1:123456789012:orders"
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
        scene.call("lambda", "AddPermission", **of, StatementId="s3", **allowed)
        scene.call("lambda", "CreateEventSourceMapping", **of, EventSourceArn=queue)
        scene.call("lambda", "CreateFunctionUrlConfig", **of, AuthType="AWS_IAM")
        scene.call("lambda", "PutFunctionConcurrency", **of, ReservedConcurrentExecutions=0)


@pytest.mark.parametrize(("foreign", "pages", "by_name"), [(250, 3, 0), (700, 6, 24)])
def test_event_sources_are_read_in_pages_unless_others_fill_too_many(
    foreign: int, pages: int, by_name: int
) -> None:
    scene = group(12)
    create = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
    scene.call("lambda", "CreateFunction", FunctionName="other", **create, Code={"ZipFile": CODE})
    queue = "arn:aws:sqs:eu-central-1:123456789012:orders-"
    for number in range(foreign):
        source = {"FunctionName": "other", "EventSourceArn": f"{queue}{number}"}
        scene.call("lambda", "CreateEventSourceMapping", **source)
    wired = {"FunctionName": "f7", "EventSourceArn": f"{queue}of-f7"}
    scene.call("lambda", "CreateEventSourceMapping", **wired)
    rolled = roll_out(scene)
    assert rolled.finished.result is Result.PROMOTED
    asked = [each.params for each in rolled.log if each.operation == "ListEventSourceMappings"]
    named = [params for params in asked if "FunctionName" in params]
    assert (len(asked) - len(named), len(named)) == (pages, by_name)
    assert rolled.findings[Code.EVENT_SOURCE_BYPASSES_ALIAS] == 1


def test_a_hundred_are_checked_and_shifted_as_fast_as_the_quotas_allow() -> None:
    scene = group(100)
    wire_wrongly(scene)
    scene.world.faults.add(Slow(ROUND_TRIP), count=None)
    scene.world.faults.add(Quota(PER_SECOND, BURST), service="lambda", count=None)
    rolled = roll_out(scene)
    assert rolled.finished.result is Result.PROMOTED
    assert Code.NOT_CHECKED not in rolled.findings
    for code in (
        Code.CALLER_NOT_ALLOWED_ON_ALIAS,
        Code.EVENT_SOURCE_BYPASSES_ALIAS,
        Code.FUNCTION_URL_BYPASSES_ALIAS,
        Code.CONCURRENCY_ZERO,
        Code.NO_TRAFFIC,
    ):
        assert rolled.findings[code] == 100
    made, took = rolled.until_the_first_shift
    own = {"GetFunction": 200, "GetPolicy": 200}
    shared = {
        "GetAlias": 100,
        "ListFunctionUrlConfigs": 100,
        "GetProvisionedConcurrencyConfig": 100,
        "ListEventSourceMappings": 1,
        "PublishVersion": 100,
        "GetFunctionConfiguration": 101,
    }
    of_lambda = {name: made[name] for name in made if name in own | shared}
    assert of_lambda == own | shared
    assert took <= 1.2 * (sum(shared.values()) - BURST) / PER_SECOND
