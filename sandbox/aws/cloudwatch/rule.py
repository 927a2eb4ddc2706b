r"""AlarmRule: the expression that decides a composite alarm.

    ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(arn:aws:cloudwatch:...:alarm:c)) OR TRUE

NOT binds tightest, then AND, then OR. Names may stand in double quotes, with \ before a quote.

Source: PutCompositeAlarm in the CloudWatch API Reference. AT_LEAST and wildcards are not modelled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.aws.cloudwatch.evaluation import STATES

StateOf = Callable[[str], str | None]
"""State of the alarm with that name or ARN; None where there is no such alarm."""

Condition = Callable[[StateOf], bool]

_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<state>{"|".join(STATES)})\s*\(\s*
            (?: "(?P<quoted>(?:[^"\\]|\\.)+)" | (?P<bare>[^\s()"]+) ) \s*\)
      | (?P<word>AND|OR|NOT|TRUE|FALSE)(?![\w-])
      | (?P<parenthesis>[()])
    )""",
    re.VERBOSE,
)


class RuleError(ValueError):
    """The text is no AlarmRule; says where."""


@dataclass(frozen=True)
class Token:
    """A word, a parenthesis, or a state function with its `child`."""

    text: str
    at: int
    child: str = ""


class Rule:
    """A parsed AlarmRule. Raises RuleError when made."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self.elements = len(self._tokens)
        self.children: tuple[str, ...] = tuple(
            dict.fromkeys(token.child for token in self._tokens if token.child)
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
        if token is None or not token.child:
            raise self._unexpected()
        self._next += 1
        return lambda state_of: state_of(token.child) == token.text

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.child or token.text != text:
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
        else:
            name = "word" if match["word"] else "parenthesis"
            tokens.append(Token(match[name], match.start(name)))
        at = match.end()
    return tokens
