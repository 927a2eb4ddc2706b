"""What a preflight found, in words for the person deploying."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.durations import format_duration
from lambda_rollout.inputs.steps import Plan, Step


class Level(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """AWS would refuse the rollout."""
    WARNING = "warning"
    """The watch is blind, or has nothing to go back to. An error under ``preflight: strict``."""
    NOTE = "note"
    """Good to know; also a check that was skipped. Never an error."""


class Code(StrEnum):
    """The findings by name; docs/preflight.md has a paragraph on each."""

    STEP_TOO_SHORT = "step-too-short"
    EARLY_END_WAITS = "early-end-waits"
    WEIGHT_TOO_SMALL = "weight-too-small"
    ALARM_ON_VERSION = "alarm-on-version"
    ALARM_ON_FUNCTION = "alarm-on-function"
    ALARM_ELSEWHERE = "alarm-elsewhere"
    ALARM_MIXES_VERSIONS = "alarm-mixes-versions"
    ALARM_WITHOUT_DATA = "alarm-without-data"
    ALARM_NOT_EVALUATED = "alarm-not-evaluated"
    ALARM_WARMING_UP = "alarm-warming-up"
    ALARM_NOT_JUDGED = "alarm-not-judged"
    EVENT_SOURCE_BYPASSES_ALIAS = "event-source-bypasses-alias"
    FUNCTION_URL_BYPASSES_ALIAS = "function-url-bypasses-alias"
    CALLER_NOT_ALLOWED_ON_ALIAS = "caller-not-allowed-on-alias"
    CALLER_NOT_JUDGED = "caller-not-judged"
    NO_TRAFFIC = "no-traffic"
    ROLES_DIFFER = "roles-differ"
    DEAD_LETTERS_DIFFER = "dead-letters-differ"
    OLD_VERSION_CANNOT_SERVE = "old-version-cannot-serve"
    NEW_VERSION_CANNOT_SERVE = "new-version-cannot-serve"
    NEW_VERSION_IDLE = "new-version-idle"
    OLD_CODE_GONE = "old-code-gone"
    CODE_BY_REFERENCE = "code-by-reference"
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    PROVISIONED_CONCURRENCY_UNREADY = "provisioned-concurrency-unready"
    CONCURRENCY_ZERO = "concurrency-zero"
    SCALING_DIFFERS = "scaling-differs"
    PROVIDER_FULL = "provider-full"
    SHARE_GROWS_TOO_FAST = "share-grows-too-fast"
    DURABLE_FUNCTION = "durable-function"
    TENANT_ISOLATION = "tenant-isolation"
    SMOKE_TEST_REFUSED = "smoke-test-refused"
    SMOKE_TEST_NOT_ALLOWED = "smoke-test-not-allowed"
    RUNTIME_DEPRECATED = "runtime-deprecated"
    TIMEOUT_OUTLASTS_STEPS = "timeout-outlasts-steps"
    DURATION_WITHOUT_MARGIN = "duration-without-margin"
    HOOK_CANNOT_RUN = "hook-cannot-run"
    HOOK_NOT_ALLOWED = "hook-not-allowed"
    HOOK_NAME = "hook-name"
    GUARDS_CANNOT_TELL = "guards-cannot-tell"
    NOTHING_WATCHES_100 = "nothing-watches-100"
    GUARD_WITHOUT_DATA = "guard-without-data"
    HISTORY_UNREADABLE = "history-unreadable"
    NUMBERS_UNREADABLE = "numbers-unreadable"
    NOT_CHECKED = "not-checked"
    OTHER_ACCOUNT = "other-account"
    WRITES_NEEDED = "writes-needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    level: Level
    code: Code
    seen: str
    """What was seen, in a sentence."""
    remedy: str
    """What to do, in a sentence; empty where nothing is to be done."""
    target: Target | None = None
    alarm: str = ""
    """The alarm's name, or empty."""
    command: str = ""
    """A command that does it, or shows more; quoted for a shell, or empty."""


def blocking(findings: Iterable[Finding], *, strict: bool) -> tuple[Finding, ...]:
    """Return the findings that forbid the rollout."""
    levels = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    return tuple(finding for finding in findings if finding.level in levels)


def words(items: Sequence[str]) -> str:
    """Join as one would say it: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def in_words(steps: Sequence[Step]) -> str:
    """Join steps, each as it is written in the input."""
    return words([f"`{step}`" for step in steps])


def as_inputs(plan: Plan, given: Plan) -> str:
    """Write a schedule to copy, in place of the one that was ``given``.

    How long 100% is watched after a hold is not written in ``steps``: that is ``interval``.
    """
    written = f"`steps: {plan.describe()}`"
    if plan.hold is None or plan.promotion is None or plan.promotion == given.promotion:
        return written
    return f"{written} and `interval: {format_duration(plan.promotion.watch)}`"
