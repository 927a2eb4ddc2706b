"""Credentials that are renewed beside the calls, whatever kind they are of.

botocore renews inside the call that happens to come in the last quarter of an hour, and a source that hangs then (a
``credential_process``, an STS that does not answer) stops every call, although the old ones are good for minutes. Here
nobody waits for a source while the old ones are good.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError

from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.aws.calls import says_expired
from lambda_rollout.aws.marks import has_request_id
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import CallFailed, RolloutError, Unanswered

GET_CREDENTIALS = "GetCredentials"
"""Our name in messages for asking whatever source there is; it has none of its own."""

RENEW_AT = 0.5
"""Share of the lifetime after which the background renews; a failed try is repeated until the end."""

RETRY_EVERY = 30.0
RETRY_SHARE = 0.05
RETRY_LEAST = 0.1
"""A failed renewal is tried again after so many seconds, or after this share of the lifetime if that is less."""

MARGIN = 5.0
"""Seconds before their end from which they are not used any more: a request takes a while to arrive."""

FIRST_WAIT = 30.0
"""Seconds that one try of the first ones has; a ``credential_process`` may have to ask others."""

CALL_WAIT = 1.5
"""Seconds after which no call waits for new ones any more, counted from when they were asked for. With the call's own
deadline that is less than the seven that a rollback has."""

REFUSED_FOR = 5.0
"""Seconds for which AWS is not asked again whether they have really ended."""

HANGS_AFTER = 30.0
"""Seconds without an answer after which a source is asked once more beside; then twice as long, and so on: nothing
ends a question that hangs, and a source that hung once may be well again."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One set of credentials; ``lasts`` is how long from the moment they were asked for, None for always."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    lasts: timedelta | None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may read of them."""
        return (self.access_key, self.secret_key, self.token or "")


@dataclass(frozen=True, slots=True)
class _Held:
    """What calls are signed with; moments are monotonic seconds, and None is never."""

    signing: ReadOnlyCredentials = field(repr=False)
    asked_at: float
    ends_at: float | None
    renew_at: float | None
    retry_after: float
    lifetime: float = math.inf
    """Seconds that they lasted when they were first issued."""


def _held(issued: Issued, asked_at: float, before: _Held | None) -> _Held:
    signing = ReadOnlyCredentials(issued.access_key, issued.secret_key, issued.token)
    if issued.lasts is None:
        return _Held(signing, asked_at, None, None, RETRY_EVERY)
    lasts = issued.lasts.total_seconds()
    return _Held(
        signing,
        asked_at,
        ends_at=asked_at + lasts - min(MARGIN, lasts / 10),
        renew_at=asked_at + max(RENEW_AT * lasts, RETRY_LEAST),
        retry_after=max(min(RETRY_EVERY, RETRY_SHARE * lasts), RETRY_LEAST),
        # A source may give the same again: they have not become younger by that.
        lifetime=before.lifetime if before and before.signing == signing else lasts,
    )


class _Question:
    """One try to get credentials, in a thread of its own: a source that hangs holds up nobody else."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.answered = Stop()
        self.waiting: Stop | None = None
        """Whom to wake besides, who waits for something else as well."""
        self.failure: Exception | None = None

    @property
    def hangs(self) -> bool:
        return not self.answered.requested

    def end(self, failure: Exception | None) -> None:
        self.failure = failure
        self.answered.request("answered")
        if self.waiting is not None:
            self.waiting.request("answered")


class RenewedCredentials(Credentials):
    """Credentials that a background thread replaces long before they end; botocore signs with them.

    Only when they have ended does a call wait for new ones, and for no longer than `CALL_WAIT`; without any it raises
    CredentialRetrievalError. Whoever asks next finds what came in the meantime.
    """

    def __init__(self, issue: Callable[[], Issued], clock: Clock, method: str) -> None:
        """Ask nobody yet. ``issue`` asks the source once, however long that takes; ``method`` is its name."""
        super().__init__("", "", None, method=method)
        self._issue = issue
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._question: _Question | None = None
        self._hanging = 0
        self._doubt: _Question | None = None
        self._refused_at: float | None = None
        self.failure: Exception | None = None
        """Why the last renewal failed; None after one that did not."""

    @property
    def last(self) -> bool:
        """Whether those that are there last for ever, as far as anybody knows."""
        return self._held is not None and self._held.ends_at is None

    def life(self) -> CredentialsLife:
        """Say how long they last, and whether a renewal fails."""
        held, failure = self._held, self.failure
        if held is None or held.ends_at is None:
            return CredentialsLife()
        return CredentialsLife(held.ends_at, held.lifetime, _brief(failure))

    # The first ones, and those after them ------------------------------------------------------

    def first(self, stop: Stop) -> None:
        """Wait for the first ones, until ``stop``. Raises what the source raises, `Unanswered` if nothing comes."""
        with stop.inner() as woken:
            question = self._ask()
            question.waiting = woken
            if question.hangs:
                self._clock.wait(FIRST_WAIT, woken)
        if question.hangs:
            raise _no_answer()
        if question.failure is not None:
            raise question.failure

    def keep_fresh(self, stop: Stop) -> None:
        """Renew in the background from now on, until ``stop``."""
        threading.Thread(
            target=self._keep_fresh, args=(stop,), name="credentials", daemon=True
        ).start()

    def _keep_fresh(self, stop: Stop) -> None:
        while not stop.requested and self._held is not None and self._held.renew_at is not None:
            early = self._held.renew_at - self._clock.monotonic()
            if early > 0:
                self._clock.wait(early, stop)
                continue
            question = self._ask()
            self._clock.wait(HANGS_AFTER, question.answered)
            if question.hangs:
                self._fail(question, _no_answer())
            if question.hangs or question.failure is not None:
                self._clock.wait(self._held.retry_after, stop)

    # What a call sees --------------------------------------------------------------------------

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the newest; botocore calls this for each request that it signs."""
        question = self._ask() if self._over else self._doubt
        if question is not None:
            left = question.at + CALL_WAIT - self._clock.monotonic()
            self._clock.wait(max(left, 0.0), question.answered)
        if self._held is None or self._over:
            why = self.failure or "no answer from the source of credentials"
            raise CredentialRetrievalError(provider=self.method, error_msg=str(why))
        return self._held.signing

    def heed(self, **answer: Any) -> None:
        """Hear AWS's word that they have ended, whatever our clock says; botocore's ``after-call`` event.

        A machine that was suspended, for one, has slept through their time. Said once, new ones are asked for and
        the next call waits for them a little; said again without a good answer in between, they are over, until one
        call finds out whether that is still so. The word may be somebody else's, or meant for older ones, and must not
        lock out a rollback while the source hangs.
        """
        if says_expired(answer["parsed"]):
            if self._doubt is not None:
                self._refused_at = self._clock.monotonic()
            self._doubt = self._ask()
        elif "Error" not in answer["parsed"] and has_request_id(answer["parsed"]):
            self._doubt = self._refused_at = None

    @property
    def _over(self) -> bool:
        held, refused_at, now = self._held, self._refused_at, self._clock.monotonic()
        if held is None or (refused_at is not None and now < refused_at + REFUSED_FOR):
            return True
        return held.ends_at is not None and now >= held.ends_at

    # Asking ------------------------------------------------------------------------------------

    def _ask(self) -> _Question:
        """Return the question that is being asked, or begin one."""
        with self._lock:
            now, last = self._clock.monotonic(), self._question
            if last is not None and last.hangs:
                if now - last.at < HANGS_AFTER * 2**self._hanging:
                    return last
                self._hanging += 1
            question = self._question = _Question(now)
        threading.Thread(target=self._put, args=(question,), daemon=True).start()
        return question

    def _put(self, question: _Question) -> None:
        try:
            issued = self._issue()
        except Exception as error:  # noqa: BLE001 - kept for who waits; the old ones may still be good
            self._fail(question, error)
            question.end(error)
            return
        self._take(issued, question.at)
        question.end(None)

    def _take(self, issued: Issued, asked_at: float) -> None:
        with self._lock:
            # An answer that comes late is good all the same, but no newer than it was asked for.
            if self._held is None or asked_at >= self._held.asked_at:
                self._held = _held(issued, asked_at, self._held)
                self._hanging, self._doubt, self._refused_at = 0, None, None
            self.failure = None

    def _fail(self, question: _Question, why: Exception) -> None:
        with self._lock:
            # One that was asked before those that are held says nothing of their renewal.
            if self._held is None or question.at >= self._held.asked_at:
                self.failure = why


def _no_answer() -> Unanswered:
    return Unanswered(GET_CREDENTIALS, "Timeout", "no answer from the source of credentials")


def _brief(failure: Exception | None) -> str:
    """Say in one line why a renewal failed; empty if none did."""
    if isinstance(failure, CallFailed):
        return failure.brief
    if isinstance(failure, RolloutError):
        return failure.what.rstrip(".")
    return f"{type(failure).__name__}: {failure}" if failure else ""
