"""The comment's Markdown: golden pages, text of others, and GitHub's limit."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.report.comment.comment import LIMIT
from lambda_rollout.report.comment.record import (
    MOST_EARLIER,
    CommentRecord,
    Entry,
    Key,
    all_own,
    hidden_line,
    key_of,
    read_record,
)
from lambda_rollout.rollout import events as e
from tests.gallery.document import document
from tests.github.pages import EARLIER, FOLDER, KEY, page_of, pages
from tests.property.test_hostile_text import AFTER_RENDERING, Page, hostile
from tests.support.stories import CHECKOUT, ERRORS_OK, RUN, START, STORIES, Telling

PAGES = dict(pages())
CHARTS = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_comments_are_as_they_were_read(name: str) -> None:
    again = "If the change is meant: python -m tests.github, and read what changed."
    kept = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert PAGES[name] == kept, f"{name} is another. {again}"


def test_the_gallery_shows_every_one() -> None:
    told = Path("docs/gallery.md").read_text(encoding="utf-8")
    assert document(PAGES) == told, "python -m tests.gallery makes it again"


def test_no_golden_comment_is_left_without_a_story() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", STORIES)
def test_every_moment_of_every_story_can_be_shown(name: str) -> None:
    events = STORIES[name]()
    for count in range(1, len(events) + 1):
        page = Page(page_of(events[:count]))
        assert page.tags[0] == "comment"
        assert page.tags.count("h3") == 1


def test_a_cancellation_at_100_is_not_said_to_leave_a_split() -> None:
    tell = Telling("10% 5m, 100% 5m")
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    page = page_of(tell.events, holds=True)
    assert (
        "If this run is cancelled, `checkout:live` stays as it is, and nothing watches it" in page
    )
    assert "split" not in page


def test_a_step_of_0_s_that_was_extended_was_watched() -> None:
    tell = Telling("10% 0s, 100% 0s")
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    until = tell.now + timedelta(minutes=15)
    tell.say(e.StepExtended, number=1, until=until, why="2 of 50 invocations")
    tell.pass_time(240)
    tell.passes(1)
    passed = next(line for line in page_of(tell.events).splitlines() if "passed" in line)
    assert "passed, " in passed
    assert "not watched" not in passed


def hostile_story(text: str) -> Telling:
    tell = Telling("10% 5m, 100% 5m", Target(text or "f", text or "a"))
    said = f"{text}."  # a reason that is empty needs no column
    reading = AlarmReading("arn:" + text, text or "x", text, AlarmState.OK, said, START)
    tell.begins(ERRORS_OK, reading)
    tell.shifts(1)
    tell.beats(1, 2)
    fired = AlarmReading("arn:" + text, text or "x", text, AlarmState.ALARM, said, START)
    tell.say(e.StepExtended, number=1, until=START + timedelta(minutes=20), why=text)
    tell.say(e.AlarmChanged, reading=fired, before=AlarmState.OK, fired=True)
    tell.say(e.Warned, text=text)
    tell.pass_time(60)
    tell.say(
        e.AliasLeft,
        target=tell.targets[0],
        routing=None,
        expected=Routing.all_on("7"),
        why=text,
        command=text,
    )
    tell.ends(e.Result.FAILED, text, text, failed_alarms=(fired,))
    return tell


def hostile_record(text: str) -> CommentRecord:
    odd = Entry.of(text, text[:4], text, START, RUN, over=True)
    return CommentRecord(odd, (odd, odd), 3)


def shown(text: str, count: int | None = None) -> Page:
    events = hostile_story(text).events[:count]
    return Page(page_of(events, hostile_record(text), environment=text or "production"))


@given(hostile)
@example("<!-- lambda-rollout 1 ")
@example("-->")
@example("</details>")
@example("```mermaid")
@example("%%{init: {}}%%")
@example("x" * 10_000)
@example("\u202e" * 300)
def test_text_of_others_changes_nothing_but_the_words(text: str) -> None:
    calm, page = shown("calm"), shown(text)
    for tag in ("table", "tr", "td", "th", "h3", "h4", "details", "comment", "blockquote", "li"):
        assert page.tags.count(tag) == calm.tags.count(tag), tag
    assert set(page.tags) <= set(calm.tags) | {"code", "pre"}
    ours = page.outside_code.replace("[!", "")
    assert not AFTER_RENDERING.search(ours)


@given(hostile, st.integers(min_value=1, max_value=18))
def test_nor_does_it_while_the_rollout_goes_on(text: str, count: int) -> None:
    calm, page = shown("calm", count), shown(text, count)
    assert page.tags.count("table") == calm.tags.count("table")
    assert page.tags.count("td") == calm.tags.count("td")
    assert page.tags.count("comment") == 1
    assert not AFTER_RENDERING.search(page.outside_code.replace("[!", ""))


@given(hostile)
def test_a_chart_has_only_the_lines_that_we_wrote(text: str) -> None:
    [calm] = CHARTS.findall(page_of(hostile_story("calm").events))
    [chart] = CHARTS.findall(page_of(hostile_story(text).events))
    kinds = [line.split()[0] for line in chart.splitlines() if " :" not in line]
    assert kinds == [line.split()[0] for line in calm.splitlines() if " :" not in line]
    # A bar is a label, a colon, a style and two moments; a section's name is words.
    for line in chart.splitlines()[8:]:
        assert re.fullmatch(
            r"  section [\w .%-]+|  [\w .%]+ :[a-z, ]*[\d-]+ [\d:]+, [\d-]+ [\d:]+", line
        )


entries = st.builds(
    Entry, st.text(max_size=9), st.text(max_size=4), hostile, hostile, st.just("7"), st.just("1")
)
records = st.builds(
    CommentRecord,
    entries,
    st.lists(entries, max_size=12).map(tuple),
    st.integers(0, 9),
    st.integers(0, 1 << 62),
)


@given(records)
def test_a_record_is_read_back_and_is_one_comment_of_html(record: CommentRecord) -> None:
    line = hidden_line(KEY, record)
    assert Page(line).tags == ["comment"]
    back = read_record(line + "\n\nmore")
    assert back is not None
    assert len(back.earlier) == min(len(record.earlier), MOST_EARLIER)
    assert back.comment == record.comment


@given(st.text(alphabet="<!-lambdrout10 eyJ>{}=\n"), st.binary(max_size=60))
def test_what_somebody_made_of_it_is_survived(text: str, raw: bytes) -> None:
    import base64

    packed = base64.b64encode(raw).decode()
    for body in (text, f"<!-- lambda-rollout 1 {KEY.exact} {KEY.loose} {packed} -->{text}"):
        assert read_record(body) is None or isinstance(read_record(body), CommentRecord)


def test_nested_deeper_than_any_record_is_no_record() -> None:
    import base64

    packed = base64.b64encode(b"[" * 14_000).decode()
    assert read_record(f"<!-- lambda-rollout 1 {KEY.exact} {KEY.loose} {packed} -->") is None


def test_history_is_kept_newest_first_and_the_rest_counted() -> None:
    def run(number: int) -> Entry:
        return Entry.of(str(number), "✅", f"run {number}", START, RUN, over=True)

    record = CommentRecord(run(0))
    for number in range(1, 15):
        record = record.followed_by(run(number)).followed_by(run(number))
    assert record.now == run(14)
    assert [each.headline for each in record.earlier] == [f"run {n}" for n in range(13, 3, -1)]
    assert record.forgotten == 4
    again = read_record(hidden_line(KEY, record))
    assert again == record


def test_a_marker_counts_only_at_the_very_beginning() -> None:
    first, second = line_in(2), line_in(3)
    assert all_own([(2, f"> {first}"), (2, f" {first}"), (3, f"text\n{second}")], KEY) == []
    assert all_own([(1, "x"), (2, first), (3, second)], KEY) == [(2, first), (3, second)]


def test_a_marker_counts_only_in_the_comment_that_it_names() -> None:
    assert all_own([(1, line_in(2)), (2, line_in(0)), (3, line_in(1 << 64))], KEY) == []
    # What was just posted names none, and is known by the rollout that posted it.
    posted = line_in(0)
    assert all_own([(2, posted)], KEY, posting=EARLIER.now.id) == [(2, posted)]
    assert all_own([(2, posted)], KEY, posting="another") == []
    assert all_own([(2, line_in(3))], KEY, posting=EARLIER.now.id) == []
    assert all_own([(1, posted), (2, posted)], KEY, posted=2) == [(2, posted)]


def line_in(comment: int, key: Key = KEY) -> str:
    return hidden_line(key, replace(EARLIER, comment=comment))


def test_dev_and_prod_have_a_comment_each() -> None:
    base = (["checkout"], "live", "eu-central-1", "123456789012", "prod")
    others = [
        (["basket"], "live", "eu-central-1", "123456789012", "prod"),
        (["checkout", "basket"], "live", "eu-central-1", "123456789012", "prod"),
        (["checkout"], "beta", "eu-central-1", "123456789012", "prod"),
        (["checkout"], "live", "us-east-1", "123456789012", "prod"),
        (["checkout"], "live", "eu-central-1", "210987654321", "prod"),
        (["checkout"], "live", "eu-central-1", "123456789012", "dev"),
    ]
    keys = {key_of(*each) for each in [base, *others]}
    assert len({key.exact for key in keys}) == 7
    assert key_of(["b", "a"], *base[1:]) == key_of(["a", "b"], *base[1:])


def test_a_run_that_failed_before_it_knew_the_account_finds_its_comment() -> None:
    known = key_of(["checkout"], "live", "r", "123456789012", "")
    other = key_of(["checkout"], "live", "r", "210987654321", "")
    unknown = key_of(["checkout"], "live", "r", "", "")
    mine, theirs = line_in(1, known), line_in(2, other)
    assert all_own([(1, mine)], unknown) == [(1, mine)]
    assert all_own([(1, mine), (2, theirs)], unknown) == []
    assert all_own([(1, line_in(1, unknown))], known)
    assert all_own([(2, theirs)], known) == []
    assert Key("a" * 16, "a" * 16).is_loose


ODD = "测|`*_<" * 60


@pytest.mark.parametrize("odd", ["x", ODD])
def test_two_hundred_alarms_a_hundred_functions_and_fifty_steps_fit(odd: str) -> None:
    targets = tuple(Target(f"function-{n}-{odd}"[:140], "live") for n in range(100))
    steps = ", ".join(f"{percent}% 1m" for percent in range(2, 101, 2))
    tell = Telling(steps, *targets)
    readings = tuple(
        AlarmReading(
            f"arn:aws:cloudwatch:eu-central-1:1:alarm:{n}",
            f"alarm-{n}-{odd}"[:255],
            "eu-central-1",
            AlarmState.ALARM if n == 150 else AlarmState.OK,
            f"because {n} {odd}" * 20,
            START,
        )
        for n in range(200)
    )
    tell.begins(*readings)
    for number in range(1, 30):
        tell.shifts(number)
        tell.passes(number)
    for _ in range(40):
        tell.say(e.Warned, text=odd * 20)
    running = page_of(tell.events)
    tell.rolls_back("58")
    tell.ends(e.Result.ROLLED_BACK, odd * 50, odd * 50, failed_alarms=(readings[150],))
    for text in (running, page_of(tell.events, EARLIER)):
        assert len(text) <= LIMIT
        assert re.search(r"\d+ more functions, in the summary", text)
        assert re.search(r"\d+ more alarms, in the log", text)
        assert text.rstrip().endswith(("</sub>", "</details>"))
    assert "alarm-150" in text
    assert "3 earlier runs" in text


def test_the_console_is_that_of_the_partition() -> None:
    for partition, region, host in (
        ("aws", "eu-central-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ):
        tell = Telling()
        arn = f"arn:{partition}:cloudwatch:{region}:1:alarm:a b"
        tell.starts(AlarmReading(arn, "a b", region, AlarmState.OK, "", START))
        alias = f"arn:{partition}:lambda:{region}:1:function:checkout:live"
        tell.say(e.AliasFound, target=CHECKOUT, arn=alias, routing=Routing.all_on("7"))
        tell.say(e.AlarmsFound, readings=tell.readings)
        text = page_of(tell.events)
        assert f"https://{region}.{host}/lambda/home?region={region}#/functions/checkout" in text
        assert (
            f"https://{region}.{host}/cloudwatch/home?region={region}#alarmsV2:alarm/a%20b" in text
        )
