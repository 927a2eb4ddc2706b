"""CloudWatch of one account in one Region: one method per operation.

Parameters and answers have botocore's shapes. All raise AwsError as AWS does.

Source: the CloudWatch API Reference, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.cloudwatch import data, validation
from sandbox.aws.cloudwatch.alarm import (
    ALARM_TYPES,
    Alarm,
    AlarmType,
    Criteria,
    criteria,
)
from sandbox.aws.cloudwatch.evaluation import ALARM, INSUFFICIENT_DATA, OK
from sandbox.aws.cloudwatch.history import History, Item, state_of
from sandbox.aws.cloudwatch.metrics import Datapoint, MetricStore, metric_key
from sandbox.aws.cloudwatch.paging import page
from sandbox.aws.cloudwatch.reason import composite_reason, composite_reason_data
from sandbox.aws.cloudwatch.rule import Rule
from sandbox.aws.cloudwatch.watch import Clock, Schedule, Watch
from sandbox.aws.errors import AwsError
from sandbox.clock import to_milliseconds

Params = Mapping[str, Any]
Answer = dict[str, Any]

_LISTS: dict[AlarmType, str] = {
    "MetricAlarm": "MetricAlarms",
    "CompositeAlarm": "CompositeAlarms",
    "LogAlarm": "LogAlarms",
}


_ACTIONS = {
    ALARM: "AlarmActions",
    OK: "OKActions",
    INSUFFICIENT_DATA: "InsufficientDataActions",
}


class CloudWatch:
    """`schedule(at, fn)` puts something on the world's one timeline."""

    def __init__(self, clock: Clock, schedule: Schedule, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self._clock = clock
        self._store = MetricStore()
        self._alarms: dict[str, Alarm] = {}
        self._moving: list[Alarm] = []
        self._history = History()
        self.act: Callable[[str, Mapping[str, Any]], None] = lambda _arn, _event: None
        """Does an action of an alarm: the ARN that it names, and what is sent there."""
        self.knows_log_alarms = True
        """False for a Region, or another server, from before log alarms: it refuses their type."""
        self._watch = Watch(clock, schedule, self._store, self._set_state)

    # The world's own side: what is not an API call.

    @property
    def metric_delay(self) -> timedelta:
        """How long after its timestamp a datapoint can be seen, by alarms and by GetMetricData.

        Lambda's real ones take a minute or two. With 0, a datapoint that is recorded only after
        the end of its period (a slow invocation has the timestamp of its start) may come too
        late for an alarm of one period; on a real clock give it the longest invocation's time.
        """
        return self._watch.delay

    @metric_delay.setter
    def metric_delay(self, delay: timedelta) -> None:
        self._watch.delay = delay

    @property
    def history_lag(self) -> timedelta:
        """How long after a transition DescribeAlarmHistory tells of it."""
        return self._history.lag

    @history_lag.setter
    def history_lag(self, lag: timedelta) -> None:
        self._history.lag = lag

    def record(
        self,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str,
        at: datetime,
    ) -> None:
        """Store one value of a metric with timestamp `at`."""
        key = metric_key(namespace, metric, dimensions)
        self._store.add(key, Datapoint(at.timestamp(), value, value, value, 1, unit))
        self._watch.new_data(key)

    def set_evaluation_state(self, alarm_name: str, state: str | None, reason: str = "") -> None:
        """Set or clear (None) a metric or log alarm's EvaluationState; a composite alarm has none.

        Moves StateUpdatedTimestamp but not StateTransitionedTimestamp. But for PARTIAL_DATA the alarm is not evaluated
        and stays as it is. A `reason` becomes its StateReason, which says what is wrong ("Refer to StateReason").
        """
        alarm = self._alarms[alarm_name]
        if alarm.type == "CompositeAlarm":
            raise ValueError(
                f"{alarm_name} is a composite alarm: AWS shows no EvaluationState of it"
            )
        alarm.evaluation_state = state
        alarm.reason = reason or alarm.reason
        alarm.updated_at = max(alarm.updated_at, to_milliseconds(self._clock.now()))
        if isinstance(alarm.watches, Criteria):
            self._watch.wake(alarm)

    # Alarms

    def put_metric_alarm(self, params: Params) -> Answer:
        """One on a query is kept and shown, and moved by SetAlarmState only. A warm-up is kept and not modelled."""
        validation.metric_alarm(params)
        if validation.is_query(params):
            alarm = self._put("MetricAlarm", params, None)
            if "EvaluationCriteria" in params and alarm.updated_at == alarm.configured_at:
                # "PromQL alarms start in OK" (botocore's model of PutMetricAlarm).
                alarm.value = OK
            return {}
        try:
            watches = criteria(params)
        except ValueError as error:
            raise validation.not_modelled(f"the metric or expression: {error}") from error
        alarm = self._put("MetricAlarm", params, watches)
        self._watch.add(alarm)
        return {}

    def put_composite_alarm(self, params: Params) -> Answer:
        rule = validation.composite_rule(params)
        missing = [child for child in rule.children if self._find(child) is None]
        if missing:
            raise validation.invalid(
                f"Could not save the composite alarm as alarms [{', '.join(missing)}] "
                "in the alarm rule do not exist"
            )
        alarm = self._put("CompositeAlarm", params, rule)
        self._apply_rule(alarm, rule, moved_by=None)
        return {}

    def put_log_alarm(self, params: Params) -> Answer:
        """Its queries are not run: only SetAlarmState moves a log alarm here."""
        validation.log_alarm(params)
        self._put("LogAlarm", params, None)
        return {}

    def delete_alarms(self, params: Params) -> Answer:
        """Delete the alarms that are there.

        Unknown names are passed over: "the alarms you specify with correct names are still
        deleted".
        """
        validation.alarms_query(params)
        alarms = [self._alarms[name] for name in params["AlarmNames"] if name in self._alarms]
        if sum(alarm.type == "CompositeAlarm" for alarm in alarms) > 1:
            raise validation.invalid("Only one composite alarm can be deleted per request")
        needed = [alarm.name for alarm in alarms if self._parents(alarm)]
        if needed:
            raise validation.invalid(
                f"Cannot delete {', '.join(needed)} as there are composite alarm(s) depending on it"
            )
        for alarm in alarms:
            if isinstance(alarm.watches, Criteria):
                self._watch.remove(alarm)
            del self._alarms[alarm.name]
            self._history.configured(alarm, "Delete", self._clock.now())
        return {}

    def describe_alarms(self, params: Params) -> Answer:
        """Without AlarmTypes only metric alarms; names that do not exist are left out in silence."""
        validation.alarms_query(params)
        if not self.knows_log_alarms:
            validation.older_types(params)
        types = params.get("AlarmTypes", ["MetricAlarm"])
        names = params.get("AlarmNames")
        asked = self._alarms if names is None else dict.fromkeys(names)
        alarms = [
            alarm
            for name in asked
            if (alarm := self._alarms.get(name)) is not None
            and alarm.type in types
            and name.startswith(params.get("AlarmNamePrefix", ""))
            and params.get("StateValue", alarm.value) == alarm.value
        ]
        alarms.sort(key=_order)
        shown, more = page(alarms, _order, params)
        answer: Answer = {each: [] for each in _LISTS.values()}
        for alarm in shown:
            answer[_LISTS[alarm.type]].append(alarm.describe())
        return answer | more

    def describe_alarm_history(self, params: Params) -> Answer:
        """Newest first unless ScanBy says otherwise; without AlarmTypes only metric alarms."""
        validation.alarms_query(params)
        if not self.knows_log_alarms:
            validation.older_types(params)
        types = params.get("AlarmTypes", ["MetricAlarm"])
        items = [
            item
            for item in self._history.visible(self._clock.now())
            if item.alarm_type in types
            and params.get("AlarmName", item.alarm_name) == item.alarm_name
            and params.get("HistoryItemType", item.type) == item.type
            and params.get("StartDate", item.at) <= item.at <= params.get("EndDate", item.at)
        ]
        params = {"ScanBy": "TimestampDescending", **params}
        items.sort(key=_number, reverse=params["ScanBy"] == "TimestampDescending")
        shown, more = page(items, _number, params)
        return {"AlarmHistoryItems": [item.describe() for item in shown], **more}

    def set_alarm_state(self, params: Params) -> Answer:
        """Set a state for a while.

        A metric alarm goes back to what its data say at the next look, within a minute; a
        composite alarm only when one of its children changes; a log alarm stays.
        """
        validation.state(params)
        alarm = self._alarms.get(params["AlarmName"])
        if alarm is None:
            raise AwsError("ResourceNotFound", "Unknown", 404)
        self._set_state(
            alarm, params["StateValue"], params["StateReason"], params.get("StateReasonData")
        )
        if isinstance(alarm.watches, Criteria):
            self._watch.wake(alarm)
        return {}

    # Metrics

    def put_metric_data(self, params: Params) -> Answer:
        for key, point in data.datapoints(params, self._clock.now()):
            self._store.add(key, point)
            self._watch.new_data(key)
        return {}

    def get_metric_data(self, params: Params) -> Answer:
        validation.metric_data(params)
        return data.results(params, self._store, seen_until=self._clock.now() - self.metric_delay)

    # Within

    def _put(self, type_: AlarmType, params: Params, watches: Criteria | Rule | None) -> Alarm:
        """Create the alarm, or overwrite its configuration and keep its state."""
        now = self._clock.now()
        name = params["AlarmName"]
        alarm = self._alarms.get(name)
        if alarm is None:
            arn = f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{name}"
            at = to_milliseconds(now)
            alarm = Alarm(name, arn, type_, dict(params), at, at, at, watches)
            self._alarms[name] = alarm
            self._history.configured(alarm, "Create", now)
            return alarm
        if alarm.type != type_:
            raise validation.invalid(f"An alarm of another type is already named {name}")
        if isinstance(alarm.watches, Criteria):
            self._watch.remove(alarm)
        alarm.configuration, alarm.watches = dict(params), watches
        alarm.configured_at = to_milliseconds(now)
        self._history.configured(alarm, "Update", now)
        return alarm

    def _set_state(self, alarm: Alarm, value: str, reason: str, data_: str | None) -> None:
        """Change the state, and let the composite alarms above follow at once.

        "The evaluation of composite alarms stops if CloudWatch detects a cycle in the evaluation
        path" (PutCompositeAlarm): an alarm that is just moving is not moved again.
        """
        old = state_of(alarm)
        now = self._clock.now()
        if alarm.set_state(value, reason, data_, now):
            self._history.state_changed(alarm, old, now)
            self._act(alarm, now)
            self._moving.append(alarm)
            for parent in self._parents(alarm):
                if parent not in self._moving and isinstance(parent.watches, Rule):
                    self._apply_rule(parent, parent.watches, moved_by=alarm)
            self._moving.pop()

    def _act(self, alarm: Alarm, now: datetime) -> None:
        """Send the event of a transition to each function among the alarm's actions."""
        if not alarm.configuration.get("ActionsEnabled", True):
            return
        for action in alarm.configuration.get(_ACTIONS[alarm.value], ()):
            if action.startswith("arn:aws:lambda:"):
                self.act(action, event_of(alarm, self.account, self.region, now))

    def _apply_rule(self, alarm: Alarm, rule: Rule, moved_by: Alarm | None) -> None:
        value = ALARM if rule.holds(self._state_of) else OK
        if value == alarm.value:
            return
        children = [child for name in rule.children if (child := self._find(name)) is not None]
        reason_data = composite_reason_data([each for each in children if each.value == value])
        self._set_state(alarm, value, composite_reason(moved_by), reason_data)

    def _parents(self, alarm: Alarm) -> list[Alarm]:
        return [
            each
            for each in self._alarms.values()
            if isinstance(each.watches, Rule)
            and (alarm.name in each.watches.children or alarm.arn in each.watches.children)
        ]

    def _find(self, name_or_arn: str) -> Alarm | None:
        name = name_or_arn
        if name.startswith("arn:"):
            name = name.split(":", 6)[-1]
        alarm = self._alarms.get(name)
        return alarm if alarm is not None and name_or_arn in (alarm.name, alarm.arn) else None

    def _state_of(self, name_or_arn: str) -> str | None:
        alarm = self._find(name_or_arn)
        return None if alarm is None else alarm.value


def _order(alarm: Alarm) -> list[Any]:
    return [ALARM_TYPES.index(alarm.type), alarm.name]


def _number(item: Item) -> int:
    return item.number


def event_of(alarm: Alarm, account: str, region: str, now: datetime) -> Mapping[str, Any]:
    """What a function that is an alarm's action is invoked with.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
    """
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": account,
        "time": f"{now:%Y-%m-%dT%H:%M:%S.000+0000}",
        "region": region,
        "alarmData": {
            "alarmName": alarm.name,
            "state": {"value": alarm.value, "reason": alarm.reason},
        },
    }
