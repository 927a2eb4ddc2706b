"""What all operations of one Region's Lambda share."""

from __future__ import annotations

import random as random_module
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.code import Services
from sandbox.aws.lambda_.naming import LATEST, LATEST_PUBLISHED, is_number, parse_reference
from sandbox.aws.lambda_.sources import Sources
from sandbox.aws.lambda_.things import Alias, Fate, Function, Version
from sandbox.clock import Clock

Params = Mapping[str, Any]
Answer = dict[str, Any]
T = TypeVar("T")

STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


class Record(Protocol):
    """Takes a datapoint of a metric (CloudWatch)."""

    def __call__(
        self,
        namespace: str,
        metric: str,
        dimensions: dict[str, str],
        value: float,
        unit: str,
        at: datetime,
    ) -> None: ...


class Write(Protocol):
    """Takes an event of a function's log (CloudWatch Logs)."""

    def __call__(self, group: str, stream: str, message: str, at: datetime) -> None: ...


def write_nothing(group: str, stream: str, message: str, at: datetime) -> None:
    """Keep no log."""


class Region:
    """The functions of one account and Region.

    activation_delay, update_delay: seconds from PublishVersion or CreateFunction to Active,
    and from an update to Successful; to be set at any time. keeps_descriptions: whether an
    UpdateAlias with an empty Description leaves the alias's as it is (which of the two AWS
    does is unconfirmed). services: what a function's boto3 calls.
    """

    def __init__(
        self,
        clock: Clock,
        schedule: Callable[[datetime, Callable[[], None]], None],
        record: Record,
        random: random_module.Random,
        account: str,
        region: str,
        write: Write = write_nothing,
    ) -> None:
        self.clock = clock
        self.schedule = schedule
        self.record = record
        self.write = write
        self.random = random
        self.account = account
        self.region = region
        self.functions: dict[str, Function] = {}
        self.sources = Sources()
        self.services: Services | None = None
        self.activation_delay = 1.0
        self.keeps_descriptions = False
        self.update_delay = 1.0

    def next_version(self, function: str, fate: Fate) -> None:
        """Decide what becomes of the next version published that has no fate yet."""
        self.functions[function].fates.append(fate)

    def set_state(self, function: str, qualifier: str, fate: Fate) -> None:
        """Put a version into a state at once, for example Inactive after 14 idle days."""
        self._settle(self._version(self.functions[function], qualifier), fate)

    def revision_id(self) -> str:
        """A new RevisionId."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _arn(self, name: str, qualifier: str | None = None) -> str:
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn

    def _resolve(self, params: Params) -> tuple[str, str | None]:
        return parse_reference(
            params["FunctionName"], params.get("Qualifier"), self.region, self.account
        )

    def _function(self, params: Params) -> Function:
        name, _ = self._resolve(params)
        if name not in self.functions:
            raise not_found(f"Function not found: {self._arn(name)}")
        return self.functions[name]

    def _version(self, function: Function, qualifier: str) -> Version:
        if qualifier == LATEST:
            return function.latest
        if qualifier == LATEST_PUBLISHED:
            qualifier = str(function.last_number)
        if qualifier not in function.published:
            raise not_found(f"Function not found: {function.arn}:{qualifier}")
        return function.published[qualifier]

    def _alias(self, function: Function, name: str) -> Alias:
        if name not in function.aliases:
            raise not_found(f"Cannot find alias arn: {function.arn}:{name}")
        return function.aliases[name]

    def _qualified(self, params: Params) -> tuple[Version, str | None]:
        """The version that a request speaks of, and its ARN if the request was qualified."""
        name, qualifier = self._resolve(params)
        if name not in self.functions:
            raise not_found(f"Function not found: {self._arn(name, qualifier)}")
        function = self.functions[name]
        if qualifier is None:
            return function.latest, None
        arn = f"{function.arn}:{qualifier}"
        if qualifier.startswith(LATEST) or is_number(qualifier):
            return self._version(function, qualifier), arn
        alias = self._alias(function, qualifier)
        return self._version(function, alias.version), arn

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.schedule(self.clock.now() + timedelta(seconds=seconds), action)

    def _settle(self, version: Version, fate: Fate) -> None:
        version.state = fate.state
        version.reason = (fate.reason, fate.reason_code)
        applies = version.settings["SnapStart"]["ApplyOn"] == "PublishedVersions"
        version.optimization = fate.optimization if applies and version.number != LATEST else "Off"
        version.revision_id = self.revision_id()


def not_found(message: str) -> AwsError:
    """404."""
    return AwsError("ResourceNotFoundException", message, 404)


def invalid(message: str) -> AwsError:
    """400 of the operation itself."""
    return AwsError("InvalidParameterValueException", message)


def conflict(message: str) -> AwsError:
    """409."""
    return AwsError("ResourceConflictException", message, 409)


def check_revision(given: str | None, current: str) -> None:
    """Refuse (412) a RevisionId that is not the current one; none given is no check."""
    if given and given != current:
        raise AwsError("PreconditionFailedException", STALE, 412)


def page(items: Sequence[T], params: Params, most: int = 50) -> tuple[Sequence[T], dict[str, str]]:
    """One page of `items` by Marker and MaxItems (`most` unless told), and what leads to the next."""
    start = int(params.get("Marker") or 0)
    end = start + min(params.get("MaxItems") or most, most)
    return items[start:end], {"NextMarker": str(end)} if end < len(items) else {}
