"""Every call of every story against everything that a middle box may do to it.

Rows are `tests.support.box_stories.WRITES` and `READS`, columns `tests.support.mischief.MISCHIEFS` and `TO_A_READ`. One
call is met once and AWS is well, so each story must end exactly as it does without a box: an answer that is not
AWS's, or that is AWS's answer to a second delivery, changes nothing but the time that it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.e2e.box_story import Story, check, stage, tell
from tests.support.box_stories import READS, WRITES, Call
from tests.support.middle_box import Mischief
from tests.support.mischief import MISCHIEFS, TO_A_READ

CALLS = {**WRITES, **READS}

Case = tuple[str, str]

TWICE = ("post stage", "mode rollback of a held one", "promotion to 100%")
"""The writes that are delivered twice in any run of the tests, whatever their turn is."""

STRIDE = 5


def share(calls: Iterable[str], mischiefs: Mapping[str, Mischief]) -> list[Case]:
    """One mischief for each call, in turn, some apart so that two calls that are alike do not meet two that are."""
    turns = islice(cycle(mischiefs), 0, None, STRIDE)
    return list(zip(calls, turns, strict=False))


SHARE = list(
    dict.fromkeys(
        [
            *((write, "twice") for write in TWICE),
            *share(WRITES, MISCHIEFS),
            *share(list(READS)[::3], TO_A_READ),
        ]
    )
)
# An upload that drips has five minutes before it is sent again, so that case waits for more than it tells.
ALL = [
    *(
        (write, mischief)
        for write in WRITES
        for mischief in MISCHIEFS
        if not (write == "upload" and mischief.startswith("dripping"))
    ),
    *((read, mischief) for read in READS for mischief in TO_A_READ),
]


@pytest.mark.parametrize(("call", "mischief"), SHARE)
def test_some_calls_and_mischiefs(call: str, mischief: str, tmp_path: Path) -> None:
    meddled_with(CALLS[call], MISCHIEFS.get(mischief) or TO_A_READ[mischief], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("call", "mischief"), ALL)
def test_every_call_and_every_mischief(call: str, mischief: str, tmp_path: Path) -> None:
    meddled_with(CALLS[call], MISCHIEFS.get(mischief) or TO_A_READ[mischief], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    "story", dict.fromkeys(call.story for call in CALLS.values()), ids=lambda story: story.name
)
def test_a_box_that_behaves_changes_nothing(story: Story, tmp_path: Path) -> None:
    """What `tests.e2e.box_story.check` asks for is what comes of each story where nobody meddles."""
    with stage(story, tmp_path) as (scene, box):
        check(tell(story, scene, box))


def meddled_with(call: Call, mischief: Mischief, folder: Path) -> None:
    """Tell the call's story with this mischief, and see that it ends as without."""
    story = call.story
    with stage(story, folder) as (scene, box):
        meddling = box.meddle(mischief, call.operation, call.nth, 1, story.caller, call.function)
        ended = tell(story, scene, box)
        assert meddling.met == 1, ended.finished.log
        check(ended)
