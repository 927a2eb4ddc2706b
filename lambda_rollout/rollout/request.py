"""``mode: promote`` on a rollout that is still running: a request to the run that owns it, never a take-over.

The request is one word at the end of the record (`lambda_rollout.alias.record`), written with the routing and the text
as they were read, and with the RevisionId of that read. So whatever becomes of the write, now or minutes later, it
changes no traffic: should anybody have written meanwhile, AWS refuses it. The run that owns the alias sees the word,
goes to 100% or takes the word off; nothing but the alias is needed to tell which. Should this process die, the word
stays where it is: the run obeys it, or is dead, and then it means nothing. So there is nothing to save for a post
stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.request import RequestAnswer, answer_of
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.rollout.alias_status import AliasStatus
from lambda_rollout.rollout.events import (
    Finished,
    PromotionRequested,
    RequestEnded,
    Result,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.running import LOOK_EVERY, await_running
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    Cancelled,
    NotFound,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import FORWARD_LIMIT, raise_if_stopped, retrying

ANSWER_LIMIT = 120.0
"""Seconds that the run has to answer: it reads its alias at least once a minute."""

UNTIL_BELIEVED = 2
"""Looks in a row that must say the same before a request is given up: one may be older than the request."""

_SEE_LOG = "See the log of that run."
_NO_ANSWER = (
    "Look at that run: it may be asking its hooks, or stand still. Ask again, or undo the rollout at once with `mode: "
    "rollback`. If that run has died, the next rollout restores the alias."
)
_STANDS = (
    "The request stands until the run has answered it: it may still go on to 100%. To undo the rollout at once, use "
    "`mode: rollback`."
)


def ask_if_running(spec: RolloutSpec, ports: Ports) -> Finished | None:
    """Ask the rollout that is running to go on, and wait for what comes of it; None if none is running.

    Raises `RolloutError` for what is refused, or could not be asked; `Cancelled` on stop.
    """
    running = await_running(spec, ports)
    if not running:
        return None
    return PromotionRequest(running, ports).run()


class PromotionRequest:
    """One request to the rollout of some aliases, of which any one is enough to ask it by."""

    def __init__(self, running: Sequence[AliasStatus], ports: Ports) -> None:
        """Nothing is asked yet; ``running`` are aliases of one rollout, each with its record."""
        self._ports = ports
        self._records: Mapping[Target, Record] = {
            status.target: status.record for status in running if status.record is not None
        }
        self._seen: Mapping[Target, Alias] = {status.target: status.alias for status in running}
        self._readers = {
            target: AliasReader(target, ports.aliases, ports.clock) for target in self._seen
        }
        self._past: set[str] = set()
        """RevisionIds that our own writes have replaced: a read that shows one is stale."""
        self._asked: tuple[Target, Routing] | None = None
        """Which alias AWS took the request on, and how it was split then."""
        self._texts: dict[Target, str] = {}
        """What stood before the record when it was asked: the request may have cost some of it."""
        self._trying_since: float | None = None
        """When the first write was tried that was not confirmed yet; monotonic seconds, as below."""
        self._stands = False
        """Whether the request, ours or another job's, was there at the last look."""
        self._waiting_since = ports.clock.monotonic()
        self._doubt, self._times = "", 0
        """What the last looks say that no 100% can follow, and how many in a row say so."""

    def run(self) -> Finished:
        """Ask, and wait until it is answered. Raises `RolloutError` if it could not be asked, `Cancelled` on stop."""
        try:
            finished = self._until_answered()
        except Cancelled as cause:
            raise Cancelled(cause.what, _STANDS if self._may_stand else "") from cause
        except CallFailed as error:
            if not self._may_stand:
                raise
            what = f"it is not known what came of the request: {error.what}"
            raise RolloutError(what, _STANDS) from error
        for target, alias in self._seen.items():
            record = self._records[target]
            self._ports.emit(
                RequestEnded(
                    target=target, version=record.new, previous=record.old, routing=alias.shown
                )
            )
        return finished

    @property
    def _may_stand(self) -> bool:
        return self._stands or self._trying_since is not None

    def _until_answered(self) -> Finished:
        ports = self._ports
        answers = self._answers()
        while True:
            finished = self._finished(answers)
            if finished is None and ports.clock.monotonic() - self._waiting_since >= ANSWER_LIMIT:
                finished = self._give_up()
            if finished is not None:
                return finished
            raise_if_stopped(ports.stop)
            if not (
                self._doubt or {RequestAnswer.TAKEN, RequestAnswer.WAITING} & set(answers.values())
            ):
                self._ask(answers)
            ports.clock.wait(LOOK_EVERY, ports.stop)
            raise_if_stopped(ports.stop)
            answers = self._look()

    # Looking -----------------------------------------------------------------------------------

    def _answers(self) -> Mapping[Target, RequestAnswer]:
        return {
            target: answer_of(self._records[target], alias) for target, alias in self._seen.items()
        }

    def _look(self) -> Mapping[Target, RequestAnswer]:
        """Read all again. Raises `CallFailed` if one cannot be read for a minute, or is gone."""
        ports = self._ports
        patient = retrying(ports.clock, ports.stop)
        targets = list(self._seen)
        found = ports.parallel(lambda target: patient(self._read, target), targets)
        self._seen = dict(zip(targets, found, strict=True))
        answers = self._answers()
        waiting = [target for target in targets if answers[target] is RequestAnswer.WAITING]
        if not waiting:
            self._stands = False
        elif not self._stands:
            if self._trying_since is not None:
                self._asked = waiting[0], self._seen[waiting[0]].routing
            self._now_stands(waiting[0])
        return answers

    def _read(self, target: Target) -> Alias:
        alias = self._readers[target].read()
        if alias.revision_id in self._past:
            raise Unanswered("GetAlias", "StaleAnswer", "the answer is older than the request")
        return alias

    def _now_stands(self, target: Target) -> None:
        record, alias = self._records[target], self._seen[target]
        self._stands, self._trying_since = True, None
        self._waiting_since = self._ports.clock.monotonic()
        self._ports.emit(
            PromotionRequested(target=target, percent=alias.routing.percent_of(record.new))
        )

    # What comes of it --------------------------------------------------------------------------

    def _finished(self, answers: Mapping[Target, RequestAnswer]) -> Finished | None:
        """Return how it ended; None while that is not known."""
        if _is_taken(answers):
            return Finished(result=Result.REQUESTED, reason="")
        doubt = self._doubtful(answers)
        self._times = self._times + 1 if doubt == self._doubt else 1
        self._doubt = doubt
        if not doubt or self._times < UNTIL_BELIEVED:
            return None
        return self._failed(doubt, _SEE_LOG)

    def _doubtful(self, answers: Mapping[Target, RequestAnswer]) -> str:
        """Say what was seen that no 100% can follow; empty if there is no such thing."""
        for target, answer in answers.items():
            old, alias = self._records[target].old, self._seen[target]
            match answer:
                case RequestAnswer.UNKNOWN:
                    return (
                        f"{target} is at {alias.shown}, but the run's record is gone: it is not known whether that run "
                        "or somebody else moved it"
                    )
                case RequestAnswer.WENT_BACK:
                    return f"{target} went back to version {old}, and not to 100%"
                case RequestAnswer.HELD:
                    return f"the run has ended, and {target} is held now: {alias.shown}"
                case RequestAnswer.CHANGED:
                    return f"{target} is not in that rollout any more: {alias.shown}"
                case RequestAnswer.NOT_ASKED if self._asked == (target, alias.routing):
                    return f"the request was refused: {target} stays at {alias.shown}"
        return ""

    def _failed(self, why: str, remedy: str) -> Finished:
        record = next(iter(self._records.values()))
        run = f"run {record.run}/{record.attempt}" if record.run else "a run outside GitHub"
        by = self._ports.runs.url(record) or run
        return Finished(result=Result.FAILED, reason=f"{why} ({by})", remedy=remedy)

    # Asking ------------------------------------------------------------------------------------

    def _ask(self, answers: Mapping[Target, RequestAnswer]) -> None:
        """Write the word, one try; what came of a try without an answer is for the next look to say.

        Raises `RolloutError` if it could not be written for a minute.
        """
        ports = self._ports
        target = next(each for each, answer in answers.items() if answer is RequestAnswer.NOT_ASKED)
        alias, now = self._seen[target], ports.clock.monotonic()
        if self._trying_since is None:
            self._trying_since = now
        self._texts[target] = lease.parse(alias.description)[0]
        try:
            asked = self._write(target, alias, lease.with_request(alias.description))
        except CallFailed as error:
            if not _may_be_tried_again(error):
                self._trying_since = None
                raise
            if ports.clock.monotonic() - self._trying_since >= FORWARD_LIMIT:
                what = f"AWS did not confirm the request to go on with {target}: {error}"
                raise RolloutError(what, _STANDS) from error
            return
        self._seen = {**self._seen, target: asked}
        self._asked = target, asked.routing
        self._now_stands(target)

    def _write(self, target: Target, alias: Alias, description: str) -> Alias:
        """Write the routing as it was read, with another description."""
        answer = self._ports.aliases.write(target, alias.routing, description, alias.revision_id)
        if answer.revision_id != alias.revision_id:
            self._past.add(alias.revision_id)
        return answer

    # Giving up ---------------------------------------------------------------------------------

    def _give_up(self) -> Finished:
        """Take the word off, if it is not answered in the last moment. Tries for a minute."""
        ports = self._ports
        end = ports.clock.monotonic() + FORWARD_LIMIT
        limit = readable_duration(timedelta(seconds=ANSWER_LIMIT))
        why = f"no answer to the request within {limit}"
        while True:
            answers = self._look()
            if _is_taken(answers):
                return Finished(result=Result.REQUESTED, reason="")
            waiting = [
                target for target, answer in answers.items() if answer is RequestAnswer.WAITING
            ]
            if not waiting:
                return self._failed(self._doubtful(answers) or why, _SEE_LOG)
            try:
                self._take_off(waiting[0])
            except CallFailed as error:
                if ports.clock.monotonic() >= end or not _may_be_tried_again(error):
                    return self._failed(
                        f"{why}, and it could not be withdrawn: {error.what}", _STANDS
                    )
            else:
                return self._failed(f"{why}: it was withdrawn", _NO_ANSWER)
            ports.clock.wait(LOOK_EVERY, ports.stop)
            raise_if_stopped(ports.stop)

    def _take_off(self, target: Target) -> None:
        alias = self._seen[target]
        text, record = lease.parse(alias.description)
        before = self._texts.get(target, text)
        if record is not None:
            text = before if lease.is_cut_of(alias.description, before) else text
            self._write(target, alias, lease.compose(text, record.without_request))
            self._stands = False


def _is_taken(answers: Mapping[Target, RequestAnswer]) -> bool:
    """Whether all are at 100%, and one is seen there in the rollout's hands: some records may be off already."""
    there = set(answers.values())
    return RequestAnswer.TAKEN in there and there <= {RequestAnswer.TAKEN, RequestAnswer.UNKNOWN}


def _may_be_tried_again(error: CallFailed) -> bool:
    """Whether a look is to say what came of a write: not where AWS would say the same to every delivery of it."""
    return (error.may_have_effect or isinstance(error, Busy)) and not isinstance(error, NotFound)
