"""What a preflight is decided on: plain values, as AWS answered. Nothing here is judged yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import PARTIAL
from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.analysis.version import VersionState
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.inputs.steps import Plan
from lambda_rollout.preflight.alarm_rule import AlarmRule

LATEST = "$LATEST"
"""The version of a function that is not published."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read."""

    action: str
    """The IAM action of the call, such as ``lambda:GetPolicy``."""
    why: str
    denied: bool = True
    """Whether it was the permission that was missing; else AWS gave no good answer."""
    refused: bool = False
    """Whether AWS refuses it whoever asks: what was asked for does not exist, or cannot be asked for like that."""
    out_of_time: bool = False
    """Whether AWS had no time for it for so long that it was given up."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version's configuration.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
    """

    version: str
    """A number, or ``$LATEST``."""
    state: str
    state_reason: str
    role: str
    dead_letter: str
    """The ARN that failed asynchronous events go to, or empty."""
    runtime: str
    """Empty for a container image."""
    limits: InvocationLimits
    """What an invocation needs and lasts; with tenants each has execution environments of its own."""
    capacity_provider: str = ""
    """The ARN of what it runs on, for Lambda Managed Instances; empty where AWS runs it."""
    is_durable: bool = False
    """Whether its executions may outlast an invocation, by replays."""

    @property
    def timeout(self) -> timedelta:
        """After which Lambda ends an invocation."""
        return timedelta(seconds=self.limits.timeout)


@dataclass(frozen=True, slots=True)
class VersionRead:
    """What one answer says of a version, and of its function.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
    """

    configuration: Configuration
    state: VersionState
    """What publishing and waiting go by."""
    storage: CodeStorage | None = None
    """How its code is kept; None where only the configuration may be read."""
    tells_reserved: bool = False
    """Whether the answer says what is reserved: it does for ``$LATEST``, where more than the configuration may be read.
    """
    reserved: int | None = None
    """Reserved concurrency of the function, None for none."""


@dataclass(frozen=True, slots=True)
class EventSource:
    """What polls a queue or a stream, and invokes.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """

    uuid: str
    source: str
    """The queue's or stream's ARN; empty for a source without one."""
    qualifier: str
    """Of the function that it invokes: an alias or a version, empty for none."""
    state: str
    function: str = ""
    """The ARN of the function, without the qualifier."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a statement's ``Condition``, as it is written there."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a resource policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """

    sid: str
    """Empty for a statement without one."""
    effect: str
    principals: tuple[tuple[str, str], ...]
    """Kind and name, such as ``("Service", "s3.amazonaws.com")``; ``("*", "*")`` for everybody."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    negated: tuple[str, ...] = ()
    """The elements that say who or what is left out: NotPrincipal, NotAction, NotResource."""


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function URL: there may be one on the bare function, and one on each alias.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionUrlConfig.html
    """

    qualifier: str
    """The alias that it invokes, empty for the bare function."""
    auth_type: str
    """AWS_IAM, or NONE."""
    invoke_mode: str = ""
    has_cors: bool = False


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many execution environments were asked for, of a version on Lambda Managed Instances; None for the default.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionScalingConfig.html
    """

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Provisioned concurrency of an alias or a version.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html
    """

    requested: int
    status: str
    """IN_PROGRESS, READY or FAILED."""
    reason: str


@dataclass(frozen=True, slots=True)
class Invoked:
    """How often an alias was invoked, and its function by whatever name."""

    target: Target
    last_hour: int
    last_day: int
    function_last_day: int
    errors_last_day: int = 0
    """Of those through the alias."""


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Everything read about one target."""

    target: Target
    alias_arn: str
    """Empty for an alias that is still to be created."""
    old: Configuration | Unread | None
    """None without an alias, or where the new version is the old one."""
    new: Configuration | Unread
    """Of ``$LATEST`` where that is still to be published."""
    event_sources: tuple[EventSource, ...] | Unread
    function_policy: tuple[Statement, ...] | Unread
    """The resource policy of the unqualified function."""
    alias_policy: tuple[Statement, ...] | Unread
    """The resource policy of the alias."""
    urls: tuple[FunctionUrl, ...] | Unread
    reserved: int | Unread | None
    """Reserved concurrency of the function, None for none."""
    provisioned: Provisioned | Unread | None
    """Provisioned concurrency of the alias, None for none."""
    invoked: Invoked | Unread
    old_scaling: Scaling | Unread | None = None
    """Of Lambda Managed Instances only, as the two below; None otherwise."""
    new_scaling: Scaling | Unread | None = None
    """None, too, for a version that is still to be published."""
    provider_versions: int | Unread | None = None
    """How many function versions the capacity provider has."""

    old_code: CodeStorage | Unread | None = None
    """How the old version's code is kept; None where that was not read."""
    is_smoke_tested: bool = False
    """Whether the new version is invoked before it gets any traffic."""
    not_invocable: Unread | None = None
    """Set if a version of the function, invoked with DryRun, was refused."""
    uploads: bool = False
    """Whether new code is uploaded over ``$LATEST`` before it is published."""
    silent: tuple[CustomMetric, ...] | Unread = ()
    """What guards look at, and the old version had no data of in the last day."""
    reads: tuple[VersionRead, ...] = ()
    """The answers that told of the versions, for those who publish and wait."""

    @property
    def provider(self) -> str:
        """The capacity provider's ARN; empty for a function that AWS runs."""
        return self.new.capacity_provider if isinstance(self.new, Configuration) else ""

    @property
    def publishes(self) -> bool:
        """Whether the new version is still to be published."""
        return isinstance(self.new, Configuration) and self.new.version == LATEST

    @property
    def bare(self) -> str:
        """What runs when the function is invoked without a qualifier."""
        return "$LATEST.PUBLISHED" if self.provider else "$LATEST"


@dataclass(frozen=True, slots=True)
class WatchedMetric:
    """One statistic of one metric that an alarm looks at, itself or in its expression."""

    id: str
    """Its name in the expression; empty where there is none."""
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: timedelta


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """How one alarm is made.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
    """

    name: str
    kind: str
    """``MetricAlarm``, ``CompositeAlarm`` or ``LogAlarm``."""
    metrics: tuple[WatchedMetric, ...] = ()
    """Those that are named one by one; a query in a language of its own has none."""
    unread: str = ""
    """What of its definition is not understood here, as a noun: ``a PromQL query``; empty if all of it is."""
    expression: str = ""
    """The metric math whose value is compared, empty for a plain metric."""
    period: timedelta = timedelta()
    """Of one datapoint: a metric's period, a log query's schedule, how often a PromQL query is evaluated; 0 if unknown.
    """
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1
    comparison: str = ""
    """ComparisonOperator."""
    threshold: float | None = None
    pending: timedelta = timedelta()
    """How long a PromQL query has to breach without a break."""
    query_offset: timedelta = timedelta()
    """How far before its run the time that a log query looks at ends."""
    warm_until: datetime | None = None
    """When its warm-up ends, at the latest; None without one."""
    evaluation: str = ""
    """EvaluationState: empty for one that is evaluated, and for a composite one."""
    evaluation_reason: str = ""
    """StateReason, which says why it is not evaluated."""
    rule: AlarmRule | None = None
    """A composite alarm's, None if it is not understood."""
    children: tuple[AlarmFacts, ...] = ()
    """Those of the rule's that could be read."""

    @property
    def is_evaluated(self) -> bool:
        """Whether CloudWatch looks at its data; not so in a state that is not known here."""
        return self.evaluation in {"", PARTIAL}


@dataclass(frozen=True, slots=True)
class HookFacts:
    """One hook, and whether it can be invoked."""

    hook: Hook
    tried: Unread | None
    """Why a DryRun did not get through; None if it did."""
    by_codedeploy: bool = False
    """Whether CodeDeploy invokes it, with the role of its own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a preflight is decided on."""

    now: datetime
    """On AWS's clock."""
    plan: Plan
    guards: tuple[Guard, ...]
    needs_numbers: bool
    """Whether guards or ``min-invocations`` rest on the versions' own metrics."""
    targets: tuple[TargetFacts, ...]
    alarms: tuple[AlarmFacts, ...] | Unread
    evidence_timeout: timedelta = timedelta(minutes=15)
    """How much longer than planned a step may last."""
    history: Unread | None = None
    """Set if an alarm's history cannot be read."""
    hooks: tuple[HookFacts, ...] = ()
    writes: tuple[str, ...] = ()
    """The IAM actions that the rollout writes with; only given where they are to be listed."""
    account: str = ""
    """Whose the credentials are; empty if that is not known without asking."""
