"""The steps of examples with approvals, taken from the files and run as real processes, job by job.

What GitHub does in between is done here: expressions, `needs`, `if`, and the approvals. Minutes are made
seconds; everything else, the roles included, is what the file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.runner import Runner, Step
from tests.support.groups import code_of, deploy, text_of
from tests.support.live import JumpingClock, Live
from tests.support.scene import NEW, OLD, log_alarm
from tests.support.trust import ROLLOUT, ROLLOUT_DEV, TRUST_POLICY, TRUST_POLICY_OF_DEV
from tests.support.workflows import ROOT, load

EXAMPLE = ROOT / "examples" / "dev-to-prod.yml"
FUNCTIONS = ["checkout", "cart", "mailer"]
WITHOUT_REVIEWERS = ("", "production-unattended")
ALARMS = ["dev-errors", *(f"{name}-errors" for name in FUNCTIONS)]


@dataclass
class Shop(Live):
    """The functions that the example speaks of, at version 1 in dev and in production, and their next builds."""

    unchanged: tuple[str, ...] = ()

    def deploy(self) -> None:
        self.world.lambda_().activation_delay = self.world.lambda_().update_delay = 0.0
        deploy(self, FUNCTIONS, self.unchanged, self.world.run_due)
        for name in FUNCTIONS:
            dev = {"FunctionVersion": OLD, "Description": "dev"}
            self.call("lambda", "CreateAlias", FunctionName=name, Name="dev", **dev)
        for name in ALARMS:
            self.call("cloudwatch", "PutLogAlarm", **log_alarm(name))
            self.alarm(name, "OK")

    def alarm(self, name: str, state: str) -> None:
        asked = {"AlarmName": name, "StateValue": state, "StateReason": "by the test"}
        self.call("cloudwatch", "SetAlarmState", **asked)

    def routed(self, alias: str) -> dict[str, tuple[str, dict[str, float]]]:
        """Version and weights of this alias of every function."""
        with self.world.lock:
            functions = self.world.lambda_().functions
            found = {name: functions[name].aliases[alias] for name in FUNCTIONS}
            return {name: (alias.version, dict(alias.weights)) for name, alias in found.items()}

    def build_again(self) -> None:
        """The next push, to dev alone."""
        for name in FUNCTIONS:
            code = {"ZipFile": code_of(name, "3")}
            self.call("lambda", "UpdateFunctionCode", FunctionName=name, **code)
            self.world.run_due()
            version = self.call("lambda", "PublishVersion", FunctionName=name)["Version"]
            dev = {"FunctionVersion": version}
            self.call("lambda", "UpdateAlias", FunctionName=name, Name="dev", **dev)

    def text(self, name: str) -> str:
        return self.world.lambda_().functions[name].aliases["live"].description


@dataclass
class Workflow:
    """The example, as GitHub would run it, with the approvals that are given."""

    shop: Shop
    folder: Path
    approved: frozenset[str]
    jobs: Mapping[str, Any] = field(
        default_factory=lambda: load(EXAMPLE.read_text("utf-8"))["jobs"]
    )
    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)

    def run(self, *names: str) -> dict[str, str]:
        """Run these jobs, or all that are left, in the file's order; return what became of each."""
        for name in [name for name in names or self.jobs if name not in self.results]:
            job = self.jobs[name]
            if not self._is_to_run(job):
                self.results[name] = "skipped"
            elif job.get("environment", "") not in {*WITHOUT_REVIEWERS, *self.approved}:
                self.results[name] = "failure"
            else:
                self._run(name)
        return self.results

    def _is_to_run(self, job: Mapping[str, Any]) -> bool:
        needs = job.get("needs", [])
        needed = [needs] if isinstance(needs, str) else needs
        condition = job.get("if", "")
        fine = all(self.results[name] == "success" for name in needed)
        if not condition:
            return fine
        return self._holds(condition) and (fine or "always()" in condition)

    def _holds(self, condition: str) -> bool:
        text = re.fullmatch(r"(?:\$\{\{ )?(.*?)(?: \}\})?", condition)
        assert text is not None
        return all(self._term(term) for term in text[1].split(" && "))

    def _term(self, term: str) -> bool:
        if term == "always()":
            return True
        match = re.fullmatch(r"needs\.(\S+?)\.(result|outputs\.\S+) (==|!=) '(\S*)'", term)
        assert match is not None, term
        job, what, operator, value = match.groups()
        said = self.results[job] if what == "result" else self._output(job, what)
        return (said == value) is (operator == "==")

    def _output(self, job: str, what: str) -> str:
        declared = self.jobs[job]["outputs"][what.removeprefix("outputs.")]
        match = re.fullmatch(r"\$\{\{ steps\.\w+\.outputs\.(\S+) \}\}", declared)
        assert match is not None, declared
        return self.outputs.get(job, {}).get(match[1], "")

    def start(self, name: str) -> Step:
        """Start a job, whatever the others do."""
        (step,) = self.jobs[name]["steps"]
        self.shop.world.sts.job.environment = self.jobs[name].get("environment", "")
        return self._step(name, step["with"])

    def _run(self, name: str) -> None:
        finished = self.start(name).wait()
        self.logs[name] = finished.log
        self.outputs[name] = finished.outputs
        self.results[name] = "success" if finished.status == 0 else "failure"

    def _evaluated(self, given: Mapping[str, str]) -> dict[str, str]:
        def output(found: re.Match[str]) -> str:
            return self._output(found[1], f"outputs.{found[2]}")

        return {
            key: re.sub(
                r"\$\{\{ needs\.(\S+?)\.outputs\.(\S+) \}\}",
                output,
                value.replace("${{ inputs.version }}", ""),
            )
            for key, value in given.items()
        }

    def _step(self, name: str, given: Mapping[str, str]) -> Step:
        quick = {"poll-interval": "1s", "comment": "off"}
        inputs = {
            key: re.sub(r"\b\d+m\b", "2s", value) if key in {"steps", "interval"} else value
            for key, value in self._evaluated(given).items()
        }
        runner = Runner(self.folder / name, run_id="1234567890")
        environ = {
            **self.shop.as_caller("AKIANOBODY"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.shop.url}/_sandbox/oidc?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.shop.world.sts.request_token,
        }
        return runner.start({**quick, **inputs}, environ)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from opened(tmp_path)


def opened(tmp_path: Path, unchanged: tuple[str, ...] = ()) -> Iterator[Shop]:
    clock = JumpingClock()
    world = World(clock=clock)
    with Server(world) as server:
        made = Shop(world, clock, server.url, Runner(tmp_path / "none"), unchanged=unchanged)
        made.deploy()
        world.sts.policies = {ROLLOUT: TRUST_POLICY, ROLLOUT_DEV: TRUST_POLICY_OF_DEV}
        yield made


def workflow(shop: Shop, folder: Path, *approved: str) -> Workflow:
    return Workflow(shop, folder, frozenset(approved))


ALL: dict[str, tuple[str, dict[str, float]]] = {name: (NEW, {}) for name in FUNCTIONS}
LATER: dict[str, tuple[str, dict[str, float]]] = {name: ("3", {}) for name in FUNCTIONS}
NONE: dict[str, tuple[str, dict[str, float]]] = {name: (OLD, {}) for name in FUNCTIONS}


def test_approved_twice_all_of_it_goes_to_everybody(shop: Shop, tmp_path: Path) -> None:
    story = workflow(shop, tmp_path, "production", "production-for-all")
    story.run("dev")
    assert shop.routed("dev") == ALL
    # What was approved is what goes to production, whatever dev points at by then.
    shop.build_again()
    results = story.run()
    assert results == {
        "dev": "success",
        "canary": "success",
        "promote": "success",
        "go-back": "skipped",
    }, story.logs
    assert story.outputs["canary"]["result"] == "held"
    assert story.outputs["promote"]["result"] == "promoted"
    assert shop.routed("live") == ALL
    assert shop.routed("dev") == LATER
    assert all(shop.text(name) == text_of(name) for name in FUNCTIONS)


def test_an_unchanged_function_is_no_hindrance_on_the_way(tmp_path: Path) -> None:
    for shop in opened(tmp_path, unchanged=("cart",)):
        story = workflow(shop, tmp_path, "production", "production-for-all")
        assert story.run()["promote"] == "success", story.logs
        assert shop.routed("live") == ALL | {"cart": (OLD, {})}


def test_without_the_first_approval_production_is_not_touched(shop: Shop, tmp_path: Path) -> None:
    results = workflow(shop, tmp_path).run()
    assert results["dev"] == "success"
    assert results["go-back"] == "skipped"
    assert shop.routed("dev") == ALL
    assert shop.routed("live") == NONE


def test_without_the_second_approval_the_canary_goes_back(shop: Shop, tmp_path: Path) -> None:
    story = workflow(shop, tmp_path, "production")
    results = story.run()
    assert results["promote"] == "failure"
    assert results["go-back"] == "success", story.logs
    assert shop.routed("live") == NONE
    assert all(shop.text(name) == text_of(name) for name in FUNCTIONS)


def test_an_alarm_of_one_at_promotion_takes_all_back(shop: Shop, tmp_path: Path) -> None:
    story = workflow(shop, tmp_path, "production", "production-for-all")
    story.run("dev", "canary")
    shop.alarm("mailer-errors", "ALARM")
    story.run()
    assert story.results["promote"] == "failure"
    assert shop.routed("live") == NONE, story.logs


def test_a_failing_dev_ends_it(shop: Shop, tmp_path: Path) -> None:
    shop.alarm("dev-errors", "ALARM")
    results = workflow(shop, tmp_path, "production", "production-for-all").run()
    assert results == {
        "dev": "failure",
        "canary": "skipped",
        "promote": "skipped",
        "go-back": "skipped",
    }
    assert shop.routed("dev") == shop.routed("live") == NONE


# By hand -------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("approved", [True, False])
def test_by_hand_with_an_approval(shop: Shop, tmp_path: Path, *, approved: bool) -> None:
    """In a repository with today's subjects, and in an older one, whose subjects are without ids."""
    if not approved:
        shop.world.sts.job.ids = None
    jobs = load((ROOT / "examples" / "manual-with-approval.yml").read_text("utf-8"))["jobs"]
    story = Workflow(shop, tmp_path, frozenset({"production"}), jobs)
    canary = story.start("canary")
    shop.until(lambda: any("waiting until" in line for line in canary.written), canary)
    assert shop.routed("live") == NONE | {"checkout": (OLD, {NEW: 0.1})}
    if approved:
        assert story.run("promote") == {"promote": "success"}, story.logs
        assert story.outputs["promote"]["result"] == "requested"
    else:
        canary.cancel()
    finished = canary.wait(180)
    assert finished.outputs["result"] == ("promoted" if approved else "rolled-back"), finished.log
    assert shop.routed("live") == NONE | {"checkout": (NEW if approved else OLD, {})}
