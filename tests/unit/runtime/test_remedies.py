"""What to do about what AWS said: by its own words, and never to allow what is not the cause."""

from __future__ import annotations

import pytest

from lambda_rollout.runtime.remedies import lacks_permission, remedy_for, remedy_for_reason

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
INVALID_TOKEN = "The security token included in the request is invalid."
EXPIRED = "Signature expired: 20261128T100000Z is now earlier than 20261128T101000Z (20261128T101500Z - 5 min.)"
EARLY = "Signature not yet current: 20261128T110000Z is still later than 20261128T100500Z (…)"
MISMATCH = "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
FROM_S3 = (
    "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for "
    "builds/checkout.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
)
FROM_ECR = "Lambda does not have permission to access the ECR image. Check the ECR permissions."


def denied(how: str, action: str = "lambda:GetAlias") -> str:
    return (
        f"User: arn:aws:sts::123456789012:assumed-role/deploy/octo is not authorized to perform: {action} on resource: "
        f"{FUNCTION} {how}"
    )


def lacking(policy: str, action: str = "lambda:GetAlias") -> str:
    return denied(f"because no {policy} allows the {action} action", action)


def by(policy: str) -> str:
    return denied(f"with an explicit deny in {policy}")


CAUSES = [
    ("UnrecognizedClientException", INVALID_TOKEN, "AWS does not know these credentials"),
    ("InvalidClientTokenId", INVALID_TOKEN, "the Region (`aws-region`) is not enabled"),
    ("UnrecognizedClientException", "No such key", "AWS_SESSION_TOKEN"),
    ("MissingAuthenticationTokenException", "Missing Authentication Token", "Authorization header"),
    ("OptInRequired", "You are not subscribed to this service", "Enable the Region"),
    ("RegionDisabledException", "STS is not activated in this region", "Enable the Region"),
    ("InvalidSignatureException", EXPIRED, "Set the runner's clock"),
    ("SignatureDoesNotMatch", EARLY, "Set the runner's clock"),
    ("RequestTimeTooSkewed", "", "Set the runner's clock"),
    ("RequestExpired", "Request has expired.", "Set the runner's clock"),
    ("InvalidSignatureException", MISMATCH, "without a blank or newline"),
    (
        "IncompleteSignatureException",
        "Credential must have exactly 5",
        "without a blank or newline",
    ),
    ("SignatureDoesNotMatch", "Credential should be scoped to a valid region", "AWS_ENDPOINT_URL"),
    ("AccessDeniedException", FROM_S3, "allow s3:GetObject"),
    ("AccessDeniedException", FROM_ECR, "ecr:BatchGetImage"),
    ("AccessDeniedException", by("a service control policy"), "ask its administrators"),
    ("AccessDeniedException", by("a resource control policy"), "ask its administrators"),
    ("AccessDeniedException", by("a permissions boundary"), "boundary of the role denies"),
    ("AccessDeniedException", by("a session policy"), "inline-session-policy"),
    (
        "AccessDenied",
        by("an identity-based policy: arn:aws:iam::123456789012:policy/guard"),
        "take the deny out",
    ),
    ("AccessDeniedException", by("a resource-based policy"), "The resource's own policy denies"),
    ("AccessDeniedException", by("a VPC endpoint policy"), "VPC endpoint"),
    ("AccessDeniedException", lacking("service control policy"), "ask its administrators"),
    ("AccessDeniedException", lacking("permissions boundary"), "does not allow lambda:GetAlias"),
    ("AccessDeniedException", lacking("session policy"), "does not allow lambda:GetAlias"),
    ("AccessDeniedException", lacking("resource-based policy"), "in another account"),
    ("AccessDeniedException", lacking("VPC endpoint policy"), "VPC endpoint"),
    ("ExpiredTokenException", "The security token is expired", "Renew the credentials"),
]


@pytest.mark.parametrize(("code", "message", "remedy"), CAUSES)
def test_each_cause_has_its_own_remedy_and_none_is_a_permission_of_the_role(
    code: str, message: str, remedy: str
) -> None:
    found = remedy_for("GetAlias", code, message)
    assert remedy in found
    assert not found.startswith("Allow ")
    assert not lacks_permission("GetAlias", code, message)


@pytest.mark.parametrize(
    ("operation", "message", "action"),
    [
        ("GetAlias", lacking("identity-based policy"), "lambda:GetAlias"),
        ("GetAlias", "", "lambda:GetAlias"),
        ("DescribeAlarms", "", "cloudwatch:DescribeAlarms"),
        ("StopDeployment", "", "codedeploy:StopDeployment"),
        # AWS names another action than the call's.
        (
            "PublishVersion",
            lacking("identity-based policy", "lambda:PassCapacityProvider"),
            "lambda:PassCapacityProvider",
        ),
        (
            "UpdateFunctionCode",
            lacking("identity-based policy", "kms:GenerateDataKey"),
            "kms:GenerateDataKey",
        ),
    ],
)
def test_a_permission_of_the_role_is_named_as_aws_names_it(
    operation: str, message: str, action: str
) -> None:
    for code in ("AccessDenied", "AccessDeniedException"):
        assert lacks_permission(operation, code, message)
        assert remedy_for(operation, code, message) == (
            f"Allow {action} to the role of this job; the README has the whole policy."
        )


@pytest.mark.parametrize("code", ["Whatever", "Forbidden", "403"])
def test_of_a_refusal_that_nobody_knows_nothing_is_claimed(code: str) -> None:
    assert remedy_for("GetAlias", code, "forbidden") == ""
    assert not lacks_permission("GetAlias", code, "forbidden")


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("ExpiredTokenException", "Token expired: current date/time …", "GitHub's OIDC token"),
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://token.actions…",
            "Create the identity provider",
        ),
        ("AccessDenied", by("a service control policy"), "ask its administrators"),
        # The role's own trust policy: said by who knows the role.
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", ""),
        ("InvalidIdentityToken", "Incorrect token audience", "is not set up for the audience"),
        ("InvalidIdentityToken", "Couldn't retrieve verification key from your …", "That passes"),
    ],
)
def test_of_a_role_that_is_not_assumed(code: str, message: str, remedy: str) -> None:
    found = remedy_for("AssumeRoleWithWebIdentity", code, message)
    assert remedy in found
    assert bool(found) is bool(remedy)


GET_OBJECT = "Error occurred while GetObject. S3 Error Code:"
MANIFEST = (
    "The image manifest, config or layer media type for the source image {} is not supported."
)


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("CodeStorageExceededException", "Code storage limit exceeded.", "that no alias names"),
        ("InvalidParameterValueException", MANIFEST.format("1.dkr…/shop:v1"), "--provenance=false"),
        (
            "InvalidParameterValueException",
            "Source image 1.dkr…/shop:v1 does not exist. Provide a valid source image.",
            "Push the image first",
        ),
        (
            "InvalidParameterValueException",
            f"{GET_OBJECT} PermanentRedirect. S3 Error Message: The bucket is in this region: x",
            "bucket of the function's Region",
        ),
        (
            "InvalidParameterValueException",
            f"{GET_OBJECT} NoSuchKey. S3 Error Message: The specified key does not exist.",
            "no such object",
        ),
        (
            "InvalidParameterValueException",
            "Unzipped size must be smaller than 262144000 bytes",
            "250 MB",
        ),
        ("RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes", "S3"),
        ("InvalidParameterValueException", "no", ""),
    ],
)
def test_of_code_that_lambda_does_not_take(code: str, message: str, remedy: str) -> None:
    found = remedy_for("UpdateFunctionCode", code, message)
    assert remedy in found
    assert bool(found) is bool(remedy)


def test_a_version_s_own_reason_says_as_much() -> None:
    assert "--provenance=false" in remedy_for_reason(f"it is Failed: {MANIFEST.format('%s')}")
    assert remedy_for_reason("it is Failed: The image is gone") == ""
