"""The recipes in examples/: what their own steps are given, and what comes of it, each job by itself and in no time.

Expressions are what GitHub would make of them, said by the test; a step with one that the test does not know fails.
Approvals, comments and other people's actions are not played here.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.read import DEFAULTS, read_inputs, variable
from lambda_rollout.rollout.events import Finished, Result, Run
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.traffic import Traffic
from sandbox.aws.world import REGION
from tests.support.scene import NEW, OLD, ROLLOUT_ID, Scene
from tests.support.stack import Iam, Stack
from tests.support.workflows import BIN, ROOT, load

EXAMPLES = ROOT / "examples"
ERRORS, LATENCY = "checkout-errors", "checkout-latency-p99"


def workflow_of(recipe: str) -> Any:
    return load((EXAMPLES / f"{recipe}.yml").read_text("utf-8"))


def step_of(recipe: str, job: str) -> Mapping[str, Any]:
    steps: list[Mapping[str, Any]] = workflow_of(recipe)["jobs"][job]["steps"]
    [step] = [each for each in steps if str(each.get("uses", "")).startswith("OWNER/")]
    return step


def evaluated(text: str, values: Mapping[str, str]) -> str:
    """An input with its expressions as ``values`` say. Fails for one that is not among them."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text)


def run(environ: Mapping[str, str], scene: Scene) -> Finished:
    """Do what the action does with these variables, whatever the mode."""
    inputs = read_inputs({"AWS_REGION": REGION, **environ})
    spec, clients = RolloutSpec(inputs, Run(), ROLLOUT_ID), scene.clients()
    metrics = CloudWatchMetrics(clients, measures_of(inputs.guards))
    ports = replace(scene.ports(spec, clients), metrics=metrics)
    return rollback(spec, ports) if inputs.mode is Mode.ROLLBACK else Rollout(spec, ports).run()


def do(recipe: str, job: str, scene: Scene, values: Mapping[str, str] | None = None) -> Finished:
    """Run our step of a recipe's job. ``values``: expression -> what it comes to."""
    given = step_of(recipe, job)["with"]
    assert set(given) <= set(DEFAULTS)
    return run({variable(n): evaluated(text, values or {}) for n, text in given.items()}, scene)


@pytest.fixture
def scene() -> Scene:
    return Scene.ready(alarms=(ERRORS, LATENCY))


def hold(scene: Scene) -> None:
    assert do("gate-of-another-vendor", "canary", scene).result is Result.HELD


NUMBER = {"github.event.issue.number": "7"}


@pytest.mark.parametrize(("job", "version"), [("promote", NEW), ("rollback", OLD)])
def test_a_comment_ends_a_canary(scene: Scene, job: str, version: str) -> None:
    hold(scene)
    do("comment-commands", job, scene, NUMBER)
    assert scene.alias.routing == Routing.all_on(version)


def test_who_comments_is_asked_for_before_anything_is_done() -> None:
    jobs = workflow_of("comment-commands")["jobs"]
    for name in ("promote", "rollback"):
        assert jobs[name]["needs"] == "command"
        assert jobs[name]["if"] == f"needs.command.outputs.{name} == 'true'"
        [step] = [each for each in jobs["command"]["steps"] if each["id"] == name]
        assert jobs["command"]["outputs"][name] == f"${{{{ steps.{name}.outputs.continue }}}}"
        assert step["with"]["command"] == f"/{name}"
        assert set(step["with"]["permissions"].split(",")) == {"write", "admin"}
    assert jobs["command"]["permissions"].get("id-token") is None


def test_a_fix_gets_past_the_alarm_that_its_bug_has_raised(scene: Scene) -> None:
    scene.set_alarm(ERRORS, "ALARM")
    Traffic(scene.world, "checkout:live", per_second=2)
    assert do("hotfix", "hotfix", scene, {"inputs.version": ""}).result is Result.PROMOTED
    # Which it then points back at, should the fix be none.
    aliases = scene.world.lambda_().functions["checkout"].aliases
    assert aliases["live-previous"].version == OLD


def test_a_fix_is_watched_all_the_same(scene: Scene) -> None:
    scene.set_alarm(ERRORS, "ALARM")
    scene.after(60, lambda: scene.set_alarm(LATENCY, "ALARM"))
    Traffic(scene.world, "checkout:live", per_second=2)
    finished = do("hotfix", "hotfix", scene, {"inputs.version": ""})
    assert [each.name for each in finished.failed_alarms] == [LATENCY]
    assert scene.alias.routing == Routing.all_on(OLD)


CANARY = {
    "needs.canary.outputs.version": NEW,
    "needs.canary.outputs.previous-version": OLD,
}


@pytest.mark.parametrize(("job", "version"), [("promote", NEW), ("go-back", OLD)])
def test_a_gate_decides_over_what_is_held(scene: Scene, job: str, version: str) -> None:
    hold(scene)
    do("gate-of-another-vendor", job, scene, CANARY)
    assert scene.alias.routing == Routing.all_on(version)


def test_only_a_yes_of_the_gate_promotes() -> None:
    jobs = workflow_of("gate-of-another-vendor")["jobs"]
    assert jobs["promote"]["if"] == "needs.gate.outputs.approved == 'true'"
    assert "permissions" not in jobs["gate"]
    assert "needs.promote.result != 'success'" in jobs["go-back"]["if"]


WAVES = ("first", "second")
LEFT = "needs.first.outputs[matrix.region] || needs.second.outputs[matrix.region]"
HERE = {"matrix.region": REGION}


@pytest.mark.parametrize("wave", WAVES)
def test_a_region_that_was_promoted_is_taken_back(scene: Scene, wave: str) -> None:
    assert do("regions-in-waves", wave, scene, HERE).result is Result.PROMOTED
    finished = do("regions-in-waves", "take-back", scene, {**HERE, LEFT: OLD})
    assert (finished.result, finished.asked_for) == (Result.ROLLED_BACK, True)
    assert scene.alias.routing == Routing.all_on(OLD)


def test_every_region_hands_on_what_to_go_back_to() -> None:
    jobs = workflow_of("regions-in-waves")["jobs"]
    regions = []
    for wave in WAVES:
        regions += jobs[wave]["strategy"]["matrix"]["region"]
        assert list(jobs[wave]["outputs"]) == jobs[wave]["strategy"]["matrix"]["region"]
        for region, text in jobs[wave]["outputs"].items():
            assert text == (
                f"${{{{ matrix.region == '{region}' && steps.rollout.outputs.result == 'promoted' && "
                "steps.rollout.outputs.previous-version || '' }}"
            )
        assert jobs[wave]["strategy"]["fail-fast"] == "false"
    assert jobs["take-back"]["strategy"]["matrix"]["region"] == regions
    assert step_of("regions-in-waves", "take-back")["if"] == f"${{{{ {LEFT} }}}}"


def test_what_another_action_has_uploaded_is_rolled_out(scene: Scene) -> None:
    assert do("with-aws-lambda-deploy", "rollout", scene).result is Result.PROMOTED
    [upload] = workflow_of("with-aws-lambda-deploy")["jobs"]["upload"]["steps"][2:]
    assert "publish" not in upload["with"]
    assert {"runtime", "handler"} <= set(upload["with"])


# More alarms -------------------------------------------------------------------------------------

MORE = ("checkout-log-errors", "checkout-burn-rate", "checkout-refused-orders")


@pytest.fixture
def watched(scene: Scene) -> Scene:
    """With the three alarms of the template, which nothing but a test moves."""
    iam = Iam({})

    def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
        known = {"iam": lambda: iam(operation, **given), "application-signals": dict}
        return known.get(service, lambda: scene.call(service, operation, **given))()

    stack = Stack.of(EXAMPLES / "starter" / "more-alarms.yml", FunctionName="checkout")
    outputs = stack.deploy(call)
    assert outputs == {"Alarms": ", ".join(MORE)}
    for name in MORE:
        scene.set_alarm(name, "OK")
    return scene


def test_alarms_of_every_kind_are_watched(watched: Scene) -> None:
    assert do("more-alarms", "rollout", watched).result is Result.PROMOTED


@pytest.mark.parametrize("alarm", MORE)
def test_each_of_them_takes_the_rollout_back(watched: Scene, alarm: str) -> None:
    watched.after(120, lambda: watched.set_alarm(alarm, "ALARM"))
    finished = do("more-alarms", "rollout", watched)
    assert [each.name for each in finished.failed_alarms] == [alarm]
    assert watched.alias.routing == Routing.all_on(OLD)


# Elsewhere than on GitHub ------------------------------------------------------------------------


def variables_of_gitlab(mode: str) -> dict[str, str]:
    """Those of the file, and those that the job gives besides."""
    folder = EXAMPLES / "gitlab"
    lines = (folder / "rollout.env").read_text("utf-8").splitlines()
    job = load((folder / ".gitlab-ci.yml").read_text("utf-8"))[".lambda-rollout"]
    [command] = [text for text in job["script"] if text.startswith("docker run")]
    given = dict(
        word.split("=", 1) for word in shlex.split(command) if re.match("[A-Z]+_.*=", word)
    )
    told = {"$MODE": mode, "$CI_PROJECT_PATH@$CI_COMMIT_SHORT_SHA": "octo/shop@9f2c1ab"}
    assert "rollout.env" in command
    ours = {name: told[text] for name, text in given.items() if name.startswith("INPUT_")}
    return {**dict(line.split("=", 1) for line in lines), **ours}


@pytest.mark.parametrize(("mode", "version"), [("rollout", NEW), ("rollback", OLD)])
def test_another_ci_says_the_same_by_variables(scene: Scene, mode: str, version: str) -> None:
    if mode == "rollback":
        hold(scene)
    run(variables_of_gitlab(mode), scene)
    assert scene.alias.routing == Routing.all_on(version)


def test_a_recipe_for_another_ci_is_one() -> None:
    program = BIN / "check-jsonschema"
    schema = ["--quiet", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    file = EXAMPLES / "gitlab" / ".gitlab-ci.yml"
    done = subprocess.run([program, *schema, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
