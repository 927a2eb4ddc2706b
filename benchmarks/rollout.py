"""A whole rollout of three steps without any waiting: ours, beside the same sequence with awscli in bash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from benchmarks.processes import OLD, Ran, action, again, aws_cli, bash, interleaved, middle, scene
from benchmarks.table import Row
from tests.support.live import Live

TURNS = 3
STEPS = "10% 0s, 50% 0s, 100% 0s"

SCRIPT = """
export AWS_PAGER=
f='--function-name checkout'
old=$(aws lambda get-alias $f --name live --query FunctionVersion --output text)
quiet() {
  [ -z "$(aws cloudwatch describe-alarms --alarm-names checkout-errors \
      --alarm-types MetricAlarm CompositeAlarm LogAlarm --state-value ALARM \
      --query 'MetricAlarms[].AlarmName' --output text)" ]
}
quiet
new=$(aws lambda publish-version $f --query Version --output text)
aws lambda wait published-version-active $f --qualifier "$new"
for weight in 0.1 0.5; do
  aws lambda update-alias $f --name live --routing-config "AdditionalVersionWeights={$new=$weight}"
  quiet
done
aws lambda update-alias $f --name live --function-version "$new" --routing-config 'AdditionalVersionWeights={}'
quiet
"""
"""The least that can be called the same: it keeps no record, knows of nobody else, and cannot be cancelled."""

OURS, THEIRS = "this action", "awscli in bash"

LEAST = {
    "GetAlias": 1,
    "DescribeAlarms": 4,
    "PublishVersion": 1,
    "GetFunctionConfiguration": 1,
    "UpdateAlias": 3,
}
"""One read of the alias, the alarms before and after each step, one version, Active once, one write a step."""


def run() -> list[Row]:
    aws_cli()
    with scene() as aws:
        counted: dict[str, Counter[str]] = {}

        def case(name: str, act: Callable[[], Ran]) -> Callable[[], Ran]:
            def turn() -> Ran:
                again(aws)
                seen = len(aws.requests())
                result = act()
                assert not aws.alias[1], aws.alias
                assert aws.alias[0] != OLD, "it was not promoted"
                counted[name] = Counter(request.operation for request in aws.requests()[seen:])
                return result

            return turn

        cases = {
            OURS: case(OURS, lambda: action(aws, steps=STEPS)),
            THEIRS: case(THEIRS, lambda: bash(aws, SCRIPT)),
        }
        results = interleaved(cases, TURNS)
    return [*_times(results), *_calls(counted)]


def _times(results: Mapping[str, Sequence[Ran]]) -> list[Row]:
    name = f"Three steps of 0 s, medians of {TURNS}; awscli is 1"
    wall, cpu = middle(results[THEIRS], "wall"), middle(results[THEIRS], "cpu")
    return [
        Row(
            name,
            case,
            {
                "wall, ratio": f"{middle(ran, 'wall') / wall:.2f}",
                "CPU, ratio": f"{middle(ran, 'cpu') / cpu:.2f}",
                "wall, s": f"{middle(ran, 'wall'):.2f}",
                "CPU, s": f"{middle(ran, 'cpu'):.2f}",
            },
        )
        for case, ran in results.items()
    ]


def calls_of_a_rollout(aws: Live) -> Counter[str]:
    """Count the calls of one rollout of ours by operation; the same on every machine."""
    seen = len(aws.requests())
    action(aws, steps=STEPS)
    return Counter(request.operation for request in aws.requests()[seen:])


def _calls(counted: Mapping[str, Counter[str]]) -> list[Row]:
    name = "Calls of that rollout"
    operations = sorted({*LEAST, *(op for calls in counted.values() for op in calls)})
    columns = {"the least possible": LEAST, **counted}
    rows = [
        Row(name, f"`{op}`", {who: calls.get(op, 0) for who, calls in columns.items()})
        for op in operations
    ]
    return [*rows, Row(name, "in all", {who: sum(c.values()) for who, c in columns.items()})]
