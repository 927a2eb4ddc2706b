"""A request to go on, as the writer of the alias meets it: before, during and after each of its own writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from lambda_rollout.alias.record import compose, parse, with_request
from lambda_rollout.alias.restore import DesiredState, restore
from lambda_rollout.alias.routing import Routing
from lambda_rollout.alias.settlement import Settled
from lambda_rollout.alias.writer import Conflict
from sandbox.aws.faults import DropAnswer, Fault, Hang, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.rollout.test_writer import BACK, FIFTY, TEN, Hands
from tests.support.scene import NEW, OLD, OWNERS_TEXT

ALL = Routing.all_on(NEW)
LONG = "a long story " * 19


class Asking(Hands):
    """One alias at 10% in our hands, and somebody who asks us to go on."""

    def __init__(self, text: str = OWNERS_TEXT) -> None:
        super().__init__()
        self.edit(Description=text)
        self.writer = self.take()
        self.forward()

    def ask(self) -> None:
        self.edit(Description=with_request(self.scene.alias.description))

    def withdraw(self) -> None:
        """As the one does who asked, and knows what stood there before."""
        text, record = parse(self.scene.alias.description)
        assert record is not None
        self.edit(Description=compose(text, replace(record, requested=False)))

    @property
    def is_asked(self) -> bool:
        """Whether AWS has the word."""
        record = parse(self.scene.alias.description)[1]
        return record is not None and record.requested

    def renew(self) -> bool:
        # Time passes, so that it is another record.
        self.scene.clock.advance(1)
        return self.writer.renew(self.record(), None, may_still_move=True)


@dataclass(frozen=True)
class AskedMeanwhile:
    """Somebody asks after the work and before the answer, or the next delivery, of a write."""

    ask: Callable[[], None]
    then: Fault | None = None

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        def done() -> dict[str, Any]:
            answer = work()
            self.ask()
            return answer

        return self.then.around(world, request, done) if self.then else done()


@pytest.fixture(params=[OWNERS_TEXT, "", LONG], ids=["short", "empty", "long"])
def hands(request: pytest.FixtureRequest) -> Asking:
    return Asking(request.param)


def test_a_look_finds_it_and_nobody_elses_doing(hands: Asking) -> None:
    text = hands.writer.text
    hands.ask()
    hands.writer.look(may_still_move=True)
    assert hands.writer.asked_to_go_on
    assert hands.writer.text == text


def test_asked_twice_is_asked_once(hands: Asking) -> None:
    hands.ask()
    hands.writer.look(may_still_move=True)
    hands.ask()
    hands.writer.look(may_still_move=True)
    assert hands.writer.asked_to_go_on


def test_one_that_was_withdrawn_leaves_no_trace(hands: Asking) -> None:
    text = hands.writer.text
    hands.ask()
    hands.writer.look(may_still_move=True)
    hands.withdraw()
    hands.writer.look(may_still_move=True)
    assert not hands.writer.asked_to_go_on
    assert hands.writer.text == text
    hands.forward(ALL)
    (done,) = restore([DesiredState(hands.writer, ALL)], hands.clock)
    assert isinstance(done, Settled)
    assert done.alias.description == text


def test_one_that_came_and_went_unseen_was_nobodys_edit(hands: Asking) -> None:
    before = hands.scene.alias.description
    hands.ask()
    hands.edit(Description=before)
    hands.writer.look(may_still_move=True)
    hands.forward(FIFTY)
    assert hands.scene.alias.routing == FIFTY


def test_nor_one_that_was_taken_off_by_who_does_not_know_what_it_had_cost(hands: Asking) -> None:
    """Another one who asked, and found the word there: a long text is some characters shorter then."""
    text, record = hands.writer.text, parse(hands.scene.alias.description)[1]
    hands.ask()
    hands.edit(Description=compose(parse(hands.scene.alias.description)[0], record))
    hands.writer.look(may_still_move=True)
    assert hands.writer.text == text


def test_a_dead_runs_request_is_nobody_asking_who_goes_on_with_it(hands: Asking) -> None:
    hands.ask()
    hands.writer = hands.take("0badcafe", old=OLD)
    hands.writer.look(may_still_move=True)
    assert (hands.writer.bears_request, hands.writer.was_asked) == (False, False)
    hands.writer.forward(FIFTY, hands.record("0badcafe"), None)
    assert not hands.is_asked


def test_an_edit_beside_it_is_an_edit(hands: Asking) -> None:
    _, record = parse(with_request(hands.scene.alias.description))
    hands.edit(Description=compose("mine", record))
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)


def test_a_weight_beside_it_is_a_weight(hands: Asking) -> None:
    hands.edit(
        Description=with_request(hands.scene.alias.description),
        RoutingConfig={"AdditionalVersionWeights": {NEW: 0.5}},
    )
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)


def test_one_to_another_rollout_is_nobody_asking_us(hands: Asking) -> None:
    hands.edit(Description=compose("x", replace(hands.record("0badcafe"), requested=True)))
    with pytest.raises(Conflict):
        hands.writer.look(may_still_move=True)


def test_a_renewal_that_meets_it_keeps_it(hands: Asking) -> None:
    hands.ask()
    assert not hands.renew()
    assert hands.writer.asked_to_go_on
    assert hands.renew()
    assert hands.is_asked
    assert hands.writer.asked_to_go_on


def test_one_that_is_refused_is_gone_with_the_next_renewal(hands: Asking) -> None:
    hands.ask()
    hands.writer.look(may_still_move=True)
    hands.writer.refuse_request()
    assert (hands.writer.asked_to_go_on, hands.writer.bears_request) == (False, True)
    assert hands.renew()
    assert (hands.is_asked, hands.writer.bears_request) == (False, False)
    hands.ask()
    hands.writer.look(may_still_move=True)
    assert hands.writer.asked_to_go_on, "the next one is another one"


def test_a_step_that_meets_it_keeps_it_and_all_of_the_traffic_answers_it(hands: Asking) -> None:
    hands.ask()
    hands.forward(FIFTY)
    assert hands.scene.alias.routing == FIFTY
    assert hands.is_asked
    assert hands.writer.asked_to_go_on
    hands.forward(ALL)
    assert hands.scene.alias.routing == ALL
    assert not hands.is_asked


@pytest.mark.parametrize("lost", [None, DropAnswer(), ServerError(after_effect=True)], ids=repr)
@pytest.mark.parametrize("to", [FIFTY, ALL], ids=str)
def test_one_that_comes_on_top_of_a_write_hides_nothing(
    hands: Asking, to: Routing, lost: Fault | None
) -> None:
    """All of the traffic is no time to ask, and no reason to stop either."""
    hands.add(AskedMeanwhile(hands.ask, lost))
    hands.forward(to)
    hands.writer.look(may_still_move=to != ALL)
    assert hands.scene.alias.routing == to
    assert hands.writer.bears_request
    hands.forward(ALL)
    assert not hands.is_asked


@pytest.mark.parametrize(
    "fault", [None, DropAnswer(), Hang(effect="late", lands_after=10.0)], ids=repr
)
def test_the_way_back_goes_past_it(hands: Asking, fault: Fault | None) -> None:
    hands.ask()
    if fault is not None:
        hands.add(fault, nth=2)
    assert isinstance(hands.settle(), Settled)
    hands.clock.wait(20.0, None)
    assert hands.scene.alias.routing == BACK
    assert hands.scene.alias.description == hands.writer.text


def test_the_way_back_goes_past_one_on_top_of_an_unanswered_weight(hands: Asking) -> None:
    hands.add(AskedMeanwhile(hands.ask, DropAnswer()))
    hands.add(ServerError(), operation="GetAlias", count=1000)
    with pytest.raises(Exception, match=r"GetAlias|could not be shifted"):
        hands.forward(Routing.split(OLD, NEW, Decimal(30)))
    hands.scene.world.faults.clear()
    assert hands.scene.alias.routing == Routing.split(OLD, NEW, Decimal(30))
    assert isinstance(hands.settle(), Settled)
    assert hands.scene.alias.routing == BACK


def test_a_hold_goes_past_it(hands: Asking) -> None:
    hands.ask()
    held = replace(hands.record(), until=None)
    (done,) = restore([DesiredState(hands.writer, TEN, held)], hands.clock)
    assert isinstance(done, Settled)
    assert parse(hands.scene.alias.description)[1] == held
