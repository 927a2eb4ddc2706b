"""Invoke: draw a version by weight, run its code, count it in CloudWatch."""

from __future__ import annotations

import json
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.embedded import embedded
from sandbox.aws.lambda_.managed import provider_of
from sandbox.aws.lambda_.naming import LATEST, LATEST_PUBLISHED, is_number
from sandbox.aws.lambda_.region import Answer, Params, Region, conflict, invalid, not_found
from sandbox.aws.lambda_.things import Alias, Fate, Function, Version
from sandbox.clock import ManualClock


@dataclass(frozen=True)
class Context:
    """What a handler gets as its second argument (the documented part that is static)."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str


@dataclass(frozen=True)
class Result:
    """What one run gave. duration: milliseconds."""

    payload: bytes
    failed: bool
    duration: float


class InvokeOperations(Region):
    """Invoke."""

    def invoke(self, params: Params) -> Answer:
        """Invoke a function, a version or an alias.

        InvocationType Event runs right after the answer, DryRun runs nothing.
        """
        name, qualifier = self._resolve(params)
        if name not in self.functions:
            raise not_found(f"Function not found: {self._arn(name, qualifier)}")
        function = self.functions[name]
        version = self._drawn(function, qualifier)
        if version.state == "Inactive":
            self._wake(version)
            raise conflict(
                "The operation cannot be performed at this time. The function is currently in "
                "the following state: Inactive"
            )
        if version.state != "Active":
            raise conflict(
                "The operation cannot be performed at this time. The function is currently in "
                f"the following state: {version.state}"
            )
        if version.settings.get("TenancyConfig") and not params.get("TenantId"):
            raise invalid(
                "Add a valid tenant ID in your request. Tenant isolation is enabled for this function."
            )
        event = _event(params.get("Payload") or b"{}")
        run = partial(self._run, version, qualifier, event)
        kind = params.get("InvocationType", "RequestResponse")
        if kind == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": version.number, "Payload": b""}
        if kind == "Event":
            self.schedule(self.clock.now(), lambda: (run(), None)[1])
            return {"StatusCode": 202, "Payload": b""}
        result = run()
        answer: Answer = {
            "StatusCode": 200,
            "ExecutedVersion": version.number,
            "Payload": result.payload,
        }
        if result.failed:
            answer["FunctionError"] = "Unhandled"
        return answer

    def _wake(self, version: Version) -> None:
        """Let an idle version get its resources back: "the first invocation fails" (function states, guide)."""
        self._settle(version, Fate("Pending", "The function is being restored.", "Restoring"))
        self._later(self.activation_delay, partial(self._settle, version, Fate()))

    def _drawn(self, function: Function, qualifier: str | None) -> Version:
        bare = LATEST_PUBLISHED if provider_of(function.latest) else LATEST
        if qualifier is None or qualifier.startswith(LATEST) or is_number(qualifier):
            return self._version(function, qualifier or bare)
        alias = self._alias(function, qualifier)
        return self._version(function, self._draw(alias))

    def _draw(self, alias: Alias) -> str:
        """A version number, each with its weight's probability."""
        point = self.random.random() if alias.weights else 1.0
        for version, weight in alias.weights.items():
            if point < weight:
                return version
            point -= weight
        return alias.version

    def _run(self, version: Version, qualifier: str | None, event: Any) -> Result:
        started = self.clock.now()
        result = self._execute(version, qualifier, event)
        self._count(version, qualifier, result, started)
        printed, version.code.printed = version.code.printed, []
        for line in printed:
            for each in embedded(line):
                self.record(
                    each.namespace, each.name, each.dimensions, each.value, each.unit, started
                )
        return result

    def _execute(self, version: Version, qualifier: str | None, event: Any) -> Result:
        code, settings = version.code, version.settings
        request_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        context = Context(
            version.function,
            version.number,
            self._arn(version.function, qualifier),
            str(settings["MemorySize"]),
            request_id,
        )
        slept = code.slept
        # A manual clock stands still while code runs; its millisecond keeps runs repeatable.
        before = None if isinstance(self.clock, ManualClock) else time.perf_counter()
        try:
            payload = json.dumps(code.load(settings["Handler"])(event, context)).encode()
            failed = False
        except Exception as error:  # noqa: BLE001  whatever the function raises is its answer
            payload, failed = _error_payload(error, request_id), True
        elapsed = 0.001 if before is None else time.perf_counter() - before
        return Result(payload, failed, 1000.0 * (elapsed + code.slept - slept))

    def _count(
        self, version: Version, qualifier: str | None, result: Result, started: datetime
    ) -> None:
        """Record what Lambda emits, under each of its sets of dimensions.

        "Types of metrics for Lambda functions" in the developer guide: by nothing, function
        name, Resource (``name:qualifier``), and for aliases also ExecutedVersion. The
        timestamp is the invocation's start.
        """
        name = version.function
        resource = f"{name}:{qualifier}" if qualifier else name
        sets = [{}, {"FunctionName": name}, {"FunctionName": name, "Resource": resource}]
        if qualifier and qualifier != LATEST and not is_number(qualifier):
            sets.append({**sets[-1], "ExecutedVersion": version.number})
        metrics = (
            ("Invocations", 1.0, "Count"),
            ("Errors", float(result.failed), "Count"),
            ("Duration", result.duration, "Milliseconds"),
        )
        for dimensions in sets:
            for metric, value, unit in metrics:
                self.record("AWS/Lambda", metric, dimensions, value, unit, started)


def _event(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error


def _error_payload(error: Exception, request_id: str) -> bytes:
    frames = traceback.format_tb(error.__traceback__)
    return json.dumps(
        {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": request_id,
            "stackTrace": [frame for frame in frames if frame.startswith('  File "/var/task/')],
        }
    ).encode()
