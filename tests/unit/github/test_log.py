"""The log as the Actions viewer gets it."""

import inspect
import io
import json
from collections.abc import Iterable
from decimal import Decimal

import pytest

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.github.log import MOST_ALIKE, Log
from lambda_rollout.github.stream import Lines
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.report.json_report import kebab
from lambda_rollout.report.permissions import POLICY, TRUST_POLICY
from lambda_rollout.rollout import events as e
from tests.support.long_rollout import LongRollout
from tests.support.stories import CHECKOUT, ERRORS_FIRED, ERRORS_OK, START, STORIES, Telling, alarm


def log_of(events: Iterable[e.Event]) -> list[str]:
    stream = io.StringIO()
    log = Log(Lines(stream))
    for event in events:
        log.tell(event)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("name", STORIES)
def test_groups_open_and_close_in_turn_and_the_verdict_is_outside(name: str) -> None:
    depth = 0
    for line in log_of(STORIES[name]()):
        if line.startswith("::group::"):
            depth += 1
        elif line == "::endgroup::":
            depth -= 1
        elif any(mark in line for mark in ("✅", "↩️", "❌", "!!!", "::error")):
            assert depth == 0, line
        assert depth in {0, 1}, line
    assert depth == 0


@pytest.mark.parametrize("name", STORIES)
def test_every_line_is_dated_or_a_command_or_to_be_copied(name: str) -> None:
    policy: list[str] | None = None
    for line in log_of(STORIES[name]()):
        if policy is not None and not line.startswith("::"):
            policy.append(line)
            continue
        if policy:
            assert json.loads("\n".join(policy))["Version"] == "2012-10-17"
        policy = (
            [] if line.startswith("::group::") and line.endswith((POLICY, TRUST_POLICY)) else None
        )
        # Below the line that says so, a function's own log, or a statement.
        undated = ("::", "aws lambda", "  |", '{"Effect')
        assert line[:8].count(":") == 2 or line.startswith(undated), line


def test_every_kind_of_event_is_told_and_has_a_story() -> None:
    told = {type(event) for story in STORIES.values() for event in story()}
    assert told == {
        kind
        for kind in vars(e).values()
        if inspect.isclass(kind) and issubclass(kind, e.Event) and kind is not e.Event
    }
    for story in STORIES.values():
        events = story()
        for index, event in enumerate(events):
            before, after = log_of(events[:index]), log_of(events[: index + 1])
            assert len(after) > len(before), kebab(type(event).__name__)


def test_no_more_annotations_than_github_shows_and_the_verdict_is_among_them() -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    for number in range(30):
        tell.say(e.Warned, text=f"warning {number}")
        tell.say(
            e.AliasLeft,
            target=CHECKOUT,
            routing=None,
            expected=Routing.all_on("7"),
            why=f"why {number}",
            command="",
        )
    tell.ends(e.Result.FAILED, "the very reason")
    lines = log_of(tell.events)
    for kind in ("::error ", "::warning "):
        assert sum(line.startswith(kind) for line in lines) <= 10
    assert "the very reason" in [line for line in lines if line.startswith("::error ")][-1]
    for number in range(30):  # those that are no annotation are still told
        assert any(f"warning {number}" in line for line in lines)


def many(functions: int) -> Telling:
    """So many are promoted; each was found to be called by nobody, and half of the alarms lack data."""
    targets = [Target(f"f{number}", "live") for number in range(functions)]
    tell = Telling("50% 5m, 100% 5m", *targets)
    states = (AlarmState.OK, AlarmState.INSUFFICIENT_DATA)
    tell.starts(*(alarm(f"a{number}", states[number % 2]) for number in range(2 * functions)))
    tell.finds_aliases()
    quiet = [Finding(Level.WARNING, Code.NO_TRAFFIC, f"Nobody calls {t}.", "", t) for t in targets]
    tell.say(e.PreflightFound, findings=tuple(quiet))
    tell.publishes()
    tell.shifts(1)
    tell.passes(1)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)
    return tell


def unfolded(lines: Iterable[str]) -> list[str]:
    """What the viewer shows before anything is unfolded."""
    seen, depth = [], 0
    for line in lines:
        depth += line.startswith("::group::")
        if not depth:
            seen.append(line)
        depth -= line == "::endgroup::"
    return seen


def test_a_hundred_functions_make_no_longer_log_than_nine_until_it_is_unfolded() -> None:
    nine, hundred = (log_of(many(functions).events) for functions in (9, 100))
    assert len(unfolded(hundred)) == len(unfolded(nine)) < 20
    assert "::group::🟢 100 alarms: OK" in hundred
    assert "::group::⚪ 100 alarms: INSUFFICIENT_DATA" in hundred
    assert all(sum(f" alarm a{number}: " in line for line in hundred) == 1 for number in range(200))
    # Every function has its lines all the same: as it was found, its finding, its version, its shift, its end.
    for number in range(100):
        assert sum(f"f{number}:live" in line or f" f{number}:" in line for line in hundred) >= 6
    assert sum(line.startswith("::warning ") for line in hundred) == 1


def test_a_few_functions_are_not_folded() -> None:
    groups = [line for line in log_of(many(3).events) if line.startswith("::group::")]
    assert groups == ["::group::Step 1 of 2: 50%25 for 5m"]


def test_a_rollback_that_was_asked_for_is_no_error() -> None:
    assert not any(line.startswith("::") for line in log_of(STORIES["asked-for-rollback"]()))


def test_each_mistake_in_the_inputs_is_an_annotation() -> None:
    stream = io.StringIO()
    problems = tuple(InputProblem("steps", f"{n}\n::error::x", "Write 10%.") for n in range(12))
    Log(Lines(stream)).input_problems(InputErrors(problems))
    lines = stream.getvalue().splitlines()
    assert sum(line.startswith("::error title=Input steps::") for line in lines) == 9
    assert sum("Write 10%." in line for line in lines if not line.startswith("::")) == 3
    assert "::group::And 3 more mistakes in the inputs" in lines
    assert all("\n" not in line and not line.startswith("::error::") for line in lines)


@pytest.mark.parametrize(
    "evil",
    [
        "x\n::set-output name=a::b",
        "x\r::error::y",
        "::stop-commands::t",
        "   ::add-mask::e",
        "##[command]rm",
        "a ##[group]b",
        "\N{RIGHT-TO-LEFT OVERRIDE}::warning::z",
        "x\N{LINE SEPARATOR}::error::y\x85::error::z",
        "\x1b[2J\x00",
        "\ud800",
    ],
)
def test_hostile_text_commands_nothing(evil: str) -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    reading = ERRORS_FIRED.__class__("arn", evil, "r", AlarmState.ALARM, evil, START)
    tell.say(e.AlarmChanged, reading=reading, before=AlarmState.OK, fired=True)
    tell.say(e.Unreadable, what=evil, why=evil)
    tell.say(e.Warned, text=evil)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=Routing.split("7", "8", Decimal(10)),
        expected=Routing.all_on("7"),
        why=evil,
        command=evil,
    )
    tell.ends(e.Result.FAILED, evil, evil, failed_alarms=(reading,))
    for line in log_of(tell.events):
        assert "##[" not in line
        if line.lstrip().startswith("::"):
            assert line.startswith(
                ("::group::", "::endgroup::", "::warning title", "::error title")
            )
        assert line.replace("\t", " ").isprintable(), ascii(line)


class BrokenPipe:
    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tries = 0

    def write(self, text: str, /) -> object:
        self.tries += 1
        raise self.error

    def flush(self) -> object:
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O on closed file"), OSError()])
def test_a_reader_that_went_away_is_no_error(error: Exception) -> None:
    pipe = BrokenPipe(error)
    log = Log(Lines(pipe))
    for event in STORIES["promoted"]():
        log.tell(event)
    assert pipe.tries == 1


def test_a_stream_without_unicode_gets_every_line() -> None:
    raw = io.BytesIO()
    log = Log(Lines(io.TextIOWrapper(raw, encoding="ascii")))
    for event in STORIES["rolled-back-in-step-1"]():
        log.tell(event)
    assert raw.getvalue().count(b"\n") == len(log_of(STORIES["rolled-back-in-step-1"]()))
    assert b"rolled back to version 7" in raw.getvalue()


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("promoted", 0),
        ("held", 0),
        ("unchanged", 0),
        ("plan", 0),
        ("rolled-back-in-step-1", 1),
        ("denied", 1),
        ("rollback-not-confirmed", 2),
    ],
)
def test_what_fails_the_job_is_an_error_annotation(name: str, errors: int) -> None:
    lines = log_of(STORIES[name]())
    assert sum(line.startswith("::error ") for line in lines) == errors


def test_what_repeats_itself_is_written_a_few_times_and_then_counted() -> None:
    story = LongRollout(functions=1, alarms=30, hours=1.0)
    lines = log_of(list(story.events()))
    of_one = [line for line in lines if "alarm service-000-errors:" in line and "→" in line]
    assert len(of_one) == MOST_ALIKE
    assert (
        "changes of alarm service-000-errors: no more of this is written, only counted"
        in "\n".join(lines)
    )
    (end, *_) = [line for line in lines if "not written above" in line]
    assert "1500 lines: changes of alarm" in end
    assert "and 5 more" in end


def test_a_firing_is_always_written() -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    for _ in range(20):
        tell.say(e.AlarmChanged, reading=ERRORS_OK, before=AlarmState.ALARM, fired=False)
    tell.say(e.AlarmChanged, reading=ERRORS_FIRED, before=AlarmState.OK, fired=True)
    assert any("OK → ALARM" in line for line in log_of(tell.events))


def test_of_many_functions_the_sum_is_written_and_those_that_failed_most() -> None:
    story = LongRollout(functions=40, alarms=1, hours=0.5)
    lines = log_of(list(story.events()))
    sums = [line for line in lines if "40 aliases" in line]
    # One at each reading, and the verdict's.
    assert len(sums) == 5
    assert "new versions: " in sums[0]
    assert sum("service-" in line and "invocations" in line for line in lines) == 5 * 5
