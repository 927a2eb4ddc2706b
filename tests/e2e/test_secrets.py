"""No secret in anything that is written, whatever the ending, even if AWS or GitHub repeats it to us."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.aws.faults import Answer, Echo, ServerError
from sandbox.github import Fault, GitHub, PullRequest, Server, Token
from sandbox.runner import Finished
from tests.support.live import MAIN, OLD, PATIENCE, Live, live

ROLE = "arn:aws:iam::123456789012:role/deploy"
GITHUB_TOKEN = "ghs_MarkedGitHubTokenMarked0123456789ab"
REQUEST_TOKEN = "MarkedRequestTokenMarked"
SECRET_KEY = "MarkedSecretKey/Marked+0123456789abcdefgh"
SESSION_TOKEN = "MarkedSessionToken//////////MarkedMarked=="
MARKED = (GITHUB_TOKEN, REQUEST_TOKEN, SECRET_KEY, SESSION_TOKEN)

# What AWS says to a signature it does not agree with holds every header that was signed.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
ECHO = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical "
    f"String for this request should have been\n'GET\n/2015-03-31\n\nx-amz-security-token:{SESSION_TOKEN}\n'"
)


@dataclass
class Scene:
    """An account, a pull request, and a job full of secrets."""

    aws: Live
    github: GitHub

    def written(self, *stages: Finished) -> str:
        """Everything that anybody could read afterwards."""
        files = (path for path in self.aws.runner.folder.rglob("*") if path.is_file())
        texts = [path.read_bytes().decode("utf-8", "replace") for path in files]
        # Ours is to hide it, too; only the line that has the runner hide it is never shown.
        lines = [line for stage in stages for line in stage.log.splitlines()]
        texts += [line for line in lines if not line.startswith("::add-mask::")]
        for comment in self.github.comments_on(12):
            texts += [body for _, body in comment.bodies]
        # What is written to AWS stays there: descriptions, that is.
        texts += [repr(r.params) for r in self.aws.requests() if r.service == "lambda"]
        return "\n".join(texts)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    github = GitHub()
    github.tokens = {GITHUB_TOKEN: Token()}
    github.add_pull(PullRequest(12, "9f2c1ab0d3e45f60718293a4b5c6d7e8f9012345"))
    with (
        Server(github) as server,
        live(tmp_path, token=GITHUB_TOKEN, api_url=server.url) as aws,
    ):
        aws.inputs |= {"comment": "auto", "pr-number": "12", "steps": "50% 2s, 100% 0s"}
        aws.world.sts.request_token = REQUEST_TOKEN
        aws.environ = {
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{aws.url}/_sandbox/oidc?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }
        yield Scene(aws, github)


def repeated(scene: Scene) -> None:
    """Issue some, and repeat them in what is told of a read that the rollout can do without."""
    scene.aws.inputs["role-to-assume"] = ROLE
    echo = Echo("InvalidParameterValueException")
    scene.aws.world.faults.add(echo, operation="GetPolicy", count=None)


def promoted(scene: Scene) -> str:
    repeated(scene)
    return "promoted"


def role_refused_with_an_echo(scene: Scene) -> str:
    scene.aws.inputs["role-to-assume"] = ROLE
    refusal = Echo("AccessDenied", 403, (REQUEST_TOKEN,))
    scene.aws.world.faults.add(refusal, service="sts", count=None)
    return "failed"


def rolled_back(scene: Scene) -> str:
    scene.aws.inputs |= {"role-to-assume": ROLE, "steps": "50% 10m"}
    scene.aws.world.sts.lifetime = 2.0
    return "rolled-back"


def cancelled(scene: Scene) -> str:
    repeated(scene)
    scene.aws.inputs["steps"] = "50% 10m"
    return "rolled-back"


def held(scene: Scene) -> str:
    repeated(scene)
    scene.aws.inputs["steps"] = "50% 1s, hold"
    return "held"


def planned(scene: Scene) -> str:
    repeated(scene)
    scene.aws.inputs["mode"] = "plan"
    return "planned"


def wrong_inputs(scene: Scene) -> str:
    scene.aws.inputs["steps"] = "50% 1"
    return "failed"


def secrets_in_wrong_inputs(scene: Scene) -> str:
    scene.aws.inputs |= {
        "steps": SESSION_TOKEN,
        "alarm-at-start": GITHUB_TOKEN,
        "guards": SECRET_KEY,
    }
    return "failed"


def refused_with_an_echo(scene: Scene) -> str:
    echo = Answer("InvalidSignatureException", ECHO, 403)
    scene.aws.world.faults.add(echo, operation="GetAlias", count=None)
    return "failed"


def refused_with_an_echo_of_renewed_ones(scene: Scene) -> str:
    scene.aws.inputs["role-to-assume"] = ROLE
    scene.aws.world.sts.lifetime = 2.0
    scene.aws.world.lambda_().activation_delay = 2.5
    echo = Echo("AccessDeniedException", 403)
    scene.aws.world.faults.add(echo, operation="UpdateAlias", count=None)
    return "failed"


def rollback_refused_with_an_echo(scene: Scene) -> str:
    scene.aws.inputs["steps"] = "50% 10m"
    echo = Answer("InvalidSignatureException", ECHO, 403)
    scene.aws.world.faults.add(echo, operation="UpdateAlias", nth=2)
    return "rolled-back"


def alarms_refused_with_an_echo(scene: Scene) -> str:
    echo = Answer("SignatureDoesNotMatch", ECHO, 403)
    scene.aws.world.faults.add(echo, service="cloudwatch", count=None)
    return "failed"


def answered_5xx_with_an_echo(scene: Scene) -> str:
    scene.aws.world.faults.add(ServerError(), operation="UpdateAlias", nth=1)
    return "promoted"


def github_refuses_with_an_echo(scene: Scene) -> str:
    scene.github.faults.add(Fault(status=403, message=f"Bad credentials: {GITHUB_TOKEN}"))
    return "promoted"


ENDINGS = [
    promoted,
    role_refused_with_an_echo,
    rolled_back,
    cancelled,
    held,
    planned,
    wrong_inputs,
    secrets_in_wrong_inputs,
    refused_with_an_echo,
    refused_with_an_echo_of_renewed_ones,
    rollback_refused_with_an_echo,
    alarms_refused_with_an_echo,
    answered_5xx_with_an_echo,
    github_refuses_with_an_echo,
]


REPEATED = {
    promoted,
    cancelled,
    held,
    planned,
    rolled_back,
    role_refused_with_an_echo,
    refused_with_an_echo_of_renewed_ones,
}
"""Those in which the words that repeat them are told, so that something is hidden there."""


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_no_ending_writes_a_secret(scene: Scene, ending: Callable[[Scene], str]) -> None:
    result = ending(scene)
    step = scene.aws.start()
    if result == "rolled-back":
        scene.aws.until_shifted(step)
        if ending is cancelled:
            step.send(signal.SIGINT)
        else:
            if ending is rolled_back:
                # Not GetIdToken: the role is assumed with it only a moment later.
                scene.aws.until(
                    lambda: len(scene.aws.requests("AssumeRoleWithWebIdentity")) > 1, step
                )
            # Somebody has read them, and writes them where the action reads.
            secrets = ", ".join([*MARKED, *scene.aws.world.sts.issued])
            alarm = {"AlarmName": "checkout-errors", "StateValue": "ALARM"}
            scene.aws.call(
                "cloudwatch", "SetAlarmState", **alarm, StateReason=f"We were sent {secrets}"[:1000]
            )
    main = step.wait(PATIENCE)
    post = scene.aws.post(main.state)

    assert main.outputs["result"] == result, main.log
    if result == "rolled-back":
        assert scene.aws.alias[:2] == (OLD, {})
    written = scene.written(main, post)
    for secret in (*MARKED, *scene.aws.world.sts.issued, "session-ASIA", "eyJhbGci"):
        assert secret not in written, secret
    if ending in REPEATED:
        assert "We were sent ***, ***" in written
    if ending is rolled_back:
        (comment,) = scene.github.comments_on(12)
        report = (scene.aws.runner.folder / "workspace" / main.outputs["report"]).read_text()
        shown = [main.log, main.summary, main.outputs["reason"], comment.body, report]
        assert all("We were sent" in text for text in shown)
    if ending in {rolled_back, refused_with_an_echo_of_renewed_ones}:
        assert len(scene.aws.requests("AssumeRoleWithWebIdentity")) > 1


def test_the_marks_are_where_they_could_leak(scene: Scene) -> None:
    """The test above looks for what the job really has: every secret is used on the way."""
    scene.aws.inputs["role-to-assume"] = ROLE
    assert scene.aws.run().status == 0
    assert scene.aws.requests("GetIdToken")
    assert list(scene.github.comments_on(12))
    assert MAIN not in {r.caller for r in scene.aws.requests() if r.service == "lambda"}


def test_no_core_is_dumped() -> None:
    """A core dump would hold every secret; a container's would stay on the runner."""
    show = (
        "import runpy, resource; runpy.run_path('entrypoint.py', run_name='imported');"
        "print(*resource.getrlimit(resource.RLIMIT_CORE))"
    )
    run = subprocess.run(
        [sys.executable, "-c", show],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    )
    assert run.stdout.split() == ["0", "0"]
