"""How it ended, in words: the headline and the sentences that log and summary share.

Plain text, and not escaped: what AWS or a user wrote goes in as it is, so whoever shows a sentence
cleans it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.guards import OBSERVED
from lambda_rollout.report.alike import FEW_ROWS, is_large, named
from lambda_rollout.report.exposure import exposures
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.wording import count, date_and_time, listing, share, traffic
from lambda_rollout.rollout.events import (
    AliasLeft,
    ExecutionsLeft,
    Finished,
    PreviousAliasFound,
    Result,
)

MARKS = {
    Result.PROMOTED: "✅",
    Result.ROLLED_BACK: "↩️",
    Result.HELD: "⏸️",
    Result.REQUESTED: "⏩",
    Result.PUBLISHED: "📦",
    Result.UNCHANGED: "☑️",
    Result.PLANNED: "📋",
    Result.FAILED: "❌",
}

TO_STOP_ONE = (
    "To pause or stop one: aws lambda pause-durable-execution, or stop-durable-execution, with "
    "--durable-execution-arn ARN."
)

_COMMAND = "aws lambda "
CONDITION = '{"StringEquals": '
"""How what a remedy may end with begins: a command, or the condition of a trust policy. It is to be copied, so it is
never escaped."""


def headline(story: RolloutState) -> str:
    """Say how it ended, without a mark and without the reason: a few words, no full stop."""
    targets = tuple(story.targets.values())
    names = named(targets) or "The rollout"
    one = targets[0] if len(targets) == 1 else None
    match story.result:
        case Result.PROMOTED if all(now.created for now in targets):
            return f"{names} created" + (f" on version {one.version}" if one else "")
        case Result.PROMOTED:
            return f"{names} promoted" + (f" to version {one.version}" if one else "")
        case Result.ROLLED_BACK:
            return f"{names} rolled back" + (f" to version {one.previous}" if one else "")
        case Result.HELD:
            where = (
                f" at {share(one.weight)} on version {one.version}" if one and one.weight else ""
            )
            return f"{names} held{where}"
        case Result.FAILED:
            return _failed_headline(story, names)
        case _:
            return _headline_without_shift(story, targets, names)


def _headline_without_shift(story: RolloutState, targets: Sequence[TargetNow], names: str) -> str:
    one = targets[0] if len(targets) == 1 else None
    match story.result:
        case Result.REQUESTED:
            return f"{names} told to go on, now 100%" + (
                f" on version {one.version}" if one else ""
            )
        case Result.PUBLISHED:
            return _published(targets)
        case Result.UNCHANGED:
            return f"{names} already on version {one.version}" if one else f"{names} unchanged"
        case _:
            return f"Plan for {names}"


def _published(targets: Sequence[TargetNow]) -> str:
    one = targets[0] if len(targets) == 1 else None
    if one is not None:
        return f"Version {one.version} of {one.target.name} published, no traffic was shifted"
    names = listing([now.target.name for now in targets])
    return f"New versions of {names} published, no traffic was shifted"


def _failed_headline(story: RolloutState, names: str) -> str:
    by_hand = [left for left in story.left if left.command]
    to_fix = [str(left.target) for left in by_hand if left.routing != left.expected]
    if to_fix:
        return f"FAILED: {listing(to_fix)} MUST BE FIXED BY HAND"
    if by_hand:
        return f"FAILED: {listing([str(left.target) for left in by_hand])} MUST BE CHECKED BY HAND"
    if story.left:
        which = f"{listing([str(left.target) for left in story.left])} " if is_large(story) else ""
        return f"{names} failed: {which}changed by somebody else"
    if any(now.taken_back for now in story.targets.values()):
        return f"{names} failed: taken back by somebody else"
    if story.asks_another_run:
        return f"{names} did not go on to 100%"
    if story.shifted or story.started is None:
        return f"{names} failed"
    return f"{names} failed, no traffic was shifted"


def happenings(story: RolloutState) -> Iterator[str]:
    """Say what happened beyond the headline and the reason, in a few sentences."""
    yield from _restored(story)
    match story.result:
        case Result.PROMOTED:
            yield from _promoted(story)
        case Result.HELD:
            yield _held(story)
        case Result.REQUESTED:
            yield "The run that was rolling it out went to 100%, and watches that as planned."
        case Result.PUBLISHED:
            yield from _tested(story)
        case Result.UNCHANGED:
            what = "to roll back" if story.mode == "rollback" else "new to roll out"
            yield f"There was nothing {what}, so nothing was shifted."
        case Result.PLANNED:
            yield "Nothing was changed."
        case Result.ROLLED_BACK | Result.FAILED:
            yield from _ways_back(story)
            yield from exposures(story)
            yield from _all_executions_left(story)


def other_runs(story: RolloutState) -> dict[str, str]:
    """Return the pages of the runs of this repository that the story tells of, each with its words."""
    run = story.started.run if story.started else None
    if run is None or not (run.server_url and run.repository):
        return {}
    page = re.escape(f"{run.server_url}/{run.repository}/actions/runs/") + r"(\d+)/attempts/(\d+)"
    abandoned = (now.abandoned.run_url for now in story.targets.values() if now.abandoned)
    running = (now.running.run_url for now in story.targets.values() if now.running)
    told = " ".join((story.reason, *abandoned, *running))
    return {
        found[0]: f"run {found[1]}, attempt {found[2]}"
        for found in re.finditer(page, told)
        if found[0] != run.url
    }


def _held(story: RolloutState) -> str:
    if all(now.routing is None or now.routing.is_unsplit for now in story.targets.values()):
        return "All traffic stays on the new version, although its watch was not over."
    return "The alias stays split on purpose."


def _tested(story: RolloutState) -> Iterator[str]:
    tested = sum(now.smoke_test is not None for now in story.targets.values())
    if tested == len(story.targets):
        yield "It passed its smoke test." if tested == 1 else "All passed their smoke tests."
    elif tested:
        yield f"{tested} of {len(story.targets)} had a smoke test, and passed it."
    else:
        yield "It had no smoke test." if len(story.targets) == 1 else "They had no smoke tests."
    yield from exposures(story)


def _restored(story: RolloutState) -> Iterator[str]:
    abandoned = [(now, now.abandoned) for now in story.targets.values() if now.abandoned]
    if len(abandoned) > FEW_ROWS:
        # Each has versions of its own.
        back = sum(now.restored for now, _ in abandoned)
        then = f" {back} of them were restored to their old versions first." if back else ""
        yield f"{len(abandoned)} aliases were left by a run that died.{then}"
        return
    alike: dict[str, list[str]] = {}
    for now, found in abandoned:
        then = f" It was restored to version {now.previous} first." if now.restored else ""
        told = f"was left by a run that died: {traffic(found.routing)}.{then}"
        alike.setdefault(told, []).append(str(now.target))
    for told, names in alike.items():
        # "Each" as the grammar of one fits several then.
        yield f"{listing(names)}{' each' if len(names) > 1 else ''} {told}"


def _promoted(story: RolloutState) -> Iterator[str]:
    if all(now.created for now in story.targets.values()):
        yield "The alias did not exist, so there was nothing to shift."
        return
    took = f"It took {readable_duration(story.lasted)}"
    alarms = len(story.alarms) - len(story.unguarding)
    named = story.started.guards if story.started else ()
    guards = sum(not guard.startswith(OBSERVED) for guard in named)
    if guards:
        watched = [count(alarms, "alarm")] if alarms else []
        watched.append(count(guards, "guard"))
        yield f"{took}. {' and '.join(watched)} watched it, and found no problem."
    elif alarms == 1:
        yield f"{took}. 1 alarm watched it and did not fire."
    elif alarms:
        yield f"{took}. {alarms} alarms watched it, and none fired."
    else:
        yield f"{took}. No alarm watched it."


def _ways_back(story: RolloutState) -> Iterator[str]:
    alike: dict[tuple[str, str, datetime], list[PreviousAliasFound]] = {}
    for now in story.targets.values():
        if (found := now.way_back) is not None and now.rolled_back_at is not None:
            alike.setdefault((found.version, found.from_version, found.promoted), []).append(found)
    if len(alike) <= FEW_ROWS:
        yield from (last_live(*several) for several in alike.values())
        return
    first, last = (date_and_time(pick(promoted for *_, promoted in alike)) for pick in (min, max))
    functions = sum(map(len, alike.values()))
    yield f"The versions of {functions} functions were last live between {first} and {last}."


def last_live(*alike: PreviousAliasFound) -> str:
    """Say when the version that some functions go back to was last live; they differ in the function only."""
    functions, found = listing([each.target.name for each in alike]), alike[0]
    return (
        f"Version {found.version} of {functions} was last live at {date_and_time(found.promoted)}, when version "
        f"{found.from_version} was promoted."
    )


def _all_executions_left(story: RolloutState) -> Iterator[str]:
    left = [now.executions_left for now in story.targets.values() if now.executions_left]
    if len(left) <= FEW_ROWS:
        for event in left:
            yield from executions_left(event)
        return
    known = sum(event.running or 0 for event in left)
    least = "At least " if any(event.more or event.running is None for event in left) else ""
    yield (
        f"{least}{known} durable executions are still running on the versions left of {len(left)} functions: a rollback "
        "does not stop them."
    )
    yield TO_STOP_ONE
    yield f"To list those of one function: {left[0].command}"


def executions_left(event: ExecutionsLeft) -> Iterator[str]:
    """Say which durable executions a rollback did not stop, and with which commands that is done."""
    number = "An unknown number of" if event.running is None else str(event.running)
    more = "More than " if event.more else ""
    running = "execution is" if event.running == 1 else "executions are"
    why = f" ({event.why})" if event.why else ""
    yield (
        f"{more}{number} durable {running} still running on version {event.version} of {event.target.name}: a rollback "
        f"does not stop them{why}."
    )
    yield TO_STOP_ONE
    yield f"To list them: {event.command}"


def advice(story: RolloutState) -> str:
    """Say what to do next: what the end says of itself, or what a rollback leaves to do; may be empty."""
    by_itself = story.result is Result.ROLLED_BACK and not (
        story.finished and story.finished.asked_for
    )
    if story.remedy or not by_itself:
        return story.remedy
    return "Nothing has to be repaired. Fix the cause, then roll out again."


def advice_to_copy(story: RolloutState) -> tuple[str, str]:
    """Return what to do next in words, and what is to be copied for it: a command, a condition, or empty."""
    said = advice(story)
    # The condition first: what it accepts may be named like a command.
    words, found, rest = said.partition(CONDITION if CONDITION in said else _COMMAND)
    return words, found + rest


def left_as(left: AliasLeft) -> str:
    """Say where an alias sends its traffic that we could not put right: in capitals, names as they are."""
    if left.routing is None:
        return f"IT IS NOT KNOWN WHERE ALIAS {left.target} SENDS ITS TRAFFIC"
    where = traffic(left.routing).upper()
    if left.routing == left.expected and left.command:
        return f"ALIAS {left.target} WAS LAST SEEN SENDING {where}, BUT AWS DID NOT CONFIRM IT"
    return f"ALIAS {left.target} {'STILL SENDS' if left.command else 'SENDS'} {where}"


def left_against(left: AliasLeft) -> str:
    """Say what it was expected to send where: in capitals."""
    return f"EXPECTED: {traffic(left.expected).upper()}"


def is_failure(finished: Finished) -> bool:
    """Whether the job fails by it (README, Outputs)."""
    if finished.result is Result.ROLLED_BACK:
        return not finished.asked_for
    return finished.result is Result.FAILED
