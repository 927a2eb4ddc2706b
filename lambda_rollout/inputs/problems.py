"""What is wrong with the inputs, and how much of it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from lambda_rollout.inputs.text import quote
from lambda_rollout.runtime.errors import RolloutError

_MOST_TOLD = 100
"""Mistakes told of one run: nobody reads more, and each is a line of the log."""

_MOST_TOLD_OF_ONE = (100, 50, 20, 10, 5, 3)
"""Mistakes told of one input: the first of these with which all inputs together have few enough. A hundred functions
have a line each, and who has to correct them all wants to know of all."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """One mistake: the ``input``'s name, what was ``given`` and the ``remedy``.

    ``given`` is as it was written, so hostile; ``str()`` says all three on one line, with control
    characters escaped and long text cut.
    """

    input: str
    given: str
    remedy: str

    def __str__(self) -> str:
        """Say it in one line."""
        given = f"got {quote(self.given)}" if self.given.strip() else "nothing given"
        return f"{self.input}: {given}. {self.remedy}"


class InputErrors(RolloutError):
    """Every mistake in the inputs, in the order of the inputs. Nothing has been changed.

    ``problems`` are all of them, which may be as many as an input has characters. ``told`` are those that people
    are told, at most `_MOST_TOLD`, with how many more each input has. ``count`` is how many there are.
    """

    def __init__(self, problems: tuple[InputProblem, ...], count: int | None = None) -> None:
        """``count``: if ``problems`` are only those of others that are told."""
        self.problems = problems
        self.told = _told(problems)
        self.count = len(problems) if count is None else count
        super().__init__("\n".join(map(str, self.told)))


def _told(problems: tuple[InputProblem, ...]) -> tuple[InputProblem, ...]:
    """Choose those that are told: of every input as many, and at least its first."""
    by_input: dict[str, list[InputProblem]] = {}
    for problem in problems:
        by_input.setdefault(problem.input, []).append(problem)
    most = next(
        (
            most
            for most in _MOST_TOLD_OF_ONE
            if sum(min(most, len(each)) for each in by_input.values()) <= _MOST_TOLD
        ),
        1,
    )
    return tuple(chain.from_iterable(_first(each, most) for each in by_input.values()))


def _first(problems: list[InputProblem], most: int) -> Iterator[InputProblem]:
    """Yield the first of an input's mistakes, the last of them with how many follow it."""
    *before, last = problems[:most]
    yield from before
    more = len(problems) - most
    noun = "mistake" if more == 1 else "mistakes"
    told = f" This input has {more} more {noun}, not shown here." if more > 0 else ""
    yield replace(last, remedy=last.remedy + told)
