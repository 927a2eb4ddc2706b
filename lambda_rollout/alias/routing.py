"""What an alias is, as plain values: which function, which versions, which share of the traffic.

Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html and
https://docs.aws.amazon.com/lambda/latest/api/API_AliasConfiguration.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

HUNDRED = Decimal(100)
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Target:
    """One alias of one function: what a rollout moves."""

    function: str
    """Function name, partial ARN or full ARN, never with a qualifier."""
    alias: str

    @property
    def name(self) -> str:
        """The bare function name, for people and for the keys of outputs."""
        return self.function.rpartition(":")[2]

    def __str__(self) -> str:
        """Return ``name:alias``, the form CloudWatch uses for the ``Resource`` dimension."""
        return f"{self.name}:{self.alias}"


@dataclass(frozen=True, slots=True)
class Routing:
    """Where an alias sends its traffic: ``FunctionVersion`` and ``AdditionalVersionWeights``."""

    version: str
    weights: Mapping[str, float] = field(default_factory=lambda: NO_WEIGHTS)
    """Additional version -> share from 0 to 1; AWS allows at most one entry."""

    @classmethod
    def all_on(cls, version: str) -> Routing:
        """All traffic on one version."""
        return cls(version)

    @classmethod
    def split(cls, old: str, new: str, percent: Decimal) -> Routing:
        """Send ``percent`` (0 to 100) of the traffic to ``new``, the rest to ``old``."""
        return cls(old, {new: float(percent / HUNDRED)})

    @property
    def is_unsplit(self) -> bool:
        """Whether one version gets everything and no weight is left behind."""
        return not self.weights

    def percent_of(self, version: str) -> Decimal:
        """Percent of the traffic, 0 to 100, that ``version`` gets."""
        shares = {key: Decimal(str(weight)) * HUNDRED for key, weight in self.weights.items()}
        if version == self.version:
            return (HUNDRED - sum(shares.values(), Decimal())).normalize() + 0
        return shares.get(version, Decimal()).normalize() + 0

    def __str__(self) -> str:
        """Say it in words: ``100% on version 7`` or ``90% on version 7, 10% on version 8``."""
        versions = (self.version, *self.weights)
        return ", ".join(f"{self.percent_of(v):f}% on version {v}" for v in versions)


def routing_of(old: str, new: str, percent: Decimal) -> Routing:
    """Return the routing of a step: split below 100%, not split at 100%."""
    return Routing.all_on(new) if percent >= HUNDRED else Routing.split(old, new, percent)


@dataclass(frozen=True, slots=True)
class Moving:
    """AWS moves an alias's provisioned concurrency to its version, or failed to: `lambda_rollout.alias.provisioned`."""

    weights: Mapping[str, float]
    """AWS's own, which keeps all traffic on the version before."""
    failed: bool = False
    """Whether AWS could not start the version, so the weight stays."""
    reason: str = ""
    """Why it failed, in AWS's words; empty if it does not say."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias as one answer of AWS showed it."""

    arn: str
    routing: Routing
    """What somebody wrote: without AWS's own weight while provisioned concurrency moves."""
    description: str
    revision_id: str
    """Changes with every successful write; a write that carries an older one is refused (412)."""
    moving: Moving | None = None
    """Set while AWS keeps the traffic where it was; None if the routing is all there is."""

    @property
    def shown(self) -> Routing:
        """Where the traffic goes now, AWS's own weight included."""
        return Routing(self.routing.version, self.moving.weights) if self.moving else self.routing
