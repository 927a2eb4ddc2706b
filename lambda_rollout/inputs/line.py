"""A line of an input that is read from left to right, so that a mistake can say where it is."""

from __future__ import annotations

import re
from typing import NoReturn

from lambda_rollout.inputs.text import Mistake, Mistakes


class Line:
    """What is left of a line; blanks between its parts mean nothing.

    ``text`` is the whole line, ``number`` which one of its input it is, from 1, and ``at`` how many characters of it
    were read.
    """

    def __init__(self, text: str, number: int) -> None:
        """Begin at the first character that is no blank."""
        self.text = text
        self.number = number
        self.at = 0
        self.skip_blanks()

    def skip_blanks(self) -> None:
        """Go on to the next character that is no blank."""
        self.at = len(self.text) - len(self.text[self.at :].lstrip())

    def take(self, pattern: str) -> str | None:
        """Take what matches here, with the blanks after it, or nothing."""
        found = re.compile(pattern).match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        self.skip_blanks()
        return found.group()

    @property
    def next(self) -> str:
        """The next character; empty at the line's end."""
        return self.text[self.at : self.at + 1]

    @property
    def rest(self) -> str:
        """All that was not read yet, without blanks at its end."""
        return self.text[self.at :].rstrip()

    def refuse(self, remedy: str, at: int | None = None) -> NoReturn:
        """Say that what stands here, or ``at`` another place, is wrong, with line and column from 1.

        Raises:
            Mistakes: always, with one mistake.
        """
        column = (self.at if at is None else at) + 1
        place = f"Line {self.number}, column {column}: "
        raise Mistakes(Mistake(self.text.strip(), place + remedy))
