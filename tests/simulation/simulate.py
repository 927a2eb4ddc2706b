"""One seed: its rollout, what comes after it, and whether every promise was kept."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from lambda_rollout.alias.record import Record, RunStatus
from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.caller import caller_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout.events import Event, Finished, Result, Run, StepEndsEarly
from lambda_rollout.rollout.guardian import guard
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.parallel import Parallel, one_by_one
from tests.simulation import rules_guardian
from tests.simulation.credentials import Renewals
from tests.simulation.github import SimGitHub
from tests.simulation.github_scenario import Drawn
from tests.simulation.github_scenario import draw as draw_github
from tests.simulation.guarded import Visit
from tests.simulation.invocations import LIMIT, Guardians, NobodyToAsk
from tests.simulation.observer import SOMEBODY, Actor, Role
from tests.simulation.own_clock import OwnClock
from tests.simulation.previous import PREVIOUS
from tests.simulation.reporting import Telling
from tests.simulation.requests import DrawnRequest
from tests.simulation.rules_comment import judged
from tests.simulation.rules_reporting import settled
from tests.simulation.scenario import Fate, Scenario, draw
from tests.simulation.scheduler import Turns
from tests.simulation.smoke import PAYLOAD
from tests.simulation.world import Stage
from tests.support.scene import rollout_spec
from tests.support.seam import direct

_T = TypeVar("_T")
_R = TypeVar("_R")

Door = Literal["direct", "botocore"]

LONGEST = 3 * 3_600.0
"""Seconds within which every process must have ended: all its limits together, with room."""


@dataclass
class Outcome:
    """What became of a seed."""

    seed: int
    violations: list[str]
    seen: Counter[str]
    story: list[str] = field(repr=False)


@dataclass
class Words:
    """`lambda_rollout.rollout.ports.Runs`: what GitHub says of the runs in this simulation."""

    simulation: Simulation

    def run_status(self, record: Record) -> RunStatus:
        status = self.simulation.word(record)
        self.simulation.observer.words[record.rollout_id] = status is RunStatus.OVER
        self.simulation.observer.seen[f"word {status.name}"] += 1
        return status

    def url(self, record: Record) -> str:
        return f"https://github.invalid/runs/{record.run}"


class Simulation:
    """A seed, played to its end."""

    def __init__(
        self, scenario: Scenario, door: Door = "direct", github: Drawn | None = None
    ) -> None:
        self.scenario = scenario
        self.stage = Stage(scenario)
        self.scheduler = self.stage.scheduler
        self.observer = self.stage.observer
        self.hub = SimGitHub(github or draw_github(scenario), scenario.seed, self.scheduler)
        self.hub.tell = self.observer.tell
        self.tellings: dict[str, Telling] = {}
        self._door = door
        self._lost = False
        drawn = scenario.guardian
        self.guardians = Guardians(drawn, self.stage, self._invoke) if drawn else None

    def play(self) -> Outcome:
        """Play it; never raises for what is wrong in the code under test."""
        # tenacity's jitter comes from the one global source of chance.
        random.seed(self.scenario.seed)
        try:
            with self.hub.on_stage():
                self._play()
                self._let_everything_be_said()
        finally:
            self.scheduler.close()
        for actor in self.observer.actors.values():
            self._guards_kept_their_word(actor)
            if actor.process is not None and actor.process.crash is not None:
                self.observer.blame("no crash", f"{actor.name}: {actor.process.crash!r}")
        seed = self.scenario.seed
        return Outcome(seed, self.observer.violations, self.observer.seen, self.observer.story)

    def _play(self) -> None:
        scenario, scheduler = self.scenario, self.scheduler
        mode = Mode.ROLLOUT if scenario.held_before is None else Mode.PROMOTE
        main = self._start(
            "main", "main", self._order("00000001", "1001", mode=mode), scenario.main
        )
        if scenario.twin is not None:
            self._start("twin", "twin", self._order("00000002", "1002"), scenario.twin)
        if self.guardians is not None:
            self.guardians.begin()
        for number, job in enumerate(scenario.requests.jobs if scenario.requests else ()):
            self.stage.at(job.at, partial(self._ask_to_go_on, number, job))
        if scenario.lost_at is not None:
            scheduler.clock.advance(scenario.lost_at)
            self._lose(main)
        else:
            self._await(main)
            self._run_post(main)
        if scenario.following is not None:
            scheduler.clock.advance(scenario.following.delay)
            if scenario.following_builds:
                for function in self.stage.functions:
                    self.stage.build(function, 3)
            spec = self._order("00000003", "1003", version=None, mode=scenario.following_mode)
            self._start("next", "next", spec, scenario.following.fate)
        self._await_all()
        if scenario.requests is not None:
            last = max(job.at for job in scenario.requests.jobs)
            scheduler.clock.advance(max(0.0, last - self.stage.since_start))
            self._await_all()
        if scenario.guardian is not None:
            scheduler.clock.advance(scenario.guardian.night)
        self._let_everything_land()
        self._await_all()
        self._sweep()

    def _await_all(self) -> None:
        for actor in list(self.observer.actors.values()):
            self._await(actor)

    def _ask_to_go_on(self, number: int, job: DrawnRequest) -> None:
        spec = self._order(
            f"000000a{number}",
            f"11{number:02}",
            version=None,
            mode=Mode.PROMOTE,
            evidence_timeout=job.evidence_timeout,
        )
        self._start(f"requester {number}", "requester", spec, job.fate)

    def _invoke(
        self, number: int, fate: Fate, off: float | None, over: Callable[[], None]
    ) -> Actor:
        """Let the guardian look once. ``off``: by how much its `Date` is wrong; ``over`` is called at any end of it."""
        drawn, name = self.scenario.guardian, f"guardian {number}"
        assert drawn is not None
        nothing: dict[str, Any] = {"version": None, "hooks": (), "guards": (), "payloads": {}}
        spec = self._order(f"0000f{number:03x}", "", by=Run(), mode=Mode.ROLLBACK, **nothing)
        bake = timedelta(seconds=drawn.bake)
        actor = Actor(name, "guardian", spec, fate, len(self.observer.actors))
        actor.visit = Visit(self.stage.world.clock.now(), bake)
        actor.misdated = off != 0
        if off != 0:
            self.stage.world.dates[name] = off
        if rules_guardian.is_in_doubt(actor):
            rules_guardian.met(self.observer, actor, "a wrong clock")
        self.observer.actors[name] = actor
        rules_guardian.begins(self.observer, actor)
        stop = Stop()
        clock = OwnClock(self.scheduler.clock, fate.skew)
        ports = self._parts(actor, stop, clock, partial(self.observer.told, actor))
        ports = replace(ports, runs=NobodyToAsk(), remember=lambda _: None)

        def look() -> None:
            try:
                guard(spec, ports, bake, LIMIT)
            finally:
                over()

        actor.process = self.scheduler.start(name, look)
        self._decide_fate(actor, stop, clock)
        return actor

    def _guards_kept_their_word(self, actor: Actor) -> None:
        """No guard is broken by a version of which nothing failed, however late its numbers came."""
        numbers, end = actor.numbers, actor.finished
        if numbers is None or end is None:
            return
        self.observer.seen[f"{actor.role} with guards {end.result}"] += 1
        if any(isinstance(event, StepEndsEarly) for event in actor.events):
            self.observer.seen["a step ends early"] += 1
        broken = "guard " in end.reason and "is broken" in end.reason
        if broken:
            self.observer.seen["a guard is broken"] += 1
        if broken and (not numbers.is_bad or not numbers.count):
            self.observer.blame("guards keep their word", f"{actor.name}: {end.reason}")

    # The acts ----------------------------------------------------------------------------------

    def _start(
        self,
        name: str,
        role: Role,
        spec: RolloutSpec,
        fate: Fate,
        saved_state: SavedState | None = None,
    ) -> Actor:
        actor = Actor(name, role, spec, fate, len(self.observer.actors), saved_state)
        dates = self.scenario.between.dates
        actor.misdated = name in dates
        if actor.misdated:
            kind = "missing" if dates[name] is None else "wrong"
            self.observer.seen[f"a Date that is {kind}"] += 1
        self.observer.actors[name] = actor
        self.observer.tell(f"{name} starts")
        stop = Stop()
        clock = OwnClock(self.scheduler.clock, fate.skew)
        telling = self.tellings[name] = Telling(self.hub, self.observer, actor, stop, clock)
        main = self.tellings["main"] if role == "post" else None
        telling.open(main, lambda: main is None or self._lost or main.silent)
        ports = self._parts(actor, stop, clock, telling.emit)
        if name == "main" and self.scenario.credentials is not None:
            drawn, stage = self.scenario.credentials, self.stage
            renewals = Renewals(drawn, stage.world, self.observer, stage.at)
            renewals.begin(actor, clock)
            ports = replace(ports, life=renewals.life)
        tell: Callable[[], Finished] = Rollout(spec, ports).run
        if spec.inputs.mode is Mode.ROLLBACK:
            tell = lambda: rollback(spec, ports)  # noqa: E731
        if saved_state is not None:
            saved = SavedState.from_json(saved_state.to_json())
            identity = RunIdentity.of_saved_state(saved, spec.run)
            tell = lambda: settle_what_main_left(saved, identity, ports)  # noqa: E731
        actor.process = self.scheduler.start(name, partial(telling.play, tell))
        self._decide_fate(actor, stop, clock)
        return actor

    def _decide_fate(self, actor: Actor, stop: Stop, clock: OwnClock) -> None:
        fate, now = actor.fate, self.stage.since_start
        if fate.killed_at is not None:
            self.stage.at(now + fate.killed_at, lambda: self.stage.kill(actor, "by the clock"))
        for number, at in enumerate(fate.cancelled_at):

            def cancel(signal: str = "SIGTERM" if number else "SIGINT") -> None:
                if actor.alive and actor.finished is None:
                    self.observer.tell(f"{actor.name} {signal}")
                    self.observer.seen[f"{signal} {actor.role}"] += 1
                    self.observer.while_a_hook_is_asked(actor, signal)
                    if actor.cancelled_at is None:
                        actor.cancelled_at = self.observer.now
                    stop.request(signal)

            self.stage.at(now + at, cancel)
        if fate.frozen is not None:
            at, seconds = fate.frozen

            def freeze() -> None:
                self.stage.freeze(actor, seconds)
                if fate.suspended:
                    actor.suspended_for += seconds
                    clock.stood_still += seconds

            self.stage.at(now + at, freeze)

    def _lose(self, main: Actor) -> None:
        """The runner loses main's container, which lives on, and starts the post stage."""
        self._lost = main.lost = True
        self.observer.tell("main is lost by its runner")
        self.observer.seen["lost"] += 1
        self._run_post(main)

    def _run_post(self, main: Actor) -> None:
        post = self.scenario.post
        if post is None or not main.saved_states:
            return
        self.scheduler.clock.advance(post.delay)
        saved_state = main.saved_states[-1]
        if saved_state.phase is Phase.DONE or not saved_state.aliases:
            self.observer.seen["post with nothing to do"] += 1
            return
        self.observer.seen[f"post {saved_state.phase}"] += 1
        spec = self._order_of_post(saved_state, main.spec.run)
        actor = self._start("post", "post", spec, post.fate, saved_state)
        actor.bases = dict(main.bases)
        if not self._lost:
            self._await(actor)
            self._post_must_have_settled(actor)

    def _post_must_have_settled(self, post: Actor) -> None:
        """5: with nobody else at work and nothing in its way, the post stage leaves no alias split."""
        if post.finished is None or not self.scenario.is_calm or self._others_at_work(post):
            return
        for function in self.stage.functions:
            # What was cut before main began, nobody knows whole; nor does a guardian that came first.
            may_cut = self.scenario.held_before is not None or self._was_put_back(function)
            why = settled(self.observer, function, may_cut=may_cut)
            if why is not None:
                self.observer.blame("post settles", why)

    def _was_put_back(self, function: str) -> bool:
        actors, writers = self.observer.actors, self.observer.truths[function].writers
        return any(actors[name].role == "guardian" for name in writers if name in actors)

    def _others_at_work(self, post: Actor) -> bool:
        """Whether somebody has taken it over, as `mode: promote` takes over what is held."""
        others = (a for a in self.observer.actors.values() if a is not post)
        return any(other.touched and other.finished is None and other.alive for other in others)

    def _await(self, actor: Actor) -> None:
        assert actor.process is not None
        if not self.scheduler.join(actor.process, LONGEST):
            self.observer.blame("ends", f"{actor.name} is still at work after {LONGEST} s")
            self.scheduler.kill(actor.process)

    def _let_everything_land(self) -> None:
        self.stage.weather.over = True
        self.hub.over = self.hub.drawn.well_in_the_end
        self.scheduler.clock.advance(400.0)

    def _let_everything_be_said(self) -> None:
        """On GitHub, where nobody on AWS's side waits for it."""
        silent = lambda: all(telling.silent for telling in self.tellings.values())  # noqa: E731
        self.scheduler.clock.advance(LONGEST, silent)
        judged(self.observer, self.hub, [telling.teller for telling in self.tellings.values()])

    def _sweep(self) -> None:
        """5: whatever happened, the next run makes it whole, unless it is held or somebody else's."""
        # Also a lease of 15 minutes on a clock that is 15 minutes fast is over then.
        self.scheduler.clock.advance(1_900.0)
        if self.guardians is not None:
            self.guardians.end()
            self._await_all()
        spec = self._order(
            "00000004",
            "1004",
            steps=Plan((Step(HUNDRED, timedelta(0)),)),
            on_stranded=OnStranded.ROLLBACK,
            alarms=(),
            version=None,
            hooks=(),
            guards=(),
            payloads={},
        )
        began = self.observer.now
        sweeper = self._start("sweeper", "sweeper", spec, Fate())
        self._await(sweeper)
        for function in self.stage.functions:
            why = settled(self.observer, function)
            if why is not None:
                self.observer.blame("settled in the end", f"{function}: {why}")
        result = sweeper.finished.result if sweeper.finished else None
        if result not in {Result.PROMOTED, Result.UNCHANGED} and not self._may_refuse(began):
            said = sweeper.finished.reason if sweeper.finished else "nothing"
            self.observer.blame("the next run gets through", f"{result}: {said}")

    def _may_refuse(self, began: float) -> bool:
        for function in self.stage.functions:
            shown, truth = self.stage.show(function), self.observer.truths[function]
            if truth.edited_at >= began:
                return True
            if shown is None or (shown.ours is not None and shown.ours.held):
                return True
            if not shown.routing.is_unsplit and (truth.author == SOMEBODY or truth.edited):
                return True
        return False

    # What a process is made of -----------------------------------------------------------------

    def word(self, record: Record) -> RunStatus:
        """Say what GitHub would say of the run that wrote a record."""
        said = self.scenario.word
        writers = [
            a for a in self.observer.actors.values() if record.rollout_id == a.spec.rollout_id
        ]
        if said == "unknown" or not record.run or not writers:
            return RunStatus.UNKNOWN
        writer = writers[0]
        over = not writer.alive or (writer.role == "main" and self._lost)
        return RunStatus.OVER if over and said == "truth" else RunStatus.IN_PROGRESS

    def _order_of_post(self, saved_state: SavedState, run: Run) -> RolloutSpec:
        """What the rules take a post stage for: it gets no more than its `RunIdentity`."""
        return self._order(
            saved_state.aliases[0].rollout_id,
            "1001",
            by=run,
            mode=Mode.ROLLBACK,
            steps=Plan((Step(HUNDRED, timedelta(0)),)),
            alarms=(),
            version=None,
            hooks=(),
            guards=(),
            payloads={},
            on_cancel=OnCancel.HOLD if saved_state.hold_on_cancel else OnCancel.ROLLBACK,
            on_stranded=OnStranded.FAIL,
        )

    def _order(
        self,
        rollout_id: str,
        run: str,
        steps: Plan | None = None,
        by: Run | None = None,
        **other: object,
    ) -> RolloutSpec:
        scenario = self.scenario
        local = scenario.local and run == "1001"
        steps = steps or scenario.plan
        if other.get("mode") is Mode.PROMOTE:
            steps = Plan((Step(HUNDRED, timedelta(seconds=5)),))
        asked: dict[str, object] = {
            "targets": [Target(function, "live") for function in self.stage.functions],
            "version": "2" if scenario.by_version else None,
            "description": f"build {run}",
            "alarms": scenario.alarms,
            "poll_interval": scenario.poll,
            "evidence_timeout": scenario.evidence_timeout,
            "alarm_at_start": scenario.alarm_at_start,
            "insufficient_data": scenario.insufficient_data,
            "on_cancel": scenario.on_cancel,
            "on_stranded": scenario.on_stranded,
            "run": by or (Run() if local else Run("https://github.invalid", "octo/shop", run, "1")),
            "rollout_id": rollout_id,
            "hooks": tuple(drawn.hook for drawn in scenario.hooks),
            "guards": scenario.numbers.guards if scenario.numbers else (),
            "payloads": dict.fromkeys(self.stage.functions, PAYLOAD) if scenario.smoke_test else {},
            "previous_alias": PREVIOUS if scenario.previous else None,
        }
        return rollout_spec(steps, **{**asked, **other})

    def _parts(
        self, actor: Actor, stop: Stop, clock: OwnClock, emit: Callable[[Event], None]
    ) -> Ports:
        clients = self._clients(actor, clock)
        numbers = self.scenario.numbers
        if actor.spec.inputs.guards and actor.spec.inputs.mode is Mode.ROLLOUT:
            actor.numbers = numbers
        return Ports(
            aliases=LambdaAliases(clients),
            versions=LambdaVersions(clients),
            alarms=CloudWatchAlarms(clients, actor.spec.inputs.alarms),
            runs=Words(self),
            caller=lambda: caller_of(clients),
            clock=clock,
            aws_clock=clients.aws_clock,
            stop=stop,
            emit=emit,
            remember=lambda saved_state: self.observer.handed_over(actor, saved_state),
            parallel=self._together(actor),
            metrics=numbers.reader(clients) if numbers else None,
            background=lambda: Turns(self.scheduler, f"{actor.name}.call", actor.process),
            invocations=LambdaInvocations(clients),
        )

    def _together(self, actor: Actor) -> Parallel:
        if not self.scenario.at_once:
            return one_by_one

        def at_once(act: Callable[[_T], _R], items: Sequence[_T], /) -> list[_R]:
            if len(items) <= 1 or actor.process is None:
                return one_by_one(act, items)
            return self.scheduler.together(actor.process, act, items)

        return at_once

    def _clients(self, actor: Actor, clock: OwnClock) -> Clients:
        if self._door == "botocore":
            from tests.simulation.wire import clients

            return clients(self.stage.world, actor.name, actor.fate.latency, clock)
        latency = actor.fate.latency
        return direct(self.stage.world, caller=actor.name, latency=latency, clock=clock)


def simulate(
    seed: int,
    door: Door = "direct",
    drawn: Callable[[int], Scenario] = draw,
    github: Drawn | None = None,
) -> Outcome:
    """Play a seed; ``github``: with this GitHub in place of the one that the seed draws."""
    return Simulation(drawn(seed), door, github).play()


def command(seed: int, door: Door = "direct") -> str:
    """The command that plays a seed again, to the letter."""
    through = "" if door == "direct" else f" DOOR={door}"
    return f"make simulate SEED={seed}{through}"
