"""boto3's clients, made once each, with our own timeouts and none of botocore's retries."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lambda_rollout import __version__
from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.aws.alarm_types import AlarmTypes
from lambda_rollout.aws.calls import SOURCE_FAILED, date_of, is_throttling
from lambda_rollout.aws.connecting import with_one_deadline
from lambda_rollout.aws.environment import misconfigured
from lambda_rollout.aws.function_names import FunctionNames
from lambda_rollout.aws.marks import has_request_id, keep_source, own_endpoint
from lambda_rollout.aws.rate_limit import RateLimits
from lambda_rollout.aws.renewal import RenewedCredentials
from lambda_rollout.aws.rights import Rights
from lambda_rollout.runtime.clock import Clock, SystemClock

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_codedeploy import CodeDeployClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sts import STSClient

CONNECT_TIMEOUT = 1.5
READ_TIMEOUT = 3.5
"""Seconds, and added up all that a call has (`lambda_rollout.aws.connecting`). GitHub kills a cancelled step 10 s after
SIGINT: a call that hangs must end early enough for the rollback to be sent. A lost SYN is sent again after one second
(RFC 6298), so that a connection has a second chance."""

UPLOAD_CONNECT_TIMEOUT = 60
UPLOAD_READ_TIMEOUT = 240
"""Seconds. urllib3 sends under the connect timeout; 50 MB at 2 Mbit/s need some 270 s."""

INVOKE_CONNECT_TIMEOUT = 30
"""Seconds, which are for sending as well: a payload has up to 6 MB. Who waits for it listens to stop meanwhile."""

CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT,
    read_timeout=READ_TIMEOUT,
    # One attempt: `lambda_rollout.runtime.retry` repeats calls, listens to stop, and knows of every lost answer.
    retries={"total_max_attempts": 1, "mode": "standard"},
    user_agent_extra=f"lambda-rollout/{__version__}",
)

LOGS_PER_SECOND = 5.0
"""Calls of FilterLogEvents that an account may make in most Regions
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""

with_one_deadline()

_Client = TypeVar("_Client")


class Clients:
    """The clients of one session, each made when it is first needed; credentials are the session's.

    Calls of Lambda share its quotas, so they take turns (`lambda_rollout.aws.rate_limit`). May be used from several
    threads.
    """

    def __init__(
        self,
        session: boto3.Session,
        region: str,
        clock: Clock | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``region`` is the functions' Region; alarms may live in others. ``clock`` is the machine's by default.

        ``warn`` is told once of an endpoint of somebody's own whose answers do not bear AWS's request id, and of a
        Region that does not know all types of alarms.
        """
        self.region = region
        self._warn = warn
        self._warned = False
        self._session = session
        events: Any = session.events
        events.register("after-call", keep_source)
        self._clock = clock or SystemClock()
        self._turns = _Turns(RateLimits(), self._clock)
        self.aws_clock = AwsClock(self._clock)
        """What all answers to these clients say of the time."""
        self.names = FunctionNames()
        """What the functions are called in requests."""
        self.rights = Rights()
        """Which IAM actions AWS has allowed so far, and which it has refused."""
        self.alarm_types = AlarmTypes(warn)
        """What is known of the Regions' types of alarms."""
        self._cloudwatch: dict[str, CloudWatchClient] = {}
        self._invoking: dict[int, LambdaClient] = {}
        # A session may make only one client at a time
        # (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html), and from Python 3.12 on
        # cached_property has no lock of its own.
        self._making = threading.RLock()

    def life(self) -> CredentialsLife:
        """Say how long the session's credentials last; those that nobody renews have no end that can be seen."""
        credentials = self._session.get_credentials()
        if isinstance(credentials, RenewedCredentials):
            return credentials.life()
        return CredentialsLife()

    @property
    def lambda_(self) -> LambdaClient:
        """The Lambda client."""
        with self._making:
            return self._lambda

    @property
    def uploads(self) -> LambdaClient:
        """The Lambda client for sending code: megabytes take longer than any other call, and no canary is out."""
        with self._making:
            return self._uploads

    @cached_property
    def _lambda(self) -> LambdaClient:
        client: LambdaClient = self._client("lambda", self.region, CONFIG)
        return self._turns.of(client)

    @cached_property
    def _uploads(self) -> LambdaClient:
        config = CONFIG.merge(
            Config(connect_timeout=UPLOAD_CONNECT_TIMEOUT, read_timeout=UPLOAD_READ_TIMEOUT)
        )
        client: LambdaClient = self._client("lambda", self.region, config)
        return self._turns.of(client)

    def invoking(self, read_timeout: int) -> LambdaClient:
        """Return a client that waits so many seconds for a function's answer. Invocations have a quota of their own."""
        with self._making:
            if read_timeout not in self._invoking:
                config = CONFIG.merge(
                    Config(connect_timeout=INVOKE_CONNECT_TIMEOUT, read_timeout=read_timeout)
                )
                # Its answers may be a quarter of an hour in the making, and whether their Date is from before or after
                # that no page says.
                self._invoking[read_timeout] = self._client(
                    "lambda", self.region, config, dated=False
                )
            return self._invoking[read_timeout]

    @property
    def codedeploy(self) -> CodeDeployClient:
        """The CodeDeploy client; a deployment is in its function's Region."""
        with self._making:
            return self._codedeploy

    @cached_property
    def _codedeploy(self) -> CodeDeployClient:
        client: CodeDeployClient = self._client("codedeploy", self.region, CONFIG)
        return client

    @property
    def logs(self) -> Any:
        """The client of CloudWatch Logs, in the functions' Region, made when a log is first read."""
        with self._making:
            return self._logs

    @cached_property
    def _logs(self) -> Any:
        turns = _Turns(RateLimits(LOGS_PER_SECOND), self._clock)
        return turns.of(self._client("logs", self.region, CONFIG))

    @property
    def sts(self) -> STSClient:
        """The STS client."""
        with self._making:
            return self._sts

    @cached_property
    def _sts(self) -> STSClient:
        client: STSClient = self._client("sts", self.region, CONFIG)
        return client

    def sns(self, region: str) -> Any:
        """Make an SNS client of a Region: a topic is known in its own alone."""
        with self._making:
            return self._client("sns", region, CONFIG)

    def cloudwatch(self, region: str) -> CloudWatchClient:
        """Return the CloudWatch client of a Region."""
        with self._making:
            if region not in self._cloudwatch:
                self._cloudwatch[region] = self._client("cloudwatch", region, CONFIG)
            return self._cloudwatch[region]

    def _client(self, service: str, region: str, config: Config, *, dated: bool = True) -> Any:
        try:
            client: Any = self._session.client(service, region, config=config)  # type: ignore[call-overload]
        except (ClientError, *SOURCE_FAILED):
            # For now, as far as we know: `ask` says so.
            raise
        except Exception as error:
            # What cannot be made now cannot be made later.
            raise misconfigured(error, os.environ) from error
        client.meta.events.register("after-call", partial(self._hear, dated))
        client.meta.events.register("after-call", self.rights.heed)
        return client

    def _hear(self, dated: bool, parsed: dict[str, Any], **_: object) -> None:
        """Take note of the time in an answer that bears AWS's request id: a page from in between has another clock."""
        if has_request_id(parsed):
            if dated:
                self.aws_clock.hear(date_of(parsed))
        elif (host := own_endpoint(parsed)) and not self._warned:
            self._warned = True
            self._warn(
                f"{host} answers without AWS's request id, so its errors are not taken for AWS's: that something does "
                "not exist is believed only before anything is changed."
            )


class _Turns:
    """Lets every call of a client wait for its turn, and learns from its answer."""

    def __init__(self, rate_limits: RateLimits, clock: Clock) -> None:
        self._rate_limits = rate_limits
        self._clock = clock

    def of(self, client: _Client) -> _Client:
        """Return the client, which takes turns from now on."""
        made: Any = client
        events = made.meta.events
        # Before the request is made and signed: a signature would age while it waits.
        events.register("before-call", self._wait)
        events.register("after-call", self._learn)
        return client

    def _wait(self, model: OperationModel, context: dict[str, Any], **_: object) -> None:
        rate_limit = self._rate_limits.of(model.name)
        while (away := rate_limit.turn(self._clock.monotonic())) > 0:
            # No stop: a turn is a fraction of a second away, and a settling write must not be turned back.
            self._clock.wait(away, None)
        context["lambda_rollout_sent"] = self._clock.monotonic()

    def _learn(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        now = self._clock.monotonic()
        rate_limit = self._rate_limits.of(model.name)
        if is_throttling(parsed):
            rate_limit.throttled(context["lambda_rollout_sent"], now)
        else:
            rate_limit.answered(now)
