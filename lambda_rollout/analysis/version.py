"""Whether a version can serve. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lambda_rollout.analysis.invocation import InvocationLimits

IDLE = "Inactive"
"""The state of a version that nobody invoked for some weeks: Lambda took its resources back."""


SCALED_DOWN = "Deactivated"
"""The state of a version that was scaled to 0, on Lambda Managed Instances."""


def scale_up_command(function: str, version: str, region: str = "") -> str:
    """Return the AWS CLI command that brings back a version that was scaled to 0, with the fewest environments."""
    words = ["aws", "lambda", "put-function-scaling-config"]
    words += ["--region", region] if region else []
    words += ["--function-name", function, "--qualifier", version]
    return shlex.join([*words, "--function-scaling-config", "MinExecutionEnvironments=3"])


def wake_command(function: str, version: str, region: str = "") -> str:
    """Return the AWS CLI command that wakes an idle version.

    That invocation fails, and makes the version Pending, then Active.
    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    words = ["aws", "lambda", "invoke", *(["--region", region] if region else [])]
    return shlex.join([*words, "--function-name", function, "--qualifier", version, "/dev/stdout"])


def list_executions(function: str, version: str, region: str = "") -> str:
    """Return the AWS CLI command that lists the durable executions that run on a version."""
    words = ["aws", "lambda", "list-durable-executions-by-function"]
    words += ["--region", region] if region else []
    return shlex.join(
        [*words, "--function-name", function, "--qualifier", version, "--statuses", "RUNNING"]
    )


@dataclass(frozen=True, slots=True)
class VersionState:
    """What GetFunctionConfiguration says about a version's life; "" where AWS says nothing.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """

    state: str = ""
    state_reason: str = ""
    last_update: str = ""
    last_update_reason: str = ""
    snap_start_applies: bool = False
    snap_start_optimized: bool = False
    code_sha256: str = ""
    description: str = ""
    architectures: tuple[str, ...] = ()
    role: str = ""
    config_sha256: str = ""
    """AWS's hash of the configuration. Whether a version's description is part of it no page says."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Setting -> hash of its value, which may be secret: of those that publishing takes over as they are."""
    is_durable: bool = False
    """Whether executions may outlast an invocation: they end on the version that they began with."""
    arn: str = ""
    """The version's own ARN."""
    limits: InvocationLimits = field(default_factory=InvocationLimits)
    """What an invocation of it needs and lasts."""
    log_group: str = ""
    """Where it writes its log; empty for the group that is named after the function."""
    modified: datetime | None = None
    """When it was last changed: a version when it was published."""


def changed_settings(one: VersionState, other: VersionState) -> tuple[str, ...]:
    """Return the settings in which two versions differ, none unless AWS's hashes of their configuration differ, too.

    The hash alone would not do: it may hold what every publishing changes, such as the description.
    """
    hashes = {one.config_sha256, other.config_sha256}
    if "" in hashes or len(hashes) == 1:
        return ()
    names = sorted({*one.settings, *other.settings})
    return tuple(name for name in names if one.settings.get(name) != other.settings.get(name))


@dataclass(frozen=True, slots=True)
class Running:
    """How many durable executions of a version are running."""

    count: int
    more: bool = False
    """Whether there are more than were counted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It can serve."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It cannot serve yet; ``state`` says why."""

    state: str


@dataclass(frozen=True, slots=True)
class NeverReady:
    """It will not get there by waiting; ``why`` holds AWS's reason."""

    why: str
    idle: bool = False
    """Whether an invocation would wake it. Nobody but its owner may do that: it runs the owner's code."""
    scaled_down: bool = False
    """Whether it was scaled to 0, on Lambda Managed Instances: it does not come back by itself."""


def readiness(version: VersionState) -> Ready | Waiting | NeverReady:
    """Decide whether a published version can take traffic.

    The waiter PublishedVersionActive would spin for 26 minutes on a version that is Inactive or
    ActiveNonInvocable, so every state but Pending and Active is an end.
    """
    if version.last_update == "Failed":
        return NeverReady(
            f"its last update failed: {version.last_update_reason or 'no reason given'}"
        )
    if version.state not in {"", "Active", "Pending"}:
        why = f"it is {version.state}: {version.state_reason or 'no reason given'}"
        return NeverReady(why, idle=version.state == IDLE, scaled_down=version.state == SCALED_DOWN)
    if version.state == "Pending":
        return Waiting("Pending")
    if version.last_update == "InProgress":
        return Waiting("update in progress")
    if version.snap_start_applies and not version.snap_start_optimized:
        return Waiting("SnapStart is still optimizing it")
    return Ready()
