"""``role-to-assume``: credentials that end and are renewed, from GitHub's token to the last call.

And the environment's own, that nobody renews.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.app import main_stage, post_stage
from lambda_rollout.github.job import JobContext
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import Answer, LoseConnection, ServerError
from sandbox.aws.request import Request
from sandbox.aws.trust import ISSUER
from tests.support.live import MAIN, NEW, OLD, OWNERS_TEXT, POST, WRITES, Live, live
from tests.support.seam import SkippingClock

ROLE = "arn:aws:iam::123456789012:role/deploy"
LIFETIME = 4.0
"""Seconds; real ones last an hour. They are renewed after half of it."""

LONGER = "50% 4s, 100% 3s"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.world.sts.strict = True
        made.world.sts.lifetime = LIFETIME
        made.environ = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{made.url}/_sandbox/oidc?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": made.world.sts.request_token,
        }
        made.inputs |= {"role-to-assume": ROLE, "steps": LONGER}
        yield made


def refused(scene: Live) -> list[Request]:
    """The calls that AWS would not take because of who made them."""
    return [request for request in scene.requests() if "Token" in request.outcome]


def test_a_rollout_may_outlast_its_credentials(scene: Live) -> None:
    finished = scene.run()

    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)
    issued = scene.requests("AssumeRoleWithWebIdentity")
    assert len(issued) >= 3
    assert len(scene.requests("GetIdToken")) == len(issued), "each time with a new token"
    assert not refused(scene)
    sessions = {
        session.identity.rpartition("/")[2] for session in scene.world.sts.sessions.values()
    }
    assert sessions == {"lambda-rollout-1234567890-1-octo.shop"}
    used = {request.caller for request in scene.requests() if request.service == "lambda"}
    assert len(used) >= 2
    assert MAIN not in used, "the environment's own are for nothing"


def test_sts_that_stays_down_ends_it_while_the_old_ones_are_good(scene: Live) -> None:
    scene.world.sts.lifetime = 12.0
    scene.inputs["steps"] = "50% 1m, 100% 0s"
    # The renewal after 6 s meets a server that answers nothing at all.
    scene.world.faults.add(LoseConnection(), service="sts", nth=2, count=None)

    finished = scene.run()

    assert finished.outputs["result"] == "rolled-back", finished.log
    assert "could not be renewed: AssumeRoleWithWebIdentity: " in finished.outputs["reason"]
    assert scene.whole_on(OLD)
    assert not refused(scene)
    log = [request.operation for request in scene.requests()]
    vain = [i for i, operation in enumerate(log) if operation == "AssumeRoleWithWebIdentity"][1:3]
    between = log[vain[0] : vain[1] if len(vain) > 1 else None]
    assert between.count("DescribeAlarms") >= 2, "the watch did not wait for STS"


def test_no_renewal_stands_between_an_alarm_and_the_rollback(scene: Live) -> None:
    """STS and GitHub hang from the first renewal on, and the alarm fires while they do."""
    scene.world.sts.lifetime = 20.0
    scene.inputs["steps"] = "50% 30s, 100% 0s"
    scene.world.faults.add(LoseConnection(), service="oidc", nth=2, count=None)
    step = scene.start()
    scene.until(lambda: len(scene.requests("GetIdToken")) >= 2, step)
    scene.set_alarm("ALARM")
    finished = step.wait(60)

    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)
    own = [r.operation for r in scene.requests() if r.service in {"lambda", "cloudwatch"}]
    shift = own.index("UpdateAlias")
    rollback = own.index("UpdateAlias", shift + 1)
    assert own[rollback - 1] == "DescribeAlarms"
    assert not refused(scene)


def test_ones_that_aws_ends_early_are_renewed_at_once(scene: Live) -> None:
    """A machine that slept has the same: its clock says they are good."""
    scene.world.sts.lifetime = None
    step = scene.start()
    scene.until_shifted(step)
    with scene.world.lock:
        [key] = scene.world.sts.sessions
    scene.world.sts.let_expire(key, 0)
    finished = step.wait(60)

    assert finished.outputs["result"] == "promoted", finished.log
    assert len(refused(scene)) == 1
    assert len(scene.requests("AssumeRoleWithWebIdentity")) == 2


def test_the_post_stage_assumes_the_role_that_main_had(scene: Live) -> None:
    step = scene.start()
    scene.until_shifted(step)
    step.kill()

    post = scene.post(step.wait().state)

    assert post.status == 0 or post.outputs["result"] == "rolled-back", post.log
    assert scene.whole_on(OLD)


# On a clock on which minutes of trying are over at once -------------------------------------------


class Pauses(SkippingClock):
    """What is waited between two tries takes no time; an answer takes as long as it takes."""

    def wait(self, seconds: float, stop: Stop | None) -> None:
        super().wait(seconds, None if seconds <= LONGEST_PAUSE else stop)


LONGEST_PAUSE = 5.25


@dataclass
class InProcess:
    """A stage in this process, with the job's variables."""

    scene: Live
    folder: Path
    clock: Pauses = field(default_factory=Pauses)
    stop: Stop = field(default_factory=Stop)

    def __call__(self, stage: Callable[[JobContext], int], **more: str) -> tuple[int, str]:
        """Run it; return its status and its log."""
        written = io.StringIO()
        files = {"GITHUB_WORKSPACE": str(self.folder), "GITHUB_STEP_SUMMARY": str(self.summary)}
        environ = {**os.environ, **self.scene.runner._variables(), **files, **more}
        runner = Runner(environ, Lines(written))
        status = stage(JobContext(environ, runner, self.clock, self.stop))
        return status, written.getvalue()

    @property
    def summary(self) -> Path:
        return self.folder / "summary.md"

    def main(self, **inputs: str) -> tuple[int, str]:
        return self(main_stage, **self.scene.runner._inputs({**self.scene.inputs, **inputs}))

    def post(self, state: Mapping[str, str]) -> tuple[int, str]:
        return self(
            post_stage,
            **{f"STATE_{name}": value for name, value in state.items()},
        )


@pytest.fixture
def here(scene: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    for name, value in scene.as_caller(POST).items():
        monkeypatch.setenv(name, value)
    # So that nothing is renewed here, on a clock on which that would be due again at once.
    scene.world.sts.lifetime = None
    made = InProcess(scene, tmp_path)
    yield made
    made.stop.request("the test is over")


def killed(scene: Live) -> Mapping[str, str]:
    """What main saved before it died with a canary out."""
    step = scene.start()
    scene.until_shifted(step)
    step.kill()
    return step.wait().state


@pytest.mark.parametrize(
    ("trouble", "stopped"),
    [(ServerError(), False), (Answer("AccessDenied", "Not authorized", 403), True)],
)
def test_the_post_stage_tries_for_credentials_as_long_as_the_runner_gives_it(
    scene: Live, here: InProcess, trouble: ServerError | Answer, *, stopped: bool
) -> None:
    """Some three minutes without STS; no stop ends the trying."""
    state = killed(scene)
    scene.world.faults.add(trouble, service="sts", count=35)
    if stopped:
        here.stop.request("cancelled (SIGINT)")

    status, log = here.post(state)

    assert scene.whole_on(OLD), log
    assert status == 0, log
    assert here.clock.seconds > 120
    told = "Not confirmed yet: checkout:live. Still trying: AssumeRoleWithWebIdentity: "
    assert log.count(told) == 1
    assert log.index("aws lambda update-alias") < log.index("checkout:live sends 100% to version 1")


def test_the_post_stage_that_gets_no_credentials_says_what_is_to_be_done(
    scene: Live, here: InProcess
) -> None:
    state = killed(scene)
    scene.world.sts.trusts = set()

    status, log = here.post(state)

    assert status == 1
    assert 200 < here.clock.seconds < 270, "as long as there is time"
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in log
    assert "CHECKOUT:LIVE" in log.upper()
    assert f"aws lambda update-alias --region eu-central-1 --function-name checkout --name live --function-version {OLD}" in log  # fmt: skip


def test_an_emergency_rollback_waits_until_it_is_let_in(scene: Live, here: InProcess) -> None:
    killed(scene)
    scene.world.faults.add(Answer("AccessDenied", "Not authorized", 403), service="sts", count=35)

    status, log = here.main(mode="rollback")

    assert status == 0, log
    assert scene.whole_on(OLD), log
    assert 120 < here.clock.seconds < 300
    assert log.count("::warning title=Lambda rollout::It is tried again for a while") == 1


def test_a_role_that_does_not_trust_the_job(scene: Live, here: InProcess) -> None:
    """Told at once, believed soon, and with what is to be written, whatever the environment is called."""
    scene.world.sts.trusts = set()
    scene.world.sts.job.environment = "pro`d ${x} @octocat\n::error::x"

    status, log = here.main()

    assert status == 1
    assert 10 <= here.clock.seconds <= 15
    warning, refusal = log.index("::warning "), log.index("Not authorized to perform sts:")
    assert warning < refusal < log.index("::error ")
    assert "trust policy" in log
    assert not scene.requests("GetAlias")
    condition = next(line for line in log.splitlines() if line.startswith('{"StringEquals"'))
    accepted = {"StringEquals": dict(json.loads(condition)["StringEquals"])}
    assert accepted["StringEquals"][f"{ISSUER}:sub"].endswith(
        "pro`d ${$}{x} @octocat\n%3A%3Aerror%3A%3Ax"
    )
    assert f"```json\n{condition}\n```" in here.summary.read_text()
    assert not [line for line in log.splitlines() if line.startswith("::error::x")]


def policies(text: str) -> list[dict[str, Any]]:
    """What a summary or a log has to be pasted: the role's policy, and its trust policy if there is one."""
    found = re.findall(r"^\{$.*?^\}$", text, re.MULTILINE | re.DOTALL)
    return [dict(json.loads(each)) for each in found]


def test_a_plan_says_what_the_role_is_to_be_before_there_is_one(
    scene: Live, here: InProcess
) -> None:
    """What it prints is then put in: the trust policy lets the job in, and the policy lets the rollout run."""
    scene.world.sts.trusts = set()
    hostile = "prod ${x}\n::error::x ##[error]"
    scene.world.sts.job.environment = hostile

    status, log = here.main(mode="plan")

    assert status == 1
    summary = here.summary.read_text()
    assert "### Permissions" in summary
    assert policies(log) == policies(summary)
    policy, trust_policy = policies(summary)
    assert not [line for line in log.splitlines() if line.startswith("::error::x")]
    assert "##[" not in log + summary
    scene.world.sts.trusts = None
    scene.world.sts.policies[ROLE] = trust_policy
    scene.world.rights["*"] = policy
    status, log = here.main()
    assert status == 0, log
    assert scene.whole_on(NEW)
    scene.world.sts.job.environment = "another"
    assert here.main(mode="plan")[0] == 1


def test_a_plan_without_a_token_says_that_the_subject_is_not_known(
    scene: Live, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("URL", "TOKEN"):
        monkeypatch.delenv(f"ACTIONS_ID_TOKEN_REQUEST_{name}")
    scene.world.sts.strict = False

    status, log = here.main(mode="plan", **{"role-to-assume": ""})

    assert status == 0, log
    [policy] = policies(log)
    assert ROLE.split(":")[4] in json.dumps(policy), "STS says whose the credentials are"
    assert "This job's subject is not known" in log
    assert "`permissions: id-token: write`" in log
    assert "<summary>Its trust policy" not in here.summary.read_text()


def test_a_job_that_may_not_ask_for_a_token(scene: Live) -> None:
    scene.environ.clear()

    finished = scene.run()

    assert finished.outputs["result"] == "failed"
    assert "id-token: write" in finished.log
    assert not scene.requests()


def test_sts_may_be_slow_to_come_up(scene: Live) -> None:
    scene.inputs["steps"] = "100% 0s"
    scene.world.faults.add(ServerError(), service="sts", count=2)

    assert scene.run().outputs["result"] == "promoted"


# The environment's own -------------------------------------------------------------------------------


@pytest.mark.long  # half a minute of trying; tests/aws/test_credentials_expired.py has it in no time
def test_plain_credentials_that_end_while_a_canary_is_out(scene: Live) -> None:
    """What is left, and how to mend it, is said while they are tried and again at the end."""
    del scene.inputs["role-to-assume"]
    scene.world.sts.strict = False
    scene.inputs["steps"] = "10% 60s"
    step = scene.start()
    scene.until_shifted(step)
    scene.world.sts.let_expire(MAIN, 0)
    scene.until(lambda: any("update-alias" in line for line in step.written), step)
    finished = step.wait(60)

    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "10"
    assert "credentials have expired" in finished.outputs["reason"]
    version, weights, description = scene.alias
    assert (version, weights) == (OLD, {NEW: 0.1})
    command = (
        f"aws lambda update-alias --region eu-central-1 --function-name checkout --name live "
        f"--function-version {OLD} --routing-config '{{\"AdditionalVersionWeights\":{{}}}}' "
        f"--description '{OWNERS_TEXT}'"
    )
    assert command in finished.log
    assert command in finished.summary.replace(" \\\n>   ", " "), "a line for each option there"
    assert "[lambda-rollout" in description, "so that a later run can tell whose it is"


def test_credentials_that_have_ended_before_the_start(scene: Live) -> None:
    del scene.inputs["role-to-assume"]
    scene.world.sts.let_expire(MAIN, 0)

    finished = scene.run()

    assert finished.outputs["result"] == "failed"
    assert "The security token included in the request is expired" in finished.log
    assert not [request for request in scene.requests() if request.operation in WRITES]


@pytest.mark.parametrize(
    ("environ", "inputs", "warned"),
    [
        ({"AWS_SESSION_TOKEN": "t"}, {"steps": "10% 55m"}, True),
        ({"AWS_SESSION_TOKEN": "t"}, {"steps": "10% 30m, 100% 5m"}, False),
        ({}, {"steps": "10% 55m"}, False),
    ],
)
def test_a_schedule_longer_than_plain_credentials_last_is_warned_about(
    scene: Live, environ: dict[str, str], inputs: dict[str, str], *, warned: bool
) -> None:
    del scene.inputs["role-to-assume"]
    scene.world.sts.strict = False
    scene.environ = environ
    step = scene.start(**inputs)
    scene.until_shifted(step)
    step.cancel()

    warnings = [note.message for note in step.wait().annotations if note.kind == "warning"]

    assert any("longer than temporary credentials" in text for text in warnings) is warned
