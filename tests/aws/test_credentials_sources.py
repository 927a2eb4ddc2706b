"""Where credentials come from: a role that the job's token is traded for, or botocore's own sources."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from lambda_rollout.aws.credentials import Chain, asking, session, telling_refusals
from lambda_rollout.aws.renewal import RenewedCredentials
from lambda_rollout.aws.web_identity import WebIdentity
from lambda_rollout.runtime.clock import Stop, SystemClock
from lambda_rollout.runtime.errors import Cancelled, Refused, RolloutError, Unanswered
from lambda_rollout.runtime.retry import UNREACHABLE_LIMIT, retrying
from sandbox.aws import World
from sandbox.aws.faults import Answer, ServerError
from sandbox.aws.http import Server
from sandbox.clock import RealClock
from tests.support.profile import Profile
from tests.support.seam import SkippingClock

ROLE = "arn:aws:iam::123456789012:role/deploy"

REGION = "eu-central-1"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)


@pytest.fixture(
    params=[
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403),
        ("InvalidIdentityToken", NO_KEY, 400),
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://…",
            400,
        ),
        ("ExpiredTokenException", "Token expired", 400),
    ],
    ids=lambda param: param[1][:20],
)
def denied(request: pytest.FixtureRequest) -> Answer:
    """What STS says of a role, a trust policy or a provider that it does not know yet, or for now."""
    return Answer(*request.param)


# Against STS ---------------------------------------------------------------------------------------


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, dict[str, str]]]:
    world = World(clock=RealClock())
    with Server(world) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield (
            world,
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.url}/_sandbox/oidc?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": world.sts.request_token,
            },
        )


def assumed(environ: dict[str, str], stop: Stop | None = None, role: str = ROLE) -> str:
    made = session("eu-central-1", role, "lambda-rollout-1", environ, SystemClock(), stop or Stop())
    return key_of(made)


def key_of(made: boto3.Session) -> str:
    credentials = made.get_credentials()
    assert credentials is not None
    return str(credentials.get_frozen_credentials().access_key)


def test_the_role_is_assumed_with_the_jobs_token_and_not_with_other_credentials(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    key = assumed(environ)
    identity = "arn:aws:sts::123456789012:assumed-role/deploy/lambda-rollout-1"
    assert world.sts.sessions[key].identity == identity
    [token, role] = world.log
    assert token.params["audience"] == "sts.amazonaws.com"
    assert role.caller == "", "unsigned: it is the token that counts"


def test_a_job_without_the_permission_is_told_so() -> None:
    with pytest.raises(RolloutError) as caught:
        assumed({})
    assert "may not ask GitHub for an OIDC token" in caught.value.what
    assert "id-token: write" in caught.value.remedy


@dataclass
class Asked:
    """Credentials that are asked for on a clock on which every pause is over at once."""

    settles_within: float | None = None
    clock: SkippingClock = field(default_factory=SkippingClock)
    warnings: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, str], role: str = ROLE) -> str:
        stop = Stop()
        patient = asking(self.clock, None, self.settles_within)
        patient = telling_refusals(patient, role, self.warnings.append)
        made = session(REGION, role, "lambda-rollout-1", environ, self.clock, stop, patient)
        # Nothing is to be renewed.
        stop.request("the test is over")
        return key_of(made)

    def error(self, environ: dict[str, str], role: str = ROLE) -> RolloutError:
        with pytest.raises(RolloutError) as caught:
            self(environ, role)
        return caught.value


def test_a_role_that_does_not_trust_the_job_is_an_error_about_its_trust_policy(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    world.sts.trusts = set()
    error = Asked().error(environ)
    assert error.what == (
        f"role-to-assume: {ROLE} could not be assumed: AssumeRoleWithWebIdentity: AccessDenied: "
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert "trust policy" in error.remedy


def test_a_refusal_says_what_the_token_says_and_which_condition_accepts_it(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    world.sts.trusts = set()
    asked = Asked()
    error = asked.error(environ)
    [token] = {world.sts.get_id_token(r.params)["value"] for r in world.log[:1]}
    subject = world.sts.job.subject
    assert f'sub "{subject}", aud "sts.amazonaws.com"' in error.remedy
    condition = json.loads(error.remedy[error.remedy.index("{") :])
    policy = {
        "Effect": "Allow",
        "Principal": {"Federated": error.remedy.split("the principal ")[1].split()[0]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    world.sts.trusts = None
    world.sts.policies[ROLE] = {"Statement": [policy]}
    assert asked(environ) in world.sts.sessions
    told = f"{error}{asked.warnings}"
    assert not any(part in told for part in token.split("."))


@pytest.mark.parametrize(
    ("code", "message", "copied"),
    [
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", True),
        ("InvalidIdentityToken", "Incorrect token audience", True),
        (
            "AccessDenied",
            "Not authorized … with an explicit deny in a service control policy",
            False,
        ),
    ],
)
def test_only_where_the_policy_may_be_the_cause_a_condition_is_given(
    sts: tuple[World, dict[str, str]], code: str, message: str, *, copied: bool
) -> None:
    world, environ = sts
    world.faults.add(Answer(code, message, 403), service="sts", count=None)
    remedy = Asked().error(environ).remedy
    assert f'sub "{world.sts.job.subject}"' in remedy
    assert ("StringEquals" in remedy) is copied


def test_a_refusal_is_told_at_once_and_believed_after_10_to_15_seconds(
    sts: tuple[World, dict[str, str]], denied: Answer
) -> None:
    world, environ = sts
    world.faults.add(denied, service="sts", count=None)
    asked = Asked()
    error = asked.error(environ)
    [warning] = asked.warnings
    assert str(error) in warning
    assert 10 <= asked.clock.seconds <= 15


def test_a_refusal_may_pass(sts: tuple[World, dict[str, str]], denied: Answer) -> None:
    world, environ = sts
    world.faults.add(denied, service="sts", count=4)
    asked = Asked()
    assert asked(environ) in world.sts.sessions
    assert len(asked.warnings) == 1
    assert len({r.params["WebIdentityToken"] for r in world.log if r.service == "sts"}) == 5


@pytest.mark.parametrize("service", ["sts", "oidc"])
def test_who_settles_asks_as_long_as_there_is_time(
    sts: tuple[World, dict[str, str]], denied: Answer, service: str
) -> None:
    world, environ = sts
    world.faults.add(denied, service=service, count=40)
    asked = Asked(settles_within=240)
    assert asked(environ) in world.sts.sessions
    assert 120 < asked.clock.seconds < 240


def test_who_settles_waits_for_no_permission_that_the_job_has_not() -> None:
    asked = Asked(settles_within=240)
    assert "id-token: write" in asked.error({}).remedy
    assert not asked.clock.seconds


@pytest.mark.parametrize("settles_within", [None, 240])
def test_a_role_that_sts_finds_invalid_is_no_refusal_that_passes(
    sts: tuple[World, dict[str, str]], settles_within: float | None
) -> None:
    world, environ = sts
    world.faults.add(Answer("ValidationError", "x is invalid"), service="sts", count=None)
    asked = Asked(settles_within)
    asked.error(environ)
    assert bool(asked.clock.seconds) is bool(settles_within)
    assert not asked.warnings


def test_a_request_token_that_github_refuses_is_not_blamed_on_the_role(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    with pytest.raises(RolloutError) as caught:
        assumed({**environ, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "an old one"})
    assert "GetIdToken: 401" in caught.value.what
    assert "id-token: write" in caught.value.remedy
    assert len(world.log) == 1


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("oidc", ServerError()),
        ("sts", ServerError()),
        ("sts", Answer("IDPCommunicationError", "could not be reached")),
    ],
)
def test_what_may_pass_is_asked_again(
    sts: tuple[World, dict[str, str]], service: str, fault: ServerError | Answer
) -> None:
    world, environ = sts
    world.faults.add(fault, service=service, count=2)
    assert assumed(environ) in world.sts.sessions


def test_a_cancelled_job_does_not_go_on_asking(sts: tuple[World, dict[str, str]]) -> None:
    world, environ = sts
    world.faults.add(ServerError(), service="sts", count=None)
    stop = Stop()
    stop.request("cancelled (SIGINT)")
    with pytest.raises(Cancelled):
        assumed(environ, stop)


# In China ------------------------------------------------------------------------------------------

IN_CHINA = "arn:aws-cn:iam::123456789012:role/deploy"


def audiences_asked_for(world: World) -> list[str]:
    return [request.params["audience"] for request in world.log if request.service == "oidc"]


@pytest.mark.parametrize("audience", ["sts.amazonaws.com.cn", "sts.amazonaws.com"])
def test_a_role_in_china_is_assumed_whichever_audience_its_provider_has(
    sts: tuple[World, dict[str, str]], audience: str
) -> None:
    world, environ = sts
    world.sts.audience = audience
    assert assumed(environ, role=IN_CHINA) in world.sts.sessions
    asked = audiences_asked_for(world)
    assert asked[0] == "sts.amazonaws.com.cn"
    assert asked[-1] == audience
    assert len(asked) <= 2


def test_a_renewal_asks_for_the_audience_that_was_taken(sts: tuple[World, dict[str, str]]) -> None:
    world, environ = sts
    identity = WebIdentity(IN_CHINA, "cn-north-1", "lambda-rollout-1", environ)
    identity.issue()
    world.log.clear()
    identity.issue()
    assert audiences_asked_for(world) == ["sts.amazonaws.com"]


def test_all_that_is_issued_is_hidden_at_each_renewal(sts: tuple[World, dict[str, str]]) -> None:
    world, environ = sts
    hidden: list[str] = []

    def hide(*secrets: str) -> None:
        hidden.extend(secrets)

    identity = WebIdentity(ROLE, "eu-central-1", "lambda-rollout-1", environ, hide)
    for _ in range(2):
        identity.issue()
        assert {world.sts.request_token, *world.sts.issued} == set(hidden)
    assert len(world.sts.issued) == 2 * len(("key", "secret", "session token", "OIDC token"))


def test_a_token_is_hidden_before_it_is_sent_anywhere(sts: tuple[World, dict[str, str]]) -> None:
    world, environ = sts
    world.sts.trusts = set()
    hidden: list[str] = []
    with pytest.raises(Refused):
        WebIdentity(ROLE, "eu-central-1", "x", environ, hidden.append).issue()
    assert hidden == [world.sts.request_token, *world.sts.issued]


def test_a_role_in_china_that_does_not_trust_the_job_is_no_matter_of_the_audience(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    world.sts.trusts = set()
    error = Asked().error(environ, IN_CHINA)
    assert "AccessDenied" in error.what
    assert "sts.amazonaws.com.cn or sts.amazonaws.com" in error.remedy


@pytest.mark.parametrize(
    ("message", "audiences"),
    [
        ("Incorrect token audience", ["sts.amazonaws.com.cn", "sts.amazonaws.com"]),
        (NO_KEY, ["sts.amazonaws.com.cn"] * 2),
        ("No OpenIDConnect provider found in your account", ["sts.amazonaws.com.cn"] * 2),
    ],
)
def test_only_the_audience_leads_to_the_other_audience(
    sts: tuple[World, dict[str, str]], message: str, audiences: list[str]
) -> None:
    world, environ = sts
    world.sts.audience = "sts.amazonaws.com.cn" if audiences[1].endswith("cn") else audiences[1]
    world.faults.add(Answer("InvalidIdentityToken", message), service="sts")
    assert Asked()(environ, IN_CHINA) in world.sts.sessions
    assert audiences_asked_for(world) == audiences


# Nobody there --------------------------------------------------------------------------------------


NOBODY = "http://127.0.0.1:9"


def nobody_at_sts(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", NOBODY)


def nobody_at_github(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    environ["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"{NOBODY}/oidc"


@pytest.mark.parametrize(
    ("nobody", "call", "remedy"),
    [
        (nobody_at_sts, "AssumeRoleWithWebIdentity", "`aws-region`"),
        (nobody_at_github, "GetIdToken", "GitHub's OIDC provider could not be reached"),
    ],
)
def test_where_nobody_answers_it_is_soon_given_up_with_the_inputs_name_and_a_remedy(
    sts: tuple[World, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    nobody: Callable[[pytest.MonkeyPatch, dict[str, str]], None],
    call: str,
    remedy: str,
) -> None:
    _, environ = sts
    nobody(monkeypatch, environ)
    clock, stop = SkippingClock(), Stop()
    patient = retrying(clock, None, unreachable=UNREACHABLE_LIMIT)
    with pytest.raises(RolloutError) as caught:
        session("eu-central-1", ROLE, "lambda-rollout-1", environ, clock, stop, patient)
    assert caught.value.what.startswith(f"role-to-assume: {ROLE} could not be assumed: {call}: ")
    assert remedy in caught.value.remedy
    assert clock.seconds < 20


# The job's own -------------------------------------------------------------------------------------

TRADE = "AssumeRoleWithWebIdentity"


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile with a ``credential_process``, and no other source anywhere."""
    made = Profile(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def own(stop: Stop | None = None) -> boto3.Session:
    return session(REGION, "", "lambda-rollout-1", {}, SystemClock(), stop or Stop())


def test_a_process_is_asked_once_for_what_is_good_for_minutes(profile: Profile) -> None:
    """Alone, botocore would ask it at each call: less than a quarter of an hour is left."""
    chain = Chain(REGION)
    issued = chain.issue()
    assert (issued.access_key, profile.runs) == ("AKIA1", 1)
    assert issued.lasts is not None
    assert timedelta(seconds=500) < issued.lasts < timedelta(seconds=600)
    assert (chain.issue().access_key, profile.runs) == ("AKIA2", 2)


def test_what_a_source_of_the_machine_issues_is_hidden_at_each_renewal(profile: Profile) -> None:
    hidden: list[str] = []

    def hide(*secrets: str) -> None:
        hidden.extend(secrets)

    chain = Chain(REGION, hide=hide)
    first, second = chain.issue(), chain.issue()
    assert hidden == [*first.secrets, *second.secrets]
    assert first.access_key != second.access_key


def test_the_jobs_own_keys_are_not_issued_by_us(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are hidden all the same (`SECRETS`); but who set them told the runner, and a log elsewhere shows no line."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    hidden: list[str] = []
    assert Chain(REGION, hide=hidden.append).issue().access_key == "AKIAENV"
    assert hidden == []


def test_the_session_signs_with_the_ones_that_are_renewed(profile: Profile) -> None:
    stop = Stop()
    credentials = own(stop).get_credentials()
    assert isinstance(credentials, RenewedCredentials)
    assert credentials.get_frozen_credentials().access_key == "AKIA1"
    assert profile.runs == 1
    stop.request("the test is over")


def test_ones_that_do_not_end_are_botocores_as_ever(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    credentials = own().get_credentials()
    assert credentials is not None
    assert not isinstance(credentials, RenewedCredentials)
    assert credentials.get_frozen_credentials().access_key == "AKIAENV"
    assert profile.runs == 0


def test_a_process_that_fails_is_asked_again(profile: Profile) -> None:
    profile.does("run > 2 or sys.exit('not yet')")
    stop = Stop()
    credentials = own(stop).get_credentials()
    assert credentials is not None
    assert credentials.get_frozen_credentials().access_key == "AKIA3"
    stop.request("the test is over")


def test_a_process_that_never_answers_does_not_outlast_the_stop(profile: Profile) -> None:
    profile.does("time.sleep(20)")
    stop = Stop()

    def cancel() -> None:
        while not profile.runs:
            SystemClock().wait(0.01, None)
        stop.request("cancelled (SIGINT)")

    threading.Thread(target=cancel).start()
    with pytest.raises(Cancelled):
        own(stop)
    assert profile.runs == 1


@pytest.mark.usefixtures("profile")
def test_a_profile_that_does_not_exist_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(RolloutError, match=r"no AWS credentials: .*nobody"):
        own()


def test_a_command_that_no_container_has_is_said_at_once(profile: Profile) -> None:
    config = Path(os.environ["AWS_CONFIG_FILE"])
    config.write_text("[default]\ncredential_process = /opt/vault --json\n")
    with pytest.raises(RolloutError) as caught:
        own()
    assert caught.value.what == "no AWS credentials: /opt/vault: No such file or directory."
    assert "sees the workspace" in caught.value.remedy
    assert profile.runs == 0


def test_who_settles_goes_on_trying_for_a_file_that_is_not_there(profile: Profile) -> None:
    config = Path(os.environ["AWS_CONFIG_FILE"])
    whole = config.read_text()
    config.write_text("[default]\ncredential_process = /opt/vault --json\n")
    with pytest.raises(Unanswered):
        Chain(REGION, settles=True).issue()
    config.write_text(whole)
    assert Chain(REGION, settles=True).issue().access_key == "AKIA1"
    assert profile.runs == 1


def test_a_key_that_nobody_can_send_is_said_at_once(profile: Profile) -> None:
    profile.does(
        r"datetime.datetime.now(); print(json.dumps(dict(Version=1, AccessKeyId='AKIA\n', "
        r"SecretAccessKey='hunter2'))); sys.exit()"
    )
    with pytest.raises(RolloutError) as caught:
        own()
    assert caught.value.what == (
        "no AWS credentials: the key of custom-process has a newline at an end."
    )


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("role", ["", ROLE])
def test_a_bad_environment_is_said_at_once_and_not_to_who_settles(
    monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/corporate.pem")
    with pytest.raises(RolloutError, match=r"AWS_CA_BUNDLE: '/etc/ssl/corporate\.pem'"):
        session(REGION, role, "lambda-rollout-1", {}, SystemClock(), Stop())
    if not role:
        stop = Stop()
        made = session(REGION, role, "lambda-rollout-1", {}, SystemClock(), stop, obeys=False)
        assert made.get_credentials() is not None
        stop.request("the test is over")


def test_a_bad_bundle_of_the_profile_is_said_at_once(profile: Profile) -> None:
    with Path(os.environ["AWS_CONFIG_FILE"]).open("a") as config:
        config.write("ca_bundle = /etc/ssl/corporate.pem\n")
    with pytest.raises(RolloutError, match=r"^ca_bundle: '/etc/ssl/corporate\.pem'"):
        own()
    assert profile.runs == 0


@pytest.mark.usefixtures("profile")
def test_a_bad_value_is_said_at_once_with_a_role_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "fast")
    with pytest.raises(RolloutError, match=r"this environment \(AWS_DEFAULTS_MODE\)"):
        session(REGION, ROLE, "lambda-rollout-1", {}, SystemClock(), Stop())


def test_where_there_are_none_it_is_said(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.setenv("HOME", str(profile.log))
    with pytest.raises(RolloutError, match="no AWS credentials: Unable to locate credentials"):
        own()


@pytest.fixture
def token_file(
    profile: Profile, sts: tuple[World, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> World:
    """A web identity token file, as on EKS, and an STS."""
    world, environ = sts
    url = environ["ACTIONS_ID_TOKEN_REQUEST_URL"].partition("/_sandbox")[0]
    token = world.sts.get_id_token(
        {"audience": "sts.amazonaws.com", "bearer": world.sts.request_token}
    )
    path = profile.log.parent / "token"
    path.write_text(token["value"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    return world


def test_a_token_file_is_traded_once_for_each_renewal(token_file: World) -> None:
    token_file.sts.lifetime = 60
    chain = Chain(REGION)
    first, second = chain.issue(), chain.issue()
    assert [r.operation for r in token_file.log] == [TRADE, TRADE]
    assert {first.access_key, second.access_key} == set(token_file.sts.sessions)
    assert first.lasts is not None
    assert timedelta(seconds=20) < first.lasts < timedelta(seconds=60)


def test_an_sts_that_says_no_is_told_in_its_own_words(token_file: World) -> None:
    token_file.sts.trusts = set()
    asked = Asked()
    error = asked.error({}, "")
    assert error.what == (
        "no AWS credentials: AssumeRoleWithWebIdentity: AccessDenied: "
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert "web identity token file" in error.remedy
    assert 10 <= asked.clock.seconds <= 15
    assert len(asked.warnings) == 1
