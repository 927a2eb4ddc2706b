"""The outputs that the next steps of the job read; README's chapter of that name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

from lambda_rollout.report.json_report import Json, number
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.wording import clean

REASON_LIMIT = 1000
"""Characters of the one line that says why."""


def outputs(story: RolloutState, report: str = "", pull_request: str = "") -> dict[str, str]:
    """Return all eight outputs; what is not known is the empty string.

    ``report`` is the JSON report's path as the next steps see it, ``pull_request`` the number of the
    commented one.
    """
    names = [reading.name for reading in story.failed_alarms]
    return {
        "result": story.result.value,
        "version": _each(story, lambda now: now.version or ""),
        "previous-version": _each(story, lambda now: now.previous or ""),
        "weight": _each(story, _weight),
        "reason": clean(story.reason, REASON_LIMIT),
        "failed-alarms": json.dumps(list(dict.fromkeys(names))),
        "report": report,
        "pr-number": pull_request,
    }


def _weight(now: TargetNow) -> Json:
    """Return the new version's share: 0 while there is no version or no alias yet, empty if nothing was seen."""
    if now.weight is not None:
        return number(now.weight)
    if now.routing is None:
        return 0 if now.missing else ""
    return 0


def _each(story: RolloutState, value: Callable[[TargetNow], Json]) -> str:
    """One function: its value alone. Several: a JSON object, from each function's name to its value."""
    targets = list(story.targets.values())
    if len(targets) <= 1:
        return "".join(str(value(now)) for now in targets)
    bare = Counter(now.target.name for now in targets)
    return json.dumps(
        {
            # Two Regions or accounts may have a function of the same name: then as they were given.
            now.target.name if bare[now.target.name] == 1 else now.target.function: value(now)
            for now in targets
        }
    )
