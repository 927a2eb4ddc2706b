"""What GitHub may and may not do to a rollout, and what a rollout may do on a pull request.

That nothing on AWS's side depends on GitHub is asked elsewhere (`compared.py`). Judged by what GitHub
itself has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lambda_rollout.report.comment.record import read_record
from lambda_rollout.report.verdict import MARKS
from lambda_rollout.rollout.events import RolloutRunning
from sandbox.github import BOT
from tests.simulation.github import NUMBER, Sent, SimGitHub, key_in
from tests.simulation.github_scenario import FOR_GOOD
from tests.simulation.observer import Actor, Observer

PACE = 10.0
"""Seconds between two edits of one process, but for the last one."""

PATIENCE, PATIENCE_CANCELLED = 10.0, 3.0
"""Seconds that a process waits for GitHub once it has nothing else to do."""

SLACK = 0.05

ROUNDING = 2.0
"""Seconds that a client may add to what GitHub asks for."""


@dataclass
class Teller:
    """One process, as GitHub sees it."""

    actor: Actor
    over_at: float | None = None
    """When its story was over."""
    ending_at: float | None = None
    """When it had nothing left to do but to wait for GitHub."""
    exited_at: float | None = None
    in_time: bool = False
    """Whether GitHub had everything before its patience was over."""
    given_up: bool = False


def exited(observer: Observer, hub: SimGitHub, teller: Teller) -> None:
    """Judge a process that ends by itself."""
    _ends_in_time(observer, teller)
    if teller.actor.finished is None:
        return
    sent = _by(hub, teller)
    if asks := [each for each in teller.actor.events if isinstance(each, RolloutRunning)]:
        _leaves_it_to_the_run(observer, teller, sent, asks[0])
    elif teller.given_up:
        _gave_up_for_a_reason(observer, hub, teller, sent)
    elif teller.in_time:
        _shows_its_verdict(observer, teller, sent)
    elif _was_well(teller, sent) and not _says_its_end(sent):
        observer.blame(
            "verdict is shown", f"{teller.actor.name}: GitHub was well, and never got it"
        )


def judged(observer: Observer, hub: SimGitHub, tellers: Iterable[Teller]) -> None:
    """Judge everything once nothing comes any more."""
    for teller in tellers:
        sent = _by(hub, teller)
        _looks_before_it_posts(observer, teller, sent)
        _keeps_the_pace(observer, teller, sent)
        _leaves_alone(observer, teller, sent)
        _note_what_hung(observer, teller, sent)
    _note(observer, hub.sent)
    for comment, text in hub.of_others.items():
        there = hub.world.comments.get(comment)
        if there is None or there.body != text:
            observer.blame("others' comments", f"comment {comment} is not what somebody wrote")
    if hub.over:
        _one_comment(observer, hub)


def _by(hub: SimGitHub, teller: Teller) -> list[Sent]:
    return [each for each in hub.sent if each.by == teller.actor.name]


def _ends_in_time(observer: Observer, teller: Teller) -> None:
    assert teller.ending_at is not None
    assert teller.exited_at is not None
    took = teller.exited_at - teller.ending_at
    longest = PATIENCE_CANCELLED if teller.actor.cancelled_at is not None else PATIENCE
    if took > longest + SLACK:
        observer.blame("exit is bounded", f"{teller.actor.name} waited {took:.2f} s for GitHub")


def _leaves_it_to_the_run(
    observer: Observer, teller: Teller, sent: Sequence[Sent], asks: RolloutRunning
) -> None:
    """Whoever asks a run to go on leaves the comment to that run."""
    if any(each.is_page for each in sent):
        observer.blame("the run's own comment", f"{teller.actor.name} wrote it after {asks}")


def _gave_up_for_a_reason(
    observer: Observer, hub: SimGitHub, teller: Teller, sent: Sequence[Sent]
) -> None:
    if hub.drawn.pull == "none":
        observer.seen["github no pull request"] += 1
    elif any(each.fault in FOR_GOOD for each in sent):
        observer.seen["github given up for good"] += 1
    else:
        observer.blame("no giving up", f"{teller.actor.name} gave up without being told to")


def _shows_its_verdict(observer: Observer, teller: Teller, sent: Sequence[Sent]) -> None:
    """The last page that GitHub took is the final one."""
    pages = [each for each in sent if each.is_page]
    if pages and pages[-1].fault == "422":
        return
    if not pages:
        # A post stage whose main had told nothing tells nothing, either; every other tells at least its end.
        observer.blame("verdict is shown", f"{teller.actor.name} told nothing")
        return
    name, finished = teller.actor.name, teller.actor.finished
    record = read_record(pages[-1].body["body"])
    assert finished is not None
    if not pages[-1].is_taken or record is None:
        observer.blame("verdict is shown", f"{name}: its last page was not taken")
    elif not record.now.over or record.now.mark != MARKS[finished.result]:
        observer.blame("verdict is shown", f"{name}: {finished.result}, and it shows {record.now}")
    else:
        observer.seen["github verdict shown"] += 1


def _says_its_end(sent: Sequence[Sent]) -> bool:
    """Whether GitHub has the end, though something went on after it."""
    taken = [each for each in sent if each.is_page and each.is_taken]
    record = read_record(taken[-1].body["body"]) if taken else None
    return record is not None and record.now.over


def _was_well(teller: Teller, sent: Sequence[Sent]) -> bool:
    """Whether GitHub stood in the way of nothing from the verdict on."""
    assert teller.ending_at is not None
    if teller.actor.frozen_ever:
        # By its clock, or since it heard of it, what GitHub asked for may not be over.
        return False
    for each in sent:
        if each.is_list and len(each.keys) > len(set(each.keys)):
            # Another run has posted in the same moment: one of the two is to go first.
            return False
        if each.verb == "PATCH" and each.status == 404 and (each.ended_at or 0) > teller.ending_at:
            # Somebody has deleted it, and to look and to post again takes longer than a cancelled job has.
            return False
        if each.fault and (
            each.ended_at is None or each.ended_at + each.asked > teller.ending_at - ROUNDING
        ):
            return False
    return True


def _looks_before_it_posts(observer: Observer, teller: Teller, sent: Sequence[Sent]) -> None:
    """One comment: nobody posts but after a look, later than his post before, that showed none of ours."""
    shown: Sequence[str] | None = None
    for each in sent:
        if each.is_list and each.is_taken:
            shown = each.keys
        elif each.is_page and each.verb == "POST":
            key = key_in(each.body["body"])
            if shown is None or key in shown:
                why = "without looking" if shown is None else "beside the one it had seen"
                observer.blame("looks before it posts", f"{teller.actor.name} posted {why}")
            shown = None


def _keeps_the_pace(observer: Observer, teller: Teller, sent: Sequence[Sent]) -> None:
    pages = [each for each in sent if each.is_page]
    for sooner, later in pairwise(pages):
        last = teller.ending_at is not None and later.at >= teller.ending_at
        # What is posted is edited at once, for its id to stand in it.
        names_itself = (sooner.verb, later.verb) == ("POST", "PATCH")
        if not (last or names_itself) and later.at - sooner.at < PACE - SLACK:
            after = later.at - sooner.at
            observer.blame("pace", f"{teller.actor.name} edited {after:.2f} s after its last edit")


def _leaves_alone(observer: Observer, teller: Teller, sent: Sequence[Sent]) -> None:
    """GitHub is left alone for as long as it asked."""
    until = 0.0
    for each in sent:
        if each.at < until - SLACK:
            observer.blame("leaves GitHub alone", f"{teller.actor.name} {each.verb} before {until}")
        if each.asked and each.ended_at is not None:
            until = max(until, each.ended_at + each.asked)


def _one_comment(observer: Observer, hub: SimGitHub) -> None:
    """One comment for each (functions, alias, environment), once a run of these could look with GitHub well.

    A run that fails before it knows the account is none of these: it cannot tell whose comments it sees. Neither is
    what names itself not yet: whoever posted it died in that moment, and nobody else can know that it is ours.
    """
    key = next((key_in(each.body["body"]) for each in reversed(hub.sent) if each.is_page), "")
    there = [each for each in hub.world.comments_on(NUMBER) if each.login == BOT]
    count = sum(key_in(each.body) == key and hub.is_ours(each.id, each.body, "") for each in there)
    if count < len(
        [each for each in there if key_in(each.body) == key and each.id not in hub.of_others]
    ):
        observer.seen["github comment without an id left"] += 1
    if count > 1:
        observer.blame("one comment", f"there are {count}")


def _note_what_hung(observer: Observer, teller: Teller, sent: Iterable[Sent]) -> None:
    """Whether GitHub kept its thread waiting just when the story was in a hurry."""
    moments = {"SIGINT": teller.actor.cancelled_at, "rollback": teller.actor.settling_since}
    for each in sent:
        for what, at in moments.items():
            if each.fault and at is not None and each.at < at < (each.ended_at or at):
                observer.seen[f"github hung at {what}"] += 1


def _note(observer: Observer, sent: Iterable[Sent]) -> None:
    for each in sent:
        if each.fault:
            observer.seen[f"github {each.fault}"] += 1
        if each.status == 201:
            observer.seen["github comment posted"] += 1
        elif each.is_page and each.status == 200:
            observer.seen["github comment edited"] += 1
        elif each.verb == "DELETE" and each.status == 204:
            observer.seen["github double folded"] += 1
        elif each.verb == "PATCH" and each.status == 404 and not each.fault:
            observer.seen["github comment was deleted"] += 1
