"""Ways to break requests to go on and the hold that waits for one, each of which the simulation must notice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.ownership import Claim
from lambda_rollout.alias.record import Ownership, Record, RunStatus
from lambda_rollout.alias.request import RequestAnswer, answer_of
from lambda_rollout.alias.routing import HUNDRED, Alias, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis import step as judge
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.step import Inconclusive, Passed, StepEvidence, Verdict
from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout import request, running, step_request, watch
from lambda_rollout.rollout.request import PromotionRequest
from lambda_rollout.rollout.step_request import StepRequest
from lambda_rollout.rollout.watch import Watch
from tests.simulation.between import Between
from tests.simulation.guard_mutations import guarded
from tests.simulation.hooks import DrawnHook, Said
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.numbers import draw_numbers
from tests.simulation.requests import DrawnRequest, DrawnRequests
from tests.simulation.scenario import Fate, Scenario, Weather, asked_to_go_on, draw

usual_judge: Callable[[StepEvidence], Verdict] = judge.judge_step


def asked(seed: int) -> Scenario:
    """Draw a seed in which somebody asks."""
    return asked_to_go_on(draw(seed), 1.0)


def asked_with_guards(seed: int) -> Scenario:
    """Draw a seed with guards in which somebody asks, with nothing in the way."""
    drawn, r = guarded(seed), Random(f"asked with guards {seed}")
    at = r.uniform(60, max(61.0, drawn.plan.total_watch.total_seconds()))
    jobs = (DrawnRequest(at, Fate(), 20.0),)
    return replace(drawn, requests=DrawnRequests(jobs), main=Fate(), foreign=(), lost_at=None)


def asked_too_early(seed: int) -> Scenario:
    """Draw a seed with guards on a good version with much traffic, and a request before their data can be there."""
    drawn, numbers = asked_with_guards(seed), draw_numbers(seed, 1.0)
    assert numbers is not None
    plenty = replace(
        numbers,
        a_minute=1_000,
        is_bad=False,
        errors_late=0.0,
        revised=0.0,
        silent=(0.0, 0.0),
        ranges=False,
    )
    split = Step(Decimal(50), timedelta(minutes=15))
    early = Random(f"asked too early {seed}").uniform(10, 120)
    return replace(
        drawn,
        numbers=plenty,
        plan=Plan((split, Step(HUNDRED, timedelta(seconds=5)))),
        requests=DrawnRequests((DrawnRequest(early, Fate(), 20.0),)),
        weather=Weather(),
        between=Between(),
        twin=None,
        following=None,
        hooks=(),
        smoke_test=None,
        credentials=None,
        held_before=None,
    )


def asked_and_asking(seed: int) -> Scenario:
    """Draw a seed in which the hooks take longer to say yes than anybody waits for what he has asked for."""
    drawn, r = asked_too_early(seed), Random(f"asked and asking {seed}")
    yes = Said({"hookStatus": "SUCCEEDED"}, r.uniform(125, 200))
    hook = DrawnHook(Hook(HookStage.EACH_STEP, "hook-0"), (yes,))
    at = r.uniform(1, 800)
    requests = DrawnRequests((DrawnRequest(at, Fate(), 20.0),))
    return replace(drawn, numbers=None, hooks=(hook,), requests=requests)


def asked_and_fired(seed: int) -> Scenario:
    """Draw a seed in which an alarm fires when somebody asks."""
    drawn, r = asked(seed), Random(f"asked and fired {seed}")
    assert drawn.requests is not None
    at = drawn.requests.jobs[0].at
    change = (at + r.uniform(-1, 12), "errors", AlarmState.ALARM)
    alarms = {"errors": AlarmState.OK}
    return replace(drawn, alarms=alarms, changes=(change,), evaluations=(), deleted_alarm=None)


def _asks_by_writing_the_routing() -> list[Patch]:
    def write(self: Any, target: Target, alias: Alias, description: str) -> Alias:
        record = lease.parse(description)[1]
        assert record is not None
        whole = Routing.all_on(record.new)
        answer: Alias = self._ports.aliases.write(target, whole, description, alias.revision_id)
        return answer

    return [(PromotionRequest, "_write", write)]


def _asks_without_a_revision_id() -> list[Patch]:
    def write(self: Any, target: Target, alias: Alias, description: str) -> Alias:
        answer: Alias = self._ports.aliases.write(target, alias.routing, description, "")
        return answer

    return [(PromotionRequest, "_write", write)]


def _asks_for_more_time() -> list[Patch]:
    def with_more(description: str) -> str:
        text, record = lease.parse(description)
        if record is None or record.until is None:
            return description
        more = replace(record, requested=True, until=record.until + timedelta(minutes=10))
        return lease.compose(text, more)

    return [(lease, "with_request", with_more)]


def _takes_a_live_rollout_over() -> list[Patch]:
    usual = lease.ownership_of

    def ownership(alias: Alias, now: datetime | None, status: RunStatus) -> Ownership:
        found = usual(alias, now, status)
        return Ownership.HELD if found is Ownership.ALIVE else found

    return [
        (request, "ask_if_running", lambda *_: None),
        (lease, "ownership_of", ownership),
    ]


def _takes_a_request_for_somebodys_edit() -> list[Patch]:
    usual = Claim.is_as_written

    def unasked(self: Claim, alias: Alias) -> bool:
        record = lease.parse(alias.description)[1]
        return not (record is not None and record.requested) and usual(self, alias)

    return [(Claim, "is_as_written", unasked)]


def _goes_on_without_a_last_look() -> list[Patch]:
    def at_once(evidence: StepEvidence) -> Verdict:
        asked_for = evidence.planned_end <= evidence.now and evidence.holds_for is None
        verdict = usual_judge(evidence)
        return Passed() if asked_for and isinstance(verdict, Inconclusive) else verdict

    return [(watch, "judge_step", at_once)]


def _what_fired_loses() -> list[Patch]:
    usual = Watch._judge

    def judged(self: Any, step: Any, end: float) -> bool:
        if self._request.ends_step:
            return True
        return usual(self, step, end)

    return [(Watch, "_judge", judged)]


def _goes_on_with_too_little() -> list[Patch]:
    usual = Watch._go_on_as_planned

    def anyway(self: Any, why: str) -> None:
        if why == step_request.TAKEN_BACK:
            usual(self, why)
        else:
            self._metrics.verdict = lambda _: ("", "")

    return [(Watch, "_go_on_as_planned", anyway)]


def _goes_on_though_it_was_taken_back() -> list[Patch]:
    return [(StepRequest, "was_taken_back", property(lambda _: False))]


def _a_refusal_begins_the_step_anew() -> list[Patch]:
    usual = StepRequest.refuse

    def anew(self: Any, why: str) -> float:
        return usual(self, why) + 600.0

    return [(StepRequest, "refuse", anew)]


def _a_hold_without_an_end() -> list[Patch]:
    def held_on(evidence: StepEvidence) -> Verdict:
        verdict = usual_judge(evidence)
        return verdict if evidence.holds_for is None else Inconclusive()

    return [(watch, "judge_step", held_on)]


def _a_hold_that_promotes_by_the_clock() -> list[Patch]:
    def by_the_clock(evidence: StepEvidence) -> Verdict:
        return usual_judge(replace(evidence, holds_for=None))

    return [(watch, "judge_step", by_the_clock)]


def _never_answers() -> list[Patch]:
    return [(StepRequest, "is_new", property(lambda _: False))]


def _keeps_the_word_at_100() -> list[Patch]:
    usual, ever = lease.compose, set[str]()

    def kept(text: str, record: Record | None) -> str:
        if record is not None and record.requested:
            ever.add(record.rollout_id)
        if record is not None and record.rollout_id in ever:
            record = replace(record, requested=True)
        return usual(text, record)

    return [(lease, "compose", kept)]


def _takes_the_word_for_text() -> list[Patch]:
    usual = AliasWriter._take_text

    def text_and_word(self: Any, description: str) -> None:
        usual(self, description)
        if (record := lease.parse(description)[1]) is not None and record.requested:
            self.text = f"{self.text} promote]"

    usual_news = AliasWriter._take_news

    def news(self: Any, seen: Alias, *, may_still_move: bool) -> None:
        usual_news(self, seen, may_still_move=may_still_move)
        if (record := lease.parse(seen.description)[1]) is not None and record.requested:
            self.text = f"{self.text} promote]"

    return [(AliasWriter, "_take_text", text_and_word), (AliasWriter, "_take_news", news)]


def _asks_again_and_again() -> list[Patch]:
    usual: Callable[[Record, Alias], RequestAnswer] = answer_of

    def not_yet(record: Record, alias: Alias) -> RequestAnswer:
        answer = usual(record, alias)
        return RequestAnswer.NOT_ASKED if answer is RequestAnswer.WAITING else answer

    return [(request, "answer_of", not_yet)]


def _asks_in_spite_of_its_alarms() -> list[Patch]:
    return [(running, "firing_at_start", lambda _: ())]


def _a_request_keeps_the_dead_alive() -> list[Patch]:
    usual = Record.expired

    def expired(self: Record, now: datetime | None) -> bool:
        return not self.requested and usual(self, now)

    return [(Record, "expired", expired)]


def _requested_unseen() -> list[Patch]:
    return [(request, "answer_of", lambda *_: RequestAnswer.TAKEN)]


REQUEST_MUTATIONS = [
    Mutation(name, patches, seeds=seeds, drawn=drawn)
    for name, patches, seeds, drawn in (
        ("ask by writing the routing", _asks_by_writing_the_routing, (0, 20), asked),
        ("ask without a RevisionId", _asks_without_a_revision_id, (0, 20), asked),
        ("ask for more time", _asks_for_more_time, (0, 20), asked),
        ("take a live rollout over", _takes_a_live_rollout_over, (0, 20), asked),
        ("take a request for an edit", _takes_a_request_for_somebodys_edit, (0, 20), asked),
        ("go on without a last look", _goes_on_without_a_last_look, (16, 29), asked),
        ("go on though an alarm fired", _what_fired_loses, (1, 32), asked_and_fired),
        ("go on with too little seen", _goes_on_with_too_little, (0, 22), asked_with_guards),
        (
            "go on though it was taken back",
            _goes_on_though_it_was_taken_back,
            (0, 1),
            asked_and_asking,
        ),
        ("begin a refused step anew", _a_refusal_begins_the_step_anew, (0, 1), asked_too_early),
        ("hold without an end", _a_hold_without_an_end, (35, 41), asked),
        ("promote a hold by the clock", _a_hold_that_promotes_by_the_clock, (34, 41), asked),
        ("answer no request", _never_answers, (4, 63), asked),
        ("keep the word at 100%", _keeps_the_word_at_100, (0, 22), asked),
        ("take the word for text", _takes_the_word_for_text, (0, 20), asked),
        ("ask again and again", _asks_again_and_again, (0, 20), asked),
        ("ask in spite of one's alarms", _asks_in_spite_of_its_alarms, (41, 105), asked),
        ("let a request keep the dead alive", _a_request_keeps_the_dead_alive, (172,), asked),
        ("say requested, unseen", _requested_unseen, (0, 20), asked),
    )
]


if __name__ == "__main__":
    search(REQUEST_MUTATIONS, sys.argv[1:])
