"""Hooks: no traffic without their yes, no yes without another look, and no rollback behind one of them."""

from __future__ import annotations

import json
from typing import Any

from lambda_rollout.alias.routing import HUNDRED, Routing
from lambda_rollout.inputs.choices import HookStage, Mode
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.rollout.spec import seconds
from sandbox.aws.request import Request
from tests.simulation.observer import Actor, Asked, Observer, Write
from tests.simulation.scenario import DATA_DELAY

BEHIND_NOTHING = 7.0
"""Seconds from the read that shows that an alarm fired to the rollback's UpdateAlias."""

LONGEST_CALLS = 30.0
"""Seconds that a watcher's other calls can take between two reads of the alarms, when each of them hangs."""

ASKED_OF = {HookStage.BEFORE_TRAFFIC, HookStage.EACH_STEP, HookStage.AFTER_TRAFFIC}


# As a request arrives ---------------------------------------------------------------------------


def asked(observer: Observer, actor: Actor, request: Request) -> None:
    """Judge an Invoke before anything runs."""
    told = json.loads(request.params["Payload"])
    hook = Hook(HookStage(told["stage"]), request.function)
    observer.seen[f"hook {hook.stage}"] += 1
    if actor.role in {"post", "sweeper"} or hook not in actor.spec.inputs.hooks:
        observer.blame("asks its own hooks", f"{actor.name} invoked {hook}")
    only_where_the_table_says(observer, actor, hook)
    if hook.stage is HookStage.ON_ROLLBACK:
        told_when_it_is_back(observer, actor, told)
    actor.asked.append(Asked(request, hook, observer.now))


def only_where_the_table_says(observer: Observer, actor: Actor, hook: Hook) -> None:
    """Contract: what another run began has no before-traffic hooks any more."""
    goes_on = actor.spec.inputs.mode is not Mode.ROLLOUT or actor.left_for_it
    if hook.stage is HookStage.BEFORE_TRAFFIC and goes_on:
        observer.blame("hooks by the table", f"{actor.name} invoked {hook}")
    if hook.stage in ASKED_OF and actor.spec.inputs.mode is Mode.ROLLBACK:
        observer.blame("hooks by the table", f"{actor.name} invoked {hook}")


def told_when_it_is_back(observer: Observer, actor: Actor, told: dict[str, Any]) -> None:
    """on-rollback is told when every alias is back, and not before."""
    for each in told["functions"]:
        shown = observer.show(each["function"])
        old = Routing.all_on(each["old"].rpartition(":")[2])
        # Somebody else may have been there since.
        if shown is not None and shown.routing != old:
            truth = observer.truths[each["function"]]
            if truth.author == actor.name:
                what = f"{actor.name} said that {each['function']} is back: {shown.routing}"
                observer.blame("told when it is back", what)


def no_traffic_before_its_hooks(observer: Observer, actor: Actor, write: Write) -> None:
    """No first forward write before every before-traffic hook said yes."""
    if write.kind != "forward" or actor.reached or actor.spec.inputs.mode is not Mode.ROLLOUT:
        return
    if actor.role == "post" or actor.left_for_it:
        return
    for hook in actor.spec.inputs.hooks_of(HookStage.BEFORE_TRAFFIC):
        calls = [each for each in actor.asked if each.hook == hook]
        if not any(each.said == "yes" for each in calls):
            observer.blame("asked before traffic", f"{actor.name} shifts without {hook}")
        elif not actor.frozen_ever:
            limit = calls[0].at + seconds(actor.spec.inputs.evidence_timeout)
            late = [each for each in calls if each.said == "yes" and each.late_for(limit)]
            if late:
                observer.blame("in its time", f"{actor.name} shifts with a late {hook}")


def rollback_is_behind_no_hook(observer: Observer, actor: Actor, request: Request) -> None:
    """1: whatever a hook does, the rollback is sent as soon as an alarm is seen to have fired."""
    if request.operation != "UpdateAlias" or actor.fired_known_at is None:
        return
    took, actor.fired_known_at = observer.now - actor.fired_known_at, None
    if took > BEHIND_NOTHING and not actor.frozen_ever:
        observer.blame("behind no hook", f"{actor.name} took {took:.1f} s to roll back")


def alarms_are_read_meanwhile(observer: Observer, actor: Actor, request: Request) -> None:
    """A hook that hangs never delays what an alarm says by more than the poll."""
    if request.operation != "DescribeAlarms":
        return
    under_way = {id(each.request) for each in actor.asked if each.said is None and not each.lost}
    both = under_way & actor.under_way_at_read
    gap = observer.now - actor.alarms_asked_at
    poll = seconds(actor.spec.inputs.poll_interval)
    if both and actor.reached and gap > poll + LONGEST_CALLS and not actor.frozen_ever:
        observer.blame("reads alarms meanwhile", f"{actor.name} read none for {gap:.1f} s")
    actor.under_way_at_read, actor.alarms_asked_at = under_way, observer.now


# For a step ------------------------------------------------------------------------------------


def hooks_not_passed(actor: Actor, planned_end: float) -> tuple[str | None, float]:
    """Why the hooks of an actor's present step have not let it pass, None if they have; and when they did."""
    at_the_end = max(actor.reached.values(), default=None) == HUNDRED
    stages = [HookStage.EACH_STEP, *([HookStage.AFTER_TRAFFIC] if at_the_end else [])]
    timeout, last = seconds(actor.spec.inputs.evidence_timeout), planned_end
    for stage in stages:
        for hook in actor.spec.inputs.hooks_of(stage):
            calls = [c for c in actor.asked if c.hook == hook and c.at >= planned_end]
            if any(each.said == "no" for each in calls):
                return f"{hook} said no", last
            yes = [each for each in calls if each.said == "yes"]
            if not yes:
                return f"{hook} has not said yes", last
            # Numbers have their time to come before evidence-timeout begins.
            on_their_way = DATA_DELAY if actor.numbers is not None else 0.0
            limit = planned_end + on_their_way + timeout + LONGEST_CALLS
            # A step with a range is planned to end within it, and not at the earliest moment that counts here.
            is_planned = not actor.spec.plan.may_end_early
            on_time = actor.frozen_ever or not all(each.late_for(limit) for each in yes)
            if is_planned and not on_time:
                return f"{hook} said yes too late", last
            last = max(last, *(each.said_at for each in yes))
    return None, last
