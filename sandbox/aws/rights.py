"""What a caller may do: its identity policy, held against each request before anything else is looked at.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda", of CloudWatch, of
Amazon SNS and of CodeDeploy; CloudWatch User Guide, "Permissions required" (composite alarms need ``*``); CodeDeploy
User Guide, "CodeDeploy permissions reference" (what CreateDeployment asks for besides); Lambda Developer Guide,
"Resources and conditions for Lambda actions" (a call with a qualifier is about the qualified ARN) and "Lambda Managed
Instances"; Lambda API reference, UpdateFunctionCode (the caller must be able to read the object). The wording of a
refusal is that of recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.managed import provider_of
from sandbox.aws.trust import Policy, as_list, like

if TYPE_CHECKING:
    from sandbox.aws.request import Account, Request

Asked = tuple[str, str]
"""An action, and the ARN of what it is about; ``*`` for one that no resource can be named of."""

EVERYTHING = "*"
_UNDER_A_NAME = frozenset({"GetAlias", "UpdateAlias", "CreateAlias", "DeleteAlias"})


def refusal(world: Account, request: Request, policy: Policy) -> AwsError | None:
    """AWS's answer to a request that its caller's policy does not allow; None if it does.

    Raises ValueError for an element or a condition that is not known here.
    """
    for action, resource in asked(world, request):
        if not _allows(policy, action, resource, request.region):
            json_error = request.service in {"lambda", "codedeploy", "logs"}
            return AwsError(
                "AccessDeniedException" if json_error else "AccessDenied",
                f"User: arn:aws:sts::{world.account}:assumed-role/rollout/lambda-rollout is not authorized to perform: "
                f"{action} on resource: {resource} because no identity-based policy allows the {action} action",
                403,
            )
    return None


def asked(world: Account, request: Request) -> Iterator[Asked]:
    """What a request has to be allowed, the call's own action first."""
    of_service = {
        "lambda": _of_lambda,
        "codedeploy": _of_codedeploy,
        "cloudwatch": _of_cloudwatch,
        "logs": _of_logs,
        "sns": _of_sns,
    }
    if request.service in of_service:
        yield from of_service[request.service](world, request)


def _of_lambda(world: Account, request: Request) -> Iterator[Asked]:
    operation, params = request.operation, request.params
    start = f"arn:aws:lambda:{request.region}:{world.account}"
    bare = f"{start}:function:{request.function}"
    if operation == "ListEventSourceMappings":
        yield "lambda:ListEventSourceMappings", EVERYTHING
    elif operation == "ListFunctionVersionsByCapacityProvider":
        name = params["CapacityProviderName"].rpartition(":")[2]
        yield f"lambda:{operation}", f"{start}:capacity-provider:{name}"
    else:
        name = params.get("Qualifier") or (params.get("Name") if operation in _UNDER_A_NAME else "")
        action = "InvokeFunction" if operation == "Invoke" else operation
        yield f"lambda:{action}", f"{bare}:{name}" if name else bare
    if operation == "UpdateFunctionCode" and "S3Bucket" in params:
        version = "Version" if params.get("S3ObjectVersion") else ""
        yield f"s3:GetObject{version}", f"arn:aws:s3:::{params['S3Bucket']}/{params['S3Key']}"
    function = world.lambda_(request.region).functions.get(request.function)
    if operation == "PublishVersion" and function and (provider := provider_of(function.latest)):
        yield "lambda:PassCapacityProvider", provider


def _of_cloudwatch(_: Account, request: Request) -> Iterator[Asked]:
    yield f"cloudwatch:{request.operation}", EVERYTHING


def _of_logs(world: Account, request: Request) -> Iterator[Asked]:
    group = request.params.get("logGroupName") or request.params["logGroupIdentifier"]
    start = f"arn:aws:logs:{request.region}:{world.account}:log-group"
    yield f"logs:{request.operation}", f"{start}:{group}:*"


def _of_sns(_: Account, request: Request) -> Iterator[Asked]:
    yield f"sns:{request.operation}", request.params["TopicArn"]


def _of_codedeploy(world: Account, request: Request) -> Iterator[Asked]:
    operation, params = request.operation, request.params
    start = f"arn:aws:codedeploy:{request.region}:{world.account}"
    application, group = params.get("applicationName"), params.get("deploymentGroupName")
    if operation in {"GetDeploymentConfig", "CreateDeploymentConfig"}:
        config = params["deploymentConfigName"]
        yield f"codedeploy:{operation}", f"{start}:deploymentconfig:{config}"
    elif operation == "GetApplication":
        yield f"codedeploy:{operation}", f"{start}:application:{application}"
    elif operation == "GetDeployment":
        found = world.codedeploy(request.region).deployments.get(params["deploymentId"])
        named = f"{found.group.application}/{found.group.name}" if found else "*"
        yield f"codedeploy:{operation}", f"{start}:deploymentgroup:{named}"
    elif operation in {"GetDeploymentGroup", "CreateDeployment", "ListDeployments"}:
        yield f"codedeploy:{operation}", f"{start}:deploymentgroup:{application}/{group}"
    else:
        yield f"codedeploy:{operation}", EVERYTHING
    if operation == "CreateDeployment":
        config = params.get("deploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce")
        yield "codedeploy:GetDeploymentConfig", f"{start}:deploymentconfig:{config}"
        for action in ("RegisterApplicationRevision", "GetApplicationRevision"):
            yield f"codedeploy:{action}", f"{start}:application:{application}"


def _allows(policy: Policy, action: str, resource: str, region: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in as_list(policy["Statement"])
        if _is_about(statement, action, resource, region)
    }
    return effects == {"Allow"}


def _is_about(statement: Policy, action: str, resource: str, region: str) -> bool:
    if unknown := statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise ValueError(f"not known: {', '.join(sorted(unknown))}")
    return (
        any(like(each.lower(), action.lower()) for each in as_list(statement["Action"]))
        and any(like(each, resource) for each in as_list(statement["Resource"]))
        and all(_conditions(statement.get("Condition", {}), region))
    )


def _conditions(condition: Policy, region: str) -> Iterator[bool]:
    for operator, keys in condition.items():
        for key, values in keys.items():
            if (operator, key.lower()) != ("StringEquals", "aws:requestedregion"):
                raise ValueError(f"not known: {operator} of {key}")
            yield region in as_list(values)
