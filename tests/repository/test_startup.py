"""What is imported by when, counted and never timed: start-up is paid at every start of the container."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lambda_rollout.aws.sessions import SERVICES
from sandbox.runner import Runner
from tests.support.live import MAIN, Live, live

PROBE = """
import gc, json, runpy, sys, threading
entrypoint, seen_at, path = sys.argv[1:]
sys.path.insert(0, entrypoint.rpartition("/")[0])
at_rest, at_connect, by, collections, listed = [], [], [], [], []
def look(event, arguments):
    if event == "os.listdir" and "/botocore/data" in str(arguments[0]):
        listed.append(arguments[0])
    if event == "import" and arguments[0] == "lambda_rollout.parts" and not at_rest:
        at_rest.extend(sys.modules)
        collections.append(sum(seen["collections"] for seen in gc.get_stats()))
    if event == "socket.connect" and not at_connect:
        at_connect.extend(sys.modules)
        by.append(threading.current_thread() is threading.main_thread())
sys.addaudithook(look)
try:
    runpy.run_path(entrypoint, run_name="__main__")
finally:
    with open(seen_at, "w") as file:
        collector = [gc.isenabled(), *collections]
        json.dump([at_rest, at_connect, list(sys.modules), by, collector, listed], file)
"""

OURS = "lambda_rollout"
AWS = {"boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
"""What boto3 brings; certifi it takes if it is there, and PyGithub brings that."""

LATE = {"aws", "rollout.rollout", "rollout.post_stage", "rollout.rollback"}
"""Parts that do the work: imported when it is known that there is some."""

MOST_AT_A_MISTAKE = 300
MOST_AT_THE_FIRST_REQUEST = 500
"""Modules, the standard library's included: a little more than Python 3.11 needs (476), room for those to come."""

BEFORE_THE_FIRST = {"report.wording", "rollout.saved_state"}
"""All that the first question takes of the story, of what it judges by, and of its reports."""

AFTER_THE_FIRST = ("preflight.", "report.", "rollout.", "analysis.guards", "github.comment.")


@dataclass(frozen=True)
class Imported:
    """Modules when the first question is asked, at the first connection (none if there was none), and at the end."""

    status: int
    asked: frozenset[str]
    """When the rest of the story is about to be imported."""
    first: frozenset[str]
    all: frozenset[str]
    in_main_thread: bool
    """Whether the first connection was made in the thread that imports the rest."""
    collector: tuple[bool, int] = (False, 0)
    """Whether garbage is collected in the end, and how often that was done until the first question was asked."""
    listed: tuple[str, ...] = ()
    """Folders of botocore's data that were looked through, in the whole run."""


def imported(
    runner: Runner, inputs: dict[str, str], environ: dict[str, str], program: str = "entrypoint.py"
) -> Imported:
    """Run the entrypoint under the eyes of an audit hook."""
    seen_at = runner.folder / "seen.json"
    variables = {**runner._variables(), **environ, **runner._inputs(inputs)}
    entrypoint = str(runner.action / program)
    status = subprocess.run(
        [sys.executable, "-EsuB", "-c", PROBE, entrypoint, str(seen_at), ""],
        env=variables,
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode
    asked, first, every, by, collector, listed = json.loads(seen_at.read_text())
    return Imported(
        status,
        frozenset(asked),
        frozenset(first),
        frozenset(every),
        by == [True],
        (collector[0], sum(collector[1:])),
        tuple(listed),
    )


def packages(modules: Iterable[str]) -> set[str]:
    """Top-level names that are neither the standard library's nor ours."""
    tops = {module.partition(".")[0] for module in modules}
    known = {*sys.stdlib_module_names, *sys.builtin_module_names, OURS, "__main__", "entrypoint"}
    # Written by pip and setuptools into some environments, and imported by `site`.
    return {top for top in tops - known if not top.startswith(("_distutils_hack", "__"))}


@pytest.fixture(scope="module")
def mistake(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return of_mistake(Runner(tmp_path_factory.mktemp("mistake")))


def of_mistake(runner: Runner) -> Imported:
    given = {"function-name": "checkout:3", "guards": "error-rate < 1%", "package": "none.zip"}
    return imported(runner, given, {"AWS_REGION": "eu-central-1"})


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    with live(tmp_path_factory.mktemp("rollout")) as scene:
        return of_rollout(scene)


def of_rollout(scene: Live) -> Imported:
    return imported(scene.runner, scene.inputs, scene.as_caller(MAIN))


def test_a_mistake_is_told_without_boto3_and_without_pygithub(mistake: Imported) -> None:
    assert mistake.status == 1
    assert packages(mistake.all) == {"tenacity"}


def test_a_mistake_is_told_without_a_connection(mistake: Imported) -> None:
    assert not mistake.first


def test_a_mistake_told_on_a_pull_request_too_needs_no_boto3(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    seen = of_mistake(Runner(tmp_path, token="t", api_url=nobody, event_name="push"))
    assert seen.status == 1
    # It tried: the log had it all before.
    assert "github" in packages(seen.first)
    assert not packages(seen.all) & {"boto3", "botocore"}


def test_a_mistake_is_told_without_the_parts_that_do_the_work(mistake: Imported) -> None:
    late = {f"{OURS}.{name}" for name in LATE}
    assert {module for module in mistake.all if module in late} == set()


def test_a_mistake_imports_few_modules(mistake: Imported) -> None:
    assert len(mistake.all) <= MOST_AT_A_MISTAKE


def test_a_rollout_asks_aws_before_it_imports_anything_for_github(rollout: Imported) -> None:
    assert rollout.status == 0
    assert packages(rollout.first) == AWS | {"tenacity"}


def test_no_garbage_is_looked_for_before_there_is_any(rollout: Imported) -> None:
    enabled, collections = rollout.collector
    assert enabled
    # Today 20 with the pause, most of them at the interpreter's own start, and 160 without it.
    assert collections <= 60


def test_a_rollout_without_a_comment_never_imports_pygithub(rollout: Imported) -> None:
    assert packages(rollout.all) == AWS | {"tenacity"}


def test_a_direct_rollout_never_imports_codedeploy(rollout: Imported) -> None:
    assert f"{OURS}.aws.aliases" in rollout.all
    assert f"{OURS}.aws.codedeploy" not in rollout.all


def test_a_rollout_imports_few_modules_before_its_first_request(rollout: Imported) -> None:
    assert f"{OURS}.aws.aliases" in rollout.asked
    assert 100 < len(rollout.asked) <= MOST_AT_THE_FIRST_REQUEST


def test_what_the_first_request_does_not_need_is_imported_while_it_is_answered(
    rollout: Imported,
) -> None:
    assert not rollout.in_main_thread
    names = {module.removeprefix(f"{OURS}.") for module in rollout.asked}
    assert {name for name in names if name.startswith(AFTER_THE_FIRST)} == BEFORE_THE_FIRST
    assert f"{OURS}.preflight.checks" in rollout.all


def test_no_other_services_are_looked_for(rollout: Imported) -> None:
    services = {path.rpartition("/botocore/data")[2].strip("/") for path in rollout.listed}
    assert {"lambda", "cloudwatch"} <= services <= set(SERVICES)


def test_a_post_stage_with_nothing_to_do_imports_neither(tmp_path: Path) -> None:
    seen = imported(Runner(tmp_path), {"function-name": "a"}, {}, "post-entrypoint")
    assert seen.status == 0
    assert packages(seen.all) == {"tenacity"}
