"""A world with one function in production and a new build waiting, and a rollout through it.

`Scene` is for tests on the manual clock: it builds the world, runs the real story and says what AWS saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.caller import caller_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.inputs.names import FromAlias, Latest, Numbered, parse_alarms
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.steps import Plan, parse_steps
from lambda_rollout.rollout.events import Event, Finished, Run, Warned, stamped
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.clock import Stop
from sandbox.aws import World
from sandbox.aws.request import Request
from sandbox.aws.world import REGION
from sandbox.clock import ManualClock
from tests.support.code import package
from tests.support.seam import Dated, SimClock, SimRuns, direct, manual, said_as_it_is

ROLE = "arn:aws:iam::123456789012:role/checkout"
TARGET = Target("checkout", "live")
OWNERS_TEXT = "the one that customers see"
OLD, NEW = "1", "2"
ROLLOUT_ID = "3fa94c7d"
QUERY: Mapping[str, Any] = {
    "QueryString": "filter level = 'ERROR'",
    "ScheduledQueryRoleARN": ROLE,
    "ScheduleConfiguration": {"ScheduleExpression": "rate(1 minute)", "StartTimeOffset": 60},
    "AggregationExpression": "count(*)",
}


def log_alarm(name: str) -> dict[str, Any]:
    """A log alarm for PutLogAlarm: a metric alarm falls back to what its data say; here the test decides."""
    return {
        "AlarmName": name,
        "QueryResultsToEvaluate": 1,
        "QueryResultsToAlarm": 1,
        "Threshold": 1.0,
        "ScheduledQueryConfiguration": QUERY,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def plan(text: str) -> Plan:
    """A schedule; steps without a duration take five minutes."""
    return parse_steps(text, timedelta(minutes=5))


USUAL = read_inputs(
    {
        variable("function-name"): TARGET.function,
        variable("aws-region"): REGION,
        variable("alarms"): "checkout-errors",
        variable("description"): "octo/shop@9f2c1ab",
    }
)
"""What is asked for unless a test says otherwise: every other input is left empty."""


def rollout_spec(steps: str | Plan = "10% 60s, 100% 60s", **asked: Any) -> RolloutSpec:
    """An order for `TARGET`; ``asked``: fields of `RolloutSpec` and `Inputs`, some in plainer values (`_field`)."""
    run, rollout_id = asked.pop("run", Run()), asked.pop("rollout_id", ROLLOUT_ID)
    new_code, payloads = asked.pop("package", None), asked.pop("payloads", {})
    packages = asked.pop("packages", {})
    schedule = plan(steps) if isinstance(steps, str) else steps
    fields: dict[str, Any] = {}
    for name, value in asked.items():
        fields |= _field(name, value)
    inputs = replace(USUAL, plan=schedule, **fields)
    if new_code is not None:
        packages = dict.fromkeys(inputs.functions, new_code)
    return RolloutSpec(inputs, run, rollout_id, packages, payloads)


def _field(name: str, value: Any) -> dict[str, Any]:
    """Seconds for a duration, texts for alarms, a number or an alias for a version, targets for functions."""
    match name:
        case "poll_interval" | "evidence_timeout":
            return {name: timedelta(seconds=value)}
        case "alarms":
            return {name: parse_alarms("\n".join([*value, ""]))}
        case "version":
            return {name: Numbered(value) if value else Latest()}
        case "version_alias":
            return {"version": FromAlias(value)}
        case "version_each":
            return {"version": value}
        case "targets":
            (alias,) = {target.alias for target in value}
            return {"functions": tuple(target.function for target in value), "alias": alias}
    return {name: value}


@dataclass
class Scene:
    """A function at version 1 behind ``live``, its next build in ``$LATEST``, and one alarm that is OK."""

    world: World = field(default_factory=World)
    events: list[Event] = field(default_factory=list)
    saved_states: list[SavedState] = field(default_factory=list)
    runs: SimRuns = field(default_factory=SimRuns)
    stop: Stop = field(default_factory=Stop)
    skew: timedelta = timedelta()
    """How far the runner's clock is off."""
    date: Dated = said_as_it_is
    """What AWS's answers say of the time."""
    life: CredentialsLife = field(default_factory=CredentialsLife)
    """How long the credentials of the ports can sign."""

    @classmethod
    def ready(cls, seed: int = 0, alarms: Iterable[str] = ("checkout-errors",)) -> Self:
        scene = cls(World(clock=ManualClock(), seed=seed))
        scene.deploy()
        for name in alarms:
            scene.put_alarm(name)
        scene.world.log.clear()
        return scene

    # What is there -----------------------------------------------------------------------------

    @property
    def clock(self) -> ManualClock:
        return manual(self.world)

    def deploy(self) -> None:
        """Version 1 in production, and something new in ``$LATEST``."""
        create = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
        code = {"Code": {"ZipFile": package()}}
        self.call("lambda", "CreateFunction", FunctionName="checkout", **create, **code)
        self.clock.advance(2)
        self.call("lambda", "PublishVersion", FunctionName="checkout")
        self.clock.advance(2)
        live = {"FunctionVersion": OLD, "Description": OWNERS_TEXT}
        self.call("lambda", "CreateAlias", FunctionName="checkout", Name="live", **live)
        self.build("def handler(event, context): return 2")

    def build(self, code: str) -> None:
        """New code in ``$LATEST``."""
        self.call("lambda", "UpdateFunctionCode", FunctionName="checkout", ZipFile=package(code))
        self.clock.advance(2)

    def put_alarm(self, name: str, state: str = "OK") -> None:
        """A log alarm: one that only `set_alarm` moves."""
        self.call("cloudwatch", "PutLogAlarm", **log_alarm(name))
        self.set_alarm(name, state)

    def configure_alarm(self, **configuration: Any) -> None:
        """Give ``checkout-errors`` other members, such as its ``AlarmActions``."""
        alarm = self.world.cloudwatch()._alarms["checkout-errors"]
        alarm.configuration = {**alarm.configuration, **configuration}

    def set_alarm(self, name: str, state: str, reason: str = "set by the test") -> None:
        asked = {"AlarmName": name, "StateValue": state, "StateReason": reason}
        self.call("cloudwatch", "SetAlarmState", **asked)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen so many seconds from now."""
        self.world.schedule(self.clock.now() + timedelta(seconds=seconds), lambda: (act(), None)[1])

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Somebody's call, past the log and the faults."""
        request = Request(self.clock.now(), service, operation, params, REGION)
        return self.world.perform(request)

    # What is done ------------------------------------------------------------------------------

    def clients(self, latency: float = 0.0) -> Clients:
        clock = SimClock(self.world, self.skew)
        return direct(self.world, latency=latency, clock=clock, date=self.date)

    def ports(self, ordered: RolloutSpec | RunIdentity, clients: Clients | None = None) -> Ports:
        """The parts for main, or for a post stage, which watches no alarms."""
        clients = clients or self.clients()
        alarms = ordered.inputs.alarms if isinstance(ordered, RolloutSpec) else ()
        clock = SimClock(self.world, self.skew)
        return Ports(
            aliases=LambdaAliases(clients, self.stop),
            versions=LambdaVersions(clients),
            alarms=CloudWatchAlarms(clients, alarms, self.stop),
            runs=self.runs,
            clock=clock,
            aws_clock=clients.aws_clock,
            stop=self.stop,
            emit=lambda event: self.events.append(stamped(event, clock.now())),
            remember=self.saved_states.append,
            life=lambda: self.life,
            caller=lambda: caller_of(clients),
            invocations=LambdaInvocations(clients),
            traffic=CloudWatchMetrics(clients),
        )

    def roll_out(
        self, ordered: RolloutSpec | None = None, clients: Clients | None = None
    ) -> Finished:
        """Tell the story from beginning to end, in no time."""
        ordered = ordered or rollout_spec()
        return Rollout(ordered, self.ports(ordered, clients)).run()

    def post_stage(self) -> Finished:
        """The post stage, with what main saved last."""
        saved_state = SavedState.from_json(self.saved_states[-1].to_json())
        identity = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
        return settle_what_main_left(saved_state, identity, self.ports(identity))

    # What came of it ---------------------------------------------------------------------------

    @property
    def warnings(self) -> list[str]:
        """What it warned of, in order."""
        return [event.text for event in self.events if isinstance(event, Warned)]

    @property
    def alias(self) -> Alias:
        """The alias as it is, not as an answer showed it."""
        alias = self.world.lambda_().functions["checkout"].aliases["live"]
        return Alias(
            alias.arn, Routing(alias.version, alias.weights), alias.description, alias.revision_id
        )

    def requests(self, *operations: str) -> list[Request]:
        """What AWS saw, in order."""
        return [r for r in self.world.log if not operations or r.operation in operations]

    def routings(self) -> list[Routing]:
        """The routings that AWS was told to take on and took on, in order; repetitions left out."""
        routings = [routing_of(r.params) for r in self.requests("UpdateAlias") if r.effect_at]
        return [r for i, r in enumerate(routings) if i == 0 or routings[i - 1] != r]

    def told(self, *kinds: type[Event]) -> list[Event]:
        """The events of these kinds."""
        return [event for event in self.events if isinstance(event, kinds)]


def routing_of(params: Mapping[str, Any]) -> Routing:
    """The routing that an UpdateAlias asks for."""
    return Routing(params["FunctionVersion"], params["RoutingConfig"]["AdditionalVersionWeights"])


def in_percent(routing: Routing) -> tuple[str, dict[str, Decimal]]:
    """A routing as (version, additional versions' percentages), to compare with a plan's decimals."""
    shares = {version: Decimal(str(weight)) * 100 for version, weight in routing.weights.items()}
    return routing.version, shares


def in_percent_of(schedule: Plan, old: str = OLD, new: str = NEW) -> list[tuple[str, Any]]:
    """What `in_percent` says of the routings that a schedule leads through."""
    split = [(old, {new: step.percent}) for step in schedule.split_steps]
    return [*split, *([] if schedule.ends_held else [(new, {})])]
