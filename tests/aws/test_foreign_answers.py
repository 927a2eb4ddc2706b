"""Answers of third parties, over the wire: whatever they say to whatever was asked, none passes for AWS's."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import boto3
import pytest
from botocore import xform_name

import lambda_rollout.aws
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.aws.alarm_definitions import AlarmDefinitions
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.caller import caller_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.codedeploy import CodeDeployEngine
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.aws.members import NEEDED
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.aws.topic import publish_to_topic
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.aws.web_identity import WebIdentity
from lambda_rollout.inputs.codedeploy_steps import TrafficRouting
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.inputs.package import CodeStorage, Image
from lambda_rollout.rollout.ports import LogQuery
from lambda_rollout.rollout.saved_state import DeploymentRef
from lambda_rollout.runtime.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    CallFailed,
    CredentialsExpired,
    ForeignAnswer,
    InvalidRequest,
    NotFound,
    NotSent,
    Refused,
    RevisionMismatch,
    Unanswered,
    UnmarkedNotFound,
    Unreachable,
)
from sandbox.aws.world import REGION
from tests.support.scene import OLD, TARGET
from tests.support.seam import SkippingClock
from tests.support.wire import TOKEN_PATH, Said, Stranger, clients, of_session, stranger

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/deploy"
ALARMS = parse_alarms("checkout-errors\n")
READING = AlarmReading("", "checkout-errors", REGION, AlarmState.OK, "", NOW)

HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
MARKED = {"x-amzn-RequestId": "0f8e6c1a-3f0e-4f35-8a4b-7f3b9a0f2c11"}
PAGE = b"<html><head><style>p {}</style><title>Not here</title></head>\n<body>Ask the desk</body></html>"


@pytest.fixture(scope="module")
def server() -> Iterator[Stranger]:
    with stranger() as served:
        yield served


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch, server: Stranger) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)


def engine() -> CodeDeployEngine:
    return CodeDeployEngine(clients(), DeploymentRef("app", "group"))


def reader() -> AwsPreflightReader:
    return AwsPreflightReader(clients(), ALARMS)


def aliases() -> LambdaAliases:
    return LambdaAliases(clients())


def versions() -> LambdaVersions:
    return LambdaVersions(clients())


@cache
def identity(url: str) -> WebIdentity:
    github = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}{TOKEN_PATH}",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer",
    }
    return WebIdentity(ROLE, REGION, "rollout", github)


CALLS: dict[str, Callable[[Stranger], object]] = {
    "GetAlias": lambda _: aliases().read(TARGET),
    "UpdateAlias": lambda _: aliases().write(TARGET, Routing.all_on(OLD), "text", "r1"),
    "CreateAlias": lambda _: aliases().create(TARGET, OLD, "text"),
    "GetFunctionConfiguration": lambda _: versions().latest(TARGET),
    "UpdateFunctionCode": lambda _: versions().upload(
        TARGET, Image("repository:tag"), (), CodeStorage()
    ),
    "GetFunction": lambda _: versions().storage(TARGET),
    "PublishVersion": lambda _: versions().publish(TARGET, "text", "sha"),
    "GetProvisionedConcurrencyConfig": lambda _: aliases()._provisioning(TARGET),
    "GetFunctionConcurrency": lambda _: reader()._concurrency(TARGET),
    "GetPolicy": lambda _: reader().alias_policy(TARGET),
    "ListEventSourceMappings": lambda _: reader().event_sources(TARGET),
    "ListFunctionUrlConfigs": lambda _: reader().urls(TARGET),
    "ListDurableExecutionsByFunction": lambda _: versions().running(TARGET, "2"),
    "GetFunctionScalingConfig": lambda _: reader().scaling(TARGET, "2"),
    "ListFunctionVersionsByCapacityProvider": lambda _: reader().provider_versions("a:fleet"),
    "Invoke": lambda _: LambdaInvocations(clients()).invoke("checkout", "2", b"{}", 5),
    "FilterLogEvents": lambda _: CloudWatchLogs(clients()).page(LogQuery("/shop", "[8]", NOW, 9)),
    "DescribeAlarms": lambda _: CloudWatchAlarms(clients(), ALARMS).read(),
    "DescribeAlarmHistory": lambda _: CloudWatchAlarms(clients(), ALARMS).history((READING,), NOW),
    "GetMetricData": lambda _: CloudWatchMetrics(clients()).invoked([TARGET], NOW),
    "GetApplication": lambda _: engine().platform(),
    "GetDeploymentGroup": lambda _: engine().group(),
    "GetDeploymentConfig": lambda _: engine().configuration("Canary"),
    "CreateDeploymentConfig": lambda _: engine().create_configuration(
        "Canary", TrafficRouting("AllAtOnce", 100, 0)
    ),
    "CreateDeployment": lambda _: engine().create(TARGET, "1", "2", "Canary", "text"),
    "ListDeployments": lambda _: engine().deployments(["Created"]),
    "GetDeployment": lambda _: engine().read("d-1"),
    "ListDeploymentTargets": lambda _: engine().shift("d-1"),
    "BatchGetDeploymentTargets": lambda _: engine().shift("d-1"),
    "StopDeployment": lambda _: engine().stop("d-1"),
    "AssumeRoleWithWebIdentity": lambda server: identity(server.url).issue(),
    "GetCallerIdentity": lambda _: caller_of(clients()),
    "Publish": lambda _: publish_to_topic(clients(), "arn:aws:sns:::topic", "subject", "text"),
}
MORE: list[tuple[str, Callable[[Stranger], object]]] = [
    ("GetFunctionConfiguration", lambda _: versions().read(TARGET, "2")),
    ("GetFunction", lambda _: reader().version(TARGET, "2")),
    ("GetFunction", lambda _: reader().reserved(TARGET)),
    ("GetFunction", lambda _: reader().storage(TARGET, "2")),
    ("GetProvisionedConcurrencyConfig", lambda _: reader().provisioned(TARGET)),
    ("GetPolicy", lambda _: reader().function_policy(TARGET)),
    ("Invoke", lambda _: LambdaInvocations(clients()).check("checkout", "2")),
    ("DescribeAlarms", lambda _: AlarmDefinitions(clients(), ALARMS).read()),
    ("DescribeAlarmHistory", lambda _: AlarmDefinitions(clients(), ALARMS).try_history()),
]
FIRST = {"BatchGetDeploymentTargets": [Said(200, b'{"targetIds": ["one"]}', MARKED)]}
"""Good answers to what is asked before it."""

ERRORS = [
    *(Said(status, PAGE, HTML) for status in (300, 302, 400, 403, 404, 407, 409, 412, 429, 451)),
    *(Said(status, PAGE, HTML) for status in (500, 502, 503)),
    Said(307, b"", {**HTML, "Location": "/login"}),
    Said(404),
    Said(404, b'{"message": "no Route matched with those values"}', JSON),
    Said(403, b'{"code": 403, "message": "Forbidden"}', JSON),
    # AWS's own load balancers put ids of theirs on pages of theirs: without a code that is no answer of the API.
    Said(404, PAGE, {**HTML, **MARKED}),
    Said(403, b'{"message": "Forbidden"}', {**JSON, **MARKED}),
    # A code of AWS's that anybody can write.
    Said(403, b'{"__type": "AccessDeniedException", "message": "no"}', JSON),
    Said(400, b'{"__type": "ValidationException", "message": "no"}', JSON),
    Said(412, b"{}", {**JSON, "x-amzn-ErrorType": "PreconditionFailedException"}),
    Said(400, b'{"__type": "ExpiredTokenException", "message": "no"}', JSON),
    Said(403, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", HTML),
]
GOOD_THAT_ARE_NONE = [
    Said(200, PAGE, HTML),
    Said(200, PAGE, {**HTML, **MARKED}),
    Said(200),
    Said(204),
    Said(200, b"", {**JSON, **MARKED}),
    Said(200, b'{"FunctionVersion": "2", "State": "Act', {**JSON, **MARKED}),
    Said(200, b"[]", {**JSON, **MARKED}),
    Said(200, b"null", JSON),
    Said(200, b"\xff\xfe", JSON),
    Said(200, b"{}", JSON),
    Said(200, b'{"status": "ok"}', JSON),
    Said(200, b'{"message": "welcome"}', JSON),
    Said(200, b"<a/>", {"Content-Type": "text/xml", **MARKED}),
]


def failure(server: Stranger, operation: str, *said: Said, call: object = None) -> CallFailed:
    """How a call ends that is answered so."""
    server.say(*FIRST.get(operation, []), *said)
    made = call or CALLS[operation]
    assert callable(made)
    with pytest.raises(CallFailed) as caught:
        made(server)
    assert caught.value.operation == operation
    return caught.value


@pytest.mark.parametrize(
    ("operation", "call"),
    [*CALLS.items(), *MORE],
    ids=[*CALLS, *(f"{operation} {n}" for n, (operation, _) in enumerate(MORE))],
)
def test_no_answer_of_a_third_party_passes_for_aws_s(
    server: Stranger, operation: str, call: Callable[[Stranger], object]
) -> None:
    for said in [*ERRORS, *GOOD_THAT_ARE_NONE]:
        failed = failure(server, operation, said, call=call)
        assert isinstance(failed, ForeignAnswer), said
        assert type(failed) is ForeignAnswer, said
        assert failed.may_have_effect
        assert "not AWS's answer" in failed.what, said
        assert "proxy" in failed.remedy
        assert "AWS_ENDPOINT_URL" in failed.remedy


@pytest.mark.parametrize("operation", CALLS)
def test_an_answer_that_breaks_off_is_none(server: Stranger, operation: str) -> None:
    failed = failure(server, operation, Said(200, b'{"Funct', MARKED, length=500))
    assert isinstance(failed, Unanswered)


def test_every_operation_that_the_package_calls_has_its_row_and_its_place_here() -> None:
    asked = set(_asked())
    assert {operation for operation, _ in asked} == set(NEEDED) == set(CALLS)
    # Each under its own name: a row of another operation would let pass what is none.
    assert {(operation, xform_name(operation)) for operation, _ in asked} == asked


def test_nobody_calls_a_client_but_through_the_one_door() -> None:
    methods = {xform_name(operation) for operation in NEEDED}
    for path, tree in _trees():
        inside = {id(node) for call in _doors(tree) for node in ast.walk(call)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Attribute) and _is_client(node.value)):
                continue
            if node.attr != "meta":
                assert id(node) in inside, f"{path.name}:{node.lineno}: {node.attr}"
                assert node.attr in methods


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(Path(lambda_rollout.aws.__path__[0]).glob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def _doors(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"ask", "_ask"}
        ):
            yield node


def _asked() -> Iterator[tuple[str, str]]:
    """Yield the name that each call of the package is asked under, and the client's method in it."""
    for path, tree in _trees():
        for call in _doors(tree):
            name = call.args[0]
            assert isinstance(name, ast.Constant), f"{path.name}:{call.lineno}"
            for node in ast.walk(call):
                if isinstance(node, ast.Attribute) and _is_client(node.value):
                    yield str(name.value), node.attr


def _is_client(node: ast.expr) -> bool:
    """Whether it is one of `Clients`' or credentials' clients: ``….lambda_``, ``….cloudwatch(region)``, ``client``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "cloudwatch"
    if isinstance(node, ast.Attribute):
        return node.attr in {
            "lambda_",
            "uploads",
            "codedeploy",
            "logs",
            "sns",
            "_client",
            "_sts",
            "sts",
        }
    return isinstance(node, ast.Name) and node.id in {"client", "sns", "sts"}


# What is told ------------------------------------------------------------------------------------


def test_a_page_is_told_as_one_and_by_its_first_words(server: Stranger) -> None:
    failed = failure(server, "GetAlias", Said(404, PAGE, HTML))
    assert failed.what == (
        "GetAlias: HTTP 404: this is not AWS's answer (without AWS's request id), "
        'it says: "Not here Ask the desk"'
    )
    assert isinstance(failed, ForeignAnswer)
    assert failed.endpoint == "127.0.0.1"


def test_what_lacks_is_named(server: Stranger) -> None:
    half = {"FunctionVersion": "2", "AliasArn": "arn"}
    failed = failure(server, "UpdateAlias", Said(200, json.dumps(half).encode(), MARKED))
    assert failed.what == "UpdateAlias: HTTP 200: this is not AWS's answer (without RevisionId)"


def test_nothing_that_may_be_secret_is_told_of_a_page(server: Stranger) -> None:
    token = "IQoJb3JpZ2luX2VjE" * 20
    page = (
        f"<p>You sent\x1b[31m\n::error::X-Amz-Security-Token: {token}</p><script>alert(1)</script>"
    )
    failed = failure(server, "GetAlias", Said(403, page.encode(), HTML))
    assert "IQoJ" not in failed.what
    assert failed.what.endswith('it says: "You sent [31m ::error::X-Amz-Security-Token: …"')
    # The beginning of a function's configuration, with its environment.
    half = b'{"Environment": {"Variables": {"PASSWORD": "x y z'
    assert "PASSWORD" not in failure(server, "GetFunctionConfiguration", Said(200, half)).what


def test_a_long_page_is_cut(server: Stranger) -> None:
    failed = failure(server, "GetAlias", Said(503, b"<p>" + b"please wait " * 100_000, HTML))
    assert len(failed.what) < 250


# AWS's own ---------------------------------------------------------------------------------------

CLOUDWATCH = "com.amazonaws.cloudwatch.v2010_08_01#"
STS_ERROR = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>{}</Code><Message>{}</Message></Error>"
    "<RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>"
)


def rest(status: int, code: str, **headers: str) -> Said:
    """An error as Lambda has it."""
    body = json.dumps({"Type": "User", "Message": "why", "message": "why"}).encode()
    given = {"x-amzn-RequestId": "r", "x-amzn-ErrorType": code, **headers}
    return Said(status, body, {**JSON, **given})


def coded(code: str, status: int = 400) -> Said:
    """An error as CloudWatch and CodeDeploy have it."""
    body = json.dumps({"__type": code, "message": "why"}).encode()
    return Said(status, body, {"Content-Type": "application/x-amz-json-1.1", **MARKED})


def xml(code: str, message: str = "why") -> Said:
    """An error as STS has it; its request id may be in the body alone."""
    return Said(400, STS_ERROR.format(code, message).encode(), {"Content-Type": "text/xml"})


OWN: list[tuple[str, Said, type[CallFailed]]] = [
    ("UpdateAlias", rest(412, "PreconditionFailedException"), RevisionMismatch),
    ("UpdateAlias", rest(400, "InvalidParameterValueException"), InvalidRequest),
    ("UpdateAlias", rest(400, "ValidationException:http://internal.amazon.com/"), InvalidRequest),
    ("UpdateAlias", rest(403, "AccessDeniedException"), AccessDenied),
    ("UpdateAlias", rest(403, "ExpiredTokenException"), CredentialsExpired),
    ("UpdateAlias", rest(429, "TooManyRequestsException"), Busy),
    ("UpdateAlias", rest(409, "ResourceConflictException"), Busy),
    ("UpdateAlias", rest(500, "ServiceException"), Unanswered),
    ("CreateAlias", rest(409, "ResourceConflictException"), AlreadyExists),
    ("GetAlias", rest(404, "ResourceNotFoundException"), NotFound),
    # Header names in any case, and the other name of the request id.
    (
        "GetAlias",
        Said(
            404, b"{}", {"X-AMZN-REQUESTID": "r", "X-Amzn-ERRORTYPE": "ResourceNotFoundException"}
        ),
        NotFound,
    ),
    (
        "GetAlias",
        Said(404, b'{"__type": "ResourceNotFoundException"}', {"X-Amz-Request-Id": "r"}),
        NotFound,
    ),
    ("Invoke", rest(409, "SnapStartNotReadyException"), Busy),
    ("Invoke", rest(502, "ResourceNotReadyException"), Busy),
    ("Invoke", rest(502, "EC2ThrottledException"), Busy),
    ("Invoke", rest(502, "KMSAccessDeniedException"), Refused),
    ("Invoke", rest(403, "EFSMountFailureException"), Refused),
    ("Invoke", rest(408, "SnapStartTimeoutException"), Refused),
    ("Invoke", rest(502, "ServiceException"), Unanswered),
    ("Invoke", rest(413, "RequestTooLargeException"), InvalidRequest),
    ("DescribeAlarms", coded("AccessDeniedException"), AccessDenied),
    ("DescribeAlarms", coded(f"{CLOUDWATCH}ValidationError"), InvalidRequest),
    ("DescribeAlarms", coded("ThrottlingException"), Busy),
    ("GetMetricData", coded("InternalServiceFault", 500), Unanswered),
    ("GetDeployment", coded("DeploymentDoesNotExistException"), NotFound),
    ("GetDeployment", coded("InvalidDeploymentIdException"), InvalidRequest),
    ("GetDeploymentGroup", coded("ApplicationNameRequiredException"), InvalidRequest),
    ("CreateDeployment", coded("DeploymentLimitExceededException"), AlreadyExists),
    ("CreateDeployment", coded("ThrottlingException"), Busy),
    ("AssumeRoleWithWebIdentity", xml("AccessDenied"), AccessDenied),
    ("AssumeRoleWithWebIdentity", xml("InvalidIdentityToken"), Refused),
    (
        "AssumeRoleWithWebIdentity",
        xml(
            "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"
        ),
        Busy,
    ),
    ("AssumeRoleWithWebIdentity", xml("ValidationError"), InvalidRequest),
]


@pytest.mark.parametrize(("operation", "said", "kind"), OWN)
def test_aws_s_own_errors_are_taken_for_what_they_are(
    server: Stranger, operation: str, said: Said, kind: type[CallFailed]
) -> None:
    assert type(failure(server, operation, said)) is kind


def test_what_may_rightly_be_empty_may_be(server: Stranger) -> None:
    for operation, body in (
        ("GetFunctionConcurrency", b"{}"),
        ("ListEventSourceMappings", b'{"EventSourceMappings": []}'),
        ("ListDurableExecutionsByFunction", b'{"DurableExecutions": []}'),
        ("ListFunctionUrlConfigs", b'{"FunctionUrlConfigs": []}'),
        ("DescribeAlarms", b'{"MetricAlarms": [], "CompositeAlarms": []}'),
        ("DescribeAlarmHistory", b'{"AlarmHistoryItems": []}'),
        ("FilterLogEvents", b'{"events": []}'),
        ("ListDeployments", b'{"deployments": []}'),
        ("ListDeploymentTargets", b'{"targetIds": []}'),
        ("StopDeployment", b'{"status": "Pending"}'),
    ):
        server.say(Said(200, body, MARKED))
        CALLS[operation](server)
        assert server.asked


# An endpoint of somebody's own -------------------------------------------------------------------

UNMARKED = Said(
    404, b'{"__type": "ResourceNotFoundException", "message": "Cannot find alias"}', JSON
)


def test_at_an_endpoint_of_somebody_s_own_not_found_without_marks_is_a_kind_of_its_own(
    server: Stranger,
) -> None:
    failed = failure(server, "GetAlias", UNMARKED)
    assert type(failed) is UnmarkedNotFound
    assert not isinstance(failed, Refused)
    assert (failed.code, failed.endpoint) == ("ResourceNotFoundException", "127.0.0.1")
    assert '"Cannot find alias", says 127.0.0.1 without' in failed.what
    # Nothing there to see, and nothing that is written for it.
    server.say(UNMARKED)
    assert reader().alias_policy(TARGET) == ()
    assert reader().provisioned(TARGET) is None
    assert reader().event_sources(Target("checkout", "live")) == ()


def test_it_is_told_once(server: Stranger) -> None:
    told: list[str] = []
    session = boto3.Session("AKIASANDBOX", "sandbox", region_name=REGION)
    asked = LambdaAliases(Clients(session, REGION, SkippingClock(), told.append))
    server.say(Said(404, UNMARKED.body, MARKED), UNMARKED, UNMARKED)
    with pytest.raises(NotFound):
        asked.read(TARGET)
    assert told == []
    for _ in range(2):
        with pytest.raises(UnmarkedNotFound):
            asked.read(TARGET)
    (only,) = told
    assert only.startswith("127.0.0.1 answers without AWS's request id")


def test_there_is_no_such_alias_is_believed_twice_before_the_first_write_and_never_later(
    server: Stranger,
) -> None:
    server.say(UNMARKED)
    clock = SkippingClock()
    for written, kind in ((False, NotFound), (True, UnmarkedNotFound)):
        reader = AliasReader(TARGET, aliases(), clock, written=written)
        with pytest.raises(Unanswered):
            reader.read()
        clock.wait(2.0, None)
        with pytest.raises(kind):
            reader.read()


def test_a_page_that_stands_in_aws_s_way_is_never_that_kind(
    server: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://lambda.eu-central-1.amazonaws.com")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    failed = failure(server, "GetAlias", UNMARKED)
    assert type(failed) is ForeignAnswer
    assert failed.endpoint == ""


# Before anything was sent ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 407, 503])
def test_a_proxy_that_lets_nobody_through_has_not_sent_it_on(
    server: Stranger, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    failed = failure(server, "UpdateAlias", Said(status, PAGE, HTML))
    assert isinstance(failed, Unreachable)
    assert not failed.may_have_effect
    assert server.asked == [f"lambda.{REGION}.amazonaws.com:443"]


def test_credentials_that_could_not_be_had_are_not_the_call_s_own_answer(
    server: Stranger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "deploy")
    token = tmp_path / "token"
    token.write_text("a.b.c")
    config.write_text(f"[profile deploy]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n")
    failed = failure(server, "UpdateAlias", xml("AccessDenied"), call=_with_profile)
    assert type(failed) is NotSent
    assert "AssumeRoleWithWebIdentity: AccessDenied: why" in failed.what
    config.write_text("[profile deploy]\ncredential_process = false\n")
    failed = failure(server, "UpdateAlias", Said(200), call=_with_profile)
    assert type(failed) is NotSent
    assert server.asked == []
    assert not failed.may_have_effect


def _with_profile(_: Stranger) -> None:
    aliases = LambdaAliases(of_session(boto3.Session(profile_name="deploy", region_name=REGION)))
    aliases.write(TARGET, Routing.all_on(OLD), "text", "r1")
