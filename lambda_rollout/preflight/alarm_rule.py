r"""The rule of a composite alarm: read as a whole, or not at all.

    (ALARM("a \"b\"") OR AT_LEAST(60%, NOT OK, (b, c, d))) AND NOT ALARM(DeploymentInProgress)

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html (AlarmRule). NOT binds
tightest, then AND, then OR. AT_LEAST takes a number or a share of the alarms that it lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

ALARM = "ALARM"
_STATES = frozenset({"OK", ALARM, "INSUFFICIENT_DATA"})
_DEEPEST = 50

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<punctuation>[(),])
      | (?P<word>[^\s(),"]+)
    )""",
    re.VERBOSE,
)


class RuleUnread(ValueError):
    """The rule holds something that is not understood here."""


@dataclass(frozen=True, slots=True)
class Is:
    """The alarm is in one of these states."""

    child: str
    states: frozenset[str]

    @property
    def fires(self) -> bool:
        """Whether the alarm's going into ALARM makes it true."""
        return ALARM in self.states


@dataclass(frozen=True, slots=True)
class AtLeast:
    """So many of these hold: all of them is AND, one is OR, and none at all is TRUE."""

    number: int
    rules: tuple[AlarmRule, ...]


AlarmRule = Is | AtLeast


def parse_alarm_rule(text: str) -> AlarmRule:
    """Read a rule. Raises `RuleUnread` if not all of it is understood."""
    reader = _Reader(list(_tokens(text)))
    rule = reader.any_of(0)
    reader.end()
    return rule


def children(rule: AlarmRule) -> Iterator[str]:
    """Yield the names of the alarms that the rule speaks of, in order and as often as it does."""
    match rule:
        case Is(child):
            yield child
        case AtLeast(_, rules):
            for each in rules:
                yield from children(each)


def firing(rule: AlarmRule) -> Iterator[str]:
    """Yield those whose going into ALARM takes part in making the rule true."""
    match rule:
        case Is(child):
            if rule.fires:
                yield child
        case AtLeast(_, rules):
            for each in rules:
                yield from firing(each)


def holds(rule: AlarmRule, in_alarm: Callable[[str], bool]) -> bool | None:
    """Whether the rule comes true if these alarms, and no others, go into ALARM.

    What asks of an alarm that it be *not* in ALARM is taken to be so where something else is asked besides; None if
    nothing else is.
    """
    match rule:
        case Is(child):
            return in_alarm(child) if rule.fires else None
        case AtLeast(number, rules):
            found = [holds(each, in_alarm) for each in rules]
            told = [each for each in found if each is not None]
            if not told:
                return None if number <= len(rules) else False
            return _enough(number, len(rules), told)


def _enough(number: int, all_: int, told: list[bool]) -> bool:
    # AND lets through what is open, OR does not count it.
    needed = number - (all_ - len(told)) if number > 1 else number
    return sum(told) >= max(1, needed)


def _negated(rule: AlarmRule) -> AlarmRule:
    match rule:
        case Is(child, states):
            return Is(child, _STATES - states)
        case AtLeast(number, rules):
            return AtLeast(len(rules) - number + 1, tuple(map(_negated, rules)))


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def any_of(self, depth: int) -> AlarmRule:
        parts = [self._all_of(depth)]
        while self._take("OR"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AtLeast(1, tuple(parts))

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise RuleUnread(self._tokens[self._next])

    def _all_of(self, depth: int) -> AlarmRule:
        parts = [self._term(depth)]
        while self._take("AND"):
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else AtLeast(len(parts), tuple(parts))

    def _term(self, depth: int) -> AlarmRule:
        if depth > _DEEPEST:
            raise RuleUnread("too deep")
        if self._take("NOT"):
            return _negated(self._term(depth + 1))
        if self._take("("):
            inner = self.any_of(depth + 1)
            self._expect(")")
            return inner
        word = self._word()
        if word in _STATES:
            return self._state(word)
        if word == "AT_LEAST":
            return self._at_least()
        if word in {"TRUE", "FALSE"}:
            return AtLeast(0 if word == "TRUE" else 1, ())
        raise RuleUnread(word)

    def _state(self, state: str) -> AlarmRule:
        self._expect("(")
        child = self._name()
        self._expect(")")
        return Is(child, frozenset({state}))

    def _at_least(self) -> AlarmRule:
        self._expect("(")
        number = self._word()
        self._expect(",")
        negated = self._take("NOT")
        state = self._word()
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        self._expect(")")
        self._expect(")")
        if state not in _STATES:
            raise RuleUnread(state)
        states = _STATES - {state} if negated else frozenset({state})
        return AtLeast(_count(number, len(names)), tuple(Is(name, states) for name in names))

    def _name(self) -> str:
        """Read a name or an ARN; one that is not quoted may have blanks in it."""
        words = [self._word()]
        while words[0][0] != '"' and self._peek() not in {"(", ")", ",", ""}:
            words.append(self._word())
        name = " ".join(words)
        if name[0] == '"':
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        if not name or "*" in name:
            raise RuleUnread(name)
        return name.split(":", 6)[-1] if name.startswith("arn:") else name

    def _word(self) -> str:
        word = self._peek()
        if word in {"", "(", ")", ","}:
            raise RuleUnread(word)
        self._next += 1
        return word

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise RuleUnread(self._peek())

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        taken = self._peek() == token
        self._next += taken
        return taken


def _count(text: str, of: int) -> int:
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdecimal()) or len(number) > 6:
        raise RuleUnread(text)
    count = ceil(int(number) * of / 100) if text.endswith("%") else int(number)
    if not 1 <= count <= of:
        raise RuleUnread(text)
    return count


def _tokens(text: str) -> Iterator[str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleUnread(text[at:])
        yield match[match.lastgroup or 0]
        at = match.end()
