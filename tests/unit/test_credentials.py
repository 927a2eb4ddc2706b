"""A role's credentials: renewed in time, and never at the cost of a call that could be signed already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import CredentialRetrievalError

from lambda_rollout.aws.credentials import (
    MARGIN,
    RETRY_EVERY,
    Issued,
    RenewedCredentials,
    WebIdentity,
    session,
)
from lambda_rollout.errors import Cancelled, RolloutError, Unanswered
from lambda_rollout.patience import UNREACHABLE_LIMIT, patiently
from lambda_rollout.stop import Stop, SystemClock
from sandbox.aws import World
from sandbox.aws.faults import Answer, ServerError
from sandbox.aws.http import Server
from sandbox.clock import RealClock
from tests.seam import MARKS, SkippingClock

ROLE = "arn:aws:iam::123456789012:role/deploy"
HOUR = 3600.0
MARKED = {"ResponseMetadata": MARKS}


class HandClock(SystemClock):
    """A clock that a test moves while threads wait on it."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._moved = threading.Condition()
        self.waits_until: float | None = None

    def monotonic(self) -> float:
        return self._seconds

    def wait(self, seconds: float, stop: Stop | None) -> None:
        with self._moved:
            self.waits_until = self._seconds + seconds
            self._moved.notify_all()
            self._moved.wait_for(lambda: self._seconds >= (self.waits_until or 0.0), timeout=60)
            self.waits_until = None

    def move_to(self, seconds: float) -> None:
        """Go to a moment, and return when whoever waits waits for a later one."""
        with self._moved:
            self._moved.wait_for(lambda: self.waits_until is not None, timeout=60)
            self._seconds = seconds
            self._moved.notify_all()
            assert self._moved.wait_for(
                lambda: self.waits_until is not None and self.waits_until > seconds, timeout=60
            )


class Issuer:
    """Hands out credentials numbered from 1; ``silent`` gives no answer."""

    def __init__(self) -> None:
        self.asked_by: list[int] = []
        self.silent = False

    def __call__(self) -> Issued:
        self.asked_by.append(threading.get_ident())
        if self.silent:
            raise Unanswered("AssumeRoleWithWebIdentity", "ReadTimeoutError", "no answer")
        number = str(len(self.asked_by))
        return Issued(f"key {number}", f"secret {number}", f"token {number}", timedelta(hours=1))


class Case:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.issuer = Issuer()
        self.stop = Stop()
        self.credentials = RenewedCredentials(self.issuer, self.clock, self.stop)

    def signed_with(self) -> str:
        frozen = self.credentials.get_frozen_credentials()
        number = str(frozen.access_key).removeprefix("key ")
        assert frozen[:3] == (f"key {number}", f"secret {number}", f"token {number}")
        return number

    def asked_here(self) -> int:
        """How often a call that signs has waited for a renewal."""
        return self.issuer.asked_by.count(threading.get_ident()) - 1


@pytest.fixture
def case() -> Iterator[Case]:
    made = Case()
    yield made
    made.stop.request("the test is over")
    made.clock._seconds = 1e9
    with made.clock._moved:
        made.clock._moved.notify_all()


def test_they_are_renewed_in_the_background_after_half_their_life(case: Case) -> None:
    case.clock.move_to(HOUR / 2 - 1)
    assert case.signed_with() == "1"
    case.clock.move_to(HOUR / 2)
    assert case.signed_with() == "2"
    case.clock.move_to(HOUR)
    assert case.signed_with() == "3"
    assert case.asked_here() == 0


def test_while_the_old_ones_are_good_nobody_waits_for_new_ones(case: Case) -> None:
    case.issuer.silent = True
    case.clock.move_to(HOUR / 2)
    for moment in (HOUR / 2 + RETRY_EVERY, HOUR / 2 + 2 * RETRY_EVERY, HOUR - MARGIN - 1):
        case.clock.move_to(moment)
        assert case.signed_with() == "1"
    assert case.asked_here() == 0
    assert len(case.issuer.asked_by) == 1 + 4, "the background went on asking"


def test_it_asks_again_soon_after_a_failure(case: Case) -> None:
    case.issuer.silent = True
    case.clock.move_to(HOUR / 2)
    case.issuer.silent = False
    case.clock.move_to(HOUR / 2 + RETRY_EVERY)
    assert case.signed_with() == "3"
    assert case.asked_here() == 0


def test_ones_that_have_ended_are_renewed_on_the_spot(case: Case) -> None:
    case.issuer.silent = True
    case.clock.move_to(HOUR / 2)
    case.clock.move_to(HOUR - MARGIN)
    with pytest.raises(CredentialRetrievalError, match="ReadTimeoutError"):
        case.signed_with()
    case.issuer.silent = False
    assert case.signed_with() == str(len(case.issuer.asked_by))
    assert case.asked_here() == 2


def test_awss_word_that_they_have_ended_counts_more_than_our_clock(case: Case) -> None:
    case.credentials.heed(parsed={"Error": {"Code": "ThrottlingException"}, **MARKED})
    # A page that only says so is nobody's word, and these are still good.
    case.credentials.heed(parsed={"Error": {"Code": "ExpiredTokenException"}})
    assert case.signed_with() == "1"
    case.credentials.heed(parsed={"Error": {"Code": "ExpiredTokenException"}, **MARKED})
    assert case.signed_with() == "2"
    assert case.signed_with() == "2"


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


def test_a_role_that_does_not_trust_the_job_is_an_error_about_its_trust_policy(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    world.sts.trusts = set()
    with pytest.raises(RolloutError) as caught:
        assumed(environ)
    assert caught.value.what == (
        f"role-to-assume: {ROLE} could not be assumed: AssumeRoleWithWebIdentity: AccessDenied: "
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert "trust policy" in caught.value.remedy
    assert len(world.log) == 2, "a refusal is not repeated"


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


def test_a_role_in_china_that_does_not_trust_the_job_is_no_matter_of_the_audience(
    sts: tuple[World, dict[str, str]],
) -> None:
    world, environ = sts
    world.sts.trusts = set()
    with pytest.raises(RolloutError) as caught:
        assumed(environ, role=IN_CHINA)
    assert "AccessDenied" in caught.value.what
    assert "sts.amazonaws.com.cn or sts.amazonaws.com" in caught.value.remedy


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
    patient = patiently(clock, None, unreachable=UNREACHABLE_LIMIT)
    with pytest.raises(RolloutError) as caught:
        session("eu-central-1", ROLE, "lambda-rollout-1", environ, clock, stop, patient)
    assert caught.value.what.startswith(f"role-to-assume: {ROLE} could not be assumed: {call}: ")
    assert remedy in caught.value.remedy
    assert clock.seconds < 20
