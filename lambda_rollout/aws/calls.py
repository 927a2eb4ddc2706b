"""How one AWS call ended, in the kinds of `lambda_rollout.errors`.

Error codes: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, and those of botocore's
``botocore/retries/standard.py`` for what is throttling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from botocore import exceptions as boto

from lambda_rollout.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    CallFailed,
    CredentialsExpired,
    NotFound,
    Refused,
    RevisionMismatch,
    RolloutError,
    Unanswered,
    Unreachable,
)
from lambda_rollout.masking import without_signed_headers

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
TIMED_OUT = frozenset({"IDPCommunicationError", "RequestTimeout", "RequestTimeoutException"})
MISSING = frozenset({"ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException"})


@contextmanager
def told_apart(operation: str) -> Iterator[None]:
    """Turn what botocore raises into a `CallFailed` of the right kind.

    Whatever else goes wrong inside, reading the answer included, is `Unanswered`: the call may have had its effect.
    Raises `RolloutError` for what no call can be made with: no credentials.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _of_answer(operation, error) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        raise RolloutError(
            f"no AWS credentials: {error}.",
            "Run aws-actions/configure-aws-credentials in a step before, or set `role-to-assume`.",
        ) from error
    except (
        boto.ConnectTimeoutError,
        boto.EndpointConnectionError,
        boto.ProxyConnectionError,
    ) as error:
        raise Unreachable(
            operation,
            type(error).__name__,
            str(error),
            "Check `aws-region`, AWS_ENDPOINT_URL if it is set, and the runner's way to AWS: DNS, proxy, firewall.",
        ) from error
    except boto.CredentialRetrievalError as error:
        # Nothing to sign with, so AWS cannot have seen the call.
        raise Busy(operation, type(error).__name__, str(error)) from error
    except boto.ParamValidationError as error:
        raise Refused(operation, "ParamValidationError", str(error)) from error
    except boto.BotoCoreError as error:
        # Read timeouts, dropped connections, answers that cannot be read: the call may have had its effect.
        raise Unanswered(operation, type(error).__name__, str(error)) from error
    except RolloutError:
        raise
    except Exception as error:
        # botocore's parsers let pass what they stumble over: a proxy's page, half an answer, other bytes than
        # text. One such answer to a rollback must not end the trying.
        raise Unanswered(operation, type(error).__name__, f"unreadable: {error}") from error


def _of_answer(operation: str, error: boto.ClientError) -> CallFailed:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    message = without_signed_headers(said)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in EXPIRED:
        remedy = "Renew the credentials; with `role-to-assume` the action renews them itself."
        return CredentialsExpired(operation, code, message, remedy)
    if code in DENIED or (status in {401, 403} and code not in THROTTLED):
        remedy = (
            f"Allow {_action(operation)} to the role of this job; the README has the whole policy."
        )
        return AccessDenied(operation, code, message, remedy)
    kind = _kind(operation, code, status)
    return kind(operation, code, message)


def _kind(operation: str, code: str, status: int) -> type[CallFailed]:
    if code == "PreconditionFailedException" or status == HTTPStatus.PRECONDITION_FAILED:
        return RevisionMismatch
    if _throttling(code, status):
        return Busy
    if code in TIMED_OUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unanswered
    if code == "ResourceConflictException" or status == HTTPStatus.CONFLICT:
        return AlreadyExists if operation.startswith("Create") else Busy
    if code in MISSING or status == HTTPStatus.NOT_FOUND:
        return NotFound
    return Refused


def is_throttling(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says that there were too many calls."""
    code = str(answer.get("Error", {}).get("Code", ""))
    return _throttling(code, int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)))


def _throttling(code: str, status: int) -> bool:
    return code in THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS


def _action(operation: str) -> str:
    service = "lambda"
    if "Alarm" in operation or "Metric" in operation:
        service = "cloudwatch"
    elif "Deployment" in operation or "Application" in operation:
        service = "codedeploy"
    return f"{service}:{operation}"


def date_of(answer: Mapping[str, Any]) -> datetime | None:
    """Return AWS's own clock in an answer: its ``Date`` header, None if none is there that can be read."""
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (TypeError, ValueError):
        return None
