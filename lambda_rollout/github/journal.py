"""Where events go: kept, told at once in the log, and at the end written down for GitHub.

No report can fail a rollout: what goes wrong here is told once and forgotten.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambda_rollout.github.log import Log
from lambda_rollout.github.runner import Runner
from lambda_rollout.report.json_report import document
from lambda_rollout.report.kept import KeptEvents
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import after
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.wording import count, listing
from lambda_rollout.rollout.events import Event, Finished, Result, stamped
from lambda_rollout.runtime.clock import Clock

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors, InputProblem


class Journal:
    """The record of one run and everything that is made of it.

    `emit` is safe at any time; `finish` ends the record once, whatever it holds by then.
    """

    def __init__(self, runner: Runner, clock: Clock) -> None:
        """Begin an empty record; the log goes where the runner reads it."""
        self._runner = runner
        self._clock = clock
        self._log = Log(runner.lines)
        self._masks = runner.masks
        self._events = KeptEvents()
        self._story = RolloutState()
        self._lock = threading.Lock()
        """Several targets are shifted at once, each in a thread of its own."""
        self._listeners: list[tuple[str, Callable[[Event], None]]] = []
        self._finished = False
        self._failures: set[str] = set()

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened so far, in order, as far as it is kept."""
        return self._events.events

    @property
    def story(self) -> RolloutState:
        """What stands at this moment."""
        return self._story

    def emit(self, event: Event) -> None:
        """Keep ``event``, without secrets and with its time, and tell it in the log; never raises."""
        event = stamped(self._masks.of_value(event), self._clock.now())
        with self._lock:
            self._keep(event)
            self._try("log", lambda: self._log.tell(event))
            for name, listener in self._listeners:
                self._try(name, functools.partial(listener, event))

    def also_tell(self, name: str, listener: Callable[[Event], None]) -> None:
        """Hand every further event on to ``listener``, which must return at once; if it fails, ``name`` is said to."""
        self._listeners.append((name, listener))

    def finish(
        self, reason: str = "the run was interrupted before its end", remedy: str = ""
    ) -> None:
        """Write outputs, report and summary; once, and never raises.

        ``reason`` and ``remedy`` are for a record that has no end yet: it gets one, as ``failed``.
        """
        if self._finished:
            return
        if self._story.finished is None:
            self.emit(self._failed(reason, remedy))
        self._write(self._summary)

    def input_problems(self, errors: InputErrors) -> None:
        """Tell what is wrong with the inputs, and write everything as for a run that failed."""
        names = list(dict.fromkeys(problem.input for problem in errors.problems))
        mistakes = count(errors.count, "mistake")
        self._try("log", lambda: self._log.input_problems(errors))
        self._keep(self._failed(f"{mistakes} in the inputs: {listing(names, 10)}", ""))
        self._write(functools.partial(_summary_of_mistakes, errors), errors.told)

    def _summary(self) -> str:
        # What only the end needs is not imported at the start.
        from lambda_rollout.report.summary.summary import summary

        return summary(self.story)

    def _keep(self, event: Event) -> None:
        self._try("record", lambda: self._events.add(event))
        self._try("state", lambda: self._take(event))

    def _take(self, event: Event) -> None:
        self._story = after(self._story, event)

    def _failed(self, reason: str, remedy: str) -> Finished:
        now = self._clock.now()
        return Finished(at=now, result=Result.FAILED, reason=reason, remedy=remedy)

    def _write(self, summarize: Callable[[], str], problems: tuple[InputProblem, ...] = ()) -> None:
        # The next steps need the outputs, people can do without the rest: so they come first, and
        # the report's path, which is known only once it is written, comes after it.
        self._finished = True
        self._try("outputs", self._write_outputs)
        self._try("report", lambda: self._write_report(problems))
        self._try("summary", lambda: self._runner.append_summary(summarize()))

    def _write_outputs(self) -> None:
        values = outputs(self.story)
        del values["report"]
        self._runner.write_outputs(values)

    def _write_report(self, problems: tuple[InputProblem, ...]) -> None:
        kept = self._events
        path = self._runner.write_report(document(self.story, kept.events, problems, kept.left_out))
        self._runner.write_outputs({"report": path})

    def _try(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - no report may fail a rollout
            if what not in self._failures:
                self._failures.add(what)
                self._runner.note(f"The {what} failed: {type(error).__name__}: {error}")


def _summary_of_mistakes(errors: InputErrors) -> str:
    from lambda_rollout.report.summary.summary import summary_of_input_problems

    return summary_of_input_problems(errors)
