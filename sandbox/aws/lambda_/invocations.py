"""Invoke: draw a version by weight, run its code, count it in CloudWatch."""

from __future__ import annotations

import base64
import json
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from math import ceil
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.code import Code
from sandbox.aws.lambda_.embedded import embedded
from sandbox.aws.lambda_.managed import provider_of
from sandbox.aws.lambda_.naming import LATEST, LATEST_PUBLISHED, is_number
from sandbox.aws.lambda_.output import entries, group_of, stream_of
from sandbox.aws.lambda_.region import Answer, Params, Region, conflict, invalid, not_found
from sandbox.aws.lambda_.things import Alias, Fate, Function, Version
from sandbox.clock import ManualClock

LARGEST = 6 * 1024 * 1024
"""Bytes of a payload and of an answer, for a synchronous invocation (Lambda quotas)."""

TAIL = 4096
"""Bytes of the log that LogType=Tail answers."""

SYNCHRONOUS = 900
"""Seconds that a synchronous invocation lasts at most, a durable one's execution included."""

UNHANDLED = "Unhandled"
"""FunctionError of an exception that left the handler. One with an attribute `function_error` ("Handled") has that."""


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
    """What one run gave. error: FunctionError, empty for none. duration: milliseconds. log: all that it wrote.

    slept: seconds of the duration that nobody has waited for.
    """

    payload: bytes
    error: str
    duration: float
    log: str
    slept: float


class InvokeOperations(Region):
    """Invoke.

    takes: seconds that the answer to the last invocation took, by what the function was asked to sleep. The code has
    run at once all the same; only whoever waits for the answer waits so long.
    """

    takes = 0.0

    def invoke(self, params: Params) -> Answer:
        """Invoke a function, a version or an alias.

        InvocationType Event runs right after the answer, DryRun runs nothing.
        """
        self.takes = 0.0
        if (size := len(params.get("Payload") or b"")) > LARGEST:
            raise AwsError(
                "RequestTooLargeException",
                f"{size} byte payload is too large for the RequestResponse invocation type (limit {LARGEST} bytes)",
                413,
            )
        name, qualifier = self._resolve(params)
        if name not in self.functions:
            raise not_found(f"Function not found: {self._arn(name, qualifier)}")
        function = self.functions[name]
        version = self._drawn(function, qualifier)
        self._refuse_to_run(version)
        kind = params.get("InvocationType", "RequestResponse")
        _check_kind(version.settings, params, qualifier, kind)
        event = _event(params.get("Payload") or b"{}")
        run = partial(self._run, version, qualifier, event)
        if kind == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": version.number, "Payload": b""}
        if kind == "Event":
            self.schedule(self.clock.now(), lambda: (run(), None)[1])
            return {"StatusCode": 202, "Payload": b""}
        result = run()
        self.takes = result.slept
        answer: Answer = {
            "StatusCode": 200,
            "ExecutedVersion": version.number,
            "Payload": result.payload,
        }
        if result.error:
            answer["FunctionError"] = result.error
        if params.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(result.log.encode()[-TAIL:]).decode()
        return answer

    def _refuse_to_run(self, version: Version) -> None:
        """Answer in the place of a version that is not there yet, or not any more."""
        state = version.state
        if state == "Inactive":
            self._wake(version)
        if state != "Active":
            raise conflict(
                "The operation cannot be performed at this time. The function is currently in "
                f"the following state: {state}"
            )

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
        self._keep_log(version, result, started)
        for line in "".join(version.code.printed).splitlines():
            for each in embedded(line):
                self.record(
                    each.namespace, each.name, each.dimensions, each.value, each.unit, started
                )
        return result

    def _keep_log(self, version: Version, result: Result, at: datetime) -> None:
        """Write into the version's stream, that of the environment which it has had since its first invocation."""
        name, settings = version.function, version.settings
        day = self._environments.setdefault((name, version.number), at)
        group, stream = group_of(name, settings), stream_of(name, version.number, settings, day)
        error = json.loads(result.payload) if result.error else None
        for message in entries(result.log, error, settings, at):
            self.write(group, stream, message, at)

    @cached_property
    def _environments(self) -> dict[tuple[str, str], datetime]:
        """When each version's execution environment began."""
        return {}

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
        code.printed.clear()
        code.services = self.services
        # A manual clock stands still while code runs; its millisecond keeps runs repeatable.
        before = None if isinstance(self.clock, ManualClock) else time.perf_counter()
        answered = _answered(code, settings["Handler"], event, context)
        elapsed = 0.001 if before is None else time.perf_counter() - before
        slept = code.slept - slept
        if elapsed + slept > settings["Timeout"]:
            elapsed, slept = 0.0, float(settings["Timeout"])
            answered = _timed_out(f"{self.clock.now():%Y-%m-%dT%H:%M:%S.000Z}", slept, request_id)
        payload, error, said = answered
        milliseconds = 1000.0 * (elapsed + slept)
        log = (
            f"START RequestId: {request_id} Version: {version.number}\n"
            f"{''.join(code.printed)}{said}END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: "
            f"{ceil(milliseconds)} ms\tMemory Size: {settings['MemorySize']} MB\tMax Memory Used: 38 MB\t\n"
        )
        return Result(payload, error, milliseconds, log, slept)

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
            ("Errors", float(bool(result.error)), "Count"),
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


def _check_kind(
    settings: Mapping[str, Any], params: Params, qualifier: str | None, kind: str
) -> None:
    """Refuse what a function of a newer kind does not take."""
    if settings.get("TenancyConfig") and not params.get("TenantId"):
        raise invalid(
            "Add a valid tenant ID in your request. Tenant isolation is enabled for this function."
        )
    durable = settings.get("DurableConfig")
    if durable and qualifier is None:
        raise invalid("You cannot invoke a durable function using an unqualified ARN.")
    if durable and kind == "RequestResponse" and durable["ExecutionTimeout"] > SYNCHRONOUS:
        raise invalid(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."
        )


def _answered(code: Code, handler: str, event: Any, context: Context) -> tuple[bytes, str, str]:
    """Run a handler: what it answered, FunctionError, and what the runtime wrote into its log."""
    try:
        payload = json.dumps(code.load(handler)(event, context)).encode()
    except Exception as error:  # noqa: BLE001  whatever the function raises is its answer
        frames = traceback.format_tb(error.__traceback__)
        own = [frame for frame in frames if frame.startswith('  File "/var/task/')]
        kind, what = type(error).__name__, str(error)
        said = f"[ERROR] {kind}: {what}\nTraceback (most recent call last):\n{''.join(own)}\n"
        failed = _error_payload(kind, what, context.aws_request_id, own)
        return failed, getattr(error, "function_error", UNHANDLED), said
    if len(payload) <= LARGEST:
        return payload, "", ""
    what = f"Response payload size exceeded maximum allowed payload size ({LARGEST} bytes)."
    failed = _error_payload("Function.ResponseSizeTooLarge", what, context.aws_request_id)
    return failed, UNHANDLED, f"[ERROR] {what}\n"


def _timed_out(at: str, seconds: float, request_id: str) -> tuple[bytes, str, str]:
    """What Lambda answers in the place of a function that it has ended."""
    what = f"{at} {request_id} Task timed out after {seconds:.2f} seconds"
    return _error_payload("Sandbox.Timedout", what, request_id), UNHANDLED, f"{what}\n\n"


def _error_payload(kind: str, what: str, request_id: str, frames: list[str] | None = None) -> bytes:
    said: dict[str, Any] = {"errorMessage": what, "errorType": kind, "requestId": request_id}
    if frames is not None:
        said["stackTrace"] = frames
    return json.dumps(said).encode()
