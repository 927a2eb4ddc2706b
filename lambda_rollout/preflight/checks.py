"""All checks of the preflight, in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lambda_rollout.preflight.account_checks import one_account_for_all
from lambda_rollout.preflight.alarm_checks import (
    alarms_are_evaluated,
    alarms_see_the_new_version,
    every_alarm_was_judged,
)
from lambda_rollout.preflight.caller_checks import (
    callers_allowed_on_the_alias,
    event_sources_name_the_alias,
    function_urls_name_the_alias,
    somebody_invokes,
)
from lambda_rollout.preflight.early_end_checks import early_ends_wait_for_alarms
from lambda_rollout.preflight.evidence_checks import guards_can_tell
from lambda_rollout.preflight.facts import Facts
from lambda_rollout.preflight.finding import Finding, Level
from lambda_rollout.preflight.guard_checks import guard_metrics_have_data, something_watches_100
from lambda_rollout.preflight.guard_limits import (
    durations_have_a_margin,
    hangs_end_within_the_steps,
)
from lambda_rollout.preflight.hook_checks import hooks_can_be_invoked
from lambda_rollout.preflight.managed_checks import (
    provider_has_room,
    share_grows_slowly,
    versions_scaled_alike,
)
from lambda_rollout.preflight.permission_checks import (
    everything_was_read,
    what_the_watch_reads,
    what_will_be_written,
)
from lambda_rollout.preflight.smoke_checks import smoke_tests_can_run
from lambda_rollout.preflight.timing_checks import (
    alarms_are_warm,
    steps_outlast_the_alarms,
    weights_move_the_alarms,
)
from lambda_rollout.preflight.version_checks import (
    both_versions_alike,
    both_versions_serve,
    concurrency_provisioned,
    concurrency_reserved,
    executions_outlast_invocations,
    old_code_is_kept,
    runtimes_supported,
    tenants_start_cold,
)

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    both_versions_alike,
    both_versions_serve,
    old_code_is_kept,
    one_account_for_all,
    somebody_invokes,
    event_sources_name_the_alias,
    function_urls_name_the_alias,
    callers_allowed_on_the_alias,
    alarms_are_evaluated,
    alarms_see_the_new_version,
    every_alarm_was_judged,
    alarms_are_warm,
    steps_outlast_the_alarms,
    early_ends_wait_for_alarms,
    weights_move_the_alarms,
    guards_can_tell,
    guard_metrics_have_data,
    something_watches_100,
    hangs_end_within_the_steps,
    durations_have_a_margin,
    concurrency_reserved,
    concurrency_provisioned,
    versions_scaled_alike,
    provider_has_room,
    share_grows_slowly,
    hooks_can_be_invoked,
    what_the_watch_reads,
    executions_outlast_invocations,
    tenants_start_cold,
    smoke_tests_can_run,
    runtimes_supported,
    everything_was_read,
    what_will_be_written,
)

BEFORE_PUBLISHING: tuple[Check, ...] = (
    both_versions_serve,
    provider_has_room,
    smoke_tests_can_run,
    hooks_can_be_invoked,
    runtimes_supported,
    everything_was_read,
)
"""Those that matter where a version is published and no alias is moved."""


def examine(facts: Facts, checks: Sequence[Check] = CHECKS) -> tuple[Finding, ...]:
    """Return everything that the checks find, the gravest first."""
    found = [finding for check in checks for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: list(Level).index(finding.level)))
