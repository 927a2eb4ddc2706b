"""Foreign text in GitHub's Markdown: shown as it is, and never acting as Markdown, link or mention.

Two ways in: `prose` for sentences, `code` for names. Both give one line that also fits a table cell.
https://github.github.com/gfm/ says what has to be escaped. GitHub looks for mentions, for references to
issues and commits and for the names of emoji (https://docs.github.com/en/get-started/writing-on-github) only
after rendering, outside of code, so backslashes do not stop them. A zero-width space does, written as an entity
so that a reader of the source sees it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from lambda_rollout.report.wording import clean, visible

PROSE_LIMIT = 300
_URL_LIMIT = 3000  # characters; the longest name of an alarm, percent-encoded, has 2,300
_WIDE = 80  # characters of a block that are in sight on a desk
_NEXT_LINE = " \\\n  "
CODE_LIMIT = 256  # characters; the longest name of an alarm is 255

_PLAIN_NAME = re.compile(r"[\w.:;,/$%+=@()'?-]+(?: [\w.:;,/$%+=@()'?-]+)*")
_HARMLESS_CODE = re.compile(r"(`\w(?:(?:[\w .,:=%+*-]|[<>](?=[ =])){0,118}[\w%])?`)")
_SPECIAL = re.compile(
    r"""(?P<commit>(?<![0-9a-z])(?:(?=[0-9]*[a-f])[0-9a-f]{7,}|[0-9]{40,})(?![0-9a-z]))
      | (?P<acts>@|\#(?=\d)|GH-(?=\d)|:(?=/)|www(?=\.)|(?:mailto|xmpp):)
      | [\\`*_\[\]<~|&$]""",
    re.IGNORECASE | re.VERBOSE,
)
_ENTITIES = frozenset("<&$|`")  # those that GitHub, or a table, looks for before Markdown is read
_BLOCK_START = re.compile(r"[-+=#:>]|\d{1,9}(?=[.)])")
_BREAK = "\N{ZERO WIDTH SPACE}"  # never in cleaned text
_EMOJI = re.compile(r":(?!\d\d:)[\w+-]+(?=:)")  # whatever its name; a time of day is none
_SHORTEST_COMMIT = 7  # hexadecimal digits of which GitHub makes a link
_BREAKS = re.compile(r"(?P<code>`[^`]*`)|\\_(?=\w)|:(?=[A-Z])")
_SAFE_URL = re.compile(r"https?://[\w.~:/?#@!$&'*+,;=%-]+", re.ASCII)


def prose(text: str, limit: int = PROSE_LIMIT) -> str:
    """Return foreign ``text`` as one line of Markdown that reads the same and does nothing.

    Safe at a line's start, inside a sentence and in a table cell. Cut after ``limit`` characters.
    """
    # Our own sentences have `inputs` in them; such a span is harmless by anybody.
    pieces = _HARMLESS_CODE.split(_no_block(clean(text, limit)))
    pieces[::2] = [_SPECIAL.sub(_escaped, _EMOJI.sub(_broken, piece)) for piece in pieces[::2]]
    return "".join(pieces).replace(_BREAK, "&#8203;")


def _no_block(line: str) -> str:
    """Keep a list, a heading or a rule from starting here: none of them begins with an invisible space."""
    start = _BLOCK_START.match(line)
    return line if start is None else _BREAK + line


def _broken(found: re.Match[str]) -> str:
    return found[0] + _BREAK


def _escaped(found: re.Match[str]) -> str:
    if digits := found["commit"]:
        # A number alone is none, or it would be no commit's: an account's must stay one to copy.
        most = _SHORTEST_COMMIT - 1
        return _BREAK.join(digits[at : at + most] for at in range(0, len(digits), most))
    if found["acts"]:
        return _broken(found)
    return f"&#{ord(found[0])};" if found[0] in _ENTITIES else f"\\{found[0]}"


def code(text: str) -> str:
    """Return a name in code style, in which GitHub looks for no mention and no reference."""
    name = clean(text, CODE_LIMIT)
    if _PLAIN_NAME.fullmatch(name):
        return f"`{name}`"
    return f"<code>{prose(text, CODE_LIMIT)}</code>" if name else ""


def unbroken(markdown: str) -> str:
    """Keep a few words of ours on one line: ``version 8``, ``2m 5s``."""
    return markdown.replace(" ", "&nbsp;")


def breakable(markdown: str) -> str:
    """Let a phone break long names of `prose`: ``INSUFFICIENT_DATA``, ``lambda:GetFunctionConcurrency``."""
    return _BREAKS.sub(lambda found: found[0] if found["code"] else f"{found[0]}&#8203;", markdown)


def link(markdown: str, url: str) -> str:
    """Link what is Markdown already; an ``url`` that is empty or looks odd gives no link."""
    safe = len(url) <= _URL_LIMIT and _SAFE_URL.fullmatch(url)
    return f"[{markdown}]({url})" if safe else markdown


def code_block(text: str, language: str = "sh") -> str:
    """Return what is to be copied as a block: as it is, a long command with a line for each option."""
    shown = _folded(visible(text)) if language == "sh" else visible(text)
    fence = _fence_for(shown)
    return f"{fence}{language}\n{shown}\n{fence}"


def text_block(lines: Iterable[str], language: str = "text") -> str:
    """Return foreign lines as a block in which nothing acts: each as it is, but for what would not be seen."""
    shown = "\n".join(visible(line) for line in lines)
    fence = _fence_for(shown)
    return f"{fence}{language}\n{shown}\n{fence}"


def _fence_for(text: str) -> str:
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))


def _folded(command: str) -> str:
    """Continue a long command on further lines, so that all of it is in sight; the shell reads the same.

    Only one that `shlex` writes as it is: there every space that is not quoted parts two words.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    if len(command) <= _WIDE or shlex.join(words) != command:
        return command
    return "".join(
        word if not at else f"{_NEXT_LINE if word.startswith('--') else ' '}{word}"
        for at, word in enumerate(map(shlex.quote, words))
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folded(title: str, markdown: str) -> str:
    """Hide what few want to read behind a line of ours that opens it."""
    return f"<details><summary>{title}</summary>\n\n{markdown}\n\n</details>"


def alert(kind: str, lines: Iterable[str]) -> str:
    """Return a coloured box: ``CAUTION``, ``WARNING`` or ``NOTE``, of Markdown of one or more lines.

    https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#alerts
    """
    inside = "\n".join(lines).split("\n")
    return "\n".join([f"> [!{kind}]", *(f"> {line}".rstrip() for line in inside)])
