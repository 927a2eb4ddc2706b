"""A request under faults and kills of either side: no traffic moves but by the owner, and all ends whole.

Each write of the two jobs is lost, late, delivered twice or answered by somebody else; each job is killed before and
after each of its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lambda_rollout.alias.record import LEASE, parse
from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.between import Page
from sandbox.aws.faults import (
    AccessDenied,
    Die,
    DropAnswer,
    Fault,
    Hang,
    Meanwhile,
    ServerError,
    StaleRead,
    Throttle,
)
from sandbox.aws.request import Request
from tests.rollout.test_doubled_delivery import DoneButSaid, Doubled
from tests.support.scene import NEW, OLD, OWNERS_TEXT, rollout_spec
from tests.support.two_jobs import ASKER, MAIN, Job, Jobs

LONG = "10% 10m, 50% 10m, 100% 60s"
SHORT = "10% 90s, 50% 90s, 100% 60s"

FAULTS: list[Fault] = [
    DropAnswer(),
    ServerError(),
    ServerError(after_effect=True),
    Throttle(),
    Hang(effect="before"),
    Hang(effect="late", lands_after=30.0),
    Hang(effect="late", lands_after=300.0),
    Doubled(),
    Doubled("PreconditionFailedException", 412),
    Doubled("ExpiredTokenException", 403),
    DoneButSaid("TooManyRequestsException", 429, 30.0),
    Page(),
    Page(403, effect="before"),
]


@pytest.fixture
def jobs() -> Jobs:
    return Jobs.of_one()


def effects(jobs: Jobs) -> Iterator[tuple[str, Routing, Routing]]:
    """Who gave the alias which routing, and what it had before, in the order of the effects."""
    done = [r for r in jobs.requests("UpdateAlias") if r.effect_at is not None]
    before = Routing.all_on(OLD)
    for request in sorted(done, key=lambda r: (r.effect_at, done.index(r))):
        weights = request.params["RoutingConfig"]["AdditionalVersionWeights"]
        routing = Routing(request.params["FunctionVersion"], weights)
        yield request.caller, before, routing
        before = routing


def held_to_the_rules(jobs: Jobs) -> None:
    """Nobody but the owner moves traffic, and nothing of a request is left."""
    for caller, before, routing in effects(jobs):
        assert caller != ASKER or before == routing
    assert (jobs.alias.routing.is_unsplit, jobs.alias.description) == (True, OWNERS_TEXT)


def is_requested_only_if_it_was(asker: Job, jobs: Jobs) -> None:
    if asker.end.result is Result.REQUESTED:
        assert any(caller == MAIN and to == Routing.all_on(NEW) for caller, _, to in effects(jobs))


# Each write, each fault -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_the_request_itself(jobs: Jobs, fault: Fault) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(fault, operation="UpdateAlias", caller=ASKER)
    asker = jobs.promote_aside(after=200)
    jobs.until_over(main, asker)
    assert main.end.result is Result.PROMOTED, main.end
    assert asker.end.result is Result.REQUESTED, asker.end
    held_to_the_rules(jobs)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_taking_it_back(jobs: Jobs, fault: Fault) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.after(190, lambda: jobs.scheduler.freeze(main.process, 250))  # type: ignore[arg-type]
    jobs.world.faults.add(fault, operation="UpdateAlias", caller=ASKER, nth=2)
    asker = jobs.promote_aside(after=200)
    jobs.until_over(asker)
    assert asker.end.result is Result.FAILED
    record = parse(jobs.alias.description)[1]
    assert record is None or not record.requested
    jobs.until_over(main)
    held_to_the_rules(jobs)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_each_write_of_the_run(jobs: Jobs, fault: Fault, nth: int) -> None:
    """10%, and while it is watched a renewal; then 100% on request, and the record removed."""
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(fault, operation="UpdateAlias", caller=MAIN, nth=nth)
    asker = jobs.promote_aside(after=220)
    jobs.until_over(main, asker)
    held_to_the_rules(jobs)
    is_requested_only_if_it_was(asker, jobs)
    assert main.end.result is not Result.FAILED, main.end


@pytest.mark.parametrize("fault", [DropAnswer(), Hang(effect="late", lands_after=20.0)], ids=repr)
@pytest.mark.parametrize("at", range(85, 100, 2))
def test_a_request_around_the_next_step(jobs: Jobs, fault: Fault, at: int) -> None:
    main = jobs.roll_out_aside(SHORT)
    jobs.world.faults.add(fault, operation="UpdateAlias", caller=MAIN, nth=2)
    asker = jobs.promote_aside(after=at)
    jobs.until_over(main, asker)
    held_to_the_rules(jobs)
    assert (main.end.result, asker.end.result) == (Result.PROMOTED, Result.REQUESTED), asker.end


@dataclass(frozen=True)
class AsBeforeAll:
    """A read that shows the alias as it was before the rollout, under a RevisionId that the reader never saw."""

    def around(self, world: Any, request: Request, work: Callable[[], Any]) -> Any:
        """Answer something older."""
        return {
            **work(),
            "FunctionVersion": OLD,
            "RoutingConfig": {},
            "Description": OWNERS_TEXT,
            "RevisionId": "5f2c1f0e-0000-4c1a-9d0b-1d2e3f405162",
        }


@pytest.mark.parametrize("count", [1, 3])
def test_stale_reads_of_who_asks_are_no_answer(jobs: Jobs, count: int) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(StaleRead(), operation="GetAlias", caller=ASKER, nth=3, count=count)
    # The run looks 40 s later.
    asker = jobs.promote_aside(after=218)
    jobs.until_over(main, asker)
    assert asker.end.result is Result.REQUESTED, asker.end
    assert len([r for r in jobs.requests("UpdateAlias") if r.caller == ASKER]) == 1
    held_to_the_rules(jobs)


def test_one_read_that_is_older_than_all_that_it_knows_is_no_answer(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(AsBeforeAll(), operation="GetAlias", caller=ASKER, nth=4)
    asker = jobs.promote_aside(after=218)
    jobs.until_over(main, asker)
    assert asker.end.result is Result.REQUESTED, asker.end


def test_who_may_not_write_has_asked_for_nothing(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(AccessDenied(), operation="UpdateAlias", caller=ASKER, count=None)
    asker = jobs.promote_aside(after=200)
    jobs.until_over(asker, main)
    assert asker.end.result is Result.FAILED
    assert "AccessDenied" in asker.end.reason
    assert len([r for r in jobs.requests("UpdateAlias") if r.caller == ASKER]) == 1
    assert main.end.result is Result.PROMOTED


def test_a_request_that_is_never_confirmed_is_said_to_stand_maybe(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    jobs.world.faults.add(ServerError(), operation="UpdateAlias", caller=ASKER, count=None)
    asker = jobs.promote_aside(after=200)
    jobs.until_over(asker, main)
    assert asker.end.result is Result.FAILED
    assert "may still go on" in asker.end.remedy
    assert main.end.result is Result.PROMOTED


def test_somebody_who_writes_in_between_is_not_overwritten(jobs: Jobs) -> None:
    """AWS refuses the request, and the next look says whose the alias is now."""
    main = jobs.roll_out_aside(LONG)
    weights = {"AdditionalVersionWeights": {NEW: 0.3}}
    edit = {"FunctionName": "checkout", "Name": "live", "RoutingConfig": weights}
    jobs.world.faults.add(
        Meanwhile(lambda _: jobs.call("lambda", "UpdateAlias", **edit, Description="mine")),
        operation="UpdateAlias",
        caller=ASKER,
    )
    asker = jobs.promote_aside(after=200)
    jobs.until_over(asker, main)
    assert asker.end.result is main.end.result is Result.FAILED
    assert (jobs.alias.routing, jobs.alias.description) == (Routing(OLD, {NEW: 0.3}), "mine")


# Cancelled --------------------------------------------------------------------------------------


def test_a_run_that_is_cancelled_goes_back_whatever_it_is_asked(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=200)
    jobs.after(201, lambda: main.stop.request("cancelled (SIGINT)"))
    jobs.until_over(asker, main)
    assert main.end.result is Result.ROLLED_BACK
    assert asker.end.result is Result.FAILED
    held_to_the_rules(jobs)


def test_who_asked_and_is_cancelled_leaves_the_request_and_says_so(jobs: Jobs) -> None:
    main = jobs.roll_out_aside(LONG)
    asker = jobs.promote_aside(after=205)
    jobs.after(206, lambda: asker.stop.request("cancelled (SIGINT)"))
    jobs.until_over(asker, main)
    assert asker.end.result is Result.FAILED
    assert "The request stands" in asker.end.remedy
    assert main.end.result is Result.PROMOTED
    held_to_the_rules(jobs)


# Killed -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Death:
    """Of one job, with its ``nth`` call, before or after that has its effect."""

    caller: str
    nth: int
    after_effect: bool


def of_each_call(caller: str) -> Iterator[Death]:
    """In the order of the calls, of one that goes well."""
    jobs = Jobs.of_one()
    main, asker = jobs.roll_out_aside(LONG), jobs.promote_aside(after=220)
    jobs.until_over(main, asker)
    count = len([r for r in jobs.requests() if r.caller == caller and is_after_it_was_asked(r)])
    for nth in range(1, count + 1):
        yield from (Death(caller, nth, after) for after in (False, True))


def is_after_it_was_asked(request: Request) -> bool:
    """Whether a request is from the part that the one who asks can have to do with."""
    return request.caller == ASKER or (request.at - START_OF_DAY).total_seconds() > 215


START_OF_DAY = Jobs.of_one().clock.now()
DEATHS = {caller: list(of_each_call(caller)) for caller in (MAIN, ASKER)}


def some(deaths: list[Death], most: int = 8) -> list[Death]:
    """Evenly from the first to the last."""
    return [deaths[i * (len(deaths) - 1) // (most - 1)] for i in range(most)]


@dataclass
class DiesLater:
    """A job that dies with its ``nth`` call of those after the rollout was asked."""

    jobs: Jobs
    death: Death
    job: Callable[[], Job]
    seen: int = 0

    def around(self, world: Any, request: Request, work: Callable[[], Any]) -> Any:
        """Count, and kill."""
        self.seen += is_after_it_was_asked(request)
        if self.seen != self.death.nth:
            return work()
        self.seen += 1
        die = Die(lambda: self.jobs.kill(self.job()), self.death.after_effect)
        return die.around(world, request, work)


def goes_on_after(death: Death) -> None:
    jobs = Jobs.of_one()
    main, asker = jobs.roll_out_aside(LONG), jobs.promote_aside(after=220)
    dies = main if death.caller == MAIN else asker
    jobs.world.faults.add(
        DiesLater(jobs, death, lambda: dies), caller=death.caller, operation="*", count=None
    )
    jobs.until_over(main, asker)
    jobs.world.faults.clear()
    if death.caller == ASKER:
        assert main.end.result is Result.PROMOTED
    else:
        assert asker.end.result in {Result.REQUESTED, Result.FAILED}
        is_requested_only_if_it_was(asker, jobs)
        post_stage_or_next_run(jobs, main, by_post_stage=death.after_effect)
    held_to_the_rules(jobs)


def post_stage_or_next_run(jobs: Jobs, main: Job, *, by_post_stage: bool) -> None:
    if not by_post_stage:
        jobs.clock.advance(LEASE.total_seconds() + 60)
        later = rollout_spec("100% 0s", rollout_id="00000007")
        assert jobs.roll_out(later).result in {Result.PROMOTED, Result.UNCHANGED}
        return
    state = SavedState.from_json(main.saved_states[-1].to_json())
    if not state.aliases:
        return
    ordered = RunIdentity.of_saved_state(state, rollout_spec().run)
    end: Finished = settle_what_main_left(state, ordered, jobs.ports(ordered))
    assert end.result in {Result.PROMOTED, Result.ROLLED_BACK}, end


def test_a_long_description_is_whole_again_after_the_run_was_asked_and_died(jobs: Jobs) -> None:
    text = "a long story " * 19
    jobs.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    main, asker = jobs.roll_out_aside(LONG), jobs.promote_aside(after=205)
    dies = Die(lambda: jobs.scheduler.kill(main.process), after_effect=True)  # type: ignore[arg-type]
    jobs.world.faults.add(dies, operation="UpdateAlias", caller=ASKER)
    jobs.until_over(main, asker)
    post_stage_or_next_run(jobs, main, by_post_stage=True)
    assert (jobs.alias.routing, jobs.alias.description) == (Routing.all_on(OLD), text)


@pytest.mark.parametrize("death", some(DEATHS[MAIN]), ids=repr)
def test_the_run_dies(death: Death) -> None:
    goes_on_after(death)


@pytest.mark.parametrize("death", some(DEATHS[ASKER]), ids=repr)
def test_the_one_who_asks_dies(death: Death) -> None:
    goes_on_after(death)


@pytest.mark.long
@pytest.mark.parametrize("death", [*DEATHS[MAIN], *DEATHS[ASKER]], ids=repr)
def test_either_dies_at_every_call(death: Death) -> None:
    goes_on_after(death)
