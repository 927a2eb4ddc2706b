"""The record on the alias, for any owner's text: what was written is read back, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.alias.record import (
    DESCRIPTION_LIMIT,
    Record,
    compose,
    is_cut_of,
    owners_text,
    parse,
    was_cut,
    with_request,
)

hex_digits = st.text("0123456789abcdef", min_size=8, max_size=8)
numbers = st.integers(1, 10**9).map(str)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    old, new = draw(st.lists(numbers, min_size=2, max_size=2, unique=True))
    local = draw(st.booleans())
    return Record(
        old=old,
        new=new,
        rollout_id=draw(hex_digits),
        until=draw(st.none() | moments),
        run="" if local else draw(numbers),
        attempt="" if local else draw(numbers),
        repository="" if local else draw(hex_digits)[:6],
        since=draw(st.none() | moments),
        requested=draw(st.booleans()),
    )


marks = records().map(str)
pieces = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF), max_size=140),
    marks,
    marks.map(lambda mark: mark[:-1]),
    st.just(" "),
    # Half of an emoji: no text that anybody would write, but JSON can carry it.
    st.text(
        st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"]), max_size=3
    ),
    st.sampled_from(["👨‍👩‍👧‍👦", "e\u0301", "🇦🇹"]).map(lambda seen: 40 * seen),
)
texts = st.lists(pieces, max_size=4).map("".join)


@given(texts, records())
@example("\ud800\udc00" + 256 * "0", Record(old="1", new="2", rollout_id="00000000", until=None))
def test_what_was_written_is_read_back(text: str, record: Record) -> None:
    composed = compose(text, record)
    kept, read = parse(composed)
    assert read == record
    assert text.startswith(kept)
    assert len(composed.encode("utf-16-le", "surrogatepass")) <= 2 * DESCRIPTION_LIMIT


@given(texts, records())
def test_a_text_that_fits_comes_back_whole(text: str, record: Record) -> None:
    room = DESCRIPTION_LIMIT - len(str(record)) - 1
    if len(text.encode("utf-16-le", "surrogatepass")) <= 2 * room:
        assert parse(compose(text, record))[0] == text


@given(texts)
def test_the_owners_text_has_no_record_at_its_end(text: str) -> None:
    own = owners_text(text)
    assert parse(own) == (own, None)
    assert text.startswith(own)


@given(texts, records())
def test_no_cut_goes_unnoticed(text: str, record: Record) -> None:
    composed = compose(text, record)
    kept = parse(composed)[0]
    assert was_cut(composed) or kept == text
    if _units(composed) < DESCRIPTION_LIMIT - 1:
        assert not was_cut(composed)


@given(texts, records())
def test_of_a_text_that_is_cut_as_much_is_kept_as_there_is_room_for(
    text: str, record: Record
) -> None:
    composed = compose(text, record)
    kept = parse(composed)[0]
    if kept != text:
        following = text[len(kept)]
        assert _units(composed) + _units(following) > DESCRIPTION_LIMIT


@given(texts, records())
def test_a_request_changes_nothing_but_the_word(text: str, record: Record) -> None:
    before = compose(text, record)
    asked = with_request(before)
    kept, read = parse(asked)
    assert read == replace(record, requested=True)
    assert parse(before)[0].startswith(kept)
    assert asked == compose(text, replace(record, requested=True)) == with_request(asked)


@given(texts, records())
def test_a_text_is_known_by_its_cut_before_and_after_a_request(text: str, record: Record) -> None:
    before = compose(text, record)
    asked = with_request(before)
    taken_back = compose(parse(asked)[0], replace(record, requested=False))
    assert all(is_cut_of(each, text) for each in (before, asked, taken_back))


@given(texts, texts, records())
def test_no_other_text_is_taken_for_its_cut(text: str, other: str, record: Record) -> None:
    if is_cut_of(compose(other, record), text) and other != text:
        kept = parse(compose(text, replace(record, requested=True)))[0]
        assert kept != text
        assert other.startswith(kept)


@given(texts)
def test_without_a_record_there_is_nobody_to_ask(text: str) -> None:
    own = owners_text(text)
    assert with_request(own) == own
    assert not is_cut_of(own, own)


@given(texts)
def test_without_a_record_it_is_the_text_as_it_was(text: str) -> None:
    assert compose(text, None) == text


def _units(text: str) -> int:
    """What a string's length is in Java."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)
