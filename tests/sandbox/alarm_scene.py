"""A CloudWatch on a stage of its own, for the tests of its alarms.

Every request and every answer is checked against botocore's own description of the operation.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from sandbox.aws.cloudwatch import CloudWatch
from sandbox.aws.world import snake_case
from sandbox.clock import ManualClock

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
DIMENSIONS = {"FunctionName": "checkout", "Resource": "checkout:live"}
ALL_TYPES = ["MetricAlarm", "CompositeAlarm", "LogAlarm"]
ARN = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"


@cache
def service_model() -> ServiceModel:
    """Botocore's description of CloudWatch."""
    return botocore.session.get_session().get_service_model("cloudwatch")


class Scene:
    """A CloudWatch and its clock; `scene("DescribeAlarms", …)` calls an operation."""

    def __init__(self) -> None:
        self.service = service_model()
        self.clock = ManualClock(START)
        self.looks = 0
        self.cloudwatch = CloudWatch(self.clock, self.schedule, "123456789012", "eu-central-1")

    def schedule(self, at: datetime, action: Callable[[], None]) -> None:
        self.looks += 1
        self.clock.schedule(at, action)

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call, with request and answer checked against botocore's model of the operation."""
        model = self.service.operation_model(operation)
        self.check(params, model.input_shape)
        answer: dict[str, Any] = getattr(self.cloudwatch, snake_case(operation))(params)
        if model.output_shape is not None:
            assert set(answer) <= set(model.output_shape.members)
            self.check(answer, model.output_shape)
        return answer

    def check(self, value: dict[str, Any], shape: Any) -> None:
        assert ParamValidator().validate(value, shape).generate_report() == ""

    def put(self, name: str = "errors", **more: Any) -> None:
        """A metric alarm on Errors: 1 of 1, a minute, at least one error."""
        self(
            "PutMetricAlarm",
            **{
                "AlarmName": name,
                "Namespace": "AWS/Lambda",
                "MetricName": "Errors",
                "Dimensions": [{"Name": key, "Value": DIMENSIONS[key]} for key in DIMENSIONS],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1.0,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                **more,
            },
        )

    def errors(self, value: float, metric: str = "Errors") -> None:
        self.cloudwatch.record("AWS/Lambda", metric, DIMENSIONS, value, "Count", self.clock.now())

    def set(self, name: str, value: str) -> None:
        self("SetAlarmState", AlarmName=name, StateValue=value, StateReason="testing purposes")

    def alarm(self, name: str = "errors") -> dict[str, Any]:
        answer = self("DescribeAlarms", AlarmNames=[name], AlarmTypes=ALL_TYPES)
        [alarm] = answer["MetricAlarms"] + answer["CompositeAlarms"] + answer["LogAlarms"]
        return dict(alarm)

    def state(self, name: str = "errors") -> str:
        return str(self.alarm(name)["StateValue"])

    def transitions(self, name: str = "errors", **more: Any) -> list[tuple[str, str]]:
        """Old and new state of each transition, oldest first."""
        answer = self(
            "DescribeAlarmHistory",
            **{
                "AlarmName": name,
                "AlarmTypes": ALL_TYPES,
                "HistoryItemType": "StateUpdate",
                "ScanBy": "TimestampAscending",
                **more,
            },
        )
        found = [json.loads(item["HistoryData"]) for item in answer["AlarmHistoryItems"]]
        return [(each["oldState"]["stateValue"], each["newState"]["stateValue"]) for each in found]
