"""Durable executions: which there are, on which version.

Source: API reference of ListDurableExecutionsByFunction and StopDurableExecution. No code is replayed here: a test says
what runs with `begin_execution`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import Answer, Params, Region, invalid, not_found


@dataclass
class Execution:
    """One durable execution, on the version that it began with."""

    arn: str
    name: str
    function_arn: str
    started: datetime
    status: str = "RUNNING"

    def answer(self) -> Answer:
        """Execution."""
        return {
            "DurableExecutionArn": self.arn,
            "DurableExecutionName": self.name,
            "FunctionArn": self.function_arn,
            "Status": self.status,
            "StartTimestamp": self.started,
        }


class DurableOperations(Region):
    """Operations on durable executions."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.executions: list[Execution] = []

    def begin_execution(self, function: str, version: str) -> Execution:
        """Let an execution begin on a version; it runs until it is stopped."""
        arn = f"{self._arn(function, version)}"
        name = f"execution-{len(self.executions)}"
        made = Execution(f"{arn}/durable-execution/{name}/1", name, arn, self.clock.now())
        self.executions.append(made)
        return made

    def list_durable_executions_by_function(self, params: Params) -> Answer:
        """ListDurableExecutionsByFunction, of one version if asked, the newest first."""
        function = self._function(params)
        if "DurableConfig" not in function.latest.settings:
            raise invalid(f"The function {function.name} is not a durable function.")
        _, qualifier = self._resolve(params)
        wanted = self._numbered(params, qualifier) if qualifier else None
        found = [
            each
            for each in reversed(self.executions)
            if f"{each.function_arn}:".startswith(f"{function.arn}:")
            and (wanted is None or each.function_arn == wanted)
            and each.status in params.get("Statuses", [each.status])
        ]
        start, most = int(params.get("Marker") or 0), params.get("MaxItems") or 100
        more = {"NextMarker": str(start + most)} if start + most < len(found) else {}
        shown = found[start : start + most]
        return {"DurableExecutions": [each.answer() for each in shown], **more}

    def stop_durable_execution(self, params: Params) -> Answer:
        """StopDurableExecution."""
        arn = params["DurableExecutionArn"]
        found = next((each for each in self.executions if each.arn == arn), None)
        if found is None:
            raise not_found(f"Durable execution not found: {arn}")
        found.status = "STOPPED"
        return {"StopTimestamp": self.clock.now()}

    def _numbered(self, params: Params, qualifier: str) -> str:
        function = self._function(params)
        if qualifier.startswith(LATEST) or is_number(qualifier):
            return f"{function.arn}:{self._version(function, qualifier).number}"
        return f"{function.arn}:{self._alias(function, qualifier).version}"
