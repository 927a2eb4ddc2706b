"""The live log, as the Actions viewer shows it: groups, lines and annotations.

One group for each step. What ends a rollout stands outside of the groups, because the viewer folds
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_rollout.github.commands import ANNOTATION_LIMIT, ANNOTATIONS_SHOWN, command, inert
from lambda_rollout.github.stream import Lines
from lambda_rollout.preflight.finding import Finding, Level
from lambda_rollout.report.alarm_lines import part_quiet_alarms
from lambda_rollout.report.alike import is_large
from lambda_rollout.report.findings import (
    LEVEL_MARKS,
    about,
    about_all,
    by_kind,
    numbers,
    told_in_full,
)
from lambda_rollout.report.kept import repeats
from lambda_rollout.report.lines import about_what, told
from lambda_rollout.report.reduce import after
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.verdict import (
    CONDITION,
    MARKS,
    advice_to_copy,
    happenings,
    headline,
    is_failure,
    left_against,
    left_as,
)
from lambda_rollout.report.wording import (
    clean,
    clock_time,
    count,
    listing,
    planned_watch,
    sentence,
    step_name,
    visible,
)
from lambda_rollout.rollout import events as e

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors, InputProblem

_COMMAND_LIMIT = 4000  # characters of an AWS CLI command
_LOG_LINE_LIMIT = 1000  # characters of a line of a function's log


MOST_ALIKE = 10
"""Times that the same thing is written which goes on repeating itself, such as the changes of an alarm that flaps."""

_LISTS: Mapping[type[e.Event], str] = {
    e.AliasFound: "The aliases as they are",
    e.VersionPublished: "Getting the new versions ready",
    e.VersionTaken: "Getting the new versions ready",
    e.VersionWaited: "Getting the new versions ready",
    e.VersionReady: "Getting the new versions ready",
    e.RecordCleared: "Removing the records",
}
"""What is told of each function outside of the steps: of many functions it is folded, with this title."""

_PACED = (e.Heartbeat, e.MetricsRead, e.HookInProgress, e.Warned)
"""These come once a minute, or have a limit of their own."""


class Log:
    """Tells events as they happen."""

    def __init__(self, lines: Lines) -> None:
        """Begin a log that is written to ``lines``."""
        self._lines = lines
        self._story = RolloutState()
        self._group = ""
        self._annotations: Counter[str] = Counter()
        self._told: Counter[Hashable] = Counter()
        """How often events that repeat the same thing were told, or only counted."""
        self._not_told: Counter[str] = Counter()

    def tell(self, event: e.Event) -> None:
        """Write what ``event`` has to say."""
        self._story = after(self._story, event)
        if isinstance(event, e.StepStarted | e.RolledBack | e.TakenBack | e.AliasLeft | e.Finished):
            self._say_what_was_not_told(event)
            self._close_group()
        if isinstance(event, e.StepStarted):
            self._open_group(self._title_of(event))
        elif self._group in {"", *_LISTS.values()}:
            self._fold_list(event)
        self._tell_all(event)
        if isinstance(event, e.StepPassed):
            self._say_what_was_not_told(event)
            self._close_group()

    def _tell_all(self, event: e.Event) -> None:
        match event:
            case e.Warned():
                self._annotate("warning", "Lambda rollout", event.text)
            case e.AlarmsFound():
                self._alarms_found(event)
            case e.PreflightFound() | e.PermissionsNeeded():
                self._looked_ahead(event)
            case e.SmokeTested() | e.LogNotRead():
                self._with_lines(event)
            case e.AliasLeft():
                self._left(event)
            case e.Finished():
                self._finished(event)
            case _:
                self._tell_unless_too_often(event)

    def _tell_unless_too_often(self, event: e.Event) -> None:
        """Write an event that repeats itself a few times, then only count it: others must be found between."""
        what = None if isinstance(event, _PACED) else repeats(event)
        if what is not None:
            self._told[what] += 1
            if self._told[what] > MOST_ALIKE:
                self._not_told[about_what(event)] += 1
                return
        for text in told(event, self._story):
            self._say(event, text)
        if what is not None and self._told[what] == MOST_ALIKE:
            self._say(event, f"{about_what(event)}: no more of this is written, only counted")

    def _say_what_was_not_told(self, event: e.Event) -> None:
        """Sum up what was only counted."""
        if not self._not_told:
            return
        most = [f"{what} ({number})" for what, number in self._not_told.most_common(10)]
        often = count(self._not_told.total(), "line")
        self._say(event, f"not written above, {often}: {listing(most, 5)}")
        self._not_told.clear()

    def input_problems(self, errors: InputErrors) -> None:
        """Write each mistake in the inputs that is told as an annotation of its own; of many the rest is folded."""
        shown, more = errors.told[: ANNOTATIONS_SHOWN - 1], errors.told[ANNOTATIONS_SHOWN - 1 :]
        for problem in shown:
            self._input_problem(problem)
        if more:
            self._open_group(f"And {count(len(more), 'more mistake')} in the inputs")
            for problem in more:
                self._input_problem(problem)
            self._close_group()
        self.note("❌ The inputs are wrong. Nothing was changed.")

    def _input_problem(self, problem: InputProblem) -> None:
        given = f"{clean(problem.given, 200)!r}: " if problem.given else ""
        text = f"{problem.input}: {given}{problem.remedy}"
        self._annotate("error", f"Input {problem.input}", text)

    def note(self, text: str) -> None:
        """Write a line that is no event: something about the reports themselves."""
        self._lines.write(inert(clean(text)))

    def _say(self, event: e.Event, text: str) -> None:
        self._lines.write(inert(f"{clock_time(event.at)}  {clean(text)}"))

    def _title_of(self, event: e.StepStarted) -> str:
        here = (event.percent, event.holds)
        later = sum((step.percent, step.holds) > here for step in self._story.steps)
        return (
            f"Step {event.number} of {event.number + later}: {step_name(event.percent, holds=event.holds)} for "
            f"{planned_watch(event.watch, event.earliest, holds=event.holds)}"
        )

    def _fold_list(self, event: e.Event) -> None:
        """Put what is told of each of many functions into a group of its own."""
        title = _LISTS.get(type(event), "") if is_large(self._story) else ""
        if title != self._group:
            self._close_group()
            if title:
                self._open_group(title)

    def _open_group(self, title: str) -> None:
        self._lines.write(command("group", title))
        self._group = title

    def _close_group(self) -> None:
        if self._group:
            self._lines.write(command("endgroup"))
            self._group = ""

    def _annotate(self, kind: str, title: str, text: str, *, last: bool = False) -> None:
        """Write an annotation, or a plain line once GitHub would drop it. One is kept for the ``last``."""
        message = clean(text, ANNOTATION_LIMIT // 4)  # should GitHub count bytes and not characters
        self._annotations[kind] += 1
        if last or self._annotations[kind] < ANNOTATIONS_SHOWN:
            self._lines.write(command(kind, message, title=clean(title, 200)))
        else:
            self._lines.write(inert(f"{kind}: {clean(title, 200)}: {message}"))

    def _alarms_found(self, event: e.AlarmsFound) -> None:
        """Write the state of each; many that are well are folded."""
        others, quiet = part_quiet_alarms(event.readings)
        for text in told(replace(event, readings=tuple(others)), self._story):
            self._say(event, text)
        for title, readings in quiet.items():
            self._open_group(title)
            for text in told(replace(event, readings=tuple(readings)), self._story):
                self._say(event, text)
            self._close_group()

    def _looked_ahead(self, event: e.PreflightFound | e.PermissionsNeeded) -> None:
        if isinstance(event, e.PreflightFound):
            self._preflight(event)
        else:
            self._permissions(event)

    def _preflight(self, event: e.PreflightFound) -> None:
        """Write the findings, the grave ones as annotations, each with its command to copy; many alike folded."""
        for text in told(event, self._story):
            self._say(event, text)
        for kind in by_kind(event.findings):
            first, *others = kind
            text, what = told_in_full(first), about_all(kind)
            if first.level is Level.NOTE:
                self._say(event, f"{LEVEL_MARKS[first.level]} {what}: {text}")
            else:
                self._annotate(first.level.value, f"Preflight: {what}", text)
            self._command_of(first)
            self._folded(event, others)

    def _folded(self, event: e.PreflightFound, others: Sequence[Finding]) -> None:
        """Write findings of a kind that was told already."""
        if not others:
            return
        self._open_group(f"{others[0].code.value}: {len(others)} more")
        for finding in others:
            text = f"{LEVEL_MARKS[finding.level]} {about(finding)}: {told_in_full(finding)}"
            self._say(event, text)
            self._command_of(finding)
        self._close_group()

    def _command_of(self, finding: Finding) -> None:
        if finding.command:
            self._lines.write(inert(visible(finding.command)[:_COMMAND_LIMIT]))

    def _with_lines(self, event: e.SmokeTested | e.LogNotRead) -> None:
        """Write what it says, and below it the function's own log with its indents, or the statement to copy."""
        for text in told(event, self._story):
            self._say(event, text)
        if isinstance(event, e.LogNotRead):
            if event.statement:
                self._lines.write(inert(visible(event.statement)[:_COMMAND_LIMIT]))
            return
        for line in event.log:
            self._lines.write(inert(f"  | {visible(line)[:_LOG_LINE_LIMIT]}".rstrip()))

    def _permissions(self, event: e.PermissionsNeeded) -> None:
        """Write what is known of them, and both policies to be copied, folded."""
        # Only a plan tells them, and no rollout is to wait for what that brings along.
        from lambda_rollout.report.permissions import POLICY, TRUST_POLICY, policy_text

        for text in told(event, self._story):
            self._say(event, text)
        for title, policy in ((POLICY, policy_text(event)), (TRUST_POLICY, event.trust_policy)):
            if policy:
                self._lines.write(command("group", title))
                for line in policy.splitlines():
                    self._lines.write(inert(visible(line)))
                self._lines.write(command("endgroup"))

    def _left(self, event: e.AliasLeft) -> None:
        self._say(event, f"!!! {left_as(event)}")
        self._say(event, f"!!! {left_against(event)}")
        self._say(event, f"!!! WHY: {event.why}")
        if event.command:
            self._say(event, "!!! RUN THIS COMMAND TO FIX IT:")
            self._lines.write(inert(visible(event.command)[:_COMMAND_LIMIT]))
        fix = f" To fix it, run: {event.command}" if event.command else ""
        text = f"{left_as(event)}. {left_against(event)}. Why: {sentence(event.why)}{fix}"
        self._annotate("error", f"Alias {event.target}", text)

    def _finished(self, event: e.Finished) -> None:
        words = headline(self._story)
        self._say(event, f"{MARKS[event.result]} {words}")
        if event.reason:
            self._say(event, f"why: {event.reason}")
        for text in happenings(self._story):
            self._say(event, text)
        for text in numbers(self._story.numbers.values()):
            self._say(event, f"in all, {text}")
        self._advise(event)
        if is_failure(event):
            message = " ".join(filter(None, (sentence(event.reason), event.remedy))) or words
            self._annotate("error", words, message, last=True)

    def _advise(self, event: e.Finished) -> None:
        advised, copied = advice_to_copy(self._story)
        if copied.startswith(CONDITION):
            self._say(event, f"what to do: {advised}")
            # Whole, and on a line of its own: half of it would let in another job, or nobody.
            self._lines.write(inert(visible(copied)))
        elif advised or copied:
            self._say(event, f"what to do: {advised}{copied}")
