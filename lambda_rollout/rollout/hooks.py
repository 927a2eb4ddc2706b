"""Asking the user's hooks, beside whatever else is watched.

A hook's call runs in the background and the story only looks at it: a hook that hangs delays nothing. What it answers
decides whether the rollout goes on, and nothing else; an answer that comes after the decision is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta

from lambda_rollout.analysis.hooks import (
    NO_DETAILS,
    HookAnswer,
    HookRequest,
    HookStatus,
    pause_after,
    read_answer,
)
from lambda_rollout.analysis.invocation import Invocation
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.rollout.events import (
    HookEnded,
    HookInProgress,
    HookStarted,
    HookUnanswered,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.background import Pending, pending
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import (
    AccessDenied,
    CallFailed,
    Cancelled,
    CredentialsExpired,
    InvalidRequest,
    NotFound,
    RolloutError,
)
from lambda_rollout.runtime.retry import EXPIRED_LIMIT, raise_if_stopped

LONGEST_CALL = 910.0
"""Seconds that one call may take: as long as any function may run (15 minutes), and a margin."""

LEAST_CALL = 10.0
"""Seconds that a call has at least, also where a limit is nearer: a function may have to start first."""

TELL_EVERY = 60.0
"""Seconds between two events that only say that a hook is still in progress."""

FOR_GOOD = (NotFound, AccessDenied, InvalidRequest)
"""What no second call would change. Any other is made again, 5xx included: hooks are made to be asked twice."""

Deadline = Callable[[float], float]
"""From the moment of a hook's first call to the moment at which it must have said yes; monotonic seconds."""


class HookRun:
    """The hooks of one stage, asked one after the other. Nothing here blocks but `wait`."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        request: HookRequest,
        ports: Ports,
        limit: Deadline,
        stop: Stop | None = None,
    ) -> None:
        """Ask nobody yet. ``stop`` ends a wait, the ports' own by default."""
        self._waiting = list(hooks)
        self._request = request
        self._ports = ports
        self._limit = limit
        self._stop = stop or ports.stop
        self._one: _OneHook | None = None
        self.failed = ""
        """Which hook said no, and why; empty as long as none did."""

    @property
    def passed(self) -> bool:
        """Whether every hook said yes."""
        return not (self._waiting or self._one or self.failed)

    @property
    def next_at(self) -> float:
        """When there is something to do if no answer comes before; monotonic seconds."""
        return self._one.next_at if self._one else self._ports.clock.monotonic()

    def advance(self) -> bool:
        """Take what was answered, and ask whoever is to be asked now; whether every hook said yes."""
        while not self.failed:
            if self._one is None:
                if not self._waiting:
                    return True
                self._one = self._make_one(self._waiting.pop(0))
            answer = self._one.advance()
            if answer is None:
                return False
            hook, self._one = self._one.hook, None
            self._end(hook, answer)
        return False

    def _make_one(self, hook: Hook) -> _OneHook:
        self._ports.emit(HookStarted(hook=hook, step=self._request.step))
        limit = self._limit(self._ports.clock.monotonic())
        return _OneHook(hook, self._request, self._ports, limit, self._stop)

    def _end(self, hook: Hook, answer: HookAnswer) -> None:
        passed = answer.status is HookStatus.SUCCEEDED
        if not passed:
            self.failed = f"{hook} failed: {answer.why}"
        self._ports.emit(
            HookEnded(hook=hook, passed=passed, why=answer.why, details=_shown(answer.details))
        )

    def wait(self, seconds: float) -> None:
        """Wait for an answer, at most so long, and no longer than until stop."""
        if self._one is not None:
            self._one.wait(seconds)
        else:
            self._ports.clock.wait(seconds, self._stop)

    def abandon(self) -> None:
        """Look at no answer any more."""
        if self._one is not None:
            self._one.abandon()
            self._one = None

    def ask_all(self) -> None:
        """Ask until all said yes or one said no; nothing else is looked at meanwhile. Raises `Cancelled` on stop."""
        clock = self._ports.clock
        while True:
            try:
                raise_if_stopped(self._stop)
            except Cancelled:
                self._give_up()
                raise
            if self.advance() or self.failed:
                return
            self.wait(max(0.0, self.next_at - clock.monotonic()))

    def ask_until(self, moment: float) -> None:
        """Ask, and wait for a last word no longer than until ``moment`` (monotonic seconds)."""
        clock = self._ports.clock
        while not self.advance() and not self.failed:
            left = moment - clock.monotonic()
            if left <= 0:
                self._give_up()
                return
            self.wait(min(left, max(0.0, self.next_at - clock.monotonic())))

    def _give_up(self) -> None:
        """Say of the one that is being asked that nobody waits for it."""
        if self._one is not None:
            hook = self._one.hook
            self.abandon()
            why = "the job was cancelled, and nobody waits for its answer"
            self._end(hook, HookAnswer(HookStatus.FAILED, why))


class _OneHook:
    """One hook, from its first call to its last word."""

    def __init__(
        self,
        hook: Hook,
        request: HookRequest,
        ports: Ports,
        limit: float,
        stop: Stop,
    ) -> None:
        self.hook = hook
        self._request = request
        self._ports = ports
        self._limit = limit
        self._stop = stop
        self._clock = ports.clock
        self._call: Pending[Invocation] | None = None
        self._call_limit = limit
        self._answered_at = 0.0
        self._leaving = ExitStack()
        self._again_at = now = ports.clock.monotonic()
        self._details = NO_DETAILS
        self._failures = 0
        self._expired_since = math.inf
        self._told_at = now - TELL_EVERY

    @property
    def next_at(self) -> float:
        return self._call_limit if self._call is not None else self._again_at

    def advance(self) -> HookAnswer | None:
        """Return its last word; None as long as there is none."""
        if self._call is None and self._clock.monotonic() >= self._again_at:
            self._begin(self._clock.monotonic())
        if self._call is None:
            return None
        now = self._clock.monotonic()
        late = self._answered_at if self._call.done else now
        if late >= self._call_limit:
            self.abandon()
            return self._too_late("it has not answered")
        return self._take(self._call, now) if self._call.done else None

    def wait(self, seconds: float) -> None:
        if self._call is not None:
            self._call.wait(self._clock, seconds)
        else:
            self._clock.wait(seconds, self._stop)

    def abandon(self) -> None:
        self._call = None
        self._leaving.close()

    def _begin(self, now: float) -> None:
        invocations = self._ports.invocations
        payload = self._request.payload(self._details)
        function, qualifier = self.hook.target

        def call() -> Invocation:
            if invocations is None:
                raise RolloutError("there is nothing to invoke a hook with")
            try:
                return invocations.invoke(function, qualifier, payload, LONGEST_CALL)
            finally:
                self._answered_at = self._clock.monotonic()

        self._call_limit = max(self._limit, now + LEAST_CALL)
        self._call = self._leaving.enter_context(
            pending(self._ports.background(), self._stop, call)
        )

    def _take(self, call: Pending[Invocation], now: float) -> HookAnswer | None:
        self.abandon()
        try:
            invocation = call.result()
        except FOR_GOOD as error:
            return HookAnswer(HookStatus.FAILED, error.brief)
        except CallFailed as error:
            return self._unanswered(error, now)
        except RolloutError as error:
            return HookAnswer(HookStatus.FAILED, error.what)
        self._failures, self._expired_since = 0, math.inf
        answer = read_answer(invocation.payload, invocation.function_error)
        if answer.status is not HookStatus.IN_PROGRESS:
            return answer
        if now >= self._limit:
            return self._too_late("it is still IN_PROGRESS")
        self._details = answer.details
        # The last time it is asked is at the limit, whatever it said.
        self._again_at = min(now + answer.delay, self._limit)
        if now - self._told_at >= TELL_EVERY:
            self._told_at = now
            self._ports.emit(
                HookInProgress(
                    hook=self.hook,
                    again_in=timedelta(seconds=self._again_at - now),
                    details=_shown(answer.details),
                )
            )
        return None

    def _unanswered(self, error: CallFailed, now: float) -> HookAnswer | None:
        """Ask again: hooks are made to be asked twice."""
        expired = isinstance(error, CredentialsExpired)
        self._expired_since = min(self._expired_since, now) if expired else math.inf
        if now - self._expired_since >= EXPIRED_LIMIT:
            return HookAnswer(HookStatus.FAILED, error.brief)
        if now >= self._limit:
            return self._too_late(f"it has not answered ({error.brief})")
        self._failures += 1
        self._again_at = min(now + pause_after(self._failures), self._limit)
        if self._failures == 1:
            self._ports.emit(HookUnanswered(hook=self.hook, why=error.what))
        return None

    def _too_late(self, what: str) -> HookAnswer:
        return HookAnswer(HookStatus.FAILED, f"{what}, and its time is over")


_SHOWN = 1000
"""Characters of a hook's details that are told."""


def _shown(details: str) -> str:
    return "" if details == NO_DETAILS else details[:_SHOWN]
