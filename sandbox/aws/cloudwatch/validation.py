"""What CloudWatch refuses, with its code and, where it is known, its wording.

Lengths, enumerations and required members are checked by botocore's client before a request
leaves; a model that can be called without that client checks those that matter to a caller.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.aws.cloudwatch.alarm import ALARM_TYPES, returned
from sandbox.aws.cloudwatch.evaluation import COMPARISONS, MISSING_DATA_TREATMENTS, STATES
from sandbox.aws.cloudwatch.rule import Rule, RuleError
from sandbox.aws.errors import AwsError

Params = Mapping[str, Any]

SUB_MINUTE_PERIODS = (1, 5, 10, 20, 30)
"""AWS's alarms have 10, 20 and 30 (PutMetricAlarm, Period). 1 and 5, which AWS has for
GetMetricData only, are the sandbox's own, so that a demonstration takes seconds."""

DAY = 86_400


def invalid(message: str) -> AwsError:
    """CloudWatch's usual refusal."""
    return AwsError("ValidationError", message)


def not_modelled(what: str) -> AwsError:
    """AWS can do it; this model cannot and says so, rather than answer wrongly."""
    return AwsError("NotImplemented", f"The sandbox's CloudWatch does not model {what}", 501)


def _unsatisfied(value: object, member: str, constraint: str) -> AwsError:
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must {constraint}"
    )


def _required(params: Params, *members: str) -> None:
    for member in members:
        if member not in params:
            name = member[0].lower() + member[1:]
            raise _unsatisfied("null", name, "not be null")


def _one_of(params: Params, member: str, values: Sequence[str]) -> None:
    if member in params and params[member] not in values:
        name = member[0].lower() + member[1:]
        raise _unsatisfied(params[member], name, f"satisfy enum value set: [{', '.join(values)}]")


def _period(period: int) -> None:
    if period not in SUB_MINUTE_PERIODS and (period < 60 or period % 60):
        raise invalid("Period must be 10, 20, 30 or a multiple of 60")


def alarm_name(params: Params) -> None:
    """Any operation on one alarm."""
    _required(params, "AlarmName")
    if not 1 <= len(params["AlarmName"]) <= 255:
        raise _unsatisfied(
            params["AlarmName"],
            "alarmName",
            "have length less than or equal to 255 and greater than or equal to 1",
        )


def older_types(params: Params) -> None:
    """AlarmTypes, where nobody knows log alarms yet."""
    asked = params.get("AlarmTypes", ())
    if "LogAlarm" in asked:
        listed = f"[{', '.join(asked)}]"
        raise _unsatisfied(
            listed, "alarmTypes", "satisfy enum value set: [CompositeAlarm, MetricAlarm]"
        )


def metric_alarm(params: Params) -> None:
    """PutMetricAlarm."""
    alarm_name(params)
    if "EvaluationWindow" in params:
        raise not_modelled("EvaluationWindow")
    if is_query(params):
        return
    if "ThresholdMetricId" in params:
        raise not_modelled("anomaly detection")
    if params.get("EvaluateLowSampleCountPercentile") == "ignore":
        raise not_modelled("EvaluateLowSampleCountPercentile=ignore")
    _required(params, "ComparisonOperator", "EvaluationPeriods")
    _one_of(params, "ComparisonOperator", tuple(COMPARISONS))
    if "Threshold" not in params:
        raise invalid("Threshold is required for static-threshold alarms")
    if params.get("TreatMissingData", "missing") not in MISSING_DATA_TREATMENTS:
        raise invalid(
            f"Option {params['TreatMissingData']} is not supported. Supported options for "
            f"TreatMissingData are {list(MISSING_DATA_TREATMENTS)}."
        )
    period = _metric_math(params) if "Metrics" in params else _single_metric(params)
    _periods(params, period)


def is_query(params: Params) -> bool:
    """Whether the alarm looks at the result of a query (PromQL, Metrics Insights) and not at metrics by name."""
    expressions = [each.get("Expression", "") for each in params.get("Metrics", ())]
    return "EvaluationCriteria" in params or any(each.startswith("SELECT ") for each in expressions)


def _periods(params: Params, period: int) -> None:
    n = params["EvaluationPeriods"]
    if n < 1:
        raise _unsatisfied(n, "evaluationPeriods", "have value greater than or equal to 1")
    m = params.get("DatapointsToAlarm", n)
    if m < 1:
        raise _unsatisfied(m, "datapointsToAlarm", "have value greater than or equal to 1")
    if m > n:
        raise invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    if period < 3600 and n * period > DAY:
        raise invalid(
            "Metrics cannot be checked across more than a day "
            "(EvaluationPeriods * Period must be <= 86400)."
        )
    if n * period > 7 * DAY:
        raise invalid(
            "Metrics cannot be checked across more than seven days "
            "(EvaluationPeriods * Period must be <= 604800)."
        )


def _single_metric(params: Params) -> int:
    """Checks an alarm on one metric; its period in seconds."""
    if "MetricName" not in params or "Namespace" not in params:
        raise invalid("Either MetricName and Namespace or Metrics must be specified")
    if ("Statistic" in params) == ("ExtendedStatistic" in params):
        raise AwsError(
            "InvalidParameterCombination",
            "Exactly one of Statistic or ExtendedStatistic must be specified",
        )
    if "Period" not in params:
        raise invalid("Period is required")
    _period(params["Period"])
    return int(params["Period"])


def _metric_math(params: Params) -> int:
    """Checks an alarm on Metrics; the period of all of them in seconds."""
    single = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic")
    if any(member in params for member in (*single, "ExtendedStatistic")):
        raise AwsError(
            "InvalidParameterCombination",
            "Metrics list cannot be combined with the parameters of a single metric",
        )
    try:
        returned(params["Metrics"])
    except ValueError as error:
        raise invalid(str(error)) from error
    periods = {each["MetricStat"]["Period"] for each in params["Metrics"] if "MetricStat" in each}
    if len(periods) != 1:
        raise invalid("All metrics in the Metrics list must have the same period")
    period = int(periods.pop())
    _period(period)
    return period


def composite_rule(params: Params) -> Rule:
    """The rule of a PutCompositeAlarm request."""
    alarm_name(params)
    _required(params, "AlarmRule")
    if "ActionsSuppressor" in params:
        raise not_modelled("ActionsSuppressor")
    text = params["AlarmRule"]
    if text != text.strip() or not text:
        raise invalid("AlarmRule must not contain leading or trailing whitespace or be null")
    try:
        rule = Rule(text)
    except RuleError as error:
        raise invalid(f"Error in AlarmRule [{error}]") from error
    if len(rule.children) > 100 or rule.elements > 500:
        raise invalid("AlarmRule must not have more than 100 alarms or 500 elements")
    return rule


def log_alarm(params: Params) -> None:
    """PutLogAlarm."""
    alarm_name(params)
    _required(
        params,
        "ScheduledQueryConfiguration",
        "QueryResultsToEvaluate",
        "QueryResultsToAlarm",
        "Threshold",
        "ComparisonOperator",
    )
    if params["QueryResultsToAlarm"] > params["QueryResultsToEvaluate"]:
        raise invalid("QueryResultsToAlarm must be less than or equal to QueryResultsToEvaluate")


def state(params: Params) -> None:
    """SetAlarmState."""
    alarm_name(params)
    _required(params, "StateValue", "StateReason")
    _one_of(params, "StateValue", STATES)
    if len(params["StateReason"]) > 1023:
        raise _unsatisfied(
            params["StateReason"], "stateReason", "have length less than or equal to 1023"
        )
    try:
        json.loads(params.get("StateReasonData", "{}"))
    except ValueError:
        raise AwsError("InvalidFormat", "StateReasonData was not valid JSON") from None


def alarms_query(params: Params) -> None:
    """DescribeAlarms, DescribeAlarmHistory and DeleteAlarms: names, types and page size."""
    if len(params.get("AlarmNames", ())) > 100:
        raise _unsatisfied(
            params["AlarmNames"], "alarmNames", "have length less than or equal to 100"
        )
    if "AlarmNames" in params and "AlarmNamePrefix" in params:
        raise AwsError(
            "InvalidParameterCombination",
            "AlarmNamePrefix and AlarmNames cannot be specified together",
        )
    if any(type_ not in ALARM_TYPES for type_ in params.get("AlarmTypes", ())):
        raise _unsatisfied(
            params["AlarmTypes"],
            "alarmTypes",
            f"satisfy enum value set: [{', '.join(ALARM_TYPES)}]",
        )
    if not 1 <= params.get("MaxRecords", 1) <= 100:
        raise _unsatisfied(
            params["MaxRecords"],
            "maxRecords",
            "have value less than or equal to 100 and greater than or equal to 1",
        )
    for member in ("ChildrenOfAlarmName", "ParentsOfAlarmName", "ActionPrefix"):
        if member in params:
            raise not_modelled(member)


def metric_data(params: Params) -> None:
    """GetMetricData."""
    _required(params, "MetricDataQueries", "StartTime", "EndTime")
    if len(params["MetricDataQueries"]) > 500:
        raise invalid("The collection MetricDataQueries must not have a size greater than 500.")
    if params["StartTime"] >= params["EndTime"]:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    for each in params["MetricDataQueries"]:
        if ("MetricStat" in each) == ("Expression" in each):
            raise invalid(
                f"Exactly one of MetricStat or Expression must be given for query {each['Id']}"
            )
        if "MetricStat" in each:
            _period(each["MetricStat"]["Period"])
