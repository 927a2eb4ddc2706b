"""How long a preflight goes on asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lambda_rollout.preflight.facts import Unread
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    AccessDenied,
    Busy,
    CallFailed,
    Cancelled,
    DeniedOtherwise,
    InvalidRequest,
    NotFound,
    RolloutError,
    Unanswered,
    is_throttled,
)
from lambda_rollout.runtime.retry import raise_if_stopped, retrying_until

LIMIT = 30.0
"""Seconds without a single answer after which nothing more is asked: what is left goes unchecked, and that is a
warning. As long as AWS answers, everything is asked, however many functions there are."""

READ_LIMIT = 3.0
"""Seconds to try again what was not answered: a preflight is worth some patience, and not a rollout's delay. Where one
was never answered, each of the rest is asked once. What AWS throttles is asked again until `LIMIT`."""

_T = TypeVar("_T")


class Reading:
    """Reads one fact after the other, patiently. May be used from several threads."""

    def __init__(self, clock: Clock, stop: Stop | None) -> None:
        """Nothing was asked yet."""
        self._clock = clock
        self._stop = stop
        self._answered_at = clock.monotonic()
        self._patience = READ_LIMIT

    def __call__(self, action: str, read: Callable[[], _T]) -> _T | Unread:
        """Return what ``read`` returns, or why that could not be read; ``action`` is the permission that it takes.

        Raises `Cancelled` on stop, and nothing else.
        """
        raise_if_stopped(self._stop)
        if self._nobody_answers():
            why = f"not asked, because AWS had answered nothing for {LIMIT:.0f}s"
            return Unread(action, why, denied=False, out_of_time=True)
        try:
            found = self._retrying(read)
        except Cancelled:
            raise
        except CallFailed as error:
            return self._unread(action, error)
        except RolloutError as error:
            return Unread(action, error.what, denied=False)
        self._answered_at = self._clock.monotonic()
        return found

    def _retrying(self, read: Callable[[], _T]) -> _T:
        began = self._clock.monotonic()

        def gives_up(error: BaseException | None) -> bool:
            if is_throttled(error):
                return self._nobody_answers()
            return self._clock.monotonic() - began >= self._patience

        return retrying_until(gives_up, self._clock, self._stop)(read)

    def _nobody_answers(self) -> bool:
        return self._clock.monotonic() - self._answered_at >= LIMIT

    def _unread(self, action: str, error: CallFailed) -> Unread:
        if isinstance(error, Busy | Unanswered):
            self._patience = 0.0
        else:
            self._answered_at = self._clock.monotonic()
        denied = isinstance(error, AccessDenied) and not isinstance(error, DeniedOtherwise)
        refused = isinstance(error, NotFound | InvalidRequest)
        throttled = is_throttled(error)
        return Unread(action, str(error), denied=denied, refused=refused, out_of_time=throttled)
