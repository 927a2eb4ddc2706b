"""boto3's clients, made once each, with our own timeouts and none of botocore's retries."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from lambda_rollout import __version__

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 4
"""Seconds. GitHub kills a cancelled step 10 s after SIGINT: a call that hangs must end early enough for the
rollback to be sent."""

UPLOAD_TIMEOUT = 60

CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT,
    read_timeout=READ_TIMEOUT,
    # One attempt: `lambda_rollout.patience` repeats calls, listens to stop, and knows of every lost answer.
    retries={"total_max_attempts": 1, "mode": "standard"},
    user_agent_extra=f"lambda-rollout/{__version__}",
)


class Clients:
    """The clients of one session, each made when it is first needed; credentials are the session's."""

    def __init__(self, session: boto3.Session, region: str) -> None:
        """``region`` is the functions' Region; alarms may live in others."""
        self.region = region
        self._session = session
        self._cloudwatch: dict[str, CloudWatchClient] = {}

    @cached_property
    def lambda_(self) -> LambdaClient:
        """The Lambda client."""
        return self._session.client("lambda", region_name=self.region, config=CONFIG)

    @cached_property
    def uploads(self) -> LambdaClient:
        """The Lambda client for sending code: megabytes take longer than any other call, and no canary is out."""
        config = CONFIG.merge(Config(connect_timeout=UPLOAD_TIMEOUT, read_timeout=UPLOAD_TIMEOUT))
        return self._session.client("lambda", region_name=self.region, config=config)

    def cloudwatch(self, region: str) -> CloudWatchClient:
        """Return the CloudWatch client of a Region."""
        if region not in self._cloudwatch:
            self._cloudwatch[region] = self._session.client(
                "cloudwatch", region_name=region, config=CONFIG
            )
        return self._cloudwatch[region]
