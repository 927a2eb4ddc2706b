"""Credentials that end: GitHub's token, STS, and what every API says afterwards."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.aws import AwsError, World
from sandbox.aws.faults import DropAnswer, ServerError
from sandbox.aws.in_process import client, connect
from sandbox.aws.sts import Session

ROLE = "arn:aws:iam::123456789012:role/deploy"


def token(url: str, audience: str = "sts.amazonaws.com", bearer: str | None = None) -> str:
    """What a job does to get its token."""
    request = urllib.request.Request(
        f"{url}/_sandbox/oidc?x=1&audience={audience}",
        headers={"Authorization": f"bearer {bearer or 'sandbox-request-token'}"},
    )
    with urllib.request.urlopen(request) as answer:
        value: str = json.load(answer)["value"]
        return value


def assume(world: World, identity: str, **params: Any) -> dict[str, Any]:
    given = {"RoleArn": ROLE, "RoleSessionName": "rollout", "WebIdentityToken": identity, **params}
    answer: dict[str, Any] = client("sts", world).assume_role_with_web_identity(**given)
    return answer


def acting_as(credentials: dict[str, Any], world: World, service: str) -> Any:
    session = boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name="eu-central-1",
    )
    any_session: Any = connect(session, world)
    return any_session.client(service)


def test_a_token_becomes_credentials_that_work_until_they_end(world: World, served: str) -> None:
    answer = assume(world, token(served), DurationSeconds=1800)
    credentials = answer["Credentials"]
    assert credentials["Expiration"] == world.clock.now() + timedelta(minutes=30)
    assert answer["AssumedRoleUser"]["Arn"] == (
        "arn:aws:sts::123456789012:assumed-role/deploy/rollout"
    )
    aws = acting_as(credentials, world, "lambda")
    aws.get_alias(FunctionName="checkout", Name="live")
    world.clock.advance(1799)
    aws.get_alias(FunctionName="checkout", Name="live")
    world.clock.advance(1)
    with pytest.raises(ClientError) as caught:
        aws.update_alias(FunctionName="checkout", Name="live", Description="late")
    told = caught.value.response
    assert told["Error"]["Code"] == "ExpiredTokenException"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert world.log[-1].effect_at is None
    with pytest.raises(ClientError, match=r"\(ExpiredToken\)"):
        acting_as(credentials, world, "cloudwatch").describe_alarms()


def test_credentials_that_nobody_here_issued_can_be_made_to_end(world: World) -> None:
    aws = client("lambda", world)
    world.sts.let_expire("AKIASANDBOX", 60)
    aws.get_alias(FunctionName="checkout", Name="live")
    world.clock.advance(60)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        aws.get_alias(FunctionName="checkout", Name="live")


def test_unknown_keys_are_refused_where_that_is_asked_for(world: World, served: str) -> None:
    world.sts.strict = True
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client("lambda", world).get_alias(FunctionName="checkout", Name="live")
    credentials = assume(world, token(served))["Credentials"]
    acting_as(credentials, world, "lambda").get_alias(FunctionName="checkout", Name="live")


def test_the_token_itself_ends_after_five_minutes(world: World, served: str) -> None:
    identity = token(served)
    world.clock.advance(299)
    assume(world, identity)
    world.clock.advance(1)
    with pytest.raises(ClientError, match=r"ExpiredTokenException.*Token expired"):
        assume(world, identity)


def test_the_token_names_its_audience(world: World, served: str) -> None:
    payload = token(served).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["aud"] == "sts.amazonaws.com"
    with pytest.raises(ClientError, match=r"InvalidIdentityToken.*Incorrect token audience"):
        assume(world, token(served, audience="elsewhere"))


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"WebIdentityToken": "made-up"}, "InvalidIdentityToken"),
        ({"DurationSeconds": 899}, "Member must have value greater than or equal to 900"),
        ({"DurationSeconds": 43201}, "Member must have value less than or equal to 43200"),
        ({"RoleArn": "arn:aws:iam::999999999999:role/other"}, "is invalid"),
        ({"RoleArn": f"{ROLE}-2"}, r"AccessDenied.*Not authorized to perform sts:"),
    ],
)
def test_what_sts_refuses(world: World, served: str, params: dict[str, Any], text: str) -> None:
    world.sts.trusts = {ROLE}
    given = {"RoleArn": ROLE, "RoleSessionName": "rollout", "WebIdentityToken": token(served)}
    with pytest.raises(AwsError, match=text):
        world.call("sts", "AssumeRoleWithWebIdentity", {**given, **params})


def test_a_wrong_request_token_gets_nothing(served: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        token(served, bearer="stolen")
    with caught.value as error:
        assert error.status == 401


def test_the_provider_can_be_told_to_misbehave(world: World, served: str) -> None:
    world.faults.add(ServerError(status=503), service="oidc")
    world.faults.add(DropAnswer(), service="oidc", nth=2)
    with pytest.raises(urllib.error.HTTPError) as caught:
        token(served)
    with caught.value as error:
        assert error.status == 503
    with pytest.raises(ConnectionError):
        token(served)
    assert token(served)
    assert [r.outcome for r in world.log] == ["InternalServiceError", "closed", "ok"]


def test_the_control_routes_of_credentials(world: World, served: str) -> None:
    def post(route: str, body: dict[str, Any]) -> None:
        urllib.request.urlopen(f"{served}/_sandbox/{route}", json.dumps(body).encode()).close()

    post("sts", {"lifetime": 5, "trusts": [ROLE], "request_token": "other"})
    credentials = assume(world, token(served, bearer="other"))["Credentials"]
    assert credentials["Expiration"] == world.clock.now() + timedelta(seconds=5)
    post("expire", {"caller": "AKIASANDBOX", "seconds": 0})
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        client("lambda", world).get_alias(FunctionName="checkout", Name="live")


# Whose they are -------------------------------------------------------------------------------------

ANOTHER = "210987654321"
WHO = f"arn:aws:sts::{ANOTHER}:assumed-role/reports/job"


def test_a_key_says_whose_it_is(world: World) -> None:
    assert client("sts", world).get_caller_identity()["Account"] == "123456789012"


def test_one_of_another_account_reaches_that_account_and_not_this_one(world: World) -> None:
    world.sts.sessions["AKIAANOTHER"] = Session(WHO, world.clock.now() + timedelta(hours=1))
    session = boto3.Session("AKIAANOTHER", "secret", region_name="eu-central-1")
    connected = connect(session, world)
    who = connected.client("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == (ANOTHER, WHO)
    aws = connected.client("lambda")
    for name, code in (
        ("checkout", "ResourceNotFoundException"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:checkout", "AccessDeniedException"),
    ):
        with pytest.raises(ClientError) as caught:
            aws.get_function_configuration(FunctionName=name)
        assert caught.value.response["Error"]["Code"] == code
    assert not world.in_account(ANOTHER).lambda_().functions
