"""Which inputs, each right by itself, cannot be together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_rollout.inputs.choices import Engine, Mode, OnCancel, OnStranded
from lambda_rollout.inputs.codedeploy_steps import codedeploy_routing, nearest_codedeploy_name
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.hooks import CODEDEPLOY_EVENTS
from lambda_rollout.inputs.names import FromAlias, Latest

if TYPE_CHECKING:
    from lambda_rollout.inputs.model import Inputs


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not be true of inputs that are each right by themselves.

    It is told about ``input``, and only looked at when ``input`` and those it ``needs`` could be
    read.
    """

    input: str
    needs: tuple[str, ...]
    broken: Callable[[Inputs], bool]
    remedy: str
    """What would be right; ``{}`` in it stands for what ``nearest`` says of the inputs."""
    nearest: Callable[[Inputs], str] = lambda _: ""

    def remedy_for(self, inputs: Inputs) -> str:
        """Say what would be right in place of these inputs."""
        return self.remedy.format(self.nearest(inputs))


def _rolls_out(inputs: Inputs) -> bool:
    """Whether a rollout is to begin, or to be planned.

    One workflow may serve all modes, and going back, or finishing, must not fail on what only a rollout needs.
    """
    return inputs.mode in {Mode.ROLLOUT, Mode.PLAN}


def _may_end_early(inputs: Inputs) -> bool:
    """Whether a step is to end once its guards are shown to hold."""
    return _rolls_out(inputs) and inputs.engine is Engine.DIRECT and inputs.plan.may_end_early


def _to_be_shown(inputs: Inputs) -> list[Guard]:
    """The guards that such a step waits for: rates beside the old version's."""
    return [
        guard
        for guard in inputs.guards
        if guard.is_rate and guard.compares_with_baseline and not guard.observe_only
    ]


def _publishes(inputs: Inputs) -> bool:
    """Whether a new version is made, or planned."""
    return _rolls_out(inputs) or inputs.mode is Mode.PUBLISH


def _deploys(inputs: Inputs) -> bool:
    """Whether CodeDeploy is to shift."""
    return inputs.engine is Engine.CODEDEPLOY and _rolls_out(inputs)


RULES: tuple[Rule, ...] = (
    Rule(
        "function-name",
        (),
        lambda i: not i.functions,
        "Name the function whose alias is to be shifted.",
    ),
    Rule(
        "version",
        ("alias",),
        lambda i: i.version == FromAlias(i.alias),
        "This is the alias to shift. Name another one, whose version it should get.",
    ),
    Rule(
        "previous-alias",
        ("alias",),
        lambda i: i.previous_alias == i.alias,
        "This is the alias to shift. Name a second one that keeps the way back, such as {}.",
        lambda i: f"{i.alias}-previous",
    ),
    Rule(
        "version",
        ("package", "mode"),
        lambda i: _rolls_out(i) and bool(i.package) and i.version != Latest(),
        "A package always becomes a new version: leave version empty, or leave package empty.",
    ),
    Rule(
        "version",
        ("mode",),
        lambda i: i.mode is Mode.PUBLISH and i.version != Latest(),
        "mode: publish makes a new version: leave version empty.",
    ),
    Rule(
        "version",
        ("mode",),
        lambda i: i.mode is Mode.PROMOTE and isinstance(i.version, FromAlias),
        "mode: promote goes on with the version that is held or being rolled out: leave version empty, or write its "
        "number.",
    ),
    Rule(
        "guards",
        ("steps", "mode"),
        lambda i: (
            _rolls_out(i)
            and not i.plan.split_steps
            and any(guard.compares_with_baseline for guard in i.guards)
        ),
        "With 100% at once the old version serves nothing to compare with: add a step below 100%, "
        "or compare with a number.",
    ),
    Rule(
        "steps",
        ("guards", "mode", "engine"),
        lambda i: _may_end_early(i) and not _to_be_shown(i),
        "A step with a range ends early once a rate beside baseline is shown to hold, and no guard that counts is one: "
        "add such a guard, for example error-rate <= baseline + 1%, or write one duration.",
    ),
    Rule(
        "guards",
        ("steps", "mode", "engine"),
        lambda i: _may_end_early(i) and not all(guard.can_be_shown for guard in _to_be_shown(i)),
        "A step with a range ends early once each rate beside baseline is shown to hold, which takes a margin: write "
        "{}, or a single duration in steps.",
        lambda i: next(
            f"{guard.metric} {guard.operator} baseline + 1%"
            for guard in _to_be_shown(i)
            if not guard.can_be_shown
        ),
    ),
    Rule(
        "function-name",
        ("engine",),
        lambda i: i.engine is Engine.CODEDEPLOY and len(i.functions) > 1,
        "engine: codedeploy takes one function.",
    ),
    Rule(
        "steps",
        ("engine", "mode", "interval"),
        lambda i: _deploys(i) and codedeploy_routing(i.plan) is None,
        "engine: codedeploy can only do canary (one step, then 100%), linear (equal steps) and "
        "all-at-once, in whole percents of 1 to 99 and whole minutes of 1 to 2880, without hold or a range. "
        "The nearest is {}.",
        lambda i: nearest_codedeploy_name(i.plan),
    ),
    Rule(
        "mode",
        ("engine",),
        lambda i: i.engine is Engine.CODEDEPLOY and i.mode is Mode.PROMOTE,
        "engine: codedeploy holds nothing, and cannot be told to go on: CodeDeploy shifts by its own clock. Wait for it, or "
        "write mode: rollback. For a rollout that can be promoted, write engine: direct.",
    ),
    Rule(
        "smoke-expect",
        ("smoke-test", "mode"),
        lambda i: (
            _publishes(i) and i.smoke_expect is not None and bool(i.functions) and not i.smoke_test
        ),
        "It is what the smoke test should answer: write its payload into smoke-test, such as {{}}.",
    ),
    Rule(
        "on-cancel",
        ("engine", "mode"),
        lambda i: _deploys(i) and i.on_cancel is OnCancel.HOLD,
        "engine: codedeploy cannot hold: a deployment that is stopped leaves the alias split and "
        "blocks the next one, so it is rolled back.",
    ),
    Rule(
        "on-stranded",
        ("engine", "mode"),
        lambda i: _deploys(i) and i.on_stranded is OnStranded.RESUME,
        "engine: codedeploy always follows a deployment that still runs, and can resume nothing "
        "else: write rollback or fail.",
    ),
    Rule(
        "guards",
        ("engine", "mode"),
        lambda i: _deploys(i) and bool(i.guards),
        "engine: codedeploy shifts by the clock and waits for no guard: make it an alarm, or set "
        "engine: direct.",
    ),
    Rule(
        "min-invocations",
        ("engine", "mode"),
        lambda i: _deploys(i) and i.min_invocations > 0,
        "engine: codedeploy shifts by the clock and waits for no invocations: leave it 0, or set "
        "engine: direct.",
    ),
    Rule(
        "create-alias",
        ("engine", "mode"),
        lambda i: _deploys(i) and i.create_alias,
        "engine: codedeploy only moves an alias that exists: create it once with engine: direct.",
    ),
    Rule(
        "hooks",
        ("engine", "mode"),
        lambda i: _deploys(i) and any(hook.stage not in CODEDEPLOY_EVENTS for hook in i.hooks),
        "engine: codedeploy has hooks before-traffic and after-traffic only: leave out the others, or set "
        "engine: direct.",
    ),
    Rule(
        "hooks",
        ("engine", "mode"),
        lambda i: _deploys(i) and any(len(i.hooks_of(stage)) > 1 for stage in CODEDEPLOY_EVENTS),
        "engine: codedeploy invokes one function for each stage: write one before-traffic and one after-traffic "
        "line at most.",
    ),
    Rule(
        "codedeploy-application",
        ("engine",),
        lambda i: i.engine is Engine.CODEDEPLOY and i.codedeploy_application is None,
        "engine: codedeploy needs the name of the CodeDeploy application.",
    ),
    Rule(
        "codedeploy-deployment-group",
        ("engine",),
        lambda i: i.engine is Engine.CODEDEPLOY and i.codedeploy_deployment_group is None,
        "engine: codedeploy needs the name of the deployment group.",
    ),
    Rule(
        "codedeploy-application",
        ("engine",),
        lambda i: i.engine is Engine.DIRECT and i.codedeploy_application is not None,
        "Only engine: codedeploy uses it: set engine to codedeploy, or leave it empty.",
    ),
    Rule(
        "codedeploy-deployment-group",
        ("engine",),
        lambda i: i.engine is Engine.DIRECT and i.codedeploy_deployment_group is not None,
        "Only engine: codedeploy uses it: set engine to codedeploy, or leave it empty.",
    ),
)
