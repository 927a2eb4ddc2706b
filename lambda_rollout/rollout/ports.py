"""What the story needs of the world: one small protocol for each kind of call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.record import Record, RunStatus
from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import AlarmReading, HistoryPage, Survey
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.analysis.errors.model import LogEntry
from lambda_rollout.analysis.invocation import Invocation
from lambda_rollout.analysis.metrics import CanaryPair, Comparison, History
from lambda_rollout.analysis.version import Running, VersionState
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.package import CodeStorage, Package
from lambda_rollout.preflight.calls import PreflightReader
from lambda_rollout.rollout.events import Event
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.runtime.background import Background, Inline
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.parallel import Parallel, one_by_one


class Alarms(Protocol):
    """CloudWatch's alarm calls, one try each. Errors are `CallFailed` and its kinds."""

    def read(self) -> Survey:
        """DescribeAlarms for all alarms of the rollout."""
        ...

    def history(
        self, readings: Sequence[AlarmReading], since: datetime, token: str = ""
    ) -> HistoryPage:
        """DescribeAlarmHistory: a page of the state changes from ``since`` on, the oldest first.

        One alarm is asked for by its name. Of several, which are of one Region, it takes out theirs from the history
        of the whole account. ``token`` is that of the page before, empty for the first.
        """
        ...


class Metrics(Protocol):
    """Lambda's metrics, one try a call. Errors are `CallFailed` and its kinds."""

    def compare(
        self, pairs: Sequence[CanaryPair], since: datetime, until: datetime
    ) -> tuple[Comparison, ...]:
        """GetMetricData: every whole minute between the two moments, for all pairs, in their order."""
        ...

    def history(
        self, pairs: Sequence[CanaryPair], guards: Sequence[Guard], until: datetime
    ) -> tuple[History, ...]:
        """GetMetricData: what the old versions were like before ``until``, as far as ``guards`` need it."""
        ...


class AliasTraffic(Protocol):
    """What went through aliases, one try a call. Errors are `CallFailed` and its kinds."""

    def served(
        self, versions: Mapping[Target, Sequence[str]], since: datetime, until: datetime
    ) -> frozenset[datetime]:
        """GetMetricData: the minutes in which any of these versions was invoked through its alias, by their starts."""
        ...


class Versions(Protocol):
    """Lambda's version calls, one try each. Errors are `CallFailed` and its kinds."""

    def latest(self, target: Target) -> VersionState:
        """GetFunctionConfiguration of ``$LATEST``."""
        ...

    def read(self, target: Target, version: str) -> VersionState:
        """GetFunctionConfiguration of a published version."""
        ...

    def storage(self, target: Target) -> CodeStorage:
        """GetFunction of ``$LATEST``: how its code is kept. The presigned URL in the answer is not looked at."""
        ...

    def upload(
        self, target: Target, package: Package, architectures: Sequence[str], storage: CodeStorage
    ) -> str:
        """UpdateFunctionCode, for the architectures and the storage of the function; return the code's SHA-256."""
        ...

    def running(self, target: Target, version: str) -> Running:
        """ListDurableExecutionsByFunction: how many executions of a version are running, up to a thousand."""
        ...

    def publish(self, target: Target, description: str, code_sha256: str) -> str:
        """PublishVersion, if the code is still that; return the version's number."""
        ...


class Invocations(Protocol):
    """Lambda's Invoke, one try each. Errors are `CallFailed` and its kinds.

    An invocation cannot be taken back, and is not idempotent: only `Busy` (throttled, still waking, never sent) says
    that it has not run. `Unanswered` may have, or may run later.
    """

    def invoke(
        self, function: str, qualifier: str, payload: bytes, read_timeout: float
    ) -> Invocation:
        """Invoke synchronously, with the log's tail.

        ``function`` is a name or an ARN, ``qualifier`` a version or an alias (empty: none), ``read_timeout`` the
        seconds that its answer may take: the function's own timeout and a margin. It waits so long, whatever happens:
        see `runtime.background.pending`.
        """
        ...

    def check(self, function: str, qualifier: str) -> None:
        """Ask whether it is there and may be invoked, with DryRun: nothing runs."""
        ...


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries of a log are asked for: of all streams whose names begin with ``prefix``, or of one ``stream``."""

    group: str
    prefix: str
    since: datetime
    limit: int
    """Entries on a page, at most."""
    pattern: str = ""
    """A filter pattern of CloudWatch Logs; empty for all entries."""
    stream: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some of the entries that were asked for, by time. It may be empty and not the last one."""

    entries: tuple[LogEntry, ...]
    next_token: str = ""
    """Asks for the next page; empty on the last one."""


class Logs(Protocol):
    """CloudWatch Logs, one try a call. Errors are `CallFailed` and its kinds."""

    def page(self, query: LogQuery, token: str = "") -> LogPage:
        """FilterLogEvents: one page. ``token`` is that of the page before; empty for the first."""
        ...


class Runs(Protocol):
    """What GitHub knows about other runs. Never raises: no answer is `RunStatus.UNKNOWN`."""

    def run_status(self, record: Record) -> RunStatus:
        """Say whether the run that wrote this record is over."""
        ...

    def url(self, record: Record) -> str:
        """Return the page of the run that wrote this record, or empty."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials calls are signed with (sts:GetCallerIdentity)."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True)
class Ports:
    """What the story works with."""

    aliases: Aliases
    versions: Versions
    alarms: Alarms
    runs: Runs
    clock: Clock
    aws_clock: AwsClock
    stop: Stop
    emit: Callable[[Event], None]
    remember: Callable[[SavedState], None]
    """Saves what the post stage needs, before the next write."""
    parallel: Parallel = one_by_one
    """Does the same to many targets."""
    background: Callable[[], Background] = Inline
    """Makes what a call is waited for in, while stop and others are listened to (`runtime.background.pending`)."""
    invocations: Invocations | None = None
    """The calls that run functions; None where none is to be run."""
    metrics: Metrics | None = None
    """The calls that read the versions' own numbers; None goes without them."""
    traffic: AliasTraffic | None = None
    """The calls that tell which versions had traffic; None goes without them."""
    logs: Logs | None = None
    """The calls that read what a version has logged; None goes without them."""
    preflight_reader: PreflightReader | None = None
    """The calls of the preflight; None goes without one."""
    caller: Callable[[], Caller] | None = None
    """GetCallerIdentity, one try; None goes without it. Errors are `CallFailed` and its kinds."""
    rights: Callable[[], Mapping[str, bool]] = dict
    """Says of IAM actions whether AWS has allowed them so far; of one that was not tried nothing."""
    claims: Callable[[str], Mapping[str, Any]] | None = None
    """Asks for what this job's OIDC token says of it, meant for the role of an ARN; None goes without it. Raises
    `RolloutError`."""
    life: Callable[[], CredentialsLife] = CredentialsLife
    """Says how long calls can still be signed."""
