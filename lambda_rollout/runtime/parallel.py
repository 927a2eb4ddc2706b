"""Doing the same to many targets: one after the other, or several at a time.

AWS allows 15 control-plane calls a second for the whole account, and a call takes some 0.1 s: one at a time
leaves a part of that unused, and a hundred functions would be rolled back one after the other. How fast the
calls may follow one another is not decided here (`lambda_rollout.aws.rate_limit`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from lambda_rollout.runtime.errors import Cancelled

_T = TypeVar("_T")
_R = TypeVar("_R")

MAX_WORKERS = 8
"""Calls under way at once: enough to use up the quota at 0.5 s a call."""


class Parallel(Protocol):
    """Does ``act`` to every item and returns the answers in the items' order.

    Once one has raised, no further one is begun; when all that were begun are over, the error that came first
    is raised, and one that is no `Cancelled` before those: they may be nothing but its consequences.
    """

    def __call__(self, act: Callable[[_T], _R], items: Sequence[_T], /) -> list[_R]:
        """See the class."""
        ...


def one_by_one(act: Callable[[_T], _R], items: Sequence[_T], /) -> list[_R]:
    """Do it in order, in this thread; see `Parallel`."""
    return [act(item) for item in items]


def several_at_once(act: Callable[[_T], _R], items: Sequence[_T], /) -> list[_R]:
    """Do it in a few threads, begun in order; see `Parallel`. A single item needs no thread."""
    if len(items) <= 1:
        return one_by_one(act, items)
    errors: list[BaseException] = []

    def unless_failed(item: _T) -> _R | None:
        if errors:
            return None
        try:
            return act(item)
        except BaseException as error:
            errors.append(error)
            raise

    with ThreadPoolExecutor(min(MAX_WORKERS, len(items))) as pool:
        begun = [pool.submit(unless_failed, item) for item in items]
    if errors:
        # One that fails stops the others, and may be the later one to get here: it is the one to tell of.
        raise next((each for each in errors if not isinstance(each, Cancelled)), errors[0])
    # Every one is over here, and none was left out.
    return [future.result() for future in begun]  # type: ignore[misc]
