"""What a rollout may call its own: never another's, always its own, and nothing for longer than its lease."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from lambda_rollout.alias.ownership import Claim, PendingWrite
from lambda_rollout.alias.record import LEASE, Record, compose, parse, with_request
from lambda_rollout.alias.routing import Alias, Moving, Routing
from lambda_rollout.runtime.errors import AccessDenied, Busy, RevisionMismatch, Unanswered

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
OURS, THEIRS = "3fa94c7d", "0badcafe"
OLD, NEW = "7", "8"
ANSWERS = [
    kind("UpdateAlias", "Said", "") for kind in (Unanswered, Busy, RevisionMismatch, AccessDenied)
]

percents = st.integers(1, 100).map(Decimal)
routings = percents.map(lambda percent: Routing.split(OLD, NEW, percent))
whole = st.just(Routing.all_on(NEW))
splits = routings.filter(lambda routing: not routing.is_unsplit)
seconds = st.integers(0, 599)
LATER_THAN_ANY = 700
"""Seconds, for a record that is none of a claim's: those of its pending writes follow on what was drawn."""
texts = st.sampled_from(["", "What customers use", "[lambda-rollout 7>8 run local]", "x" * 256])


def alias(routing: Routing, description: str, revision_id: str) -> Alias:
    return Alias("arn:aws:lambda:eu-central-1:1:function:f:live", routing, description, revision_id)


def described(text: str, made: int, rollout_id: str = OURS) -> str:
    until = NOW + timedelta(seconds=made) + LEASE
    return compose(text, Record(old=OLD, new=NEW, rollout_id=rollout_id, until=until))


@st.composite
def claims(draw: st.DrawFn, reached: st.SearchStrategy[Routing] = routings) -> Claim:
    """A rollout that has confirmed one weight, and may have sent others that were not confirmed."""
    routing, text, made = draw(reached), draw(texts), draw(seconds)
    tries = draw(st.lists(st.tuples(routings, st.sampled_from(ANSWERS)), max_size=3))
    pending = [
        PendingWrite(each, described(text, made + number + 1), "1", answer)
        for number, (each, answer) in enumerate(tries)
    ]
    return Claim(
        rollout_id=OURS,
        old=OLD,
        found=alias(Routing.all_on(OLD), text, "0"),
        known=alias(routing, described(text, made), "1"),
        routing=routing,
        text=text,
        pending=pending,
        until=NOW + timedelta(seconds=made + len(pending)) + LEASE,
        confirmed=True,
    )


@given(claims(), st.data())
def test_what_it_sent_and_a_word_more_is_its_own_and_asks_it_to_go_on(
    claim: Claim, data: st.DataObject
) -> None:
    sent = [(claim.routing, claim.known.description)]
    sent += [(each.routing, each.description) for each in claim.pending]
    routing, description = data.draw(st.sampled_from(sent))
    asked = alias(routing, with_request(description), "2")
    assert claim.is_as_written(asked)
    assert claim.is_ours(asked, NOW)
    taken_back = alias(routing, description, "3")
    assert replace(claim, known=asked, routing=routing).is_as_written(taken_back)


@given(claims(), routings)
def test_a_weight_set_alone_under_a_request_is_somebody_elses(
    claim: Claim, routing: Routing
) -> None:
    assume(routing != claim.routing)
    seen = alias(routing, with_request(claim.known.description), "2")
    assert not claim.is_as_written(seen)
    assert not claim.is_ours(seen, NOW)


@given(claims(), routings, texts, seconds)
def test_an_edit_or_another_rollouts_record_asks_for_nothing(
    claim: Claim, routing: Routing, text: str, made: int
) -> None:
    ours = parse(claim.known.description)[1]
    for description in (
        with_request(described(text, made, THEIRS)),
        with_request(compose("edited", ours)),
        with_request(described(claim.text, LATER_THAN_ANY)),
        compose("edited", ours),
        compose("edited", None),
    ):
        assert not claim.is_as_written(alias(claim.routing, description, "2"))


@given(claims(), splits)
def test_a_weight_that_we_never_wrote_is_not_as_written_though_it_is_what_we_know(
    claim: Claim, routing: Routing
) -> None:
    """Whatever AWS shows of it since: it has kept our description under somebody's own weight."""
    assume(routing not in (claim.routing, *(each.routing for each in claim.pending)))
    description = claim.known.description
    theirs = replace(claim, known=alias(routing, description, "1"))
    for shown in (claim.routing, routing):
        assert not theirs.is_as_written(alias(shown, with_request(description), "2"))


@given(splits, texts, seconds)
def test_what_it_took_over_is_its_own_if_its_dead_run_is_asked_and_is_not_as_it_wrote_it(
    routing: Routing, text: str, made: int
) -> None:
    """Until its first write, which takes the word off."""
    found = alias(routing, described(text, made, THEIRS), "1")
    claim = Claim(OURS, OLD, found, found, routing, text)
    asked = alias(routing, with_request(found.description), "2")
    assert claim.is_ours(asked, NOW)
    assert not claim.is_as_written(asked)
    assert not replace(claim, confirmed=True).is_ours(asked, NOW)
    later = with_request(described(text, LATER_THAN_ANY, THEIRS))
    assert not claim.is_ours(alias(routing, later, "2"), NOW), "he is alive"


@given(claims())
def test_the_same_again_is_nobodys_edit(claim: Claim) -> None:
    """A request may have come and gone while we stood still."""
    assert claim.is_as_written(alias(claim.routing, claim.known.description, "2"))


@given(claims(), st.data())
def test_what_it_sent_is_its_own(claim: Claim, data: st.DataObject) -> None:
    sent = [(claim.routing, claim.known.description)]
    sent += [(each.routing, each.description) for each in claim.pending]
    routing, description = data.draw(st.sampled_from(sent))
    assert claim.is_ours(alias(routing, description, "2"), NOW)


@given(claims(), routings, texts, seconds)
def test_what_bears_anothers_record_is_his(
    claim: Claim, routing: Routing, text: str, made: int
) -> None:
    assert not claim.is_ours(alias(routing, described(text, made, THEIRS), "2"), NOW)


@given(claims(), routings)
def test_a_weight_set_alone_under_its_record_is_somebody_elses(
    claim: Claim, routing: Routing
) -> None:
    assume(routing != claim.routing)
    assert not claim.is_ours(alias(routing, claim.known.description, "2"), NOW)


@given(claims(), routings, st.sampled_from(["", "mine"]))
def test_without_a_record_the_routing_decides_but_for_what_aws_refused(
    claim: Claim, routing: Routing, description: str
) -> None:
    refusals = (RevisionMismatch, AccessDenied)
    in_doubt = [each for each in claim.pending if not isinstance(each.answer, refusals)]
    ours = {str(claim.routing), *(str(each.routing) for each in in_doubt)}
    assert claim.is_ours(alias(routing, description, "2"), NOW) == (str(routing) in ours)


@given(claims(whole), st.sampled_from([OLD, "6"]))
def test_aws_keeps_the_traffic_on_the_old_version_and_on_no_other(claim: Claim, kept: str) -> None:
    moving = Moving({kept: 1.0})
    seen = replace(alias(claim.routing, claim.known.description, "2"), moving=moving)
    assert claim.is_ours(seen, NOW) == (kept == OLD)


@given(claims(whole), st.integers(0, 3600))
def test_a_whole_alias_without_a_record_is_its_own_only_within_its_lease(
    claim: Claim, late: int
) -> None:
    assert claim.until is not None
    seen = alias(claim.routing, "", "2")
    assert claim.is_ours(seen, claim.until - timedelta(seconds=1))
    assert not claim.is_ours(seen, claim.until + timedelta(seconds=late))


@given(claims(splits), st.integers(0, 3600))
def test_a_split_without_a_record_stays_its_own(claim: Claim, late: int) -> None:
    assert claim.until is not None
    assert claim.is_ours(alias(claim.routing, "", "2"), claim.until + timedelta(seconds=late))


@given(claims())
def test_one_held_in_its_name_by_another_is_not_its_own(claim: Claim) -> None:
    held = compose("", Record(old=OLD, new=NEW, rollout_id=OURS, until=None))
    assert not claim.is_ours(alias(claim.routing, held, "2"), NOW)
