"""Several jobs over one world, each a process of its own that takes turns with the others on one simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Self

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Event, Finished, RequestRefused, Run, stamped
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.clock import Stop
from sandbox.aws import World
from tests.simulation.scheduler import Killed, Process, Scheduler, Turns
from tests.support.groups import Group, group_spec
from tests.support.scene import Scene, rollout_spec
from tests.support.seam import direct

MAIN, ASKER = "AKIAMAIN", "AKIAASKER"
DAY = 86_400.0
RUN = Run("https://github.com", "octo/shop", "1234567890", "1", "octocat", "9f2c1ab")


@dataclass
class Job:
    """One process: what it tells, and how it ends."""

    caller: str
    story: Callable[[], Finished]
    process: Process | None = None
    events: list[Event] = field(default_factory=list)
    saved_states: list[SavedState] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    ended: list[Finished] = field(default_factory=list)

    def told(self, *kinds: type[Event]) -> list[Event]:
        """Its events of these kinds."""
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def end(self) -> Finished:
        """How it ended."""
        assert self.ended, f"{self.caller} has not ended"
        return self.ended[0]


@dataclass
class Jobs(Group):
    """One to three functions, and jobs that roll them out, or ask for something."""

    scheduler: Scheduler = field(default_factory=lambda: Scheduler(Random(0), Random(0)))

    @classmethod
    def of_one(cls) -> Self:
        """``checkout``, as in `Scene`."""
        scheduler = Scheduler(Random(0), Random(0))
        jobs = cls(World(clock=scheduler.clock), scheduler=scheduler)
        Scene.deploy(jobs)
        jobs.put_alarm("checkout-errors")
        jobs.world.log.clear()
        return jobs

    @classmethod
    def of_group(cls, count: int, unchanged: tuple[str, ...] = ()) -> Self:
        """``f1``, ``f2``, … as in `Group`."""
        scheduler = Scheduler(Random(0), Random(0))
        jobs = cls(
            World(clock=scheduler.clock), scheduler=scheduler, count=count, unchanged=unchanged
        )
        jobs.deploy()
        for number in range(1, count + 1):
            jobs.put_alarm(f"f{number}-errors")
        jobs.world.log.clear()
        return jobs

    def ports_of(self, job: Job, ordered: RolloutSpec | RunIdentity) -> Ports:
        """Ports of its own, with its own access key and stop."""
        clients = direct(self.world, caller=job.caller, latency=0.1, date=self.date)
        ports = self.ports(ordered, clients)
        return replace(
            ports,
            stop=job.stop,
            emit=lambda event: job.events.append(stamped(event, ports.clock.now())),
            remember=job.saved_states.append,
            background=lambda: Turns(self.scheduler, "call", job.process),
        )

    def begin(self, caller: str, story: Callable[[Job], Finished], after: float = 0.0) -> Job:
        """Begin a process so many seconds from now."""
        job = Job(caller, lambda: story(job))

        def body() -> None:
            job.ended.append(job.story())

        def start() -> None:
            job.process = self.scheduler.start(caller, body)

        if after:
            self.after(after, start)
        else:
            start()
        return job

    def roll_out_aside(
        self, steps: str, after: float = 0.0, caller: str = MAIN, **asked: Any
    ) -> Job:
        """Begin a rollout."""
        spec = self._spec(steps, run=RUN, **asked)
        return self.begin(caller, lambda job: Rollout(spec, self.ports_of(job, spec)).run(), after)

    def promote_aside(self, after: float, caller: str = ASKER, **asked: Any) -> Job:
        """Begin a job with ``mode: promote``."""
        usual = {"alarms": (), "rollout_id": "0badcafe", "mode": Mode.PROMOTE}
        run = Run("https://github.com", "octo/shop", "1234567899", "1", "hubot", "9f2c1ab")
        spec = self._spec("100% 60s", **{**usual, "run": run, **asked})
        return self.begin(caller, lambda job: Rollout(spec, self.ports_of(job, spec)).run(), after)

    def _spec(self, steps: str, **asked: Any) -> RolloutSpec:
        is_group = "checkout" not in self.world.lambda_().functions
        return group_spec(self.count, steps, **asked) if is_group else rollout_spec(steps, **asked)

    def until_over(self, *jobs: Job) -> None:
        """Let time pass until all of these have ended, or were killed."""
        for job in jobs:
            self.scheduler.clock.advance(DAY, lambda job=job: job.process is not None)  # type: ignore[misc]
            assert job.process is not None
            assert self.scheduler.join(job.process, DAY), f"{job.caller} never ended"
            if job.process.crash is not None:
                raise job.process.crash

    def kill(self, job: Job) -> None:
        """SIGKILL, from inside a fault on one of its own requests."""
        assert job.process is not None
        self.scheduler.kill(job.process)
        raise Killed


def refusals(job: Job) -> list[str]:
    """Why requests were refused."""
    return [event.why for event in job.told(RequestRefused) if isinstance(event, RequestRefused)]
