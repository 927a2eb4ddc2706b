"""A hook that hangs, in a thread of its own: it delays no rollback, and its later answer is not looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import Finished, HookEnded, Result
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from sandbox.aws import World
from tests.simulation.scheduler import Process, Scheduler, Turns
from tests.support.hooks import YES, hooks, put_hook, told
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

POLL = 5.0


@dataclass
class Threads(Scene):
    """A scene in which what runs in the background really runs beside the story, in turns."""

    scheduler: Scheduler = field(default_factory=lambda: Scheduler(Random(0), Random(0)))
    main: Process | None = None

    @classmethod
    def with_hook(cls, slow: float, *answers: object) -> Threads:
        scheduler = Scheduler(Random(0), Random(0))
        scene = cls(World(clock=scheduler.clock), scheduler=scheduler)
        scene.deploy()
        scene.put_alarm("checkout-errors")
        put_hook(scene, "check", *answers, slow=slow)
        scene.world.log.clear()
        return scene

    def ports(self, ordered: RolloutSpec | RunIdentity, clients: object = None) -> Ports:
        ports = super().ports(ordered)
        return replace(ports, background=lambda: Turns(self.scheduler, "call", self.main))

    def play(self, spec: RolloutSpec) -> Finished:
        """Tell the story in a process of its own."""
        ended: list[Finished] = []
        story = Rollout(spec, self.ports(spec))
        self.main = self.scheduler.start("main", lambda: ended.append(story.run()))
        assert self.scheduler.join(self.main, 10_000.0)
        assert self.main.crash is None
        return ended[0]

    def came_back(self) -> float:
        """Seconds from the start of the scene to the rollback's UpdateAlias."""
        back = [
            request
            for request in self.requests("UpdateAlias")
            if request.params["FunctionVersion"] == OLD
            and not request.params["RoutingConfig"]["AdditionalVersionWeights"]
        ]
        return (back[0].at - self.world.log[0].at).total_seconds()


@pytest.fixture
def hanging() -> Threads:
    return Threads.with_hook(800, YES)


def spec(stage: str, **asked: object) -> RolloutSpec:
    lines = hooks(f"{stage}: check")
    return rollout_spec("10% 60s, 100% 60s", hooks=lines, poll_interval=POLL, **asked)


def fire(scene: Threads) -> None:
    scene.set_alarm("checkout-errors", "ALARM")


@pytest.mark.parametrize("stage", ["each-step", "after-traffic"])
def test_it_delays_no_alarms_rollback_by_more_than_the_poll(hanging: Threads, stage: str) -> None:
    hanging.after(200, lambda: fire(hanging))
    end = hanging.play(spec(stage))
    assert end.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in end.failed_alarms] == ["checkout-errors"]
    assert 200 <= hanging.came_back() <= 200 + POLL + 1
    assert hanging.alias.routing == Routing.all_on(OLD)
    hanging.scheduler.clock.advance(1000)
    # Its answer came later, and nobody listened.
    assert hanging.alias.routing == Routing.all_on(OLD)
    assert not hanging.told(HookEnded)


def test_a_stop_is_obeyed_at_once(hanging: Threads) -> None:
    hanging.after(100, lambda: hanging.stop.request("cancelled"))
    assert hanging.play(spec("each-step")).result is Result.ROLLED_BACK
    assert 100 <= hanging.came_back() <= 101


def test_a_stop_before_traffic_leaves_everything_as_it_was(hanging: Threads) -> None:
    hanging.after(100, lambda: hanging.stop.request("cancelled"))
    assert hanging.play(spec("before-traffic")).result is Result.FAILED
    assert hanging.requests("UpdateAlias") == []
    assert (hanging.clock.now() - hanging.world.log[0].at).total_seconds() < 110


def test_somebody_elses_routing_is_seen_while_it_hangs(hanging: Threads) -> None:
    def somebody() -> None:
        edit = {"FunctionVersion": NEW, "RoutingConfig": {}}
        hanging.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **edit)

    hanging.after(100, somebody)
    end = hanging.play(spec("each-step"))
    assert end.result is Result.FAILED
    assert "somebody else" in end.reason
    assert (hanging.clock.now() - hanging.world.log[0].at).total_seconds() < 100 + 60


def test_the_record_is_renewed_while_it_hangs(hanging: Threads) -> None:
    assert hanging.play(spec("each-step")).result is Result.PROMOTED
    assert len(told(hanging, "check")) == 2
    renewals = [
        request
        for request in hanging.requests("UpdateAlias")
        if "[lambda-rollout" in request.params["Description"]
    ]
    assert len(renewals) > 8
    assert hanging.alias.description == OWNERS_TEXT


def test_it_hangs_no_longer_than_the_evidence_timeout(hanging: Threads) -> None:
    end = hanging.play(spec("each-step", evidence_timeout=100))
    assert end.reason == ("each-step hook check failed: it has not answered, and its time is over")
    assert 160 <= hanging.came_back() <= 163


def test_an_answer_wakes_the_story_at_once() -> None:
    scene = Threads.with_hook(7, YES)
    end = scene.play(spec("before-traffic"))
    assert end.result is Result.PROMOTED
    [asked] = scene.requests("Invoke")
    [first, *_] = scene.requests("UpdateAlias")
    assert 7 <= (first.at - asked.at).total_seconds() < 7.5


def test_on_rollback_may_hang_and_the_job_ends(hanging: Threads) -> None:
    hanging.after(30, lambda: fire(hanging))
    end = hanging.play(spec("on-rollback"))
    assert end.result is Result.ROLLED_BACK
    assert hanging.came_back() <= 30 + POLL + 1
    assert (hanging.clock.now() - hanging.world.log[0].at).total_seconds() < 30 + 302 + POLL
