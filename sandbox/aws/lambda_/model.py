"""The operations of Lambda's control plane and Invoke."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.clock import Clock


class Lambda:
    """The Lambda of one account and Region."""

    def __init__(
        self,
        clock: Clock,
        schedule: Callable[[datetime, Callable[[], None]], None],
        record: Callable[..., None],
        random: random_module.Random,
        account: str,
        region: str,
    ) -> None:
        self.clock = clock
        self.schedule = schedule
        self.record = record
        self.random = random
        self.account = account
        self.region = region

    def get_alias(self, params: Any, stale: bool = False) -> dict[str, Any]:
        """GetAlias."""
        raise NotImplementedError
