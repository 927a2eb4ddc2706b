"""The traffic of one alias: lost answers, stale reads, late effects and other people, one by one.

The alias lives in a world in process; faults and other people's edits are the world's.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.record import LEASE, Record, compose, parse
from lambda_rollout.alias.restore import DesiredState, restore
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.settlement import ChangedByOther, Deleted, Settled, Unsettled
from lambda_rollout.alias.writer import AliasWriter, CannotShift, Conflict
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import READ_TIMEOUT
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import CallFailed, Cancelled, NotFound, Refused, Unanswered
from sandbox.aws.faults import (
    AccessDenied,
    Answer,
    DropAnswer,
    Fault,
    Hang,
    Meanwhile,
    RefuseConnection,
    ServerError,
    StaleRead,
    Throttle,
    Work,
)
from sandbox.aws.request import Account, Request
from tests.support.scene import NEW, OLD, OWNERS_TEXT, ROLLOUT_ID, TARGET, Scene
from tests.support.seam import SimClock, WorldAliases, direct

TEN = Routing.split(OLD, NEW, Decimal(10))
FIFTY = Routing.split(OLD, NEW, Decimal(50))
BACK = Routing.all_on(OLD)

LOST: list[Fault] = [ServerError(after_effect=True), DropAnswer(), Hang(effect="before")]
UNDONE: list[Fault] = [
    Throttle(),
    ServerError(),
    RefuseConnection(),
    Hang(effect="never"),
    Hang(effect="late", lands_after=10.0),
]


class Hands:
    """One alias in our hands."""

    def __init__(self) -> None:
        self.scene = Scene.ready()
        self.scene.call("lambda", "PublishVersion", FunctionName="checkout")
        self.scene.clock.advance(5)
        self.clock = SimClock(self.scene.world)
        self.clients = direct(self.scene.world, clock=self.clock)
        self.aws_clock = self.clients.aws_clock
        self.writer = self.take()
        self.scene.world.log.clear()

    def take(self, rollout_id: str = ROLLOUT_ID, **how: Any) -> AliasWriter:
        aliases = LambdaAliases(self.clients)
        return AliasWriter(
            TARGET, aliases.read(TARGET), aliases, self.clock, self.aws_clock, rollout_id, **how
        )

    def record(self, rollout_id: str = ROLLOUT_ID) -> Record:
        until = self.aws_clock.now() + LEASE
        return Record(old=OLD, new=NEW, rollout_id=rollout_id, until=until.replace(microsecond=0))

    def forward(self, routing: Routing = TEN, stop: Stop | None = None) -> None:
        self.writer.forward(routing, self.record(), stop)

    def settle(self) -> Any:
        (settlement,) = restore([DesiredState(self.writer, BACK)], self.clock)
        return settlement

    def add(self, fault: Fault, **match: Any) -> None:
        self.scene.world.faults.add(fault, **{"operation": "UpdateAlias", **match})

    def edit(self, **change: Any) -> None:
        """Somebody's UpdateAlias, without a RevisionId."""
        self.scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **change)

    @property
    def seen(self) -> tuple[Routing, str]:
        alias = self.scene.alias
        return alias.routing, parse(alias.description)[0]

    @property
    def writes(self) -> list[str]:
        return [request.outcome for request in self.scene.requests("UpdateAlias")]

    def operations(self) -> list[str]:
        return [request.operation for request in self.scene.requests()]


@pytest.fixture
def hands() -> Hands:
    return Hands()


def weights(percent: int) -> dict[str, Any]:
    return {"RoutingConfig": {"AdditionalVersionWeights": {NEW: percent / 100}}}


WHOLE: dict[str, Any] = {"RoutingConfig": {"AdditionalVersionWeights": {}}}


@dataclass(frozen=True)
class Earlier:
    """A fault: GetAlias answers as it did once, whatever has happened since."""

    answer: dict[str, Any]

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        return self.answer


@dataclass(frozen=True, slots=True)
class Heedless:
    """Aliases of a server that heeds no RevisionId, and, as stock moto, never changes one if told so."""

    aliases: Aliases
    changes: bool

    def know(self, target: Target, arn: str) -> None:
        self.aliases.know(target, arn)

    def read(self, target: Target) -> Alias:
        seen = self.aliases.read(target)
        return seen if self.changes else replace(seen, revision_id="one")

    def write(self, target: Target, routing: Routing, description: str, revision_id: str) -> Alias:
        newest = self.aliases.read(target).revision_id
        answer = self.aliases.write(target, routing, description, newest)
        return answer if self.changes else replace(answer, revision_id=revision_id)

    def create(self, target: Target, version: str, description: str) -> Alias:
        return self.aliases.create(target, version, description)


# Forward ----------------------------------------------------------------------------------------


def test_a_forward_write_carries_all_four_fields(hands: Hands) -> None:
    before = hands.scene.alias.revision_id
    hands.forward()
    (write,) = hands.scene.requests("UpdateAlias")
    assert write.params["RevisionId"] == before
    assert write.params["FunctionVersion"] == OLD
    assert write.params["RoutingConfig"] == {"AdditionalVersionWeights": {NEW: 0.1}}
    assert write.params["Description"] == compose(OWNERS_TEXT, hands.record())


def test_the_next_one_carries_what_the_first_one_answered(hands: Hands) -> None:
    hands.forward()
    after = hands.scene.alias.revision_id
    hands.forward(FIFTY)
    assert hands.scene.requests("UpdateAlias")[1].params["RevisionId"] == after
    assert hands.operations() == ["UpdateAlias", "UpdateAlias"]


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_lost_answer_is_decided_by_reading_and_not_written_twice(
    hands: Hands, fault: Fault
) -> None:
    hands.add(fault)
    hands.forward()
    assert hands.seen == (TEN, OWNERS_TEXT)
    assert hands.operations() == ["UpdateAlias", "GetAlias"]
    assert hands.writer.confirmed
    hands.forward(FIFTY)
    assert hands.seen == (FIFTY, OWNERS_TEXT)


@pytest.mark.parametrize("fault", UNDONE, ids=repr)
def test_a_write_that_was_not_done_is_repeated(hands: Hands, fault: Fault) -> None:
    hands.add(fault)
    hands.forward()
    assert hands.seen == (TEN, OWNERS_TEXT)
    assert hands.writes[1:] == ["ok"]


def test_an_effect_that_lands_late_is_refused_after_the_next_write(hands: Hands) -> None:
    hands.add(Hang(effect="late", lands_after=60.0))
    hands.forward()
    hands.forward(FIFTY)
    hands.scene.clock.advance(120)
    assert hands.seen == (FIFTY, OWNERS_TEXT)


def test_a_late_effect_between_two_tries_is_an_echo(hands: Hands) -> None:
    # It lands before the second try, which is then refused (412) for our own sake.
    hands.add(Hang(effect="late", lands_after=READ_TIMEOUT + 0.1))
    hands.forward()
    assert hands.seen == (TEN, OWNERS_TEXT)
    assert hands.writes == ["silent", "PreconditionFailedException"]


def test_a_stale_read_after_a_lost_answer_does_not_hide_the_success(hands: Hands) -> None:
    hands.forward()
    hands.add(DropAnswer())
    hands.add(StaleRead(), operation="GetAlias", count=2)
    hands.forward(FIFTY)
    assert hands.seen == (FIFTY, OWNERS_TEXT)


@pytest.mark.parametrize(
    "change", [weights(30), {"FunctionVersion": NEW, **WHOLE}, {"Description": "mine"}]
)
def test_whoever_wrote_in_between_stops_a_forward_write(
    hands: Hands, change: dict[str, Any]
) -> None:
    hands.edit(**change)
    theirs = hands.scene.alias
    with pytest.raises(Conflict):
        hands.forward()
    assert hands.scene.alias == theirs
    assert hands.writes == ["PreconditionFailedException"]


def test_a_lost_answer_and_a_foreign_write_are_a_conflict(hands: Hands) -> None:
    hands.add(DropAnswer())
    hands.add(Meanwhile(lambda _: hands.edit(**weights(30))), operation="GetAlias")
    with pytest.raises(Conflict):
        hands.forward()
    assert hands.seen[0] == Routing(OLD, {NEW: 0.3})


def test_old_news_are_renewed_before_the_weight_is_raised(hands: Hands) -> None:
    hands.scene.clock.advance(61)
    hands.edit(FunctionVersion=NEW)
    hands.scene.world.log.clear()
    with pytest.raises(Conflict):
        hands.forward()
    assert hands.operations() == ["GetAlias"]
    assert not hands.writer.touched


def test_fresh_news_are_not(hands: Hands) -> None:
    hands.scene.clock.advance(59)
    hands.forward()
    assert hands.operations() == ["UpdateAlias"]


def test_no_clear_answer_for_a_minute_ends_it(hands: Hands) -> None:
    hands.add(Throttle(), count=None)
    began = hands.clock.monotonic()
    with pytest.raises(CannotShift, match="live could not be shifted to 90% on version 1"):
        hands.forward()
    assert 60 <= hands.clock.monotonic() - began < 75
    # Each of these answers may have been the one to a second delivery.
    assert hands.writer.touched


def test_what_aws_refuses_is_not_repeated(hands: Hands) -> None:
    hands.add(AccessDenied(), count=None)
    with pytest.raises(Refused, match="not authorized to perform: lambda:UpdateAlias"):
        hands.forward()
    assert len(hands.writes) == 1
    assert not hands.writer.touched


def test_stop_ends_the_trying(hands: Hands) -> None:
    stop = Stop()
    hands.add(Throttle(), count=None)
    hands.scene.after(3, lambda: stop.request("cancelled"))
    began = hands.clock.monotonic()
    with pytest.raises(Cancelled, match="cancelled"):
        hands.forward(stop=stop)
    assert hands.clock.monotonic() - began == pytest.approx(3)


def test_a_write_that_may_have_had_its_effect_has_touched_the_alias(hands: Hands) -> None:
    stop = Stop()
    hands.add(Meanwhile(lambda _: stop.request("cancelled")))
    hands.add(Hang(effect="late", lands_after=30.0), count=None)
    with pytest.raises(Cancelled):
        hands.forward(stop=stop)
    assert hands.writer.touched
    assert not hands.writer.confirmed


# Looking ----------------------------------------------------------------------------------------


def test_a_look_at_our_own_doing_is_quiet(hands: Hands) -> None:
    hands.forward()
    hands.writer.look(may_still_move=True)


@pytest.mark.parametrize("change", [weights(30), {"Description": "mine"}, WHOLE])
def test_a_look_finds_other_peoples_doing(hands: Hands, change: dict[str, Any]) -> None:
    hands.forward()
    hands.edit(**change)
    with pytest.raises(Conflict) as caught:
        hands.writer.look(may_still_move=True)
    assert caught.value.expected == TEN
    assert caught.value.found.routing == hands.scene.alias.routing


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("change", [weights(30), {"FunctionVersion": NEW, **WHOLE}, WHOLE])
def test_somebody_elses_routing_is_left_also_where_nobody_heeds_the_revision(
    hands: Hands, change: dict[str, Any], changes: bool
) -> None:
    aliases = Heedless(WorldAliases(hands.scene.world), changes)
    hands.writer = AliasWriter(
        TARGET, aliases.read(TARGET), aliases, hands.clock, hands.aws_clock, ROLLOUT_ID
    )
    hands.forward()
    hands.writer.look(may_still_move=True)
    hands.edit(**change)
    theirs = hands.scene.alias
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)
    assert isinstance(hands.settle(), ChangedByOther)
    assert hands.scene.alias == theirs


def test_an_edited_description_is_kept_once_nothing_moves_any_more(hands: Hands) -> None:
    hands.forward(Routing.all_on(NEW))
    hands.edit(Description="mine")
    hands.writer.look(may_still_move=False)
    assert hands.writer.text == "mine"
    (done,) = restore([DesiredState(hands.writer, Routing.all_on(NEW))], hands.clock)
    assert isinstance(done, Settled)
    assert (hands.scene.alias.routing, hands.scene.alias.description) == (
        Routing.all_on(NEW),
        "mine",
    )


@pytest.mark.parametrize("looks", [True, False])
def test_a_description_that_our_record_cut_stays_whole_whoever_writes_the_rest(
    hands: Hands, looks: bool
) -> None:
    long = "a long story " * 19
    hands.edit(Description=long)
    hands.writer = hands.take()
    hands.forward(Routing.all_on(NEW))
    hands.edit(FunctionVersion=NEW)
    if looks:
        hands.writer.look(may_still_move=False)
    assert isinstance(hands.settle(), Settled)
    assert hands.seen == (BACK, long)


def test_a_changed_routing_is_a_conflict_also_then(hands: Hands) -> None:
    hands.forward(Routing.all_on(NEW))
    hands.edit(FunctionVersion=OLD)
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=False)


def test_a_stale_answer_is_no_answer(hands: Hands) -> None:
    hands.forward()
    hands.add(StaleRead(), operation="GetAlias")
    with pytest.raises(Unanswered, match="older than our last write"):
        hands.writer.look(may_still_move=True)
    hands.writer.look(may_still_move=True)


def test_an_alias_that_is_gone_is_believed_when_it_is_said_twice(hands: Hands) -> None:
    hands.forward()
    hands.scene.call("lambda", "DeleteAlias", FunctionName="checkout", Name="live")
    for seconds in (0.0, 1.9):
        hands.scene.clock.advance(seconds)
        with pytest.raises(Unanswered, match="Cannot find alias"):
            hands.writer.look(may_still_move=True)
    hands.scene.clock.advance(0.1)
    with pytest.raises(NotFound):
        hands.writer.look(may_still_move=True)


def test_a_good_answer_between_takes_the_first_word_back(hands: Hands) -> None:
    hands.forward()
    missing = Answer("ResourceNotFoundException", "Cannot find alias", 404)
    for nth in (1, 3):
        hands.add(missing, operation="GetAlias", nth=nth)
    for is_there in (False, True, False):
        hands.scene.clock.advance(5.0)
        with nullcontext() if is_there else pytest.raises(Unanswered):
            hands.writer.look(may_still_move=True)


def test_so_does_a_write_that_took_effect(hands: Hands) -> None:
    hands.forward()
    for nth in (1, 2):
        hands.add(
            Answer("ResourceNotFoundException", "Cannot find alias", 404),
            operation="GetAlias",
            nth=nth,
        )
    for _ in range(2):
        with pytest.raises(Unanswered):
            hands.writer.look(may_still_move=True)
        hands.scene.clock.advance(20.0)
        hands.forward()


def test_the_same_routing_under_another_owners_record_is_theirs(hands: Hands) -> None:
    hands.forward()
    theirs = compose(OWNERS_TEXT, hands.record("00000000"))
    hands.edit(Description=theirs)
    assert not hands.writer.is_ours(hands.scene.alias)


# Renewing ---------------------------------------------------------------------------------------


def test_a_renewal_writes_the_same_routing_with_a_later_end(hands: Hands) -> None:
    hands.forward()
    hands.scene.clock.advance(180)
    assert hands.writer.renew(hands.record(), None, may_still_move=True)
    first, second = (parse(r.params["Description"])[1] for r in hands.scene.requests("UpdateAlias"))
    assert first is not None
    assert second is not None
    assert end_of(second) - end_of(first) == timedelta(seconds=180)
    assert hands.seen == (TEN, OWNERS_TEXT)


def end_of(record: Record) -> datetime:
    assert record.until is not None
    return record.until


def test_a_renewal_is_tried_once(hands: Hands) -> None:
    hands.forward()
    hands.add(Throttle())
    assert not hands.writer.renew(hands.record(), None, may_still_move=True)
    assert hands.writer.renew(hands.record(), None, may_still_move=True)


def test_time_is_aws_own(hands: Hands) -> None:
    hands.forward()
    hands.clock.skew = timedelta(minutes=-4)
    hands.scene.clock.advance(100)
    off = hands.aws_clock.now() - hands.scene.clock.now()
    assert abs(off) <= timedelta(seconds=1)


# Settling ---------------------------------------------------------------------------------------


def test_going_back_is_one_write_and_nothing_before_it(hands: Hands) -> None:
    hands.forward()
    hands.scene.world.log.clear()
    assert isinstance(hands.settle(), Settled)
    assert hands.operations() == ["UpdateAlias"]
    assert (hands.scene.alias.routing, hands.scene.alias.description) == (BACK, OWNERS_TEXT)


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_lost_answer_to_it_is_decided_by_reading(hands: Hands, fault: Fault) -> None:
    hands.forward()
    hands.scene.world.log.clear()
    hands.add(fault)
    assert isinstance(hands.settle(), Settled)
    assert hands.operations() == ["UpdateAlias", "GetAlias"]


@pytest.mark.parametrize("fault", UNDONE, ids=repr)
def test_it_is_repeated_until_it_is_confirmed(hands: Hands, fault: Fault) -> None:
    hands.forward()
    hands.add(fault, count=4)
    assert isinstance(hands.settle(), Settled)
    assert hands.scene.alias.routing == BACK
    hands.scene.clock.advance(60)
    assert hands.scene.alias.routing == BACK


def test_after_five_minutes_it_says_that_it_is_not_confirmed(hands: Hands) -> None:
    hands.forward()
    hands.add(ServerError(), count=None)
    began = hands.clock.monotonic()
    settlement = hands.settle()
    assert isinstance(settlement, Unsettled)
    assert settlement.why.code == "ServiceException"
    assert 300 <= hands.clock.monotonic() - began < 315


def test_after_an_edit_that_ends_the_rollout_the_rollback_carries_the_newest_revision(
    hands: Hands,
) -> None:
    hands.forward(TEN)
    hands.edit(Description="mine")
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)
    hands.scene.world.log.clear()
    assert isinstance(hands.writer.restore_once(BACK), Settled)
    assert [(each.operation, each.outcome) for each in hands.scene.world.log] == [
        ("UpdateAlias", "ok")
    ]
    assert (hands.scene.alias.routing, hands.scene.alias.description) == (BACK, "mine")


def test_an_edited_description_does_not_keep_it_from_going_back(hands: Hands) -> None:
    hands.forward()
    hands.edit(Description="mine")
    assert isinstance(hands.settle(), Settled)
    assert (hands.scene.alias.routing, hands.scene.alias.description) == (BACK, "mine")


@pytest.mark.parametrize("change", [weights(30), {"FunctionVersion": NEW, **WHOLE}, WHOLE])
def test_somebody_elses_routing_is_left(hands: Hands, change: dict[str, Any]) -> None:
    hands.forward()
    hands.edit(**change)
    theirs = hands.scene.alias
    settlement = hands.settle()
    assert isinstance(settlement, ChangedByOther)
    assert settlement.alias.routing == theirs.routing
    assert hands.scene.alias == theirs


def test_an_alias_that_was_deleted_is_said_to_be_gone(hands: Hands) -> None:
    hands.forward()
    hands.scene.call("lambda", "DeleteAlias", FunctionName="checkout", Name="live")
    assert isinstance(hands.settle(), Deleted)


def test_a_forward_write_in_doubt_is_made_useless(hands: Hands) -> None:
    """When in doubt, write: its effect may still come, and must then be refused."""
    stop = Stop()
    hands.add(Meanwhile(lambda _: stop.request("cancelled")))
    hands.add(Hang(effect="late", lands_after=100.0))
    with pytest.raises(Cancelled):
        hands.forward(stop=stop)
    assert hands.scene.alias.routing == BACK
    assert isinstance(hands.settle(), Settled)
    assert hands.writes[-1] == "ok"
    hands.scene.clock.advance(200)
    assert hands.scene.alias.routing == BACK


def test_a_stale_read_is_not_taken_for_somebody_elses_doing(hands: Hands) -> None:
    hands.forward()
    hands.forward(FIFTY)
    hands.add(ServerError())
    hands.add(StaleRead(), operation="GetAlias")
    assert isinstance(hands.settle(), Settled)
    assert hands.seen == (BACK, OWNERS_TEXT)


@pytest.mark.parametrize("before", [{"FunctionVersion": NEW}, {"Description": OWNERS_TEXT}])
def test_one_stale_read_does_not_give_up_a_write_that_may_still_land(
    hands: Hands, before: dict[str, Any]
) -> None:
    """It shows a state from before we took the alias, which looks like somebody's later write."""
    hands.edit(**before)
    hands.edit(FunctionVersion=OLD)
    hands.writer = hands.take()
    hands.add(Hang(effect="late", lands_after=10.0))
    hands.add(StaleRead(), operation="GetAlias")
    with pytest.raises(Conflict):
        hands.forward()
    assert hands.writer.touched
    assert isinstance(hands.settle(), Settled)
    hands.clock.wait(20.0, None)
    assert hands.seen == (BACK, OWNERS_TEXT)


@pytest.mark.parametrize("before", [{}, {"FunctionVersion": NEW}, {"Description": "mine"}])
def test_stale_reads_from_before_we_took_it_do_not_leave_it_split(
    hands: Hands, before: dict[str, Any]
) -> None:
    """They look like somebody's later write: "taken back", or moved by somebody else."""
    hands.edit(**before)
    earlier = hands.scene.call("lambda", "GetAlias", FunctionName="checkout", Name="live")
    hands.edit(FunctionVersion=OLD, Description=OWNERS_TEXT)
    hands.writer = hands.take()
    hands.forward()
    hands.add(Earlier(earlier), operation="GetAlias", count=3)
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)
    assert isinstance(hands.settle(), Settled)
    assert hands.seen == (BACK, OWNERS_TEXT)


@pytest.mark.parametrize(
    "before",
    [
        {"FunctionVersion": NEW},
        {"Description": "an earlier text"},
        {"Description": OWNERS_TEXT},
    ],
)
def test_nor_does_one_on_the_way_back(hands: Hands, before: dict[str, Any]) -> None:
    """Taken for the newest state, it would make us take the write for refused that carries a newer RevisionId."""
    hands.edit(**before)
    hands.edit(FunctionVersion=OLD, Description=OWNERS_TEXT)
    hands.writer, stop = hands.take(), Stop()
    hands.add(Meanwhile(lambda _: stop.request("cancelled")))
    hands.add(Hang(effect="late", lands_after=30.0))
    with pytest.raises(Cancelled):
        hands.forward(stop=stop)
    hands.add(ServerError())
    hands.add(StaleRead(), operation="GetAlias")
    assert isinstance(hands.settle(), Settled)
    hands.clock.wait(60.0, None)
    assert hands.seen == (BACK, OWNERS_TEXT)


def test_nor_is_it_by_a_forward_write(hands: Hands) -> None:
    hands.forward()
    hands.forward(FIFTY)
    hands.add(ServerError())
    hands.add(StaleRead(), operation="GetAlias")
    hands.forward(Routing.all_on(NEW))
    assert hands.seen == (Routing.all_on(NEW), OWNERS_TEXT)


def test_a_write_that_never_came_to_be_gives_no_claim(hands: Hands) -> None:
    hands.add(ServerError())
    hands.forward(TEN)
    hands.forward(FIFTY)
    hands.edit(**weights(10))
    theirs = hands.scene.alias
    assert isinstance(hands.settle(), ChangedByOther)
    assert hands.scene.alias == theirs


def test_a_weight_set_by_somebody_else_is_his_even_if_we_were_about_to_write_the_same(
    hands: Hands,
) -> None:
    """He sends a routing alone, and AWS keeps our record of the weight before."""
    hands.forward()
    hands.scene.clock.advance(5)
    hands.add(ServerError())
    hands.add(Meanwhile(lambda _: hands.edit(**weights(50))), operation="GetAlias")
    with pytest.raises(Conflict, match="changed the routing of checkout:live: it was 90%"):
        hands.forward(FIFTY)
    theirs = hands.scene.alias
    assert theirs.routing == FIFTY
    assert isinstance(hands.settle(), ChangedByOther)
    assert hands.scene.alias == theirs


def test_our_unanswered_weight_is_ours_though_its_description_was_edited(hands: Hands) -> None:
    hands.forward()
    hands.scene.clock.advance(5)
    hands.add(DropAnswer())
    hands.add(Meanwhile(lambda _: hands.edit(Description="mine")), operation="GetAlias")
    with pytest.raises(Conflict, match=r"edited checkout:live .* \(its description or settings\)"):
        hands.forward(FIFTY)
    assert isinstance(hands.settle(), Settled)
    assert hands.seen == (BACK, "mine")


def test_a_post_stage_takes_no_stale_read_for_its_rollback(hands: Hands) -> None:
    """The alias before the rollout looks as it does after the rollback, and a post stage cannot tell them apart."""
    hands.forward()
    post = hands.take(old=OLD, shared=True)
    hands.add(ServerError())
    hands.add(StaleRead(), operation="GetAlias")
    (settlement,) = restore([DesiredState(post, BACK)], hands.clock)
    assert isinstance(settlement, Settled)
    assert hands.seen == (BACK, OWNERS_TEXT)


def test_a_post_stage_knows_its_rollback_by_the_second_look(hands: Hands) -> None:
    hands.forward()
    post = hands.take(old=OLD, shared=True)
    hands.add(DropAnswer())
    began = len(hands.writes)
    (settlement,) = restore([DesiredState(post, BACK)], hands.clock)
    assert isinstance(settlement, Settled)
    assert len(hands.writes) == began + 1


def test_a_first_weight_whose_record_was_struck_out_is_to_be_taken_back(hands: Hands) -> None:
    hands.add(DropAnswer())
    hands.add(Meanwhile(lambda _: hands.edit(Description="mine")), operation="GetAlias")
    with pytest.raises(Conflict):
        hands.forward()
    assert hands.writer.touched
    assert hands.writer.routing == TEN


def test_a_rollout_taken_for_dead_that_ended_well_is_not_ours_to_undo(hands: Hands) -> None:
    """It was resumed during its watch at 100%, and finished before the first write of whoever resumed it."""
    whole = Routing.all_on(NEW)
    hands.forward(whole)
    aliases = WorldAliases(hands.scene.world)
    resumed = AliasWriter(
        TARGET, aliases.read(TARGET), aliases, hands.clock, hands.aws_clock, ROLLOUT_ID, OLD
    )
    restore([DesiredState(hands.writer, whole)], hands.clock)
    assert hands.seen == (whole, OWNERS_TEXT)
    with pytest.raises(Conflict):
        resumed.look(may_still_move=False)
    (settlement,) = restore([DesiredState(resumed, BACK)], hands.clock)
    assert isinstance(settlement, ChangedByOther)
    assert hands.seen == (whole, OWNERS_TEXT)


@pytest.mark.parametrize(("seconds", "ours"), [(599, True), (601, False)])
def test_a_whole_alias_without_our_record_is_ours_no_longer_than_our_lease(
    hands: Hands, seconds: int, ours: bool
) -> None:
    """We stood still, were taken for dead, and the next run has promoted the same version."""
    whole = Routing.all_on(NEW)
    hands.forward(whole)
    hands.scene.clock.advance(seconds)
    hands.edit(Description="mine")
    assert isinstance(hands.settle(), Settled if ours else ChangedByOther)
    assert hands.seen == (BACK if ours else whole, "mine")


def test_a_split_without_our_record_stays_ours_for_good(hands: Hands) -> None:
    hands.forward()
    hands.scene.clock.advance(3600)
    hands.edit(Description="mine")
    assert isinstance(hands.settle(), Settled)
    assert hands.seen == (BACK, "mine")


def test_one_write_for_each_comes_before_any_other_call(hands: Hands) -> None:
    hands.forward()
    create = {"FunctionVersion": OLD, "Description": "other"}
    hands.scene.call("lambda", "CreateAlias", FunctionName="checkout", Name="other", **create)
    aliases = WorldAliases(hands.scene.world)
    target = type(TARGET)("checkout", "other")
    other = AliasWriter(
        target, aliases.read(target), aliases, hands.clock, hands.aws_clock, ROLLOUT_ID
    )
    other.forward(TEN, hands.record(), None)
    hands.scene.world.log.clear()
    hands.add(DropAnswer())
    done = restore([DesiredState(hands.writer, BACK), DesiredState(other, BACK)], hands.clock)
    assert [type(settlement) for settlement in done] == [Settled, Settled]
    assert hands.operations() == ["UpdateAlias", "UpdateAlias", "GetAlias"]


def test_trouble_is_told_between_two_rounds(hands: Hands) -> None:
    hands.forward()
    hands.add(Throttle(), count=2)
    told: list[CallFailed] = []
    restore([DesiredState(hands.writer, BACK)], hands.clock, lambda _, why: told.append(why))
    assert [why.code for why in told] == ["TooManyRequestsException"] * 2
