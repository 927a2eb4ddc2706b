"""The post stage while main still lives, in a container that its runner lost; and calls that land after both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_rollout.alias import record as lease
from tests.support.live import MAIN, NEW, OLD, POST, Live, Withheld, live

STALE = "PreconditionFailedException"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.inputs["steps"] = "50% 10m, 100% 0s"
        yield made


def main_changed_nothing_since_post(scene: Live) -> bool:
    """Whether no write of main had its effect after the first one of the post stage."""
    log = [request for request in scene.requests("UpdateAlias") if request.outcome == "ok"]
    posts = [index for index, request in enumerate(log) if request.caller == POST]
    return bool(posts) and not any(request.caller == MAIN for request in log[posts[0] :])


def test_main_is_in_a_step(scene: Live) -> None:
    main = scene.start()
    scene.until_shifted(main)
    post = scene.post(main.saved)
    assert scene.whole_on(OLD), post.log
    scene.set_alarm("ALARM")
    finished = main.wait(60)

    # Refused, it finds to the letter what it was about to write: its own, delivered twice, would look the same.
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)
    assert main_changed_nothing_since_post(scene)


def test_main_is_publishing_and_has_shifted_nothing_yet(scene: Live) -> None:
    """The alias looks whole, and is written all the same: main's first shift is refused for it."""
    scene.world.faults.add(Withheld(), operation="PublishVersion", count=None)
    main = scene.start()
    scene.until(lambda: scene.requests("PublishVersion"), main)
    post = scene.post(main.saved)
    scene.world.faults.clear()
    finished = main.wait(60)

    assert len(scene.changes(POST)) == 1, post.log
    assert finished.outputs["result"] == "failed", finished.log
    assert "somebody else" in finished.outputs["reason"]
    assert scene.whole_on(OLD)
    assert main_changed_nothing_since_post(scene)
    assert STALE in [request.outcome for request in scene.requests("UpdateAlias", MAIN)]


def test_the_post_stage_holds_and_main_leaves_it_so(scene: Live) -> None:
    main = scene.start(on_cancel="hold")
    scene.until_shifted(main)
    scene.post(main.saved)
    scene.set_alarm("ALARM")
    finished = main.wait(60)

    _, record = lease.parse(scene.alias[2])
    assert scene.alias[1] == {NEW: 0.5}
    assert record is not None
    assert record.held
    assert finished.outputs["result"] == "failed", finished.log
    assert main_changed_nothing_since_post(scene)


@pytest.mark.parametrize("dies", [False, True], ids=["main lives", "main is killed"])
@pytest.mark.parametrize("nth", [1, 2, 3], ids=["first shift", "promotion", "release"])
def test_a_write_of_mains_that_lands_after_the_post_stage(
    scene: Live, nth: int, *, dies: bool
) -> None:
    late = Withheld()
    scene.inputs["steps"] = "50% 0s, 100% 0s"
    scene.world.faults.add(late, operation="UpdateAlias", caller=MAIN, nth=nth)
    main = scene.start()
    scene.until(lambda: len(scene.requests("UpdateAlias", MAIN)) == nth, main)
    if dies:
        main.kill()
    post = scene.post(main.saved)
    right = NEW if nth == 3 else OLD
    assert scene.whole_on(right), post.log

    assert late.lands(scene.world) == STALE
    finished = main.wait(60)

    assert scene.whole_on(right)
    if not dies and nth < 3:
        assert finished.outputs["result"] == "failed", finished.log


def test_a_write_of_mains_that_lands_before_the_post_stage(scene: Live) -> None:
    late = Withheld()
    scene.world.faults.add(late, operation="UpdateAlias", caller=MAIN, nth=1)
    main = scene.start()
    scene.until(lambda: scene.requests("UpdateAlias", MAIN), main)
    main.kill()
    assert late.lands(scene.world) == ""
    assert scene.alias[1] == {NEW: 0.5}

    post = scene.post(main.saved)

    assert post.status == 0, post.log
    assert scene.whole_on(OLD)


def test_mains_rollback_lands_after_the_post_stages(scene: Live) -> None:
    late = Withheld()
    scene.world.faults.add(late, operation="UpdateAlias", caller=MAIN, nth=2)
    main = scene.start()
    scene.until_shifted(main)
    scene.set_alarm("ALARM")
    scene.until(lambda: len(scene.requests("UpdateAlias", MAIN)) == 2, main)
    scene.post(main.saved)

    assert late.lands(scene.world) == STALE
    finished = main.wait(60)

    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)


def test_post_stages_without_anything_saved(scene: Live) -> None:
    post = scene.post({})

    assert post.status == 0
    assert "saved no state" in post.log
    assert not scene.requests()


def test_main_finished_and_the_post_stage_has_nothing_to_do(scene: Live) -> None:
    scene.inputs["steps"] = "100% 0s"
    finished = scene.run()
    before = len(scene.requests())

    post = scene.post(finished.state)

    assert post.status == 0
    assert len(scene.requests()) == before
