"""Somebody who keeps invoking a function, on the world's timeline."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.world import REGION, World


class Traffic:
    """Invocations at an even pace, from now until stopped or for `seconds`.

    They go to the model directly: they are no part of the world's log and meet no faults.
    answered: version -> invocations; failed: version -> function errors among them;
    refused: error code -> invocations that AWS did not take.
    """

    def __init__(
        self,
        world: World,
        function: str,
        per_second: float,
        payload: Any = None,
        seconds: float | None = None,
        region: str = REGION,
    ) -> None:
        self._world = world
        self._pause = timedelta(seconds=1 / per_second)
        self._params: Mapping[str, Any] = {
            "FunctionName": function,
            "Payload": json.dumps({} if payload is None else payload).encode(),
        }
        self._lambda = world.lambda_(region)
        self._next = world.clock.now()
        self._end = None if seconds is None else self._next + timedelta(seconds=seconds)
        self._stopped = False
        self.function = function
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        world.schedule(self._next, self._invoke)

    def stop(self) -> None:
        """No invocation comes after this."""
        self._stopped = True

    def _invoke(self) -> None:
        if self._stopped or (self._end is not None and self._next >= self._end):
            return
        try:
            answer = self._lambda.invoke(self._params)
        except AwsError as error:
            self.refused[error.code] += 1
        else:
            self.answered[answer["ExecutedVersion"]] += 1
            self.failed[answer["ExecutedVersion"]] += "FunctionError" in answer
        self._next += self._pause
        self._world.schedule(self._next, self._invoke)
