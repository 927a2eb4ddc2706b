"""Checks on the smoke test: can the new version be invoked at all?"""

from __future__ import annotations

from collections.abc import Iterator

from lambda_rollout.analysis.smoke import not_testable
from lambda_rollout.preflight.facts import Configuration, Facts
from lambda_rollout.preflight.finding import Code, Finding, Level


def smoke_tests_can_run(facts: Facts) -> Iterator[Finding]:
    """What AWS would refuse after the version is published is known before."""
    for each in facts.targets:
        if not each.is_smoke_tested:
            continue
        if isinstance(each.new, Configuration):
            why, remedy = not_testable(each.new.limits)
            if why:
                seen = f"`smoke-test` cannot invoke {each.target.name}: {why}."
                yield Finding(Level.ERROR, Code.SMOKE_TEST_REFUSED, seen, remedy, each.target)
                continue
        if each.not_invocable is not None and each.not_invocable.denied:
            yield Finding(
                Level.ERROR,
                Code.SMOKE_TEST_NOT_ALLOWED,
                f"`smoke-test` cannot invoke {each.target.name}: lambda:InvokeFunction is not allowed on its versions.",
                "Allow lambda:InvokeFunction on the function with the qualifier `:*`.",
                each.target,
            )
