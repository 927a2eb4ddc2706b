"""What a copy out of YAML or JSON leaves around a name: dashes, quotes, brackets, commas. Pure.

An input is one text, so a list in it is lines or commas and nothing else:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepswith
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from lambda_rollout.inputs.text import Mistake, Mistakes, quote, split_lines

_T = TypeVar("_T")

_SIGNS = {
    "dash": re.compile(r"^[-*•](?:\s+|$)"),
    "brackets": re.compile(r"^\[|\]$"),
    "quotes": re.compile(r"^[\"'`“”‘’]+|[\"'`“”‘’]+$"),
    "comma": re.compile(r"^,+|,+$"),
}
_LONGEST = 10_000
"""Characters of a text that is looked through: a mistake in a longer one is told without this."""


def without_leftovers(item: str) -> str:
    """Return what an item of a list is without what YAML or JSON put around it; empty if nothing else is there.

    >>> without_leftovers('- "checkout",')
    'checkout'
    """
    return _cut(item)[0]


def _cut(item: str) -> tuple[str, list[str]]:
    """Return the item without its leftovers, and what they were."""
    item, found = item.strip(), list[str]()
    while True:
        for name, sign in _SIGNS.items():
            rest = sign.sub("", item).strip()
            if rest != item:
                item = rest
                found += [] if name in found else [name]
                break
        else:
            return item, found


def parse_with_hint(parse: Callable[[str], _T], text: str) -> _T:
    """Parse the text of an input; where it is right but for such leftovers, say so.

    Raises:
        Mistakes: it is wrong. One mistake if those are all that is wrong, the parser's own otherwise.
    """
    try:
        return parse(text)
    except Mistakes as found:
        if remedy := _remedy(parse, text):
            raise Mistakes(Mistake(text, remedy)) from None
        raise found from None


def _remedy(parse: Callable[[str], object], text: str) -> str:
    if len(text) > _LONGEST:
        return ""
    items, signs = _items(text)
    if not (items and signs):
        return ""
    for meant in (", ".join(items), "\n".join(items)):
        try:
            parse(meant)
        except Mistakes:
            continue
        return f"Write {quote(meant)}, without the {_listed(signs)} of YAML or JSON."
    return ""


def _items(text: str) -> tuple[list[str], list[str]]:
    lines = split_lines(text)
    if len(lines) == 1 and lines[0].startswith("["):
        lines = lines[0].split(",")
    cut = [_cut(line) for line in lines]
    return [item for item, _ in cut if item], _all(sign for _, signs in cut for sign in signs)


def hint_on(items: Iterable[str]) -> str:
    """Say what items that exist nowhere may have been meant to be; empty if nothing is left around them.

    For names in which such signs are allowed, and only unlikely.
    """
    cut = {item: _cut(item) for item in items}
    signs = _all(sign for _, found in cut.values() for sign in found)
    if not signs:
        return ""
    meant = [quote(name) for name, found in cut.values() if found and name]
    if not meant:
        return f"Take out the {_listed(signs)} of YAML or JSON."
    return f"Write {', '.join(meant)}, without the {_listed(signs)} of YAML or JSON."


def _all(signs: Iterable[str]) -> list[str]:
    found = set(signs)
    return [name for name in _SIGNS if name in found]


def _listed(signs: list[str]) -> str:
    *first, last = signs
    return f"{', '.join(first)} and {last}" if first else last
