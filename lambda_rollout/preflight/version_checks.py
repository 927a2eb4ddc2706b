"""Checks on the two versions of each target, and on their concurrency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lambda_rollout.analysis.version import IDLE, wake_command
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.facts import LATEST, Configuration, Facts, Provisioned, TargetFacts
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.preflight.managed_checks import wake_scaled_down
from lambda_rollout.preflight.runtimes import DEPRECATED_ON

AWS_ON_ROLES = "Specified versions must be associated with the same execution role"
"""AWS's own words when it refuses (recorded answers of UpdateAlias)."""

_SERVES = frozenset({"", "Active"})
_LATEST_MAY_BE = frozenset({"Pending", "Inactive", "ActiveNonInvocable"})
"""Of ``$LATEST``, which is called by nobody where all name the alias. Publishing it gives a version that is awake."""


def both_versions_alike(facts: Facts) -> Iterator[Finding]:
    """Old and new version must share role and dead letter queue, or AWS refuses to split the alias.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    if not facts.plan.split_steps:
        return
    for each in facts.targets:
        old, new = each.old, each.new
        if not (isinstance(old, Configuration) and isinstance(new, Configuration)):
            continue
        if old.role != new.role:
            yield _differ(
                each, Code.ROLES_DIFFER, "execution role", old.role, new.role, AWS_ON_ROLES
            )
        if old.dead_letter != new.dead_letter:
            what = "dead letter queue"
            yield _differ(each, Code.DEAD_LETTERS_DIFFER, what, old.dead_letter, new.dead_letter)


def _differ(each: TargetFacts, code: Code, what: str, old: str, new: str, aws: str = "") -> Finding:
    return Finding(
        Level.ERROR,
        code,
        f"The two versions have different values of {what}: {old or 'none'} (old) and "
        f"{new or 'none'} (new). AWS refuses to split an alias between them"
        + (f": {aws}." if aws else "."),
        f"Give the new version the old {what}; or, where it has to change, set `steps: 100%`, which needs no "
        "split.",
        each.target,
    )


def both_versions_serve(facts: Facts) -> Iterator[Finding]:
    """The old version is what a rollback goes back to; a new one that was named must not be broken.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    for each in facts.targets:
        if isinstance(each.old, Configuration) and each.old.state not in _SERVES:
            yield _old_cannot_serve(each, each.old)
        if isinstance(each.new, Configuration) and each.new.state not in {*_SERVES, "Pending"}:
            yield from _new_cannot_serve(each, each.new)


def _old_cannot_serve(each: TargetFacts, old: Configuration) -> Finding:
    command = _wakes(each, old)
    return Finding(
        Level.WARNING,
        Code.OLD_VERSION_CANNOT_SERVE,
        f"The old version {old.version} is {_state(old)}: a rollback would go back to a version that cannot serve.",
        "Wake it first."
        if command
        else "Fix it if you can. Otherwise set `steps: 100%`; then there is no way back.",
        each.target,
        command=command,
    )


def _wakes(each: TargetFacts, version: Configuration) -> str:
    """Return the command that brings a version back; empty if none does."""
    if version.state == IDLE:
        return wake_command(each.target.function, version.version)
    if version.state == "Deactivated":
        return wake_scaled_down(each, version.version)
    return ""


def _new_cannot_serve(each: TargetFacts, new: Configuration) -> Iterator[Finding]:
    seen = f"The new version {new.version} is {_state(new)}."
    if new.version == LATEST:
        # An upload is how a function leaves a failed update: what it puts right must not keep it out.
        if new.state not in _LATEST_MAY_BE and not (each.uploads and new.state == "Failed"):
            remedy = "Deploy the code again, then start again."
            yield Finding(Level.WARNING, Code.NEW_VERSION_CANNOT_SERVE, seen, remedy, each.target)
    elif new.state == IDLE:
        yield Finding(
            Level.ERROR,
            Code.NEW_VERSION_IDLE,
            f"{seen} Its next invocation fails, and wakes it.",
            "Wake it, and start again when it is Active.",
            each.target,
            command=wake_command(each.target.function, new.version),
        )
    else:
        command = _wakes(each, new)
        remedy = (
            "Scale it up first: it does not come back by itself."
            if command
            else "Fix it and publish again."
        )
        yield Finding(
            Level.WARNING,
            Code.NEW_VERSION_CANNOT_SERVE,
            seen,
            remedy,
            each.target,
            command=command,
        )


def old_code_is_kept(facts: Facts) -> Iterator[Finding]:
    """Code that is kept by reference lives as long as its object in the owner's bucket.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html
    """
    for each in facts.targets:
        if not isinstance(each.old_code, CodeStorage) or not each.old_code.by_reference:
            continue
        if each.old_code.lost:
            yield Finding(
                Level.WARNING,
                Code.OLD_CODE_GONE,
                f"AWS cannot get at the old version's code in S3 ({each.old_code.lost}): a rollback would go back to a "
                "version that will not serve for long.",
                "Restore the object in its version, or the right to read it.",
                each.target,
            )
        else:
            yield Finding(
                Level.NOTE,
                Code.CODE_BY_REFERENCE,
                "The old version's code is an object in your bucket, kept by reference: without it there is no way back.",
                "Let no lifecycle rule delete it while the version may be needed.",
                each.target,
            )


def _state(configuration: Configuration) -> str:
    reason = f" ({configuration.state_reason})" if configuration.state_reason else ""
    return f"{configuration.state}{reason}"


def runtimes_supported(facts: Facts) -> Iterator[Finding]:
    """A deprecated runtime gets no more patches, and in the end no more updates."""
    for each in facts.targets:
        if not isinstance(each.new, Configuration):
            continue
        since = DEPRECATED_ON.get(each.new.runtime, date.max)
        if since <= facts.now.date():
            yield Finding(
                Level.NOTE,
                Code.RUNTIME_DEPRECATED,
                f"The runtime {each.new.runtime} is deprecated since {since.isoformat()}: no more security "
                "patches, and AWS will come to refuse updates of the function.",
                "Move the function to a supported runtime.",
                each.target,
            )


def executions_outlast_invocations(facts: Facts) -> Iterator[Finding]:
    """Durable executions end on the version that they began with, and Lambda's own metrics count their replays.

    https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
    """
    for each in facts.targets:
        if not (isinstance(each.new, Configuration) and each.new.is_durable):
            continue
        yield Finding(
            Level.NOTE,
            Code.DURABLE_FUNCTION,
            "The function is durable: executions stay on the version that they began with, so a rollback does not "
            "stop those that run on the new one. `error-rate`, `min-invocations` and alarms on Errors count "
            "invocations, replays among them, and not executions.",
            "Alarm on DurableExecutionFailed, too, and keep the old version until its executions have ended.",
            each.target,
        )


def tenants_start_cold(facts: Facts) -> Iterator[Finding]:
    """With tenant isolation each tenant has execution environments of its own, on each version.

    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
    """
    for each in facts.targets:
        if isinstance(each.new, Configuration) and each.new.limits.per_tenant:
            yield Finding(
                Level.NOTE,
                Code.TENANT_ISOLATION,
                "Each tenant has execution environments of its own: on the new version each of them starts cold, at "
                "every weight.",
                "",
                each.target,
            )


def concurrency_reserved(facts: Facts) -> Iterator[Finding]:
    """Reserved concurrency of 0 throttles every call; a throttled call is neither invocation nor error.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    for each in facts.targets:
        if each.reserved == 0:
            yield Finding(
                Level.WARNING,
                Code.CONCURRENCY_ZERO,
                "The function's reserved concurrency is 0: every call is throttled, neither version serves, and "
                "throttled calls count as no errors.",
                "Give it concurrency again.",
                each.target,
                command=f"aws lambda delete-function-concurrency --function-name {each.target.name}",
            )


def concurrency_provisioned(facts: Facts) -> Iterator[Finding]:
    """Say what AWS will do with an alias's provisioned concurrency.

    https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html; the temporary weights are
    reported in public issue threads.
    """
    for each in facts.targets:
        if not isinstance(each.provisioned, Provisioned):
            continue
        if each.provisioned.status == "READY":
            yield Finding(
                Level.NOTE,
                Code.PROVISIONED_CONCURRENCY,
                f"The alias has provisioned concurrency ({each.provisioned.requested}). While the alias is "
                "split the new version may start cold. On promotion AWS keeps the traffic on the old version, by "
                "a weight of its own, until the new one is provisioned; the watch at 100% begins then. A "
                "rollback from 100% may take as long.",
                "",
                each.target,
            )
        else:
            reason = f": {each.provisioned.reason}" if each.provisioned.reason else ""
            yield Finding(
                Level.WARNING,
                Code.PROVISIONED_CONCURRENCY_UNREADY,
                f"The alias's provisioned concurrency is {each.provisioned.status}{reason}. AWS may hold "
                "weights of its own on the alias until it is READY.",
                "Wait until it is READY, or fix what prevents it.",
                each.target,
                command="aws lambda get-provisioned-concurrency-config "
                f"--function-name {each.target.name} --qualifier {each.target.alias}",
            )
