"""A middle box that misbehaves for longer than one call, and what it must never bring about."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.box_story import Ended, Story, check, nothing_is_put_into_awss_mouth, stage, tell
from tests.support.box_stories import (
    ALARM,
    CANCELLED,
    GROUP_ALARM,
    GROUP_ROLLOUT,
    POST_STAGE,
    ROLLOUT,
    shifted,
)
from tests.support.live import MAIN, NEW, OLD, PATIENCE, POST, Live
from tests.support.middle_box import MiddleBox
from tests.support.mischief import FROM_AWS, MISCHIEFS, PAGES, Again, Cut, Dripping, Page, Twice

RENEWED_AFTER = "50% 190s, 100% 0s"
"""A record is renewed every three minutes, so once in this step."""

STALE = "PreconditionFailedException"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with stage(ROLLOUT, tmp_path) as (scene, box):
        scene.box = box  # type: ignore[attr-defined]
        yield scene


@pytest.fixture
def box(scene: Live) -> MiddleBox:
    made: MiddleBox = scene.box  # type: ignore[attr-defined]
    return made


# Every write ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "story", [ROLLOUT, ALARM, GROUP_ROLLOUT, GROUP_ALARM], ids=lambda s: s.name
)
def test_every_write_is_delivered_twice(story: Story, tmp_path: Path) -> None:
    with stage(story, tmp_path) as (scene, box):
        for operation in ("UpdateAlias", "PublishVersion"):
            box.meddle(Twice(), operation, count=None)
        check(tell(story, scene, box))


@pytest.mark.long
@pytest.mark.parametrize("status", PAGES)
@pytest.mark.parametrize(
    "story", [ROLLOUT, ALARM, GROUP_ROLLOUT, GROUP_ALARM], ids=lambda s: s.name
)
def test_every_write_is_answered_with_a_page(story: Story, status: int, tmp_path: Path) -> None:
    with stage(story, tmp_path) as (scene, box):
        box.meddle(Page(status, effect=True), "UpdateAlias", count=None)
        check(tell(story, scene, box))


# Half a minute between two deliveries --------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("story", "nth"), [(ROLLOUT, 1), (ROLLOUT, 2), (ALARM, 2), (POST_STAGE, 1)]
)
def test_the_second_delivery_comes_half_a_minute_later(
    story: Story, nth: int, tmp_path: Path
) -> None:
    with stage(story, tmp_path) as (scene, box):
        scene.inputs["steps"] = "50% 20s, 100% 20s"
        box.meddle(Again(30.0), "UpdateAlias", nth, caller=story.caller)
        ended = tell(story, scene, box)
        scene.until(lambda: STALE in [r.outcome for r in scene.requests("UpdateAlias")])
        check(ended)


# Some seconds of it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [False, True], ids=["before the effect", "after the effect"])
def test_some_seconds_of_404_at_sigint(scene: Live, box: MiddleBox, *, effect: bool) -> None:
    step = shifted(scene)
    page = Page(404, effect)
    writes = box.meddle(page, "UpdateAlias", count=None)
    box.meddle(page, "GetAlias", count=None)
    step.send(signal.SIGINT)
    reads = box.meddle(page, "GetAlias", count=None)
    scene.until(lambda: writes.met + reads.seen >= 4, step)
    box.behave()
    check(Ended(CANCELLED, scene, box, step.wait(PATIENCE)))


@pytest.mark.parametrize("status", [pytest.param(403, marks=pytest.mark.long), 404])
def test_some_seconds_of_it_in_the_post_stage(scene: Live, box: MiddleBox, status: int) -> None:
    for operation in ("GetAlias", "UpdateAlias"):
        box.meddle(Page(status, effect=False), operation, count=3, caller=POST)
    check(tell(POST_STAGE, scene, box))


@pytest.mark.parametrize(
    "operation", [pytest.param("GetAlias", marks=pytest.mark.long), "DescribeAlarms"]
)
def test_some_seconds_of_it_in_a_step_that_nothing_is_wrong_with(
    scene: Live, box: MiddleBox, operation: str
) -> None:
    scene.inputs["steps"] = "50% 4s, 100% 0s"
    box.meddle(
        Page(404, effect=False), operation, nth=4 if operation == "DescribeAlarms" else 2, count=3
    )
    check(tell(ROLLOUT, scene, box))


# What it must never bring about -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"{}",
        *(pytest.param(body, marks=pytest.mark.long) for body in (b"", b"null", b'{"State": ')),
    ],
    ids=str,
)
def test_a_version_that_aws_never_called_active_gets_no_traffic(
    scene: Live, box: MiddleBox, body: bytes | None
) -> None:
    scene.world.lambda_().activation_delay = 3600.0
    pages = box.meddle(Page(200, effect=False, body=body), "GetFunctionConfiguration", 1, None)
    step = scene.start()
    scene.until(lambda: pages.met >= 3, step)
    step.send(signal.SIGINT)
    finished = step.wait(PATIENCE)
    assert finished.outputs["result"] == "failed", finished.log
    assert finished.outputs["reason"] == "cancelled (SIGINT)"
    assert not scene.requests("UpdateAlias")
    assert scene.whole_on(OLD)


@pytest.mark.long
def test_a_box_that_answers_everything_until_the_machine_dies(scene: Live, box: MiddleBox) -> None:
    """Nothing can be learned any more, and the runner's ten seconds are over: the post stage makes it whole."""
    step = shifted(scene)
    for operation in ("GetAlias", "UpdateAlias", "DescribeAlarms"):
        box.meddle(Page(403, effect=operation != "GetAlias"), operation, count=None)
    step.cancel()
    killed = step.wait(PATIENCE)
    assert killed.status == -signal.SIGKILL, killed.log
    nothing_is_put_into_awss_mouth(killed)
    box.behave()
    post = scene.post(killed.state)
    assert scene.whole_on(OLD), post.log
    assert post.outputs["result"] == "rolled-back", post.log


@pytest.mark.parametrize(
    "mischief", [Cut(effect=True), Dripping(effect=True), Page(404, effect=True)], ids=str
)
def test_a_shift_that_took_effect_unseen_is_put_back_by_the_post_stage(
    scene: Live, box: MiddleBox, mischief: Page
) -> None:
    """Main is killed while it does not know that its first shift took effect."""
    shift = box.meddle(mischief, "UpdateAlias", caller=MAIN)
    box.meddle(Page(404, effect=False), "GetAlias", nth=2, count=None, caller=MAIN)
    step = scene.start(MAIN)
    scene.until(lambda: shift.met and scene.alias[1] == {NEW: 0.5}, step)
    step.kill()
    post = scene.post(step.wait().state)
    assert scene.whole_on(OLD), post.log
    assert post.outputs["result"] == "rolled-back", post.log


# Renewals --------------------------------------------------------------------------------------------


@pytest.mark.long
def test_every_mischief_to_a_renewal(tmp_path: Path) -> None:
    """All at once, since each takes three minutes of waiting."""

    def told(numbered: tuple[int, str]) -> str:
        number, name = numbered
        with stage(ROLLOUT, tmp_path / str(number)) as (scene, box):
            scene.inputs |= {"steps": RENEWED_AFTER, "poll-interval": "30s"}
            meddling = box.meddle(MISCHIEFS[name], "UpdateAlias", 2)
            step = scene.start(MAIN)
            finished = step.wait(5 * PATIENCE)
            box.land()
            check(Ended(ROLLOUT, scene, box, finished))
            return name if meddling.met == 1 else ""

    names = [name for name in MISCHIEFS if name not in FROM_AWS]
    with ThreadPoolExecutor(len(names)) as threads:
        assert list(threads.map(told, enumerate(names))) == names
