"""One AWS account: its Regions, its timeline, and what was asked of it."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from sandbox.aws.cloudwatch import CloudWatch
from sandbox.aws.codedeploy import CodeDeploy
from sandbox.aws.errors import AwsError
from sandbox.aws.events import Deliveries
from sandbox.aws.faults import Faults, Lost
from sandbox.aws.lambda_ import Lambda
from sandbox.aws.logs import Logs
from sandbox.aws.request import Request
from sandbox.aws.rights import refusal
from sandbox.aws.sns import Sns
from sandbox.aws.sts import Sts
from sandbox.aws.trust import Policy
from sandbox.clock import Clock, ManualClock

ACCOUNT = "123456789012"
REGION = "eu-central-1"
FUNCTION = "function"
"""Who calls where a function does."""


class World:
    """One AWS account (123456789012, unless told otherwise) in any Region.

    `call` is how every request arrives, whichever door it came through; it is also what
    a simulator calls directly. The models behind it are plain objects: `lambda_`,
    `cloudwatch`, `logs`, `codedeploy`, `sts`.
    """

    def __init__(self, clock: Clock | None = None, seed: int = 0, account: str = ACCOUNT) -> None:
        self.clock = clock or ManualClock()
        self.account = account
        self.others: dict[str, World] = {}
        """Account -> its world, for keys that the STS of this one knows to be of another account."""
        self.random = random.Random(seed)
        self.faults = Faults()
        self.sns = Sns(self.random)
        self.sts = Sts(self.clock, self.random, self.account)
        self.log: list[Request] = []
        self.lock = threading.RLock()
        self.rights: dict[str, Policy] = {}
        """Caller, or ``*`` -> the identity policy that says what it may do; one without may do everything."""
        self.deliveries = Deliveries(self.clock, self.lock, self._reserved_for)
        self.dates: dict[str, float | None] = {}
        """Caller, or ``*`` -> by how many seconds the Date of its answers is off; None: they have no such header."""
        self._lambdas: dict[str, Lambda] = {}
        self._logs: dict[str, Logs] = {}
        self._cloudwatches: dict[str, CloudWatch] = {}
        self._codedeploys: dict[str, CodeDeploy] = {}

    def _reserved_for(self, function: str) -> int | None:
        """The reserved concurrency of a function, by its ARN; None without any of its own."""
        # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME
        _, _, _, region, _, _, name, *_ = function.split(":")
        found = self._lambdas.get(region)
        return found.reserved.get(name) if found else None

    def lambda_(self, region: str = REGION) -> Lambda:
        """The Lambda of a Region."""
        if region not in self._lambdas:
            self._lambdas[region] = Lambda(
                clock=self.clock,
                schedule=self.schedule,
                record=self.cloudwatch(region).record,
                random=self.random,
                account=self.account,
                region=region,
                write=self.logs(region).write,
            )
            self._lambdas[region].services = partial(self._called_by_a_function, region)
        return self._lambdas[region]

    def cloudwatch(self, region: str = REGION) -> CloudWatch:
        """The CloudWatch of a Region."""
        if region not in self._cloudwatches:
            self._cloudwatches[region] = CloudWatch(self.clock, self.schedule, self.account, region)
            self._cloudwatches[region].act = self.deliveries.send
        return self._cloudwatches[region]

    def logs(self, region: str = REGION) -> Logs:
        """The CloudWatch Logs of a Region."""
        if region not in self._logs:
            self._logs[region] = Logs(self.clock)
        return self._logs[region]

    def codedeploy(self, region: str = REGION) -> CodeDeploy:
        """The CodeDeploy of a Region."""
        if region not in self._codedeploys:
            self._codedeploys[region] = CodeDeploy(
                self.clock,
                self.schedule,
                self.lambda_(region),
                self.cloudwatch(region),
                self.random,
            )
        return self._codedeploys[region]

    def schedule(self, at: datetime, action: Callable[[], None]) -> None:
        """Put something on the world's one timeline."""
        self.clock.schedule(at, action)

    def run_due(self) -> None:
        """Let happen what is due (for a `RealClock`; a `ManualClock` does it itself)."""
        with self.lock:
            self.clock.run_due()

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        region: str = REGION,
        caller: str = "",
    ) -> dict[str, Any]:
        """Answer one request.

        service: ``lambda``, ``cloudwatch``, ``logs``, ``codedeploy``, ``sts`` or ``oidc``. params: as
        botocore takes them. caller: the access key id, if there was one. Raises `AwsError` for an
        error answer and `sandbox.aws.faults.Lost` when no answer comes back at all.
        """
        return self.answer(service, operation, params, region, caller)[0]

    def answer(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, caller: str
    ) -> tuple[dict[str, Any], float]:
        """`call`, for a door: also the seconds that it should keep the answer back."""
        with self.lock:
            self.clock.run_due()
            request = Request(self.clock.now(), service, operation, params, region, caller)
            self.log.append(request)
            refusal = self.sts.refusal(service, caller) or self._unauthorized(request)
            work = partial(_refuse, refusal) if refusal else partial(self.perform, request)
            try:
                answer = self.faults.around(self, request, work)
            except AwsError as error:
                request.outcome = error.code
                raise
            except Lost as loss:
                request.outcome = loss.outcome
                raise
            request.outcome = "ok"
            return answer, request.delay

    def _unauthorized(self, request: Request) -> AwsError | None:
        policy = self.rights.get(request.caller, self.rights.get("*"))
        # A function is another principal, with a role of its own.
        if policy is None or request.caller == FUNCTION:
            return None
        return refusal(self, request, policy)

    def _called_by_a_function(
        self, region: str, service: str, operation: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        return self.call(service, operation, params, region, caller=FUNCTION)

    def date(self, caller: str) -> datetime | None:
        """What the Date header of an answer to `caller` says, None if there is none."""
        off = self.dates.get(caller, self.dates.get("*", 0.0))
        return None if off is None else self.clock.now() + timedelta(seconds=off)

    def perform(self, request: Request) -> dict[str, Any]:
        """Do a request's work, now and without faults."""
        if request.operation == "GetCallerIdentity":
            return self.sts.get_caller_identity(request.caller)
        account = self.sts.account_of(request.caller)
        if account != self.account and request.service not in {"sts", "oidc"}:
            return self.in_account(account).perform(replace(request, caller=""))
        model = self._model(request.service, request.region)
        operation = getattr(model, snake_case(request.operation), None)
        if operation is None:
            raise AwsError(
                "UnknownOperationException",
                f"The sandbox has no {request.service}:{request.operation}",
                501,
            )
        answer: dict[str, Any] = operation(request.params)
        request.effect_at = self.clock.now()
        if request.operation == "Invoke":
            request.delay += model.takes
        return answer

    def in_account(self, account: str) -> World:
        """Another account, made at its first use; it is called with keys of `sts.sessions` that are of it."""
        if account not in self.others:
            self.others[account] = World(self.clock, account=account)
        return self.others[account]

    def _model(self, service: str, region: str) -> Any:
        if service == "lambda":
            return self.lambda_(region)
        if service == "cloudwatch":
            return self.cloudwatch(region)
        if service == "codedeploy":
            return self.codedeploy(region)
        if service == "logs":
            return self.logs(region)
        if service in {"sts", "oidc"}:
            return self.sts
        if service == "sns":
            return self.sns
        raise AwsError("UnknownOperationException", f"The sandbox has no service {service}", 501)


def _refuse(refusal: AwsError) -> dict[str, Any]:
    raise refusal


@cache
def snake_case(operation: str) -> str:
    """``UpdateAlias`` -> ``update_alias``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
