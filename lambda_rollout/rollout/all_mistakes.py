"""What is wrong with several functions in the same way is told together: who has to correct it corrects it once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from lambda_rollout.alias.routing import Target
from lambda_rollout.rollout.alias_status import NotOurs
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.parallel import Parallel, one_by_one

_T = TypeVar("_T")
_R = TypeVar("_R")

MOST_NAMED = 5
"""Functions that are named of those with the same mistake."""

MOST_TOLD = 3
"""Mistakes that are told, each with its remedy; of more that are not alike, how many there are."""


def all_or_mistakes(
    act: Callable[[_T], _R],
    items: Sequence[_T],
    target_of: Callable[[_T], Target],
    parallel: Parallel = one_by_one,
) -> list[_R]:
    """Do what changes nothing to every item, and return the answers.

    Raises what the first one raised; if that is something to be corrected, and not how a call ended, with what is to be
    corrected of all others.
    """

    def tried(item: _T) -> tuple[list[_R], RolloutError | None]:
        try:
            return [act(item)], None
        except (RolloutError, NotOurs) as error:
            if type(error) not in {RolloutError, NotOurs}:
                raise
            return [], error

    done = parallel(tried, items)
    wrong = [
        (target_of(item), error)
        for item, (_, error) in zip(items, done, strict=True)
        if error is not None
    ]
    if wrong:
        raise _together(wrong, len(items))
    return [answer for answers, _ in done for answer in answers]


def _together(wrong: Sequence[tuple[Target, RolloutError]], functions: int) -> RolloutError:
    """Return one error that tells of all of them, each kind once."""
    kinds: dict[tuple[str, str], list[tuple[Target, RolloutError]]] = {}
    for target, error in wrong:
        kind = (_nameless(error.what, target), _nameless(error.remedy, target))
        kinds.setdefault(kind, []).append((target, error))
    first = wrong[0][1]
    if len(wrong) == 1:
        return first
    told = list(kinds.values())[:MOST_TOLD]
    said = [_of_kind(kind, functions) for kind in told]
    if more := len(wrong) - sum(map(len, told)):
        said.append(f"And {more} more of {functions} functions.")
    remedies = dict.fromkeys(kind[0][1].remedy for kind in told)
    error = type(first)(" ".join(said), " ".join(filter(None, remedies)))
    error.__cause__ = first
    return error


def _of_kind(kind: Sequence[tuple[Target, RolloutError]], functions: int) -> str:
    what = kind[0][1].what
    stop = "" if what.endswith((".", "!", "?")) else "."
    if len(kind) == 1:
        return f"{what}{stop}"
    names = [target.name for target, _ in kind]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{what}{stop} {len(kind)} of {functions} functions are like that: {', '.join(names[:MOST_NAMED])}{more}."


def _nameless(text: str, target: Target) -> str:
    """Return a text without its function's name, and without numbers: each function has versions of its own."""
    return re.sub(r"\d+", "", text.replace(target.function, "").replace(target.name, ""))
