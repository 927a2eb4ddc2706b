"""What to do about what AWS said, where its code and words tell the cause. Pure: a table, read from top to bottom.

Not every 401 or 403 is a permission that this role lacks for this call, and no remedy here may send anybody to allow
what is allowed already. AWS's words for a denial:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; codes that all services have:
https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

ASSUME = "AssumeRoleWithWebIdentity"

_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9*]+)")
_DENIED_BY = re.compile(
    r"(?P<explicit>with an explicit deny in (?:an?|the)|because no) "
    r"(?P<kind>service control policy|resource control policy|permissions boundary|session policy|"
    r"identity-based policy|resource-based policy|VPC endpoint policy|role trust policy)"
)

_EXPLICIT: Mapping[str, str] = {
    "service control policy": "A service control policy of the AWS organization denies {action}, whatever the role is "
    "allowed: ask its administrators for an exception.",
    "resource control policy": "A resource control policy of the AWS organization denies {action}, whatever the role is "
    "allowed: ask its administrators for an exception.",
    "permissions boundary": "The permissions boundary of the role denies {action}: take the deny out of it.",
    "session policy": "The session policy that the credentials were issued with denies {action}: take the deny out of "
    "it (`inline-session-policy` or `managed-session-policies` of aws-actions/configure-aws-credentials).",
    "identity-based policy": "A policy of the role denies {action} expressly, and that outweighs what allows it: take "
    "the deny out of it, or meet its conditions.",
    "resource-based policy": "The resource's own policy denies {action}: take the deny out of it, or meet its "
    "conditions.",
    "VPC endpoint policy": "The policy of the VPC endpoint that this runner calls through denies {action}: take the deny "
    "out of it.",
    "role trust policy": "The role's trust policy denies {action}: take the deny out of it.",
}
_IMPLICIT: Mapping[str, str] = {
    "service control policy": "The service control policies of the AWS organization do not allow {action}, whatever the "
    "role is allowed: ask its administrators.",
    "resource control policy": "The resource control policies of the AWS organization do not allow {action}: ask its "
    "administrators.",
    "permissions boundary": "The permissions boundary of the role does not allow {action}: allow it there, too.",
    "session policy": "The session policy that the credentials were issued with does not allow {action}: allow it there, "
    "too (`inline-session-policy` or `managed-session-policies` of aws-actions/configure-aws-credentials).",
    "resource-based policy": "The resource is in another account than the credentials: check `function-name`, `aws-region` "
    "and the account, or allow {action} in the resource's own policy.",
    "VPC endpoint policy": "The policy of the VPC endpoint that this runner calls through does not allow {action}: allow it "
    "there, too.",
}

CLOCK = (
    "Set the runner's clock: it is off by more than the five minutes that AWS allows. (Or something between the "
    "runner and AWS held the request up.)"
)
NEW_KEY = (
    "AWS does not know these credentials: the access key was deleted or deactivated or is of another partition, its "
    "session token is missing or wrong (AWS_SESSION_TOKEN), or the Region (`aws-region`) is not enabled in the account. "
    "Give new ones, all of one kind."
)
SIGN_ANEW = (
    "Set the secret access key again, of this access key and without a blank or newline at an end; or something "
    "between the runner and AWS changes the request (a proxy)."
)
RENEW = "Renew the credentials; with `role-to-assume` the action renews them itself."


@dataclass(frozen=True, slots=True)
class _Row:
    """``remedy`` is for one of the ``codes`` (any, if there are none) with such ``words`` in AWS's message."""

    remedy: str
    codes: frozenset[str] = frozenset()
    words: str = ""
    operation: str = ""

    def fits(self, operation: str, code: str, message: str) -> bool:
        return (
            (not self.codes or code in self.codes)
            and bool(re.search(self.words, message, re.IGNORECASE))
            and self.operation in {"", operation}
        )


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


_CREDENTIALS = (
    _Row(CLOCK, _codes("RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired")),
    _Row(CLOCK, words=r"signature expired|signature not yet current"),
    _Row(
        "AWS_ENDPOINT_URL leads to another Region than `aws-region` says, or to another service: make them agree.",
        words=r"credential should be scoped to",
    ),
    _Row(
        SIGN_ANEW,
        _codes(
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        ),
    ),
    _Row(
        "The request arrived without its signature: look at what stands between this runner and AWS (a proxy that "
        "removes the Authorization header), and at AWS_ENDPOINT_URL if it is set.",
        _codes("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    ),
    _Row(
        "Enable the Region (`aws-region`) in the account, or name another.",
        _codes("OptInRequired", "RegionDisabledException", "SubscriptionRequiredException"),
    ),
    _Row(
        NEW_KEY,
        _codes(
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
        ),
    ),
    _Row(
        "GitHub's OIDC token had ended when STS read it: check the runner's clock, and start again.",
        _codes("ExpiredToken", "ExpiredTokenException"),
        operation=ASSUME,
    ),
    _Row(RENEW, _codes("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")),
    _Row(
        "Create the identity provider token.actions.githubusercontent.com in the role's account.",
        _codes("InvalidIdentityToken"),
        words=r"no openidconnect provider found",
        operation=ASSUME,
    ),
    _Row(
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
        "STS could not fetch the public key of the token's issuer. That passes: start again.",
        _codes("InvalidIdentityToken"),
        words=r"verification key",
        operation=ASSUME,
    ),
    _Row(
        "The identity provider in IAM is not set up for the audience of the token: add it there (aws iam "
        "add-client-id-to-open-id-connect-provider).",
        _codes("InvalidIdentityToken"),
        words=r"incorrect token audience",
        operation=ASSUME,
    ),
)
"""Whose causes are the credentials, and never what the role may do."""

_CODE = (
    _Row(
        "Put the package into a bucket of the function's Region.",
        words=r"S3 Error Code: (?:PermanentRedirect|AuthorizationHeaderMalformed)",
    ),
    _Row(
        "There is no such object: check `package`, and that the step before has uploaded it.",
        words=r"S3 Error Code: NoSuch",
    ),
    _Row(
        "It is S3 that refused: allow s3:GetObject (with a version id s3:GetObjectVersion) on the object to the role of "
        "this job, in the bucket's own policy too if that is another account's, and kms:Decrypt if it is encrypted.",
        words=r"denied by S3|S3 Error Code: \w*(?:AccessDenied|Forbidden)",
    ),
    _Row(
        "It is ECR that refused: let Lambda pull the image. The repository's policy has to allow ecr:BatchGetImage and "
        "ecr:GetDownloadUrlForLayer to lambda.amazonaws.com.",
        words=r"permission to access the ECR image|ECR permissions",
    ),
    _Row(
        "Build the image without attestations and for one platform: docker buildx build --provenance=false "
        "--sbom=false --platform linux/amd64 (or linux/arm64). Lambda takes no image index.",
        words=r"image manifest.*not supported",
    ),
    _Row(
        "Push the image first, to an ECR repository of the function's Region, and check `package`.",
        words=r"source image .*(?:does not exist|is not valid)",
    ),
    _Row(
        "Delete versions that no alias names (aws lambda list-versions-by-function and list-aliases show which; aws "
        "lambda delete-function --function-name NAME --qualifier NUMBER), or have the quota raised: Lambda's "
        '"Function and layer storage" of the Region, in Service Quotas.',
        _codes("CodeStorageExceededException"),
    ),
    _Row(
        "Make the package smaller (unzipped at most 250 MB, layers included), or use a container image.",
        words=r"unzipped size must be smaller",
    ),
    _Row(
        "Put the package into S3, in the function's Region, and give s3://BUCKET/KEY.",
        _codes("RequestEntityTooLargeException"),
    ),
)
"""Whose causes are the code that is uploaded."""

_PERMISSION = _codes("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def remedy_for(operation: str, code: str, message: str) -> str:
    """Return what to do, one or more sentences; empty where AWS's words have to do."""
    return (
        next(_other(operation, code, message), "")
        or (lacks_permission(operation, code, message) and _allow(operation, message))
        or ""
    )


def remedy_for_reason(reason: str) -> str:
    """Return what to do about a version's or an update's own reason for having failed; empty if that is not known."""
    return next((row.remedy for row in _CODE if row.words and row.fits("", "", reason)), "")


def lacks_permission(operation: str, code: str, message: str) -> bool:
    """Whether it is this role that lacks a permission, and nothing else."""
    return code in _PERMISSION and not any(_other(operation, code, message))


def _other(operation: str, code: str, message: str) -> Iterator[str]:
    """Yield the remedies for every cause but a permission that the role lacks."""
    if denied := _DENIED_BY.search(message):
        texts = _EXPLICIT if denied["explicit"].startswith("with") else _IMPLICIT
        if text := texts.get(denied["kind"]):
            yield text.format(action=_action(operation, message))
    yield from (row.remedy for row in (*_CREDENTIALS, *_CODE) if row.fits(operation, code, message))


def _allow(operation: str, message: str) -> str:
    if operation == ASSUME:
        # Nobody allows that but the role's own trust policy, of which who asked for the role knows more.
        return ""
    action = _action(operation, message)
    return f"Allow {action} to the role of this job; the README has the whole policy."


def _action(operation: str, message: str) -> str:
    """Return the IAM action as AWS names it, which may be another than the call's own; else the call's own."""
    if named := _ACTION.search(message):
        return named[1]
    service = next((name for name, belongs in _SERVICES.items() if belongs(operation)), "lambda")
    return f"{service}:{operation}"


_SERVICES: Mapping[str, Callable[[str], bool]] = {
    "logs": lambda operation: operation == "FilterLogEvents",
    "sts": lambda operation: operation.startswith("AssumeRole"),
    "cloudwatch": lambda operation: "Alarm" in operation or "Metric" in operation,
    "codedeploy": lambda operation: "Deployment" in operation or "Application" in operation,
}
