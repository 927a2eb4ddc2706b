"""After a death: what the next run does, by GitHub's word on the dead one and by the lease on AWS's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.alias import record as lease
from sandbox.github import Effect, Fault, GitHub
from sandbox.github import Server as GitHubServer
from sandbox.runner import Finished
from tests.support.live import NEW, NEXT, OLD, OWNERS_TEXT, WRITES, Live, live

RUN, ATTEMPT = 1234567890, 1
LINK = f"https://github.com/octo/shop/actions/runs/{RUN}/attempts/{ATTEMPT}"


@pytest.fixture
def github() -> GitHub:
    return GitHub("octo/shop")


@pytest.fixture
def scene(tmp_path: Path, github: GitHub) -> Iterator[Live]:
    """A canary of a run that was killed and whose post stage never ran."""
    with GitHubServer(github) as server, live(tmp_path) as made:
        made.runner.api_url = server.url
        made.inputs["github-token"] = "ghs_sandbox"
        leave(made)
        yield made


def leave(scene: Live) -> None:
    """What `strand` leaves, without a process that does it."""
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.world.run_due()
    now = scene.clock.now().replace(microsecond=0)
    whose = (str(RUN), str(ATTEMPT), lease.repository_hash("octo/shop"), now)
    record = lease.Record(OLD, NEW, "213efbe1", now + lease.LEASE, *whose)
    scene.call(
        "lambda",
        "UpdateAlias",
        FunctionName="checkout",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {NEW: 0.5}},
        Description=lease.compose(OWNERS_TEXT, record),
    )


def strand(scene: Live) -> None:
    step = scene.start(steps="50% 10m, 100% 0s")
    scene.until_shifted(step)
    step.kill()
    step.wait(60)


def next_run(scene: Live, **runner: str) -> Finished:
    """The next run, on another machine."""
    how = {"folder": scene.runner.folder / "next", "run_id": "1234567999", **runner}
    scene.runner = replace(scene.runner, **how)  # type: ignore[arg-type]
    return scene.run(NEXT)


def refuses(scene: Live, finished: Finished) -> None:
    assert finished.outputs["result"] == "failed", finished.log
    assert "is being rolled out by another run right now" in finished.outputs["reason"]
    left_alone(scene)


def left_alone(scene: Live) -> None:
    assert not [r for r in scene.requests(caller=NEXT) if r.operation in WRITES]
    assert scene.alias[:2] == (OLD, {NEW: 0.5})


def mends(scene: Live, finished: Finished) -> None:
    assert finished.outputs["result"] == "promoted", finished.log
    mending, *forward = scene.changes(NEXT)
    assert mending == {}
    assert forward[0] == {NEW: 0.5}
    assert scene.whole_on(NEW)


# GitHub knows ----------------------------------------------------------------------------------------


def test_a_run_that_is_over_ends_its_lease_at_once(scene: Live, github: GitHub) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    mends(scene, next_run(scene))
    assert github.saw("GET", f"/actions/runs/{RUN}/attempts/{ATTEMPT}")


def test_so_does_an_attempt_that_was_run_again(scene: Live, github: GitHub) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    github.runs[RUN, 2] = "in_progress"
    mends(scene, next_run(scene, run_id=str(RUN), attempt="2"))


@pytest.mark.parametrize("status", ["in_progress", pytest.param("queued", marks=pytest.mark.long)])
def test_a_run_in_progress_is_refused_with_its_link(
    scene: Live, github: GitHub, status: str
) -> None:
    github.runs[RUN, ATTEMPT] = status
    finished = next_run(scene)
    refuses(scene, finished)
    assert LINK in finished.log
    assert f"**Look at:** [run {RUN}, attempt {ATTEMPT}]({LINK})" in finished.summary


def test_being_in_progress_never_prolongs_a_lease(scene: Live, github: GitHub) -> None:
    """Another job keeps the run going, long after ours is dead."""
    github.runs[RUN, ATTEMPT] = "in_progress"
    scene.let_leases_pass()
    mends(scene, next_run(scene))


# GitHub does not say ---------------------------------------------------------------------------------


def test_without_the_permission_time_decides(scene: Live, github: GitHub) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    github.tokens["ghs_sandbox"].may_read_runs = False
    refuses(scene, next_run(scene))
    scene.let_leases_pass()
    mends(scene, scene.run(NEXT))


def test_for_a_run_that_github_does_not_know_time_decides(scene: Live) -> None:
    refuses(scene, next_run(scene))


def test_for_another_repositorys_run_time_decides_and_nobody_is_asked(
    scene: Live, github: GitHub
) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    finished = next_run(scene, repository="octo/elsewhere")
    refuses(scene, finished)
    assert LINK not in finished.log
    assert not github.saw("GET", "/actions/runs/")


def test_without_a_token_time_decides(scene: Live, github: GitHub) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    scene.inputs["github-token"] = ""
    refuses(scene, next_run(scene))


@pytest.mark.parametrize(
    "effect", [Effect.ANSWER, pytest.param(Effect.RESET, marks=pytest.mark.long)]
)
def test_with_github_down_time_decides(scene: Live, github: GitHub, effect: Effect) -> None:
    github.runs[RUN, ATTEMPT] = "completed"
    github.faults.add(Fault(effect, part="/actions/runs/", times=99))
    refuses(scene, next_run(scene))


# Whose clock -----------------------------------------------------------------------------------------


def test_what_is_left_here_is_what_a_dead_run_leaves(tmp_path: Path) -> None:
    def left(how: Callable[[Live], None], folder: Path) -> Any:
        with live(folder) as scene:
            how(scene)
            version, weights, description = scene.alias
            text, record = lease.parse(description)
            assert record is not None
            assert record.since is not None
            assert record.until == record.since + lease.LEASE
            timeless = replace(record, rollout_id="", since=None, until=None)
            return version, weights, text, timeless

    assert left(leave, tmp_path / "left") == left(strand, tmp_path / "stranded")


@pytest.mark.parametrize("minutes", [-4, 4])
def test_the_lease_is_on_awss_clock_not_on_the_runners(tmp_path: Path, minutes: int) -> None:
    with live(tmp_path, off=timedelta(minutes=minutes)) as scene:
        strand(scene)
        _, record = lease.parse(scene.alias[2])
        assert record is not None
        assert record.until is not None
        left = record.until - scene.clock.now()
        assert lease.LEASE - timedelta(minutes=2) < left <= lease.LEASE

        refuses(scene, next_run(scene))
        scene.let_leases_pass()
        mends(scene, scene.run(NEXT))


@pytest.mark.parametrize("minutes", [-47, 47])
def test_further_off_it_is_in_doubt_and_only_going_back_is_left(
    tmp_path: Path, minutes: int
) -> None:
    with live(tmp_path, off=timedelta(minutes=minutes)) as scene:
        strand(scene)
        _, record = lease.parse(scene.alias[2])
        assert record is not None
        assert record.until is not None
        left = record.until - (scene.clock.now() - timedelta(minutes=minutes))
        assert lease.LEASE_IN_DOUBT - timedelta(minutes=2) < left <= lease.LEASE_IN_DOUBT

        scene.let_leases_pass()
        finished = next_run(scene)
        assert finished.outputs["result"] == "failed", finished.log
        assert "AWS's time is in doubt" in finished.log
        left_alone(scene)
        assert "mode: rollback" in finished.log
        assert scene.run("AKIABACK", mode="rollback").status == 0
        assert scene.whole_on(OLD)
