"""Whether the hooks can be invoked: found out now, and not in the middle of a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lambda_rollout.preflight.facts import Facts, HookFacts
from lambda_rollout.preflight.finding import Code, Finding, Level

MANAGED_PREFIX = "CodeDeployHook_"
"""How the names begin of functions that AWSCodeDeployRoleForLambda may invoke.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambda.html
"""


def hooks_can_be_invoked(facts: Facts) -> Iterator[Finding]:
    """See `findings_on`."""
    return findings_on(facts.hooks)


def findings_on(hooks: Iterable[HookFacts]) -> Iterator[Finding]:
    """Yield an error for each hook that would fail the rollout when it is asked."""
    for each in hooks:
        yield from _tried(each)
        if each.by_codedeploy and not each.hook.name.startswith(MANAGED_PREFIX):
            yield Finding(
                Level.WARNING,
                Code.HOOK_NAME,
                f"{each.hook}: with the managed policy AWSCodeDeployRoleForLambda CodeDeploy may invoke only functions "
                f"whose names begin with {MANAGED_PREFIX}.",
                "Rename the function, or allow lambda:InvokeFunction on it to the service role of the deployment group.",
            )


def _tried(each: HookFacts) -> Iterator[Finding]:
    tried = each.tried
    if tried is None:
        return
    if tried.refused:
        yield Finding(
            Level.ERROR,
            Code.HOOK_CANNOT_RUN,
            f"{each.hook} cannot be invoked. {tried.why}",
            "Correct `hooks`, or create the function.",
        )
    elif tried.denied and not each.by_codedeploy:
        yield Finding(
            Level.ERROR,
            Code.HOOK_NOT_ALLOWED,
            f"{each.hook} may not be invoked. {tried.why}",
            f"Allow {tried.action} on it to the role of this job.",
        )
    else:
        yield Finding(
            Level.WARNING if tried.out_of_time else Level.NOTE,
            Code.NOT_CHECKED,
            f"Not checked: whether {each.hook} can be invoked. {tried.why}",
            "",
        )
