"""Gathering the facts of a preflight: each asked once, none of them able to fail the rollout."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import complete_until
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.account_reader import AccountReader, try_hook
from lambda_rollout.preflight.caller_checks import needs_alias_policy
from lambda_rollout.preflight.calls import PreflightReader
from lambda_rollout.preflight.facts import (
    LATEST,
    Configuration,
    Facts,
    FunctionUrl,
    HookFacts,
    Invoked,
    Provisioned,
    Scaling,
    Statement,
    TargetFacts,
    Unread,
    VersionRead,
)
from lambda_rollout.preflight.guard_checks import metrics_of
from lambda_rollout.preflight.patience import Reading
from lambda_rollout.preflight.question import Passage, Question
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.parallel import Parallel, one_by_one


def read_facts(
    question: Question,
    reader: PreflightReader,
    clock: Clock,
    stop: Stop | None,
    parallel: Parallel = one_by_one,
) -> Facts:
    """Read everything that the checks decide on.

    Raises `Cancelled` on stop, and nothing else: what cannot be read is `Unread`.
    """
    reading = Reading(clock, stop)
    account = AccountReader(question, reader, reading)
    functions = FunctionReader(question, reader, reading)

    def read(passage: Passage | None) -> TargetFacts | None:
        if passage is not None:
            return functions.read(passage)
        # Beside the calls of the functions.
        account.read()
        return None

    def complete(read: TargetFacts, passage: Passage) -> TargetFacts:
        return functions.completed(read, passage, account)

    found = [each for each in parallel(read, [None, *question.passages]) if each is not None]
    pairs = list(zip(found, question.passages, strict=True))
    targets = parallel(lambda pair: complete(*pair), pairs)
    return Facts(
        now=question.now,
        plan=question.plan,
        guards=question.guards,
        needs_numbers=question.needs_numbers,
        evidence_timeout=question.evidence_timeout,
        targets=functions.with_providers(targets),
        alarms=account.alarms,
        history=account.history,
        hooks=account.hooks,
        writes=question.writes,
        account=question.account,
    )


def read_hooks(
    question: Question, reader: PreflightReader, clock: Clock, stop: Stop | None
) -> tuple[HookFacts, ...]:
    """Read of the question what is about its hooks alone. Raises as `read_facts`."""
    reading = Reading(clock, stop)
    return tuple(try_hook(hook, question, reader, reading) for hook in question.hooks)


class FunctionReader:
    """Reads what is asked of each function."""

    def __init__(self, question: Question, reader: PreflightReader, reading: Reading) -> None:
        """Nothing is read yet."""
        self._question = question
        self._reader = reader
        self._reading = reading

    def read(self, passage: Passage) -> TargetFacts:
        """Read one of them; for publishing alone nothing of who calls the alias, which stays as it is."""
        target, old = passage.target, passage.old
        moves = not self._question.only_publishes
        new = self._version(target, passage.new)
        before = None
        if moves and old is not None and old != passage.new:
            before = self._version(target, old)
        urls = self._urls(target) if moves else ()
        on_function, on_alias = self._policies(passage, urls) if moves else ((), ())
        read = TargetFacts(
            target=target,
            alias_arn=passage.alias_arn,
            old=None if before is None else _configuration(before),
            new=_configuration(new),
            event_sources=(),
            function_policy=on_function,
            alias_policy=on_alias,
            urls=urls,
            reserved=self._reserved(target, new) if moves else None,
            provisioned=self._provisioned(passage) if moves else None,
            invoked=Invoked(target, 0, 0, 0),
            old_code=self._old_code(passage, before, new),
            uploads=passage.uploads,
            silent=self._silent(passage) if moves else (),
            reads=tuple(each for each in (before, new) if isinstance(each, VersionRead)),
        )
        return self._scaled(self._tried(read, passage))

    def completed(self, read: TargetFacts, passage: Passage, account: AccountReader) -> TargetFacts:
        """Return it with what the account's answers say of it, and what they leave open."""
        if self._question.only_publishes:
            return read
        target = read.target
        sources = account.event_sources(passage)
        if sources is None:
            action = "lambda:ListEventSourceMappings"
            sources = self._reading(action, lambda: self._reader.event_sources(target))
        return replace(read, invoked=account.invoked(target), event_sources=sources)

    def with_providers(self, targets: list[TargetFacts]) -> tuple[TargetFacts, ...]:
        """Return them with what the capacity providers say on which something is published: each is asked once."""
        action = "lambda:ListFunctionVersionsByCapacityProvider"
        publishing = [each for each in targets if each.provider and each.publishes]
        counted = {
            provider: self._reading(action, partial(self._reader.provider_versions, provider))
            for provider in dict.fromkeys(each.provider for each in publishing)
        }
        return tuple(
            replace(each, provider_versions=counted[each.provider]) if each in publishing else each
            for each in targets
        )

    # One fact each ------------------------------------------------------------------------------

    def _version(self, target: Target, version: str) -> VersionRead | Unread:
        action = "lambda:GetFunctionConfiguration"
        return self._reading(action, lambda: self._reader.version(target, version))

    def _urls(self, target: Target) -> tuple[FunctionUrl, ...] | Unread:
        return self._reading("lambda:ListFunctionUrlConfigs", lambda: self._reader.urls(target))

    def _policies(
        self, passage: Passage, urls: tuple[FunctionUrl, ...] | Unread
    ) -> tuple[tuple[Statement, ...] | Unread, tuple[Statement, ...] | Unread]:
        """Read the function's policy, and the alias's where a finding could follow from it."""
        target, action = passage.target, "lambda:GetPolicy"
        on_function = self._reading(action, lambda: self._reader.function_policy(target))
        if isinstance(on_function, Unread) or not passage.alias_arn:
            return on_function, ()
        if not needs_alias_policy(on_function, urls):
            return on_function, ()
        return on_function, self._reading(action, lambda: self._reader.alias_policy(target))

    def _reserved(self, target: Target, new: VersionRead | Unread) -> int | Unread | None:
        if isinstance(new, VersionRead) and new.tells_reserved:
            return new.reserved
        action = "lambda:GetFunctionConcurrency"
        return self._reading(action, lambda: self._reader.reserved(target))

    def _provisioned(self, passage: Passage) -> Provisioned | Unread | None:
        if not passage.alias_arn:
            return None
        action = "lambda:GetProvisionedConcurrencyConfig"
        return self._reading(action, lambda: self._reader.provisioned(passage.target))

    def _old_code(
        self, passage: Passage, before: VersionRead | Unread | None, new: VersionRead | Unread
    ) -> CodeStorage | Unread | None:
        """Return how the old version's code is kept; it is asked for where the new one's is kept by reference."""
        if not isinstance(before, VersionRead) or before.storage is not None:
            return before.storage if isinstance(before, VersionRead) else None
        kept = new.storage if isinstance(new, VersionRead) else None
        if kept is None or not kept.by_reference:
            return None
        version = before.configuration.version
        return self._reading(
            "lambda:GetFunction", lambda: self._reader.storage(passage.target, version)
        )

    def _silent(self, passage: Passage) -> tuple[CustomMetric, ...] | Unread:
        target, old, guards = passage.target, passage.old, self._question.guards
        metrics = tuple(dict.fromkeys(one for guard in guards for one in metrics_of(guard)))
        if old is None or not metrics:
            return ()
        until = complete_until(self._question.now)
        return self._reading(
            "cloudwatch:GetMetricData",
            lambda: self._reader.silent(target, old, metrics, until),
        )

    def _tried(self, read: TargetFacts, passage: Passage) -> TargetFacts:
        """Try whether a version may be invoked: the new one, or while there is none yet, the old one.

        A policy may well allow numbers, and not ``$LATEST``, which is asked for only where nothing is published.
        """
        if not passage.is_smoke_tested:
            return read
        version = passage.new if passage.new != LATEST else passage.old or LATEST
        tried = self._reading(
            "lambda:InvokeFunction", lambda: self._reader.try_invoking(passage.target, version)
        )
        return replace(read, is_smoke_tested=True, not_invocable=tried)

    def _scaled(self, read: TargetFacts) -> TargetFacts:
        """Read how the versions are scaled of a function on Lambda Managed Instances."""
        if not read.provider:
            return read
        old, new = self._scaling(read, read.old), self._scaling(read, read.new)
        return replace(read, old_scaling=old, new_scaling=new)

    def _scaling(
        self, read: TargetFacts, version: Configuration | Unread | None
    ) -> Scaling | Unread | None:
        # A version that is still to be published has none of its own, and neither has one that AWS runs.
        if not isinstance(version, Configuration) or not version.capacity_provider:
            return None
        if version.version == LATEST:
            return None
        action = "lambda:GetFunctionScalingConfig"
        return self._reading(action, lambda: self._reader.scaling(read.target, version.version))


def _configuration(read: VersionRead | Unread) -> Configuration | Unread:
    return read.configuration if isinstance(read, VersionRead) else read
