"""How a call ended: from what AWS or the network did, through real botocore clients, to our few kinds of failure."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.awsrequest import AWSResponse

from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.calls import date_of, translating_errors
from lambda_rollout.aws.clients import CONNECT_TIMEOUT, READ_TIMEOUT, Clients
from lambda_rollout.runtime.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    CallFailed,
    CredentialsExpired,
    DeniedOtherwise,
    InvalidRequest,
    NotFound,
    Refused,
    RevisionMismatch,
    RolloutError,
    Unanswered,
    Unreachable,
)
from sandbox.aws import faults
from sandbox.aws.faults import Answer, Fault, Hang, ServerError, Throttle
from sandbox.aws.world import REGION
from tests.support.scene import NEW, OLD, OWNERS_TEXT, TARGET, Scene
from tests.support.seam import WorldAliases, through_botocore


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


@pytest.fixture(params=["through botocore", "direct"])
def aliases(request: pytest.FixtureRequest, scene: Scene) -> Aliases:
    """Both ways for tests to reach the world, which must not differ."""
    if request.param == "direct":
        return WorldAliases(scene.world)
    return LambdaAliases(through_botocore(scene.world))


def write(aliases: Aliases, scene: Scene, revision_id: str = "") -> None:
    revision_id = revision_id or scene.alias.revision_id
    aliases.write(TARGET, Routing.all_on(OLD), "text", revision_id)


FAULTS: list[tuple[Fault, type[CallFailed], str]] = [
    (Throttle(), Busy, "TooManyRequestsException"),
    (Answer("ThrottlingException", "Rate exceeded", 400), Busy, "ThrottlingException"),
    (Answer("Whatever", "", 429), Busy, "Whatever"),
    (ServerError(), Unanswered, "ServiceException"),
    (ServerError(status=503), Unanswered, "ServiceException"),
    (ServerError(after_effect=True), Unanswered, "ServiceException"),
    (faults.DropAnswer(), Unanswered, "ConnectionClosedError"),
    (faults.ResetConnection(), Unanswered, "ConnectionClosedError"),
    (Hang(), Unanswered, "ReadTimeoutError"),
    (faults.RefuseConnection(), Unreachable, "EndpointConnectionError"),
    (faults.LoseConnection(), Unreachable, "ConnectTimeoutError"),
    (faults.AccessDenied(), AccessDenied, "AccessDeniedException"),
    (Answer("AccessDeniedException", "no", 403), AccessDenied, ""),
    (Answer("UnrecognizedClientException", "no such key", 403), DeniedOtherwise, ""),
    (Answer("Whatever", "forbidden", 403), DeniedOtherwise, "Whatever"),
    (Answer("Whatever", "who are you", 401), DeniedOtherwise, "Whatever"),
    (faults.ExpiredCredentials(), CredentialsExpired, "ExpiredTokenException"),
    (Answer("ExpiredToken", "over", 403), CredentialsExpired, "ExpiredToken"),
    (Answer("ResourceConflictException", "in progress", 409), Busy, ""),
    (Answer("PreconditionFailedException", "stale", 412), RevisionMismatch, ""),
    (Answer("ResourceNotFoundException", "gone", 404), NotFound, ""),
    (Answer("InvalidParameterValueException", "no", 400), InvalidRequest, ""),
    (Answer("ValidationException", "no", 400), InvalidRequest, ""),
    (Answer("CodeStorageExceededException", "full", 400), Refused, ""),
    # Of this delivery alone: another may have come while the signature was good.
    (Answer("InvalidSignatureException", "Signature expired", 403), Refused, ""),
    (Answer("IncompleteSignatureException", "no", 403), Refused, ""),
    (Answer("SignatureDoesNotMatch", "no", 403), Refused, ""),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS, ids=lambda value: str(value)[:60])
def test_what_became_of_a_call(
    scene: Scene, aliases: Aliases, fault: Fault, kind: type[CallFailed], code: str
) -> None:
    scene.world.faults.add(fault, operation="UpdateAlias", count=None)
    with pytest.raises(CallFailed) as caught:
        write(aliases, scene)
    assert type(caught.value) is kind
    assert caught.value.operation == "UpdateAlias"
    assert caught.value.code == code or not code
    # One try: who repeats it must know of every one.
    assert len(scene.requests("UpdateAlias")) == 1


def test_only_what_holds_for_every_delivery_alike_rules_an_effect_out() -> None:
    without = {kind for _, kind, _ in FAULTS if not kind.may_have_effect}
    assert without == {AccessDenied, DeniedOtherwise, InvalidRequest, Unreachable}


def test_what_exists_already_is_told_from_what_is_busy(scene: Scene, aliases: Aliases) -> None:
    with pytest.raises(AlreadyExists, match="Alias already exists"):
        aliases.create(TARGET, OLD, "")


def test_a_stale_revision_is_told(scene: Scene, aliases: Aliases) -> None:
    with pytest.raises(RevisionMismatch, match="does not match the latest Revision Id"):
        write(aliases, scene, "00000000-0000-0000-0000-000000000000")


def test_a_missing_alias_and_a_missing_function_are_told(scene: Scene, aliases: Aliases) -> None:
    with pytest.raises(NotFound, match="Cannot find alias arn"):
        aliases.read(Target("checkout", "nope"))
    with pytest.raises(NotFound, match="Function not found"):
        aliases.read(Target("nope", "live"))


def test_a_denied_action_is_named_as_iam_names_it(scene: Scene, aliases: Aliases) -> None:
    scene.world.faults.add(faults.AccessDenied(), count=None)
    with pytest.raises(AccessDenied) as caught:
        write(aliases, scene)
    assert "is not authorized to perform: lambda:UpdateAlias on resource" in caught.value.what
    assert caught.value.remedy.startswith("Allow lambda:UpdateAlias to the role")


def test_a_hanging_call_is_given_up_in_time(scene: Scene, aliases: Aliases) -> None:
    scene.world.faults.add(Hang(), operation="UpdateAlias")
    scene.world.faults.add(faults.LoseConnection(), operation="GetAlias")
    began = scene.clock.monotonic()
    with pytest.raises(Unanswered):
        write(aliases, scene)
    assert scene.clock.monotonic() - began == READ_TIMEOUT
    with pytest.raises(Busy):
        aliases.read(TARGET)
    assert scene.clock.monotonic() - began == READ_TIMEOUT + CONNECT_TIMEOUT
    # The runner gives 7.5 s from SIGINT to SIGTERM, the safe act done in under 7, by a connection of its own.
    assert READ_TIMEOUT + CONNECT_TIMEOUT == 5
    assert READ_TIMEOUT + 2 * CONNECT_TIMEOUT < 7


def test_no_credentials_are_said_to_be_none(monkeypatch: pytest.MonkeyPatch, tmp_path: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    nobody = LambdaAliases(Clients(boto3.Session(region_name=REGION), REGION))
    with pytest.raises(RolloutError, match=r"^no AWS credentials: ") as caught:
        nobody.read(TARGET)
    assert "configure-aws-credentials" in caught.value.remedy


# What an answer holds ---------------------------------------------------------------------------


def test_an_alias_is_read_as_it_is(scene: Scene, aliases: Aliases) -> None:
    seen = aliases.read(TARGET)
    assert seen.routing == Routing.all_on(OLD)
    assert seen.description == OWNERS_TEXT
    assert seen.revision_id == scene.alias.revision_id
    assert seen.arn.endswith(":function:checkout:live")


def test_what_was_asked_ahead_is_the_next_read_and_no_other(scene: Scene) -> None:
    aliases = LambdaAliases(through_botocore(scene.world))
    aliases.ask_ahead(TARGET)
    seen = aliases.read(TARGET)
    assert last_operations(scene) == ["GetAlias"]
    written = aliases.write(TARGET, seen.routing, "newer", seen.revision_id)
    assert aliases.read(TARGET) == written != seen
    assert last_operations(scene) == ["GetAlias", "UpdateAlias", "GetAlias"]


def test_what_could_not_be_asked_ahead_is_raised_by_the_next_read_and_asked_again(
    scene: Scene,
) -> None:
    scene.world.faults.add(faults.ServerError(), operation="GetAlias")
    aliases = LambdaAliases(through_botocore(scene.world))
    aliases.ask_ahead(TARGET)
    with pytest.raises(Unanswered):
        aliases.read(TARGET)
    assert aliases.read(TARGET).routing == Routing.all_on(OLD)


def test_what_was_asked_ahead_of_one_alias_says_nothing_of_another(scene: Scene) -> None:
    aliases = LambdaAliases(through_botocore(scene.world))
    aliases.ask_ahead(TARGET)
    with pytest.raises(NotFound):
        aliases.read(Target(TARGET.function, "nope"))
    assert aliases.read(TARGET).routing == Routing.all_on(OLD)
    assert last_operations(scene) == ["GetAlias", "GetAlias"]


def test_writing_no_weights_clears_them(scene: Scene, aliases: Aliases) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(5)
    split = Routing(OLD, {NEW: 0.125})
    written = aliases.write(TARGET, split, "a", scene.alias.revision_id)
    assert written.routing == split == scene.alias.routing
    cleared = aliases.write(TARGET, Routing.all_on(OLD), "", written.revision_id)
    assert cleared.routing == Routing.all_on(OLD) == scene.alias.routing
    assert scene.alias.description == ""


@pytest.mark.parametrize("fault", [None, faults.AccessDenied()], ids=repr)
def test_a_weight_of_1_is_somebodys_where_aws_says_nothing_of_its_own(
    scene: Scene, aliases: Aliases, fault: faults.Fault | None
) -> None:
    if fault:
        scene.world.faults.add(fault, operation="GetProvisionedConcurrencyConfig")
    seen = with_a_weight(scene, aliases, 1.0)
    assert (seen.routing, seen.moving) == (Routing(OLD, {NEW: 1.0}), None)
    assert last_operations(scene) == ["GetAlias", "GetProvisionedConcurrencyConfig"]


def test_a_part_of_the_traffic_is_never_aws_s_weight(scene: Scene, aliases: Aliases) -> None:
    seen = with_a_weight(scene, aliases, 0.5)
    assert seen.routing == Routing(OLD, {NEW: 0.5})
    assert last_operations(scene) == ["GetAlias"]


def test_what_could_not_be_asked_is_no_answer(scene: Scene, aliases: Aliases) -> None:
    scene.world.faults.add(faults.ServerError(), operation="GetProvisionedConcurrencyConfig")
    with pytest.raises(Unanswered):
        with_a_weight(scene, aliases, 1.0)


def with_a_weight(scene: Scene, aliases: Aliases, weight: float) -> Alias:
    """Read the alias after somebody wrote a weight for the new version."""
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(5)
    # Past the sandbox's checks: whether AWS takes a whole 1 as input is unconfirmed.
    scene.world.lambda_().functions["checkout"].aliases["live"].weights = {NEW: weight}
    scene.world.log.clear()
    return aliases.read(TARGET)


def last_operations(scene: Scene) -> list[str]:
    return [request.operation for request in scene.requests()]


def test_the_date_header_is_aws_clock(scene: Scene) -> None:
    now = scene.clock.now() + timedelta(hours=3)
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(now, usegmt=True)}}}
    assert date_of(answer) == now


def test_every_service_s_answers_tell_the_time(scene: Scene) -> None:
    clients = through_botocore(scene.world)
    LambdaAliases(clients).read(TARGET)
    heard = [clients.aws_clock.believed]
    clients.cloudwatch(REGION).describe_alarms()
    heard.append(clients.aws_clock.believed)
    assert heard == [False, True]
    assert clients.aws_clock.now() == scene.clock.now()


@pytest.mark.parametrize("marked", [False, True], ids=["a page", "AWS"])
def test_a_page_from_in_between_does_not_tell_the_time(scene: Scene, marked: bool) -> None:
    clients = through_botocore(scene.world)
    headers: Any = {"Date": format_datetime(scene.clock.now(), usegmt=True)}
    if marked:
        headers["x-amzn-RequestId"] = "5f3c"
    answer: Any = AWSResponse("https://sandbox.invalid", 404, headers, None)
    answer._content = b"{}"
    clients.lambda_.meta.events.register_first("before-send", lambda **_: answer)
    for _ in range(2):
        with pytest.raises(CallFailed):
            LambdaAliases(clients).read(TARGET)
    assert clients.aws_clock.believed is marked


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": "Mon, 99"}])
def test_a_date_that_cannot_be_read_is_none(headers: dict[str, str]) -> None:
    assert date_of({"ResponseMetadata": {"HTTPHeaders": headers}}) is None
    assert date_of({}) is None


# Whom the connection is with ---------------------------------------------------------------------

UNTRUSTED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain"


@pytest.mark.parametrize(
    ("error", "kind"), [(UNTRUSTED, Unreachable), ("[SSL] record layer failure", Unanswered)]
)
def test_a_proxy_that_reads_along_is_told_with_where_its_certificate_goes(
    error: str, kind: type[CallFailed]
) -> None:
    with pytest.raises(CallFailed) as caught, translating_errors("GetAlias"):
        raise boto.SSLError(endpoint_url="https://lambda", error=OSError(error))
    assert type(caught.value) is kind
    # Only of one who was not trusted is it known that nothing was sent.
    assert caught.value.may_have_effect is (kind is Unanswered)
    assert ("AWS_CA_BUNDLE" in caught.value.remedy) is (kind is Unreachable)
