r"""AlarmRule: the expression that decides a composite alarm.

    ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(arn:aws:cloudwatch:...:alarm:c)) OR TRUE

NOT binds tightest, then AND, then OR. Names may stand in double quotes, with \ before a quote.

    AT_LEAST(2, ALARM, (a, b, c)) OR AT_LEAST(60%, NOT OK, (a, b, c))

Source: PutCompositeAlarm in the CloudWatch API Reference, and "Create a composite alarm" for AT_LEAST; that a share is
rounded up is unconfirmed. Wildcards are not modelled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from sandbox.aws.cloudwatch.evaluation import STATES

StateOf = Callable[[str], str | None]
"""State of the alarm with that name or ARN; None where there is no such alarm."""

Condition = Callable[[StateOf], bool]

_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<state>{"|".join(STATES)})\s*\(\s*
            (?: "(?P<quoted>(?:[^"\\]|\\.)+)" | (?P<bare>[^\s()"]+) ) \s*\)
      | AT_LEAST\s*\(\s*(?P<number>\d+%?)\s*,\s*(?P<negated>NOT\s+)?(?P<counted>{"|".join(STATES)})\s*,
            \s*\((?P<names>(?:"(?:[^"\\]|\\.)+"|[^()"])*)\)\s*\)
      | (?P<word>AND|OR|NOT|TRUE|FALSE)(?![\w-])
      | (?P<parenthesis>[()])
    )""",
    re.VERBOSE,
)


class RuleError(ValueError):
    """The text is no AlarmRule; says where."""


@dataclass(frozen=True)
class Token:
    """A word, a parenthesis, a state function with its `child`, or AT_LEAST with those `listed`."""

    text: str
    at: int
    child: str = ""
    listed: tuple[str, ...] = ()
    number: int = 0
    negated: bool = False


class Rule:
    """A parsed AlarmRule. Raises RuleError when made."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self.elements = len(self._tokens)
        self.children: tuple[str, ...] = tuple(
            dict.fromkeys(
                name for token in self._tokens for name in (token.child, *token.listed) if name
            )
        )
        """The names and ARNs it mentions, in order."""
        self._holds = self._any_of()
        if self._peek() is not None:
            raise self._unexpected()

    def holds(self, state_of: StateOf) -> bool:
        return self._holds(state_of)

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._take("OR"):
            parts.append(self._all_of())
        return lambda state_of: any(part(state_of) for part in parts)

    def _all_of(self) -> Condition:
        parts = [self._term()]
        while self._take("AND"):
            parts.append(self._term())
        return lambda state_of: all(part(state_of) for part in parts)

    def _term(self) -> Condition:
        if self._take("NOT"):
            negated = self._term()
            return lambda state_of: not negated(state_of)
        if self._take("("):
            inner = self._any_of()
            if not self._take(")"):
                raise self._unexpected()
            return inner
        if self._take("TRUE"):
            return lambda _: True
        if self._take("FALSE"):
            return lambda _: False
        token = self._peek()
        if token is None or not (token.child or token.listed):
            raise self._unexpected()
        self._next += 1
        if token.listed:
            return lambda state_of: (
                sum((state_of(name) == token.text) is not token.negated for name in token.listed)
                >= token.number
            )
        return lambda state_of: state_of(token.child) == token.text

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.child or token.listed or token.text != text:
            return False
        self._next += 1
        return True

    def _unexpected(self) -> RuleError:
        token = self._peek()
        if token is None:
            return RuleError("Unexpected end of AlarmRule")
        return RuleError(f"Unsupported token '{token.text}' at char {token.at}")


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            start = len(text) - len(text[at:].lstrip())
            raise RuleError(
                f"Unsupported token '{text[start:].split(maxsplit=1)[0]}' at char {start}"
            )
        if match["state"]:
            child = match["bare"] or re.sub(r"\\(.)", r"\1", match["quoted"])
            tokens.append(Token(match["state"], match.start("state"), child))
        elif match["counted"]:
            tokens.append(_at_least(match))
        else:
            name = "word" if match["word"] else "parenthesis"
            tokens.append(Token(match[name], match.start(name)))
        at = match.end()
    return tokens


def _at_least(match: re.Match[str]) -> Token:
    found = re.findall(r'"((?:[^"\\]|\\.)+)"|([^\s,"][^,"]*)', match["names"])
    names = tuple(re.sub(r"\\(.)", r"\1", quoted) or bare.strip() for quoted, bare in found)
    share = match["number"].endswith("%")
    number = int(match["number"].rstrip("%"))
    wanted = ceil(number * len(names) / 100) if share else number
    if not 1 <= wanted <= len(names):
        raise RuleError(f"Unsupported token 'AT_LEAST' at char {match.start('number')}")
    return Token(match["counted"], match.start("number"), "", names, wanted, bool(match["negated"]))
