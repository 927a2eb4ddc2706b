"""What a seed draws for what stands between us and AWS, from a chance of its own.

A middle box that delivers a request twice, somebody who answers in AWS's place, an answer that drips, AWS's own
refusal of the second of two deliveries, a ``Date`` that is missing or wrong; and a person who takes half of the
traffic back by hand while 100% is watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from sandbox.aws.between import Drip, Half, Page, Twice
from sandbox.aws.faults import Answer, Effect, Fault

STATUSES = (302, 307, 400, 401, 403, 404, 407, 409, 412, 429, 451, 500, 502, 503)

EFFECTS: tuple[Effect, ...] = ("never", "before", "late")
KINDS = (
    *("twice second", "twice first", "twice none"),
    *(f"{what} {effect}" for what in ("page", "own", "blank", "drip") for effect in EFFECTS),
    "half before",
)
"""How a request is answered, and when it has its effect; of two deliveries, whose answer gets through."""

GONE = "gone never"
"""AWS says of an alias once that it is not there."""

OWN = {
    "lambda": (
        ("ResourceConflictException", 409),
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("ExpiredTokenException", 403),
    ),
    "cloudwatch": (("Throttling", 400), ("InternalServiceError", 500), ("ExpiredToken", 403)),
}
"""AWS's own refusals that say nothing of another delivery; the last one cannot come before an effect that is late."""

TARGETS = (
    *("*", "*", "lambda", "cloudwatch", "UpdateAlias", "UpdateAlias", "GetAlias", "GetAlias"),
    *("DescribeAlarms", "GetFunctionConfiguration", "PublishVersion"),
)


@dataclass(frozen=True)
class Spell:
    """For a while every call, or every one of a service or operation, is answered like this."""

    start: float
    seconds: float
    kind: str
    status: int
    target: str


@dataclass(frozen=True)
class Between:
    """What a seed draws. Times in seconds from the start of main."""

    chances: Mapping[str, float] = field(default_factory=dict)
    target: str = "*"
    """What the chances are for: every call, or those of a service or an operation."""
    spells: tuple[Spell, ...] = ()
    late: float = 120.0
    """Seconds until a second delivery, or a late effect, lands at most."""
    split_at: float | None = None
    """When somebody takes half of the traffic back by hand, if 100% is watched then."""
    split_edits: bool = False
    """Whether he writes a description of his own, and with it strikes out our record."""
    dates: Mapping[str, float | None] = field(default_factory=dict)
    """Process -> by how many seconds the Date of its answers is off, None if it is missing."""

    @property
    def is_calm(self) -> bool:
        """Whether nothing of it happens."""
        return not (self.chances or self.spells or self.dates) and self.split_at is None


def draw_between(seed: int, horizon: float, last_watch: float) -> Between:
    """Draw it for a rollout that takes ``horizon`` seconds, and watches 100% for ``last_watch`` of them."""
    r = Random(f"between {seed}")
    weather = _weather(r, horizon)
    split = max(0.0, horizon - 15.0 - last_watch) + r.uniform(0, last_watch + 15.0)
    splits, edits = r.random() < 0.08, r.random() < 0.3
    dates = {
        name: r.choice([None, None, -3600.0, 3600.0])
        for name in ("main", "twin", "post", "next")
        if r.random() < 0.6
    }
    misdated = r.random() < 0.1
    return replace(
        weather,
        split_at=split if splits else None,
        split_edits=edits,
        dates=dates if misdated else {},
    )


def _weather(r: Random, horizon: float) -> Between:
    kind = r.choices(["calm", "gentle", "rough", "spells"], [45, 25, 15, 15])[0]
    if kind == "calm":
        return Between()
    worst = 0.2 if kind == "rough" else 0.04
    spells = tuple(
        Spell(
            r.uniform(0, horizon),
            r.choice([2.0, 20.0, 70.0, 250.0]),
            r.choice(KINDS),
            r.choice(STATUSES),
            r.choice(TARGETS),
        )
        for _ in range(r.choice([1, 1, 2]) if kind == "spells" else 0)
    )
    return Between(
        chances={kind: r.uniform(0, worst) for kind in r.sample((*KINDS, GONE), r.randint(1, 5))},
        target=r.choice(TARGETS[:8]),
        spells=spells,
        late=r.choice([1.0, 30.0, 300.0]),
    )


def meets(target: str, service: str, operation: str) -> bool:
    """Whether a request is one of those that are meant."""
    return target in {"*", service, operation}


def fault_of(kind: str, status: int, service: str, late: float, r: Random) -> tuple[Fault, float]:
    """Return the fault of a kind, and in how many seconds a delivery of the request is still to land."""
    what, when = kind.split()
    if what == "twice":
        return _twice(when, late, r)
    if what == "half":
        return Half(), 0.0
    lands_after = r.uniform(0, late) if when == "late" else 0.0
    effect: Effect = next(each for each in EFFECTS if each == when)
    match what:
        case "page":
            return Page(status, effect=effect, lands_after=lands_after), lands_after
        case "blank":
            body = r.choice([None, ""])
            return Page(200, body, effect=effect, lands_after=lands_after), lands_after
        case "drip":
            return Drip(effect=effect, lands_after=lands_after), lands_after
        case "gone":
            return Answer("ResourceNotFoundException", "Cannot find alias arn", 404), 0.0
        case _:
            code, its = r.choice(OWN[service][:-1] if when == "late" else OWN[service])
            return Answer(code, "drawn", its, effect, lands_after), lands_after


def _twice(answered: str, late: float, r: Random) -> tuple[Fault, float]:
    lands_after = r.choice([0.0, r.uniform(0, late)])
    match answered:
        case "first":
            return Twice("first", lands_after), lands_after
        case "none":
            return Twice("none", lands_after), lands_after
        case _:
            return Twice("second"), 0.0
