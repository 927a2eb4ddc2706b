"""When a step may end before its time is over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.inputs.steps import Step


def least_time(step: Step, alarms_need: timedelta | None) -> timedelta | None:
    """Return for how long a step is watched at least, however soon its guards are shown to hold.

    ``alarms_need`` is how long the slowest alarm needs to fire, None if that is not known of one. None for a step that
    does not end early: without a range, or where nobody knows when its alarms would have fired.
    """
    if step.earliest is None or alarms_need is None:
        return None
    return max(step.earliest, alarms_need)


def alarms_allow_it(
    least: timedelta, watched: timedelta, read_after: timedelta, readings: Sequence[AlarmReading]
) -> bool:
    """Whether the ``least`` time is over, and all alarms were OK, and evaluated, at a read after it.

    ``watched`` is for how long the step is being watched, ``read_after`` how long after its begin the alarms were last
    read.
    """
    return min(watched, read_after) >= least and all(
        reading.state is AlarmState.OK and reading.is_evaluated for reading in readings
    )
