"""The ground all parsers stand on: mistakes, how they quote, and how a list is cut into items."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_T = TypeVar("_T")
_Choice = TypeVar("_Choice", bound=StrEnum)

_NEWLINE = re.compile(r"\r\n|\n|\r")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 150  # an ARN, whole
_MOST_SAID = 20  # an input of commas alone has a hundred thousand mistakes
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
# YAML 1.2 core schema, as GitHub's own toolkit reads a boolean input.
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that was written wrong.

    ``given`` is the offending text as it was written: hostile, see :func:`quote`.
    ``remedy`` is one or more full sentences that say what would be right.
    """

    given: str
    remedy: str


class Mistakes(ValueError):
    """Everything that is wrong with one text, never only the first thing."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        told = [f"{quote(m.given)}: {m.remedy}" for m in mistakes[:_MOST_SAID]]
        more = len(mistakes) - len(told)
        super().__init__(" ".join([*told, *([f"And {more} more."] if more else [])]))


def quote(text: str, shown: int = _SHOWN) -> str:
    r"""Quote ``text`` on one line: control characters escaped, cut after ``shown`` characters.

    >>> quote("a\nb")
    "'a\\nb'"
    """
    if len(text) <= shown:
        return repr(text)
    return f"{text[:shown]!r}… ({len(text)} characters)"


def listed(names: Sequence[str]) -> str:
    """Quote names, or of many the first.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ("'a', 'b'", "'a' and 4 more")
    """
    if names[4:]:
        return f"{quote(names[0])} and {len(names) - 1} more"
    return ", ".join(map(quote, names))


def split_items(text: str) -> list[str]:
    """Cut a list at commas and newlines; an empty item comes back as the empty string.

    Blank lines are nothing, and one comma at the end of a line that others follow is only
    the separator that the newline is too.
    """
    lines = split_lines(text)
    kept = [line.removesuffix(",") for line in lines[:-1]] + lines[-1:]
    return [item.strip() for line in kept for item in line.split(",")]


def split_lines(text: str) -> list[str]:
    """Cut a list at newlines only, leaving out blank lines."""
    return [line.strip() for line in all_lines(text) if line.strip()]


def all_lines(text: str) -> list[str]:
    """Cut ``text`` at its newlines and keep every line as it is, for counting in it."""
    return _NEWLINE.split(text)


def has_newline(text: str) -> bool:
    """Tell whether ``text`` was written over more than one line, or ends with a newline."""
    return _NEWLINE.search(text) is not None


def has_control_character(text: str) -> bool:
    """Tell whether ``text`` holds one of ASCII's, newlines among them."""
    return _CONTROL_CHARACTER.search(text) is not None


def parse_each(text: str, items: Iterable[str], parse: Callable[[str], _T]) -> tuple[_T, ...]:
    """Parse every item of the list ``text``, which was cut into ``items``.

    Raises:
        Mistakes: those of all items; an empty item is one.
    """
    parsed: list[_T] = []
    mistakes: list[Mistake] = []
    for number, item in enumerate(items, start=1):
        try:
            parsed.append(parse(required(item, number)))
        except Mistakes as found:
            mistakes.extend(Mistake(m.given or text, m.remedy) for m in found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(parsed)


def required(item: str, number: int) -> str:
    """Answer ``item``, the ``number``-th of its list, unless it is empty.

    Raises:
        Mistakes: the item is empty.
    """
    if not item:
        remedy = f"Item {number} of the list is empty: remove a comma, or write what is missing."
        raise Mistakes(Mistake(item, remedy))
    return item


def parse_choice(choices: type[_Choice]) -> Callable[[str], _Choice]:
    """Make a parser that accepts exactly the values of ``choices``."""

    def parse(text: str) -> _Choice:
        try:
            return choices(text)
        except ValueError:
            *others, last = (choice.value for choice in choices)
            remedy = f"Write {', '.join(others)} or {last}."
            raise Mistakes(Mistake(text, remedy)) from None

    return parse


def parse_boolean(text: str) -> bool:
    """Read a boolean of YAML's 1.2 core schema.

    Raises:
        Mistakes: it is none.
    """
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise Mistakes(Mistake(text, "Write true or false.")) from None


def parse_count(text: str) -> int:
    """Read a whole number from 0 to 999999999.

    Raises:
        Mistakes: it is none.
    """
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise Mistakes(Mistake(text, "Write a whole number from 0 to 999999999, in digits only."))
    return int(text)
