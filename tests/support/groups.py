"""Several functions as one: `Group` in process on the manual clock, `LiveGroup` as real processes over HTTP.

Function number N is ``fN``: version 1 behind ``live``, its next build in ``$LATEST`` unless it is among the
`unchanged`, and an alarm ``fN-errors`` that is OK.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.steps import Plan
from lambda_rollout.rollout.events import Finished as End
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws import World
from sandbox.aws.faults import Fault, Work
from sandbox.aws.http import Server
from sandbox.aws.lambda_.things import Alias
from sandbox.aws.request import Account, Request
from sandbox.clock import ManualClock
from sandbox.runner import Runner
from tests.support.code import package
from tests.support.live import JumpingClock, Live
from tests.support.scene import NEW, OLD, ROLE, Scene, log_alarm, rollout_spec

MINE = "the one that customers of {} see"


@dataclass(frozen=True)
class OnlyOf:
    """A fault that only the requests about one function meet."""

    function: str
    fault: Fault

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        if request.function != self.function:
            return work()
        return self.fault.around(world, request, work)


def names(count: int) -> list[str]:
    """``f1``, ``f2``, …"""
    return [f"f{number}" for number in range(1, count + 1)]


def targets(count: int) -> tuple[Target, ...]:
    return tuple(Target(name, "live") for name in names(count))


def text_of(name: str) -> str:
    """What the owner of its alias wrote."""
    return MINE.format(name)


def code_of(name: str, version: str) -> bytes:
    return package(f"def handler(event, context): return '{name} {version}'")


def group_spec(count: int, steps: str | Plan = "10% 60s, 100% 60s", **asked: Any) -> RolloutSpec:
    """An order for `count` functions; ``asked`` is as in `rollout_spec`."""
    usual = {"targets": targets(count), "alarms": [f"{name}-errors" for name in names(count)]}
    return rollout_spec(steps, **{**usual, **asked})


@dataclass
class Group(Scene):
    """Several functions on the manual clock."""

    count: int = 3
    unchanged: tuple[str, ...] = ()

    @classmethod
    def of(cls, count: int, unchanged: tuple[str, ...] = ()) -> Group:
        scene = cls(World(clock=ManualClock()), count=count, unchanged=unchanged)
        scene.deploy()
        for name in names(count):
            scene.put_alarm(f"{name}-errors")
        scene.world.log.clear()
        return scene

    def deploy(self) -> None:
        deploy(self, names(self.count), self.unchanged, lambda: self.clock.advance(2))

    def start(self, steps: str | Plan = "10% 60s, 100% 60s", **asked: Any) -> End:
        """Tell the story of the whole group."""
        return self.roll_out(group_spec(self.count, steps, **asked))

    def alias_of(self, name: str) -> Alias:
        return self.world.lambda_().functions[name].aliases["live"]

    def states(self) -> dict[str, tuple[str, dict[str, float]]]:
        """Version and weights of every alias."""
        return states(self.world, self.count)

    def whole_on(self, version: str, *but: str) -> bool:
        """Whether every alias but these is whole on it and says what its owner wrote."""
        return whole_on(self.world, [n for n in names(self.count) if n not in but], version)


@dataclass
class LiveGroup(Live):
    """Several functions over HTTP."""

    count: int = 3
    unchanged: tuple[str, ...] = ()

    def deploy(self) -> None:
        self.world.lambda_().activation_delay = self.world.lambda_().update_delay = 0.0
        deploy(self, names(self.count), self.unchanged, self.world.run_due)
        for name in names(self.count):
            self.call("cloudwatch", "PutLogAlarm", **log_alarm(f"{name}-errors"))
            self.alarm(f"{name}-errors", "OK")
        self.inputs["function-name"] = "\n".join(names(self.count))
        self.inputs["alarms"] = "\n".join(f"{name}-errors" for name in names(self.count))

    def alarm(self, name: str, state: str) -> None:
        asked = {"AlarmName": name, "StateValue": state, "StateReason": "by the test"}
        self.call("cloudwatch", "SetAlarmState", **asked)

    def states(self) -> dict[str, tuple[str, dict[str, float]]]:
        with self.world.lock:
            return states(self.world, self.count)

    def all_whole_on(self, version: str, *but: str) -> bool:
        with self.world.lock:
            return whole_on(self.world, [n for n in names(self.count) if n not in but], version)

    @contextmanager
    def as_they_are(self) -> Iterator[None]:
        """Put the aliases back afterwards to what they are now: two ways on from one death."""
        functions = self.world.lambda_().functions
        with self.world.lock:
            kept = {name: copy.deepcopy(functions[name].aliases) for name in names(self.count)}
        yield
        with self.world.lock:
            for name, aliases in kept.items():
                functions[name].aliases = aliases


@contextmanager
def live_group(
    folder: Path, count: int, unchanged: tuple[str, ...] = (), off: timedelta = timedelta()
) -> Iterator[LiveGroup]:
    """Set it all up."""
    clock = JumpingClock(off)
    world = World(clock=clock)
    with Server(world) as server:
        scene = LiveGroup(
            world, clock, server.url, Runner(folder), count=count, unchanged=unchanged
        )
        scene.deploy()
        scene.world.log.clear()
        yield scene


def deploy(scene: Any, functions: list[str], unchanged: tuple[str, ...], settle: Any) -> None:
    """Version 1 of each in production, and something new in ``$LATEST`` of those that are not unchanged."""
    create = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
    for name in functions:
        code = {"Code": {"ZipFile": code_of(name, OLD)}}
        scene.call("lambda", "CreateFunction", FunctionName=name, **create, **code)
    settle()
    for name in functions:
        scene.call("lambda", "PublishVersion", FunctionName=name, Description="the first")
    settle()
    for name in functions:
        live = {"FunctionVersion": OLD, "Description": text_of(name)}
        scene.call("lambda", "CreateAlias", FunctionName=name, Name="live", **live)
        if name not in unchanged:
            changed = {"ZipFile": code_of(name, NEW)}
            scene.call("lambda", "UpdateFunctionCode", FunctionName=name, **changed)
    settle()


def states(world: World, count: int) -> dict[str, tuple[str, dict[str, float]]]:
    aliases = {name: world.lambda_().functions[name].aliases["live"] for name in names(count)}
    return {name: (alias.version, dict(alias.weights)) for name, alias in aliases.items()}


def whole_on(world: World, functions: list[str], version: str) -> bool:
    """Whether each is whole on it and says what its owner wrote."""
    aliases = {name: world.lambda_().functions[name].aliases["live"] for name in functions}
    return all(
        (alias.version, alias.weights, alias.description) == (version, {}, text_of(name))
        for name, alias in aliases.items()
    )


def order_of_writes(requests: list[Any]) -> list[str]:
    """Which functions' aliases were written, in order; only writes that had their effect."""
    return [r.function for r in requests if r.effect_at is not None]
