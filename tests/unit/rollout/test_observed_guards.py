"""Guards that are only observed: what is told of them, and when."""

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import GuardVerdict
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout.events import Event, GuardObserved
from lambda_rollout.rollout.observed_guards import ObservedGuards

CHECKOUT, CART = Target("checkout", "live"), Target("cart", "live")
[OBSERVED, COUNTING] = parse_guards("? error-rate < 1%\nerror-rate < 2%")


def verdict(outcome: Outcome, target: Target = CHECKOUT) -> GuardVerdict:
    return GuardVerdict(OBSERVED, target, outcome, "figures")


def told(events: list[Event]) -> list[tuple[Target, Outcome, int]]:
    return [
        (event.target, event.outcome, event.number)
        for event in events
        if isinstance(event, GuardObserved)
    ]


def test_what_is_broken_is_told_at_once_and_once() -> None:
    events: list[Event] = []
    observed = ObservedGuards(events.append)
    observed.tell_broken([verdict(Outcome.HOLDS), verdict(Outcome.INCONCLUSIVE, CART)], 1)
    assert told(events) == []
    for number in (1, 1, 2):
        observed.tell_broken([verdict(Outcome.BROKEN), verdict(Outcome.HOLDS, CART)], number)
    assert told(events) == [(CHECKOUT, Outcome.BROKEN, 1)]
    observed.tell_all([verdict(Outcome.BROKEN), verdict(Outcome.HOLDS, CART)], 2)
    assert told(events)[1:] == [(CART, Outcome.HOLDS, 2)]


def test_each_is_told_at_the_end_of_each_step() -> None:
    events: list[Event] = []
    observed = ObservedGuards(events.append)
    for number in (1, 2):
        observed.tell_all([verdict(Outcome.INCONCLUSIVE)], number)
    assert told(events) == [
        (CHECKOUT, Outcome.INCONCLUSIVE, 1),
        (CHECKOUT, Outcome.INCONCLUSIVE, 2),
    ]


def test_of_a_guard_that_counts_nothing_is_told_here() -> None:
    events: list[Event] = []
    observed = ObservedGuards(events.append)
    counting = [GuardVerdict(COUNTING, CHECKOUT, Outcome.BROKEN, "figures")]
    observed.tell_broken(counting, 1)
    observed.tell_all(counting, 1)
    assert events == []
