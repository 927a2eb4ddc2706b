"""Gathering the facts of a preflight: every call tried, none of them able to fail the rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import complete_until
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.inputs.steps import Plan
from lambda_rollout.preflight.facts import (
    LATEST,
    AlarmFacts,
    Configuration,
    EventSource,
    Facts,
    FunctionUrl,
    HookFacts,
    Invoked,
    Provisioned,
    Scaling,
    Statement,
    TargetFacts,
    Unread,
)
from lambda_rollout.preflight.guard_checks import metrics_of
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    AccessDenied,
    Busy,
    CallFailed,
    Cancelled,
    DeniedOtherwise,
    InvalidRequest,
    NotFound,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import raise_if_stopped, retrying

LIMIT = 30.0
"""Seconds for all calls together; what is not read by then goes unchecked."""

READ_LIMIT = 3.0
"""Seconds to try one of them again: a preflight is worth some patience, and not a rollout's delay. Where one was
never answered, each of the rest is asked for once."""

_T = TypeVar("_T")


class PreflightReader(Protocol):
    """The calls of a preflight, one try each, reading only. Errors are `CallFailed` and its kinds."""

    def configuration(self, target: Target, version: str) -> Configuration:
        """GetFunctionConfiguration."""
        ...

    def event_sources(self, target: Target) -> tuple[EventSource, ...]:
        """ListEventSourceMappings, of the function and of the alias."""
        ...

    def function_policy(self, target: Target) -> tuple[Statement, ...]:
        """GetPolicy of the unqualified function; empty if there is none."""
        ...

    def alias_policy(self, target: Target) -> tuple[Statement, ...]:
        """GetPolicy of the alias; empty if there is none."""
        ...

    def urls(self, target: Target) -> tuple[FunctionUrl, ...]:
        """ListFunctionUrlConfigs, of the bare function and of all its aliases."""
        ...

    def reserved(self, target: Target) -> int | None:
        """GetFunctionConcurrency."""
        ...

    def provisioned(self, target: Target) -> Provisioned | None:
        """GetProvisionedConcurrencyConfig of the alias."""
        ...

    def storage(self, target: Target, version: str) -> CodeStorage:
        """GetFunction, of a version: how its code is kept."""
        ...

    def scaling(self, target: Target, version: str) -> Scaling:
        """GetFunctionScalingConfig, of a version on Lambda Managed Instances."""
        ...

    def provider_versions(self, provider: str) -> int:
        """ListFunctionVersionsByCapacityProvider: how many there are on that of this ARN."""
        ...

    def invoked(self, targets: tuple[Target, ...], until: datetime) -> tuple[Invoked, ...]:
        """GetMetricData: how often each alias was invoked in the last day."""
        ...

    def silent(
        self, target: Target, version: str, metrics: tuple[CustomMetric, ...], until: datetime
    ) -> tuple[CustomMetric, ...]:
        """GetMetricData: which of the metrics have no data of a version in the last day."""
        ...

    def alarms(self) -> tuple[AlarmFacts, ...]:
        """DescribeAlarms: how the rollout's alarms are made, those that exist."""
        ...

    def try_hook(self, hook: Hook) -> None:
        """Invoke a hook with DryRun, which runs nothing, to see whether it exists and may be invoked."""
        ...

    def try_invoking(self, target: Target, version: str) -> None:
        """Invoke with DryRun, of a version: whether it may be invoked."""
        ...

    def try_history(self) -> None:
        """DescribeAlarmHistory, to see whether it is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Passage:
    """What one target is to go through."""

    target: Target
    alias_arn: str
    """Empty for an alias that is still to be created."""
    old: str | None
    new: str
    """``$LATEST`` if it is still to be published."""
    by_reference: bool = False
    """Whether the function's code is known to be kept by reference."""
    uploads: bool = False
    """Whether new code is uploaded before it is published."""
    is_smoke_tested: bool = False
    """Whether the new version is invoked before it gets any traffic."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the preflight is for."""

    now: datetime
    """On AWS's clock."""
    passages: tuple[Passage, ...]
    plan: Plan
    guards: tuple[Guard, ...] = ()
    needs_numbers: bool = False
    hooks: tuple[Hook, ...] = ()
    by_codedeploy: bool = False
    """Whether CodeDeploy shifts, and invokes the hooks."""
    evidence_timeout: timedelta = timedelta(minutes=15)
    writes: tuple[str, ...] = ()
    only_publishes: bool = False
    """Whether no alias is to be moved: then nothing is read that only a watch depends on."""
    account: str = ""
    """Whose the credentials are, empty if that is not known."""


def read_facts(
    question: Question, reader: PreflightReader, clock: Clock, stop: Stop | None
) -> Facts:
    """Read everything that the checks decide on.

    Raises `Cancelled` on stop, and nothing else: what cannot be read is `Unread`.
    """
    reading = _Reading(clock, stop)
    if question.only_publishes:
        return _facts_of_publishing(question, reader, reading)
    hooks = tuple(_hook(hook, question, reader, reading) for hook in question.hooks)
    targets = tuple(passage.target for passage in question.passages)
    until = complete_until(question.now)
    invoked = reading("cloudwatch:GetMetricData", lambda: reader.invoked(targets, until))
    counts = invoked if isinstance(invoked, Unread) else {one.target: one for one in invoked}
    alarms = reading("cloudwatch:DescribeAlarms", reader.alarms)
    history = (
        reading("cloudwatch:DescribeAlarmHistory", reader.try_history) if alarms != () else None
    )
    return Facts(
        now=question.now,
        plan=question.plan,
        guards=question.guards,
        needs_numbers=question.needs_numbers,
        evidence_timeout=question.evidence_timeout,
        targets=tuple(
            _target(
                passage,
                reader,
                reading,
                counts if isinstance(counts, Unread) else counts[passage.target],
                question,
            )
            for passage in question.passages
        ),
        alarms=alarms,
        history=history,
        hooks=hooks,
        writes=question.writes,
        account=question.account,
    )


def read_hooks(
    question: Question, reader: PreflightReader, clock: Clock, stop: Stop | None
) -> tuple[HookFacts, ...]:
    """Read of the question what is about its hooks alone. Raises as `read_facts`."""
    reading = _Reading(clock, stop)
    return tuple(_hook(hook, question, reader, reading) for hook in question.hooks)


def _hook(hook: Hook, question: Question, reader: PreflightReader, reading: _Reading) -> HookFacts:
    tried = reading("lambda:InvokeFunction", lambda: reader.try_hook(hook))
    return HookFacts(hook, tried, by_codedeploy=question.by_codedeploy)


def _facts_of_publishing(question: Question, reader: PreflightReader, reading: _Reading) -> Facts:
    return Facts(
        now=question.now,
        plan=question.plan,
        guards=(),
        needs_numbers=False,
        targets=tuple(_to_publish(passage, reader, reading) for passage in question.passages),
        alarms=(),
        hooks=tuple(_hook(hook, question, reader, reading) for hook in question.hooks),
    )


def _to_publish(passage: Passage, reader: PreflightReader, reading: _Reading) -> TargetFacts:
    """Read what publishing depends on, and nothing of who calls the alias, which stays as it is."""
    target = passage.target
    read = TargetFacts(
        target=target,
        alias_arn=passage.alias_arn,
        old=None,
        new=reading(
            "lambda:GetFunctionConfiguration", lambda: reader.configuration(target, passage.new)
        ),
        event_sources=(),
        function_policy=(),
        alias_policy=(),
        urls=(),
        reserved=None,
        provisioned=None,
        invoked=Invoked(target, 0, 0, 0),
        uploads=passage.uploads,
    )
    read = _with_smoke_test(read, passage, reader, reading)
    return _with_capacity(read, reader, reading) if read.provider else read


def _with_smoke_test(
    read: TargetFacts, passage: Passage, reader: PreflightReader, reading: _Reading
) -> TargetFacts:
    """Try whether a version of the function may be invoked: the new one, or while there is none yet, the old one.

    A policy may well allow numbers, and not ``$LATEST``, which is asked for only where nothing is published.
    """
    if not passage.is_smoke_tested:
        return read
    version = passage.new if passage.new != LATEST else passage.old or LATEST
    tried = reading("lambda:InvokeFunction", lambda: reader.try_invoking(passage.target, version))
    return replace(read, is_smoke_tested=True, not_invocable=tried)


def _target(
    passage: Passage,
    reader: PreflightReader,
    reading: _Reading,
    invoked: Invoked | Unread,
    question: Question,
) -> TargetFacts:
    target, old = passage.target, passage.old
    of_version, policy = "lambda:GetFunctionConfiguration", "lambda:GetPolicy"
    read = TargetFacts(
        target=target,
        alias_arn=passage.alias_arn,
        old=None
        if old is None or old == passage.new
        else reading(of_version, lambda: reader.configuration(target, old)),
        new=reading(of_version, lambda: reader.configuration(target, passage.new)),
        event_sources=reading(
            "lambda:ListEventSourceMappings", lambda: reader.event_sources(target)
        ),
        function_policy=reading(policy, lambda: reader.function_policy(target)),
        alias_policy=reading(policy, lambda: reader.alias_policy(target)),
        urls=reading("lambda:ListFunctionUrlConfigs", lambda: reader.urls(target)),
        reserved=reading("lambda:GetFunctionConcurrency", lambda: reader.reserved(target)),
        provisioned=reading(
            "lambda:GetProvisionedConcurrencyConfig", lambda: reader.provisioned(target)
        ),
        invoked=invoked,
        uploads=passage.uploads,
        silent=_silent(passage, reader, reading, question),
    )
    if passage.by_reference and isinstance(read.old, Configuration):
        number = read.old.version
        old_code = reading("lambda:GetFunction", lambda: reader.storage(target, number))
        read = replace(read, old_code=old_code)
    read = _with_smoke_test(read, passage, reader, reading)
    return _with_capacity(read, reader, reading) if read.provider else read


def _silent(
    passage: Passage, reader: PreflightReader, reading: _Reading, question: Question
) -> tuple[CustomMetric, ...] | Unread:
    target, old = passage.target, passage.old
    metrics = tuple(dict.fromkeys(one for guard in question.guards for one in metrics_of(guard)))
    if old is None or not metrics:
        return ()
    until = complete_until(question.now)
    return reading("cloudwatch:GetMetricData", lambda: reader.silent(target, old, metrics, until))


def _with_capacity(read: TargetFacts, reader: PreflightReader, reading: _Reading) -> TargetFacts:
    """Read what there is besides of a function on Lambda Managed Instances."""
    target = read.target

    def scaling(version: Configuration | Unread | None) -> Scaling | Unread | None:
        # A version that is still to be published has none of its own, and neither has one that AWS runs.
        if not isinstance(version, Configuration) or not version.capacity_provider:
            return None
        if version.version == LATEST:
            return None
        action = "lambda:GetFunctionScalingConfig"
        return reading(action, lambda: reader.scaling(target, version.version))

    publishes = isinstance(read.new, Configuration) and read.new.version == LATEST
    return replace(
        read,
        old_scaling=scaling(read.old),
        new_scaling=scaling(read.new),
        provider_versions=reading(
            "lambda:ListFunctionVersionsByCapacityProvider",
            lambda: reader.provider_versions(read.provider),
        )
        if publishes
        else None,
    )


class _Reading:
    """Reads one fact after the other, patiently, until the time for all is over."""

    def __init__(self, clock: Clock, stop: Stop | None) -> None:
        self._clock = clock
        self._stop = stop
        self._end = clock.monotonic() + LIMIT
        self._patience = READ_LIMIT

    def __call__(self, action: str, read: Callable[[], _T]) -> _T | Unread:
        raise_if_stopped(self._stop)
        left = self._end - self._clock.monotonic()
        if left <= 0:
            return Unread(
                action, f"not asked: the preflight stops asking after {LIMIT:.0f}s", denied=False
            )
        try:
            return retrying(self._clock, self._stop, min(left, self._patience))(read)
        except Cancelled:
            raise
        except CallFailed as error:
            if isinstance(error, Busy | Unanswered):
                self._patience = 0.0
            denied = isinstance(error, AccessDenied) and not isinstance(error, DeniedOtherwise)
            refused = isinstance(error, NotFound | InvalidRequest)
            return Unread(action, str(error), denied=denied, refused=refused)
        except RolloutError as error:
            return Unread(action, error.what, denied=False)
