"""One request as AWS saw it, and what a fault may do to the account that it meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sandbox.aws.codedeploy import CodeDeploy
    from sandbox.aws.lambda_ import Lambda
    from sandbox.aws.sts import Sts
    from sandbox.clock import Clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass
class Request:
    """One request as AWS saw it.

    outcome: ``ok``, an error code, or how the answer was lost (``closed``, ``refused``,
    ``silent``, ``page 502``, ``cut``). effect_at: when its work was done, None if it never was; a lost answer
    can have an effect, and a late one comes after `at`. delay: seconds that the answer takes.
    """

    at: datetime
    service: str
    operation: str
    params: Mapping[str, Any]
    region: str
    caller: str = ""
    outcome: str = ""
    effect_at: datetime | None = None
    delay: float = 0.0

    @property
    def function(self) -> str:
        """The bare name of Lambda's function that it is about, whatever form it was given in; ``*`` without one."""
        return str(self.params.get("FunctionName", "*")).split(":function:")[-1].split(":")[0]


class Account(Protocol):
    """The `sandbox.aws.world.World` that a request meets, as far as faults know it."""

    account: str

    @property
    def clock(self) -> Clock:
        """Its time."""
        ...

    @property
    def sts(self) -> Sts:
        """Its STS."""
        ...

    def lambda_(self, region: str = ..., /) -> Lambda:
        """The Lambda of a Region."""
        ...

    def codedeploy(self, region: str = ..., /) -> CodeDeploy:
        """The CodeDeploy of a Region."""
        ...

    def schedule(self, at: datetime, action: Callable[[], None], /) -> None:
        """Put something on its timeline."""
        ...

    def perform(self, request: Request, /) -> dict[str, Any]:
        """Do a request's work, now and without faults."""
        ...
