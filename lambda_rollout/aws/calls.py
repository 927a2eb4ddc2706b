"""How one AWS call ended, in the kinds of `lambda_rollout.runtime.errors`, and whether it was AWS who ended it.

Error codes: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, and those of botocore's
``botocore/retries/standard.py`` for what is throttling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

from botocore import exceptions as boto

from lambda_rollout.aws import marks, members
from lambda_rollout.runtime.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    CallFailed,
    CredentialsExpired,
    DeniedOtherwise,
    ForeignAnswer,
    InvalidRequest,
    NotFound,
    NotSent,
    Refused,
    RevisionMismatch,
    RolloutError,
    Unanswered,
    UnmarkedNotFound,
    Unreachable,
)
from lambda_rollout.runtime.masking import without_signed_headers
from lambda_rollout.runtime.remedies import lacks_permission, remedy_for

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
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
SIGNED_WRONG = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""Of one delivery alone: a signature ends after five minutes, and a middle box may have changed what was signed."""

INVALID = frozenset(
    {
        "InvalidAction",
        "InvalidFormat",
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "InvalidQueryParameter",
        "InvalidRequestContentException",
        "MalformedQueryString",
        "MissingAction",
        "MissingParameter",
        "MissingRequiredParameterException",
        "RequestEntityTooLargeException",
        "RequestTooLargeException",
        "SerializationException",
        "UnsupportedMediaTypeException",
        "ValidationError",
        "ValidationException",
    }
)
TIMED_OUT = frozenset({"IDPCommunicationError", "RequestTimeout", "RequestTimeoutException"})
NOT_YET = frozenset(
    {
        "CodeArtifactUserPendingException",
        "EC2ThrottledException",
        "ENINotReadyException",
        "ResourceNotReadyException",
        "SnapStartNotReadyException",
    }
)
"""Of Invoke: the function did not run, as what it runs in is still being made. Most are a 502."""

CANNOT_START = frozenset(
    {
        "CodeArtifactUserDeletedException",
        "CodeArtifactUserFailedException",
        "EC2AccessDeniedException",
        "EC2UnexpectedException",
        "EFSIOException",
        "EFSMountConnectivityException",
        "EFSMountFailureException",
        "EFSMountTimeoutException",
        "ENILimitReachedException",
        "InvalidRuntimeException",
        "InvalidSecurityGroupIDException",
        "InvalidSubnetIDException",
        "InvalidZipFileException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "RuntimeAliasDeletedException",
        "RuntimeVersionDeletedException",
        "S3FilesMountConnectivityException",
        "S3FilesMountFailureException",
        "S3FilesMountTimeoutException",
        "SnapStartException",
        "SnapStartRegenerationFailureException",
        "SnapStartTimeoutException",
        "SubnetIPAddressLimitReachedException",
    }
)
"""Of Invoke: the function cannot be started, and that is its configuration's fault. The status alone (502, 403, 409)
would say that nobody knows, that a permission lacks, or that it only takes time.
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""

MISSING = frozenset({"ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException"})

NOT_AWS = (
    "Check what is between this runner and AWS: a proxy (HTTPS_PROXY), a load balancer, a filter, or "
    "AWS_ENDPOINT_URL if it is set."
)

NO_WAY = "Check `aws-region`, AWS_ENDPOINT_URL if it is set, and the runner's way to AWS: DNS, proxy, firewall."
NOT_TRUSTED = (
    "Somebody else than AWS answers in its name, such as a proxy that reads along: put its certificate into a file in "
    "the workspace and name that in AWS_CA_BUNDLE (/github/workspace/FILE); or check AWS_ENDPOINT_URL if it is set."
)

_Answer = TypeVar("_Answer", bound=Mapping[str, Any])
_Read = TypeVar("_Read")


def ask(operation: str, call: Callable[[], _Answer], read: Callable[[_Answer], _Read]) -> _Read:
    """Make one call of boto3, and return what ``read`` finds in its answer. Every call of this package goes through it.

    ``operation`` is AWS's name of it and has a row in `lambda_rollout.aws.members`: an answer without those members is
    a `ForeignAnswer`, and so is one that ``read`` stumbles over. Raises `CallFailed` of the kind that tells what to do
    next, or `RolloutError` for what no call can be made with: no credentials.
    """
    with translating_errors(operation):
        answer = call()
        _check(operation, answer)
        return read(answer)


def _check(operation: str, answer: Mapping[str, Any]) -> None:
    """Raise `ForeignAnswer` if an answer is none that AWS gives to ``operation``."""
    lacking = members.missing(operation, answer)
    if operation in members.MARKED and not marks.is_marked_object(answer):
        lacking = (*lacking, "AWS's request id on complete JSON")
    if lacking:
        raise _foreign(operation, answer, f"without {', '.join(lacking)}")


def _foreign(operation: str, answer: Mapping[str, Any], lacks: str) -> ForeignAnswer:
    said = without_signed_headers(marks.excerpt(answer))
    return ForeignAnswer(
        operation,
        f"HTTP {marks.status(answer)}",
        f"this is not AWS's answer ({lacks})" + (f', it says: "{said}"' if said else ""),
        NOT_AWS,
        marks.own_endpoint(answer),
    )


@contextmanager
def translating_errors(operation: str) -> Iterator[None]:
    """Turn what botocore raises into a `CallFailed` of the right kind.

    Whatever else goes wrong inside, reading the answer included, is `Unanswered`: the call may have had its effect.
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
    except CONNECTING as error:
        raise _not_connected(operation, error) from error
    except UNSENT as error:
        raise NotSent(operation, type(error).__name__, str(error)) from error
    except boto.ParamValidationError as error:
        raise InvalidRequest(operation, "ParamValidationError", str(error)) from error
    except (boto.BotoCoreError, OSError) as error:
        # Read timeouts, dropped connections: the call may have had its effect.
        raise Unanswered(operation, type(error).__name__, str(error)) from error
    except RolloutError:
        raise
    except Exception as error:
        # botocore's parsers let pass what they stumble over: a proxy's page, half an answer, other bytes than
        # text. One such answer to a rollback must not end the trying.
        unreadable = f"this is not AWS's answer, it is unreadable: {marks.cleaned(str(error))}"
        raise ForeignAnswer(operation, type(error).__name__, unreadable, NOT_AWS) from error


CONNECTING = (
    boto.ConnectTimeoutError,
    boto.EndpointConnectionError,
    boto.ProxyConnectionError,
    boto.SSLError,
)


def _not_connected(operation: str, error: Exception) -> CallFailed:
    name, said = type(error).__name__, str(error)
    if not isinstance(error, boto.SSLError):
        return Unreachable(operation, name, said, NO_WAY)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        # While the connection was being made, so nothing was sent.
        return Unreachable(operation, name, said, NOT_TRUSTED)
    return Unanswered(operation, name, said)


SOURCE_FAILED = (
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.SSOError,
    # LoginError came with botocore 1.41, and Lambda's runtime may bring an older one to the guardian.
    getattr(boto, "LoginError", boto.SSOError),
    boto.TokenRetrievalError,
)
"""The sources of credentials that botocore asks inside a call, or while it makes a client: a command, a file, IMDS, a
container's agent, IAM Identity Center. The next try may find them in order."""

UNSENT = (
    # Nothing to sign with.
    *SOURCE_FAILED,
    boto.NoAuthTokenError,
    boto.UnknownCredentialError,
    boto.RefreshWithMFAUnsupportedError,
    boto.InfiniteLoopConfigError,
    boto.ProfileNotFound,
    boto.InvalidConfigError,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    # Nobody to send it to.
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidProxiesConfigError,
)


def _of_answer(operation: str, error: boto.ClientError) -> CallFailed:
    answer: Mapping[str, Any] = error.response
    code = marks.error_code(answer)
    if error.operation_name != operation:
        # botocore asks for credentials inside the call, and that was refused, or answered by somebody who is not AWS.
        why = f"{error.operation_name}: {code or f'HTTP {marks.status(answer)}'}: {_message(error)}"
        return NotSent(operation, "NoNewCredentials", why)
    if marks.is_marked_error(answer):
        return _of_aws(operation, code, _message(error), marks.status(answer))
    endpoint = marks.own_endpoint(answer)
    if endpoint and code in MISSING:
        why = f'"{_message(error)}", says {endpoint} without AWS\'s request id'
        return UnmarkedNotFound(operation, code, why, NOT_AWS, endpoint)
    lacks = "error code" if marks.has_request_id(answer) else "request id"
    return _foreign(operation, answer, f"without AWS's {lacks}")


def _message(error: boto.ClientError) -> str:
    said = str(error.response.get("Error", {}).get("Message") or "") or str(error)
    return without_signed_headers(said)


def _of_aws(operation: str, code: str, message: str, status: int) -> CallFailed:
    """Tell an answer of AWS's own apart; the code is the better word, and statuses are for those not known here."""
    kind = _kind(operation, code, status)
    if kind is AccessDenied and not lacks_permission(operation, code, message):
        kind = DeniedOtherwise
    elif code == "InvalidIdentityToken" and "verification key" in message:
        # It passes (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).
        kind = Busy
    return kind(operation, code, message, remedy_for(operation, code, message))


def _kind(operation: str, code: str, status: int) -> type[CallFailed]:
    for kind, codes in _BY_CODE.items():
        if code in codes:
            return kind
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unanswered
    if code == "ResourceConflictException" or status == HTTPStatus.CONFLICT:
        return AlreadyExists if operation.startswith("Create") else Busy
    return _BY_STATUS.get(status, Refused)


_BY_CODE: Mapping[type[CallFailed], frozenset[str]] = {
    CredentialsExpired: EXPIRED,
    RevisionMismatch: frozenset({"PreconditionFailedException"}),
    Busy: THROTTLED | NOT_YET,
    AccessDenied: DENIED,
    Refused: SIGNED_WRONG | CANNOT_START,
    Unanswered: TIMED_OUT,
    NotFound: MISSING,
    InvalidRequest: INVALID,
}
_BY_STATUS: Mapping[int, type[CallFailed]] = {
    HTTPStatus.UNAUTHORIZED: AccessDenied,
    HTTPStatus.FORBIDDEN: AccessDenied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.PRECONDITION_FAILED: RevisionMismatch,
    HTTPStatus.TOO_MANY_REQUESTS: Busy,
}


def says_expired(answer: Mapping[str, Any]) -> bool:
    """Whether it is AWS's own word that the credentials have ended."""
    return marks.is_marked_error(answer) and marks.error_code(answer) in EXPIRED


def is_throttling(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says that there were too many calls."""
    return (
        marks.error_code(answer) in THROTTLED
        or marks.status(answer) == HTTPStatus.TOO_MANY_REQUESTS
    )


def date_of(answer: Mapping[str, Any]) -> datetime | None:
    """Return AWS's own clock in an answer: its ``Date`` header, None if none is there that can be read."""
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (TypeError, ValueError):
        return None
