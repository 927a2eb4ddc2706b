"""What a seed draws: a rollout, its world, and everything that goes wrong around it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.inputs.choices import AlarmAtStart, InsufficientData, Mode, OnCancel, OnStranded
from lambda_rollout.inputs.steps import Plan, Step
from tests.simulation.between import Between, draw_between
from tests.simulation.credentials import Lifetime, draw_lifetime
from tests.simulation.hooks import DrawnHook, draw_hooks
from tests.simulation.numbers import Numbers, draw_numbers
from tests.simulation.previous import DrawnPrevious, draw_previous
from tests.simulation.requests import (
    FIRST_SEED,
    WITH_REQUESTS,
    DrawnRequest,
    DrawnRequests,
    draw_how,
    moments,
    with_hold,
)
from tests.simulation.smoke import DrawnSmokeTest, draw_smoke_test

if TYPE_CHECKING:
    from tests.simulation.guardian import DrawnGuardian

TEXTS = (
    "",
    "the one that customers see",
    "managed by [terraform]",
    "x" * 256,
    "\N{ROCKET}" * 128,
    "[lambda-rollout 1>2 run local id 3fa94c7d until tomorrow]",
    "[lambda-rollout 1>2 run local id 3fa94c7d held] is what it looks like",
)
"""Descriptions of an owner: short, none, as long as can be, and with our brackets inside."""

FAULTS = (
    "throttle",
    "error",
    "error-after",
    "refuse",
    "unreachable",
    "reset",
    "drop",
    "hang",
    "hang-after",
    "hang-late",
    "reset-late",
    "slow",
    "stale",
)

SLOWEST = -290.0
"""Seconds. A runner whose clock is slower gets no call through to AWS, and its leases would be over too soon."""

FOREIGN = (
    "description",
    "description",
    "same",
    "whole-old",
    "whole-old",
    "whole-new",
    "weight",
    "split",
    "delete-alias",
    "delete-function",
)
"""What somebody else does to the alias; none of it carries a RevisionId, as Terraform's writes do not."""

Phase = Literal["before", "after"]

EVALUATIONS = (
    "EVALUATION_ERROR",
    "EVALUATION_FAILURE",
    "EVALUATION_FAILURE",
    "IN_WARM_UP",
    "WHAT_AWS_MAY_ADD",
    "PARTIAL_DATA",
)

NOT_EVALUATED = 0.12
"""In how many seeds with alarms one of them is not evaluated for a while."""

SLACK = 60.0
"""Seconds that the calls and the last reads of all split steps may take, with nothing in the way."""

DATA_DELAY = 300.0
"""Seconds that the numbers of the last minutes of each may take besides."""

HELD_BEFORE = 0.04
"""In how many seeds main is to promote what was held before."""


@dataclass(frozen=True)
class Outage:
    """From ``start`` on, for ``seconds``, every call (or every one of a service) meets this fault."""

    start: float
    seconds: float
    fault: str
    service: str = "*"


@dataclass(frozen=True)
class Weather:
    """The faults that a rollout's calls meet: a chance for each kind, and outages."""

    chances: dict[str, float] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    late: float = 120.0
    """Seconds until a late effect lands, at most."""


@dataclass(frozen=True)
class Fate:
    """What becomes of one process. Times in seconds from its start, requests counted from 1."""

    killed_at: float | None = None
    killed_in: tuple[int, Phase] | None = None
    """Dies in its n-th request, before or after AWS has done it."""
    cancelled_at: tuple[float, ...] = ()
    """When SIGINT, and then SIGTERM, comes."""
    frozen: tuple[float, float] | None = None
    """From when and for how long it stands still."""
    suspended: bool = False
    """Whether its own clock stood still as well, as that of a suspended machine does."""
    latency: float = 0.05
    skew: timedelta = timedelta()


@dataclass(frozen=True)
class Follower:
    """The post stage or a next run: when it starts (seconds), and what becomes of it."""

    delay: float
    fate: Fate


@dataclass(frozen=True)
class Scenario:
    """One seed's draw. Times in seconds from the start of main."""

    seed: int
    functions: int
    plan: Plan
    poll: float
    evidence_timeout: float
    alarms: dict[str, AlarmState]
    changes: tuple[tuple[float, str, AlarmState], ...]
    """When which alarm takes on which state."""
    evaluations: tuple[tuple[float, str, str | None], ...]
    """When which alarm's EvaluationState is what; None for an alarm that is evaluated. 0 is before main begins."""
    deleted_alarm: tuple[float, str] | None
    history_lag: float
    alarm_at_start: AlarmAtStart
    insufficient_data: InsufficientData
    on_cancel: OnCancel
    on_stranded: OnStranded
    text: str
    foreign: tuple[tuple[float, str], ...]
    weather: Weather
    main: Fate
    lost_at: float | None
    """When the runner loses main's container, which lives on, and starts the post stage."""
    post: Follower | None
    following: Follower | None
    """The next run."""
    following_builds: bool
    """Whether the next run has something new to publish."""
    word: Literal["unknown", "truth", "lingering"]
    """What GitHub says of main's run: nothing, the truth, or ``in_progress`` for as long as one asks."""
    local: bool
    """Whether main runs outside GitHub."""
    twin: Fate | None
    """A second rollout that starts in the same second."""
    by_version: bool
    """Whether main rolls out a version published before."""
    activation: float
    following_mode: Mode
    """What the next run is asked for: another rollout, or an end of this one."""
    at_once: bool
    """Whether a process calls AWS for several functions at once, each in a thread of its own."""
    between: Between
    """What stands between our processes and AWS."""
    held_before: Decimal | None
    """The weight at which an earlier rollout held every alias; main is to promote it."""
    hooks: tuple[DrawnHook, ...]
    """The hooks of main, of its twin and of the next run."""
    numbers: Numbers | None
    """What CloudWatch gets to know of the versions, and the guards on it; None without guards."""
    smoke_test: DrawnSmokeTest | None
    """What main's, its twin's and the next run's new versions are tested with."""
    keeps_descriptions: bool
    """Whether AWS takes an empty description for "leave it is"."""
    credentials: Lifetime | None = None
    """How long main can sign its calls; None for as long as it lives."""
    requests: DrawnRequests | None = None
    """Who asks main's rollout to go on; None if nobody does."""
    previous: DrawnPrevious | None = None
    """What becomes of the alias that keeps the way back; None without one."""
    guardian: DrawnGuardian | None = None
    """When the guardian is invoked, and what becomes of it; None where none is installed."""

    @property
    def horizon(self) -> float:
        """Seconds that main is planned to take, about."""
        return self.plan.total_watch.total_seconds() + 15.0

    @property
    def slack(self) -> float | None:
        """By how many seconds steps may be longer than planned; None where much may be waited for."""
        evidence = self.hooks or self.smoke_test or self.credentials or self.held_before
        alarms = self.changes or self.evaluations or self.deleted_alarm or self.alarms
        if not self.is_calm or evidence or alarms:
            return None
        if self.numbers is None:
            return SLACK
        waits = DATA_DELAY * len(self.plan.shifts)
        return SLACK + waits if self.numbers.are_plenty(self.plan) else None

    @property
    def is_calm(self) -> bool:
        """Whether nothing but our own processes and the alarms changes anything, or stands in their way."""
        stirred = self.weather.chances or self.weather.outages or self.foreign or self.twin
        return not stirred and self.between.is_calm


def draw(seed: int) -> Scenario:
    """Draw everything from a seed."""
    from tests.simulation.guardian import guarded

    return guarded(draw_without_guardian(seed))


def draw_without_guardian(seed: int) -> Scenario:
    """Draw everything else."""
    r = Random(f"scenario {seed}")
    plan = _plan(r)
    horizon = plan.total_watch.total_seconds() + 15.0
    poll = max(r.choice([1.0, 5.0, 5.0, 10.0, 30.0]), horizon / 60)
    alarms = {
        name: r.choices(
            [AlarmState.OK, AlarmState.INSUFFICIENT_DATA, AlarmState.ALARM], [85, 10, 5]
        )[0]
        for name in ("errors", "latency, p99", "composite")[: r.choice([0, 1, 1, 1, 2, 3])]
    }
    numbers = draw_numbers(seed)
    if numbers is not None and numbers.ranges:
        alarms = {}
    lost = r.random() < 0.15
    scenario = Scenario(
        seed=seed,
        functions=r.choices([1, 2, 3], [75, 20, 5])[0],
        plan=numbers.stretched(plan) if numbers else plan,
        poll=poll,
        evidence_timeout=_patience(r, numbers),
        alarms=alarms,
        changes=_changes(r, alarms, horizon, poll),
        evaluations=_evaluations(Random(f"evaluations {seed}"), alarms, horizon),
        deleted_alarm=(r.uniform(0, horizon), next(iter(alarms)))
        if alarms and r.random() < 0.03
        else None,
        history_lag=r.choice([0.0, 0.0, 0.0, 3.0, 12.0, 40.0, 1e6]),
        alarm_at_start=r.choice(list(AlarmAtStart)),
        insufficient_data=r.choices(list(InsufficientData), [75, 25])[0],
        on_cancel=r.choices(list(OnCancel), [70, 30])[0],
        on_stranded=r.choices(list(OnStranded), [60, 30, 10])[0],
        text=r.choices(TEXTS, [10, 60, 5, 10, 5, 5, 5])[0],
        foreign=_foreign(r, horizon),
        weather=_weather(r, horizon),
        main=_fate(r, horizon, dies=0.4),
        lost_at=r.uniform(0, horizon) if lost else None,
        post=Follower(r.uniform(0, 20), _fate(r, 20, dies=0.1))
        if lost or r.random() < 0.6
        else None,
        following=Follower(
            r.choice([0.0, r.uniform(0, 60), r.uniform(60, 900)]), _fate(r, horizon, dies=0.15)
        )
        if r.random() < 0.5
        else None,
        following_builds=r.random() < 0.5,
        word=r.choice(["unknown", "truth", "lingering"]),
        local=r.random() < 0.15,
        twin=_fate(r, horizon, dies=0.1) if r.random() < 0.08 else None,
        by_version=r.random() < 0.2,
        activation=r.choice([0.0, 1.0, 8.0]),
        at_once=r.random() < 0.6,
        following_mode=r.choices(
            [Mode.ROLLOUT, Mode.ROLLBACK, Mode.PROMOTE],
            [20, 30, 50] if plan.ends_held else [75, 15, 10],
        )[0],
        between=draw_between(seed, horizon, plan.steps[-1].watch.total_seconds()),
        held_before=_held_before(Random(f"held {seed}")),
        hooks=draw_hooks(seed),
        numbers=numbers,
        smoke_test=draw_smoke_test(seed),
        keeps_descriptions=Random(f"descriptions {seed}").random() < 0.4,
        credentials=draw_lifetime(Random(f"credentials {seed}"), horizon),
        previous=draw_previous(seed, horizon),
    )
    scenario = asked_to_go_on(scenario)
    in_a_row = scenario.previous is not None and scenario.previous.two_in_a_row
    return two_promotions(scenario) if in_a_row and scenario.requests is None else scenario


def asked_to_go_on(scenario: Scenario, chance: float = WITH_REQUESTS) -> Scenario:
    """Let somebody ask main's rollout to go on, which may hold for it; as it is in most seeds."""
    seed, r = scenario.seed, Random(f"requests {scenario.seed}")
    if r.random() > chance or (seed < FIRST_SEED and chance < 1):
        return scenario
    plan = with_hold(scenario.plan, seed)
    chances, late, quiet = draw_how(r)
    jobs = tuple(
        DrawnRequest(
            moments(plan, r),
            _fate(r, 60.0, dies=0.3),
            r.choice([0.0, 20.0, 300.0]),
        )
        for _ in range(r.choice([1, 1, 2, 3]))
    )
    changed = replace(scenario, plan=plan, requests=DrawnRequests(jobs, chances, late, quiet))
    if not quiet:
        return changed
    calm = replace(changed, weather=Weather(), between=Between(), foreign=(), twin=None)
    if r.random() < 0.5:
        calm = replace(calm, main=Fate(latency=scenario.main.latency), lost_at=None)
    if r.random() < 0.5:
        nothing: dict[str, Any] = {"alarms": {}, "changes": (), "evaluations": ()}
        calm = replace(calm, **nothing, deleted_alarm=None)
    return calm


def two_promotions(scenario: Scenario) -> Scenario:
    """Let main and a next rollout of something new most probably both be promoted, one after the other."""
    r = Random(f"two promotions {scenario.seed}")
    return replace(
        scenario,
        main=Fate(latency=scenario.main.latency),
        following=Follower(r.choice([0.0, r.uniform(0, 60)]), Fate(latency=r.choice([0.02, 0.6]))),
        following_mode=r.choices([Mode.ROLLOUT, Mode.ROLLBACK], [80, 20])[0],
        following_builds=True,
        alarms={},
        changes=(),
        evaluations=(),
        deleted_alarm=None,
        foreign=(),
        lost_at=None,
        credentials=None,
    )


def _patience(r: Random, numbers: Numbers | None) -> float:
    drawn = r.choice([20.0, 60.0, 900.0])
    return 900.0 if numbers is not None and numbers.is_patient else drawn


def _held_before(r: Random) -> Decimal | None:
    return r.choice([Decimal(10), Decimal(50)]) if r.random() < HELD_BEFORE else None


def _plan(r: Random) -> Plan:
    percents = sorted(r.sample([1, 5, 10, 12.5, 25, 33.33, 50, 75, 90], r.choice([0, 1, 1, 2, 3])))
    longest = r.choices([10, 60, 300, 900], [40, 35, 15, 10])[0]

    def watch() -> timedelta:
        return timedelta(seconds=r.choice([0, r.randint(1, longest), r.randint(1, longest)]))

    steps = [Step(Decimal(str(percent)), watch()) for percent in percents]
    if steps and r.random() < 0.1:
        return Plan(tuple(steps), ends_held=True)
    return Plan((*steps, Step(HUNDRED, watch())))


def _changes(
    r: Random, alarms: dict[str, AlarmState], horizon: float, poll: float
) -> tuple[tuple[float, str, AlarmState], ...]:
    changes = []
    for name in alarms:
        if r.random() < 0.4:
            continue
        for _ in range(r.choice([1, 1, 2])):
            at = r.uniform(0, horizon)
            state = r.choices(list(AlarmState), [60, 20, 20])[0]
            changes.append((at, name, state))
            if r.random() < 0.5:
                back = r.choice([AlarmState.OK, AlarmState.OK, AlarmState.INSUFFICIENT_DATA])
                changes.append((at + r.uniform(0.01, 1.2 * poll), name, back))
    return tuple(sorted(changes))


def _evaluations(
    r: Random, alarms: dict[str, AlarmState], horizon: float
) -> tuple[tuple[float, str, str | None], ...]:
    if not alarms or r.random() > NOT_EVALUATED:
        return ()
    name = r.choice(list(alarms))
    began = r.choice([0.0, r.uniform(0, horizon), r.uniform(0, horizon)])
    first = (began, name, r.choice(EVALUATIONS))
    ended = began + r.choice([2.0, 40.0, 75.0, 400.0])
    if r.random() < 0.3:
        return (first,)
    if r.random() < 0.3:
        return (first, (ended, name, r.choice(EVALUATIONS)), (ended + 30.0, name, None))
    return (first, (ended, name, None))


def _foreign(r: Random, horizon: float) -> tuple[tuple[float, str], ...]:
    if r.random() < 0.7:
        return ()
    kinds = r.choices(FOREIGN, k=r.choice([1, 1, 2]))
    # Some come before anybody looks, some after the end.
    return tuple(
        sorted((max(0.0, r.uniform(-0.1 * horizon, 1.3 * horizon)), kind) for kind in kinds)
    )


def _weather(r: Random, horizon: float) -> Weather:
    kind = r.choices(["calm", "gentle", "rough", "outage"], [40, 30, 15, 15])[0]
    if kind == "calm":
        return Weather()
    worst = 0.15 if kind == "rough" else 0.03
    some = r.sample(FAULTS, r.randint(1, 5))
    chances = {fault: r.uniform(0, worst) for fault in some}
    if "stale" in chances:
        # Only a GetAlias soon after a write can be stale.
        chances["stale"] = r.uniform(0.2, 1.0)
    outages = [
        Outage(
            r.uniform(0, horizon),
            r.choice([2.0, 20.0, 70.0, 250.0, 700.0]),
            r.choice([*FAULTS[:10], "denied", "expired"]),
            r.choice(["*", "*", "lambda", "cloudwatch", "UpdateAlias"]),
        )
        for _ in range(r.choice([1, 1, 2]) if kind == "outage" else 0)
    ]
    return Weather(chances, tuple(outages), r.choice([1.0, 30.0, 300.0]))


def _fate(r: Random, horizon: float, dies: float) -> Fate:
    chosen: dict[str, Any] = {}
    if r.random() < dies:
        if r.random() < 0.7:
            phase: Phase = r.choice(["before", "after"])
            chosen["killed_in"] = (1 + int(r.expovariate(1 / 12)), phase)
        else:
            chosen["killed_at"] = r.uniform(0, horizon)
    if r.random() < 0.25:
        first = r.uniform(0, horizon)
        second = (first + r.uniform(0, 9),) if r.random() < 0.5 else ()
        chosen["cancelled_at"] = (first, *second)
    if r.random() < 0.1:
        chosen["frozen"] = (r.uniform(0, horizon), r.choice([1.0, 30.0, 300.0, 900.0]))
        chosen["suspended"] = r.random() < 0.3
    return Fate(
        latency=r.choice([0.02, 0.1, 0.1, 0.6]),
        skew=timedelta(seconds=max(SLOWEST, r.choice([0, 0, r.uniform(-900, 900)]))),
        **chosen,
    )
