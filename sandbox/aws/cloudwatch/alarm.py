"""Alarms: what was put, and the state they are in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.aws.cloudwatch.evaluation import COMPARISONS, INSUFFICIENT_DATA
from sandbox.aws.cloudwatch.query import Query, metric_query, queries_by_id
from sandbox.aws.cloudwatch.rule import Rule
from sandbox.clock import to_milliseconds

AlarmType = Literal["MetricAlarm", "CompositeAlarm", "LogAlarm"]
ALARM_TYPES: tuple[AlarmType, ...] = ("MetricAlarm", "CompositeAlarm", "LogAlarm")


@dataclass(frozen=True)
class Criteria:
    """What a metric alarm compares, how often, and how many must breach."""

    query: Query
    period: int
    """Seconds in one datapoint."""
    n: int
    m: int
    operator: str
    threshold: float
    treat_missing_data: str
    statistic: str | None
    """None for metric math."""
    m_was_given: bool
    """AWS words its StateReason differently when DatapointsToAlarm was given."""

    @property
    def step(self) -> int:
        """Seconds between two looks: the period, or a minute for longer ones, whose window slides.

        Source: "Alarm evaluation" in the User Guide; alarms of 10, 20 and 30 s are high-resolution
        and looked at as often.
        """
        return min(self.period, 60)

    def breaching(self, value: float) -> bool:
        return COMPARISONS[self.operator](value, self.threshold)


@dataclass(eq=False)
class Alarm:
    """One alarm of any type.

    Times are cut to milliseconds, as AWS stores them. `evaluation_state` is PARTIAL_DATA,
    EVALUATION_ERROR, EVALUATION_FAILURE, IN_WARM_UP, a word that AWS may yet add, or None.
    """

    name: str
    arn: str
    type: AlarmType
    configuration: Mapping[str, Any]
    configured_at: datetime
    updated_at: datetime
    transitioned_at: datetime
    watches: Criteria | Rule | None = None
    """None: a log alarm, whose queries are not modelled."""
    value: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    evaluation_state: str | None = None
    next_look: float | None = field(default=None, repr=False)
    """End of the window that is evaluated next; None while nothing can change."""

    def set_state(self, value: str, reason: str, reason_data: str | None, now: datetime) -> bool:
        """Take on a state; whether StateValue changed.

        A later transition always has a later StateTransitionedTimestamp: "each state transition
        is marked with a unique timestamp" (User Guide), also when the clock stands still.
        """
        changed = value != self.value
        at = to_milliseconds(now)
        if changed:
            at = max(at, self.transitioned_at + timedelta(milliseconds=1))
            self.transitioned_at = at
        self.value, self.reason, self.reason_data = value, reason, reason_data
        self.updated_at = max(at, self.updated_at)
        return changed

    def describe(self) -> dict[str, Any]:
        """The MetricAlarm, CompositeAlarm or LogAlarm shape of botocore."""
        answer = {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            **{key: value for key, value in self.configuration.items() if key != "Tags"},
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured_at,
            "StateValue": self.value,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.updated_at,
            "StateTransitionedTimestamp": self.transitioned_at,
        }
        if self.type == "MetricAlarm":
            answer.setdefault("Dimensions", [])
        if self.reason_data is not None:
            answer["StateReasonData"] = self.reason_data
        if self.evaluation_state is not None:
            answer["EvaluationState"] = self.evaluation_state
        return answer


def criteria(params: Mapping[str, Any]) -> Criteria:
    """Criteria of a checked PutMetricAlarm request. Raises ValueError for a metric not modelled."""
    query: Query
    if "Metrics" in params:
        data_queries = params["Metrics"]
        query = queries_by_id(data_queries)[returned(data_queries)["Id"]]
        period = next(each["MetricStat"]["Period"] for each in data_queries if "MetricStat" in each)
        stat = None
    else:
        stat = params.get("Statistic") or params["ExtendedStatistic"]
        query = metric_query(params, stat, params.get("Unit"))
        period = params["Period"]
    return Criteria(
        query=query,
        period=period,
        n=params["EvaluationPeriods"],
        m=params.get("DatapointsToAlarm", params["EvaluationPeriods"]),
        operator=params["ComparisonOperator"],
        threshold=float(params["Threshold"]),
        treat_missing_data=params.get("TreatMissingData", "missing"),
        statistic=stat,
        m_was_given="DatapointsToAlarm" in params,
    )


def returned(data_queries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one of an alarm's Metrics that it watches. Raises ValueError unless there is one."""
    marked = [each for each in data_queries if each.get("ReturnData", True)]
    if len(marked) != 1:
        raise ValueError("Exactly one element of the metrics list should return data.")
    return marked[0]
