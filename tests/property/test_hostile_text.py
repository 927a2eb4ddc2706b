"""Text of others, in Markdown and in the log: it reads the same and does nothing.

Markdown is rendered by cmark-gfm, GitHub's own parser. What GitHub does after that (mentions, references)
is looked for in the text that is left.
"""

import io
import json
import re
import shlex
import subprocess
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

from cmarkgfm import cmark
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.analysis.errors.model import ErrorGroup
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.github.commands import command, inert
from lambda_rollout.github.log import Log
from lambda_rollout.github.stream import Lines
from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.package import S3Object
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.preflight.policy import Place, policy_statements
from lambda_rollout.report.markdown import code, code_block, link, prose, table, text_block
from lambda_rollout.report.permissions import permissions_section, policy_text
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.summary.summary import LIMIT, fit, summary
from lambda_rollout.report.wording import clean, visible
from lambda_rollout.rollout import events as e
from lambda_rollout.runtime.trust import accepting, claims_told, condition, trust_policy
from sandbox.aws.trust import like
from tests.support.job import Job
from tests.support.stories import BASKET, CHECKOUT, ERRORS_OK, START, Telling

PIECES = [
    "@octocat",
    "a@b.com",
    "#1",
    "octo/shop#12",
    "GH-7",
    "https://evil.example/x",
    "www.evil.example",
    "mailto:a@b.c",
    "<script>",
    "<!-- ",
    "-->",
    "<img src=x>",
    "![x](http://e.vil/p.png)",
    "[x](javascript:alert(1))",
    "[x]: http://e.vil",
    "[^1]",
    "|",
    "\\|",
    "\\",
    "`",
    "``",
    "`a|b`",
    "**",
    "_",
    "~~",
    "$$",
    "- ",
    "1. ",
    "# ",
    "> ",
    "---",
    "===",
    "&amp;",
    "&#64;",
    "\n",
    "\n\n",
    "\r\n::error::",
    "##[error]",
    "::warning::",
    "    ",
    "\t",
    "\u202e",
    "\u200b",
    "\x00",
    "\x1b[31m",
    ":tada:",
    ":+1:",
    ":E-Mail:",
    "a:key:b:100:",
    "9f2c1abd5e6f708192a3b4c5d6e7f8091a2b3c4d",
    "9F2C1ABD5E6F708192A3B4C5D6E7F8091A2B3C4D",
    "0123456789012345678901234567890123456789",
    "octo/shop@9f2c1abd5e6f708192a3b4c5d6e7f8091a2b3c4d",
    "9f2c1ab",
    "- [ ] ",
    "```",
]
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8).map("".join)

AFTER_RENDERING = re.compile(
    r"@[a-z0-9]|#\d|GH-\d|://|www\.|mailto:[a-z]|:(?!\d\d:)[\w+-]+:|(?<![^\W_])(?:[0-9a-f]{40}|[0-9]*[a-f][0-9a-f]{6,})(?![^\W_])",
    re.IGNORECASE,
)


class Page(HTMLParser):
    """The tags of a page, and its text inside and outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.outside_code = ""
        self._code = 0
        options = cmark.Options.CMARK_OPT_UNSAFE
        extensions = ["table", "autolink", "strikethrough", "tasklist"]
        self.feed(cmark.markdown_to_html_with_extensions(markdown, options, extensions))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        self.text += data
        self.outside_code += "\0" if self._code else data


def seen(text: str) -> str:
    """Rendered text as one reads it: without our zero-width spaces, white space as one space."""
    return " ".join(text.replace("\u200b", "").split())


@given(hostile)
@example("@a")
@example("1. x")
@example("`a``b`")
@example("`\n`")
@example("`- `")
@example("`mode: promote`|`x`")
def test_prose_is_one_paragraph_that_reads_the_same(text: str) -> None:
    page = Page(prose(text, 10_000))
    assert set(page.tags) <= {"p", "code"}
    assert page.tags.count("p") <= 1
    assert not AFTER_RENDERING.search(page.outside_code)
    # A span of harmless code loses its backticks, and nothing else.
    assert seen(page.text.replace("`", "")) == seen(clean(text, 10_000).replace("`", ""))


@given(hostile, hostile, hostile)
@example("_www.evil.example", "_www.evil.example", "_www.evil.example")
def test_tables_keep_their_shape(first: str, second: str, third: str) -> None:
    cells = [(prose(first), code(second), link(code(third), "https://x.example/a?b=c"))] * 2
    page = Page("before\n\n" + table(("a", "b", "c"), cells))
    assert page.tags.count("table") == 1
    assert page.tags.count("td") == 6
    assert page.tags.count("tr") == 3
    assert set(page.tags) <= {*("p", "table", "thead", "tbody", "tr", "th", "td"), "code", "a"}
    assert page.tags.count("a") <= 2
    assert not AFTER_RENDERING.search(page.outside_code)


@given(hostile)
@example("`")
@example("a`|b")
def test_names_are_shown_as_they_are(text: str) -> None:
    page = Page(table(("name",), [(code(text),)]))
    assert page.tags.count("td") == 1
    shown = seen(page.text.replace("`", "")).removeprefix("name").strip()
    assert shown == seen(clean(text, 256).replace("`", ""))


@given(hostile)
def test_a_command_block_holds_the_command_and_ends(text: str) -> None:
    page = Page(code_block(text) + "\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.text.endswith("after\n") or page.text.endswith("after")


@given(st.lists(hostile, max_size=3))
@example(["```", "~~~", "    "])
def test_a_block_of_text_holds_its_lines_and_ends(lines: list[str]) -> None:
    page = Page(text_block(lines) + "\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.outside_code.strip("\0\n") == "after"


def block_of(words: list[str]) -> str:
    return code_block(shlex.join(words)).partition("\n")[2].rpartition("\n")[0]


@given(st.lists(hostile, max_size=3))
@example(["--description", "a --b 'c' \\"])
def test_a_command_on_many_lines_has_the_same_words(values: list[str]) -> None:
    words = ["aws", "lambda", "--name", *(visible(each) for each in values), "--last", "x" * 80]
    block = block_of(words)
    assert "\n" in block
    assert shlex.split(block.replace("\\\n", "")) == words


def test_a_shell_reads_it_so() -> None:
    words = ["printf", "%s|", "--description", "it's -- 'a' \\ $HOME `b`", "--last", "x" * 80]
    told = subprocess.run(["sh", "-c", block_of(words)], capture_output=True, text=True, check=True)
    assert told.stdout.split("|")[:-1] == words[2:]


def story_of(text: str) -> Telling:
    tell = Telling()
    tell.begins(ERRORS_OK)
    tell.smoke_tests(text, text, text)
    tell.shifts(1)
    reading = AlarmReading("arn:" + text, text or "x", text, AlarmState.ALARM, text, START)
    tell.say(e.AlarmChanged, reading=reading, before=AlarmState.OK, fired=True)
    tell.say(e.EvaluationChanged, reading=replace(reading, evaluation=text or "x"), before=text)
    tell.say(e.EvaluationChanged, reading=reading, before=text)
    tell.say(e.Warned, text=text)
    tell.say(e.Warned, text=text)
    tell.say(e.StepExtended, number=1, until=START, why=text)
    tell.say(
        e.GuardObserved,
        number=1,
        guard=text,
        target=CHECKOUT,
        outcome=Outcome.BROKEN,
        why=text,
    )
    hook = Hook(HookStage.EACH_STEP, "check-orders")
    tell.say(e.HookStarted, hook=hook, step=1)
    tell.say(e.HookUnanswered, hook=hook, why=text)
    tell.say(e.HookInProgress, hook=hook, again_in=timedelta(seconds=1), details=text)
    tell.say(e.HookEnded, hook=hook, passed=False, why=text or "x", details=text)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=None,
        expected=Routing.all_on("7"),
        why=text,
        command=text,
    )
    tell.ends(e.Result.FAILED, text, text, failed_alarms=(reading,))
    return tell


@given(hostile)
def test_a_whole_summary_keeps_its_shape(text: str) -> None:
    calm = Page(summary(rollout_state(story_of("calm").events)))
    page = Page(summary(rollout_state(story_of(text).events)))
    assert page.tags.count("table") == calm.tags.count("table") == 4
    assert page.tags.count("td") == calm.tags.count("td")
    assert page.tags.count("h2") == 1
    assert set(page.tags) <= set(calm.tags) | {"code", "pre"}
    ours = page.outside_code.replace("[!", "")
    assert not AFTER_RENDERING.search(ours)


def logged(text: str) -> Telling:
    """A rollback after which a function's log is read, and another's cannot be; all of it says ``text``."""
    tell = Telling("10% 5m", CHECKOUT, BASKET)
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.rolls_back("10")
    group = ErrorGroup(text, text, text, 3, START, START, text, text)
    tell.say(
        e.LogRead,
        target=CHECKOUT,
        version="8",
        log_group=text,
        since=START,
        errors=(group, group),
        count=6,
        messages=True,
        query=text,
    )
    tell.say(e.LogNotRead, targets=(BASKET,), why=text, remedy=text, statement=text)
    tell.ends(e.Result.ROLLED_BACK, "it was asked for")
    return tell


@given(hostile)
def test_what_a_log_says_keeps_the_reports_shape(text: str) -> None:
    calm = Page(summary(rollout_state(logged("calm").events)))
    page = Page(summary(rollout_state(logged(text).events)))
    for tag in ("table", "td", "h2", "h3", "details", "blockquote"):
        assert page.tags.count(tag) == calm.tags.count(tag), tag
    assert set(page.tags) <= set(calm.tags) | {"code", "pre", "em"}
    assert not AFTER_RENDERING.search(page.outside_code.replace("[!", ""))
    stream = io.StringIO()
    log = Log(Lines(stream))
    for event in logged(text).events:
        log.tell(event)
    assert [name for name, _ in obeyed(stream.getvalue())] == ["group", "endgroup", "error"]


# The runner --------------------------------------------------------------------------------------

_COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)", re.DOTALL)


def obeyed(lines: str) -> list[tuple[str, str]]:
    """Read a log as the runner does: what it would obey."""
    found = []
    for line in re.split(r"\r\n|\r|\n", lines):
        if "##[" in line:
            found.append(("##", line))
        elif line.strip().startswith("::"):
            match = _COMMAND.match(line.strip())
            found.append((match["name"] if match else "?", match["data"] if match else line))
    return found


@given(hostile)
def test_the_runner_obeys_only_us(text: str) -> None:
    stream = io.StringIO()
    log = Log(Lines(stream))
    for event in story_of(text).events:
        log.tell(event)
    names = [name for name, _ in obeyed(stream.getvalue())]
    assert names == ["group", "warning", "warning", "endgroup", "error", "error"]


@given(hostile)
def test_commands_carry_their_message_unharmed(text: str) -> None:
    line = command("error", text, title=text)
    ((name, data),) = obeyed(line)
    assert name == "error"
    unescaped = data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert unescaped.rstrip() == text.replace("##[", "# #[").rstrip()


@given(hostile)
def test_inert_lines_are_inert(text: str) -> None:
    assert obeyed(inert(clean(text))) == []


@given(hostile, hostile)
def test_outputs_come_back_as_they_went(first: str, second: str) -> None:
    first, second = first.replace("\r", ""), second.replace("\r", "")
    with TemporaryDirectory() as folder:
        job = Job(Path(folder))
        job.runner.write_outputs({"first": first, "second": second})
        assert job.outputs == {"first": first, "second": second}


@given(hostile, st.integers(min_value=100, max_value=2000))
def test_what_is_too_long_is_cut_at_a_line(text: str, limit: int) -> None:
    cut = fit(text * 50, limit)
    assert len(cut.encode("utf-8", "replace")) <= limit
    assert cut.endswith("\n")


def test_thousands_of_alarms_and_warnings_fit() -> None:
    tell = Telling()
    long = "|" * 5000 + "測" * 5000
    readings = tuple(
        AlarmReading(
            f"arn:aws:cloudwatch:eu-central-1:1:alarm:{n}{long}",
            f"{n}{long}",
            "r",
            AlarmState.ALARM,
            long,
            START,
        )
        for n in range(2000)
    )
    tell.begins(*readings)
    for _ in range(2000):
        tell.say(e.Warned, text=long)
    tell.ends(e.Result.FAILED, long, long)
    text = summary(rollout_state(tell.events))
    assert len(text.encode()) < LIMIT
    assert "1950 more alarms, in the log" in text
    assert "1980 more warnings, in the log" in text
    assert text.rstrip().endswith("all times are UTC</sub>")


@given(hostile.filter(bool))
@example('"}}`\n```\n::error::x')
@example("aws lambda `x`")
@example('{"StringEquals": ')
def test_a_condition_can_be_copied_whole_from_log_and_summary(subject: str) -> None:
    claims = {"iss": "https://token.actions.githubusercontent.com", "aud": "a", "sub": subject}
    told = condition(claims)
    remedy = f"Check it. {claims_told(claims)} {accepting(claims)}"
    finished = e.Finished(at=START, result=e.Result.FAILED, reason="refused", remedy=remedy)
    written = io.StringIO()
    Log(Lines(written)).tell(finished)
    assert told in written.getvalue().splitlines()
    assert f"```json\n{told}\n```" in summary(rollout_state([finished]))


def permissions_of(text: str) -> e.PermissionsNeeded:
    """What a plan tells of a package, and of a job, that are called so."""
    inputs = read_inputs(
        {variable("function-name"): "checkout", variable("aws-region"): "eu-west-1"}
    )
    packages = {"checkout": S3Object("builds", text or "x", "")}
    claims = {"sub": text or "x", "aud": "sts.amazonaws.com"}
    return e.PermissionsNeeded(
        statements=policy_statements(inputs, packages, Place("aws", "ACCOUNT", "eu-west-1")),
        trust_policy=trust_policy(claims, "aws", "ACCOUNT"),
        subject="",
        why_unknown=text,
        allowed=(),
        refused=(),
    )


@given(hostile)
@example("</details>")
@example("```\n::error::x ##[error]x")
def test_policies_to_be_pasted_do_nothing_else(text: str) -> None:
    needed = permissions_of(text)
    calm, page = (Page(permissions_section(each)) for each in (permissions_of("calm"), needed))
    # GitHub lets `details` through; here it is shown as it is.
    assert [tag for tag in page.tags if tag != "code"] == [
        tag for tag in calm.tags if tag != "code"
    ]
    stream = io.StringIO()
    Log(Lines(stream)).tell(needed)
    assert [name for name, _ in obeyed(stream.getvalue())] == ["group", "endgroup"] * 2
    policy = json.loads(policy_text(needed))
    said = next(each["Resource"] for each in policy["Statement"] if each["Sid"] == "ReadThePackage")
    assert like(said, f"arn:aws:s3:::builds/{text or 'x'}")
