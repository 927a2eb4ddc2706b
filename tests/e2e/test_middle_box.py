"""Every write of every story against everything that a middle box may do to it.

Rows are `tests.e2e.box_stories.WRITES`, columns `tests.e2e.mischief.MISCHIEFS`. One write is met once and AWS is
well, so each story must end exactly as it does without a box: an answer that is not AWS's, or that is AWS's
answer to a second delivery, changes nothing but the time that it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.e2e import box_stories as stories
from tests.e2e.box_stories import WRITES, Story, Write
from tests.e2e.mischief import MISCHIEFS

ALL = [(write, mischief) for write in WRITES for mischief in MISCHIEFS]


def share() -> Iterator[tuple[str, str]]:
    """Of each write two mischiefs, so that each mischief is met: the share of the matrix that is always run."""
    turns = cycle(MISCHIEFS)
    for write in WRITES:
        yield from ((write, mischief) for mischief in islice(turns, 2))


def meddled_with(write: Write, mischief: str, folder: Path) -> None:
    """Tell the write's story with this mischief, and see that it ends as without."""
    with stories.stage(write.story, folder) as (scene, box):
        meddling = box.meddle(
            MISCHIEFS[mischief], write.operation, write.nth, 1, write.story.caller, write.function
        )
        ended = stories.tell(write.story, scene, box)
        assert meddling.met == 1, ended.finished.log
        check(ended)


def check(ended: stories.Ended) -> None:
    stories.ends_as_without_a_box(ended)
    stories.is_told_as_it_is(ended)
    stories.nothing_is_put_into_awss_mouth(ended.finished)
    stories.the_post_stage_has_nothing_to_do(ended)


@pytest.mark.parametrize(("write", "mischief"), list(share()))
def test_some_writes_and_mischiefs(write: str, mischief: str, tmp_path: Path) -> None:
    meddled_with(WRITES[write], mischief, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("write", "mischief"), ALL)
def test_every_write_and_every_mischief(write: str, mischief: str, tmp_path: Path) -> None:
    meddled_with(WRITES[write], mischief, tmp_path)


@pytest.mark.parametrize(
    "story", dict.fromkeys(write.story for write in WRITES.values()), ids=lambda story: story.name
)
def test_a_box_that_behaves_changes_nothing(story: Story, tmp_path: Path) -> None:
    """What `check` asks for is what comes of each story where nobody meddles."""
    with stories.stage(story, tmp_path) as (scene, box):
        check(stories.tell(story, scene, box))
