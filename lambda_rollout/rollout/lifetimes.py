"""Whether a rollout may outlast what it signs its calls with: said before the start, when that can still be changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.rollout.spec import RolloutSpec

REQUEST_TOKEN = timedelta(hours=6)
"""For how long, about, a job may ask GitHub for OIDC tokens, on a runner of one's own too, where it may last days.
GitHub does not publish it; a job on its own runners lasts as long."""

USUAL_SESSION = timedelta(minutes=50)
"""Credentials of aws-actions/configure-aws-credentials last an hour; publishing takes some of it."""


def warnings(spec: RolloutSpec, *, temporary: bool) -> Iterator[str]:
    """Yield what to warn of; ``temporary``: the environment's credentials end, and nobody can see when."""
    if spec.inputs.mode in {Mode.PUBLISH, Mode.ROLLBACK}:
        return
    if spec.inputs.role_to_assume:
        longest = longest_rollout(spec)
        if longest > REQUEST_TOKEN:
            yield (
                f"The rollout may take {readable_duration(longest)}, extensions by `evidence-timeout` included. GitHub "
                "gives a job tokens to renew the role's credentials with for about 6h only, on runners of your own too: "
                "after that, what is not finished is rolled back (or held, with `on-cancel: hold`) while it can still be "
                "signed. Shorten `steps`, or let them end with `hold` alone and finish with `mode: promote` in another job."
            )
    elif temporary and spec.plan.total_watch > USUAL_SESSION:
        yield (
            "The schedule is longer than temporary credentials usually last (1h), and those of the "
            "environment are not renewed. Use `role-to-assume`, or ask for a longer session."
        )


def longest_rollout(spec: RolloutSpec) -> timedelta:
    """Return how long the watch may take if every step is extended as long as possible; a hold is not extended."""
    waits = len(spec.plan.shifts) + (spec.inputs.alarm_at_start is AlarmAtStart.WAIT)
    return spec.plan.total_watch + waits * spec.inputs.evidence_timeout
