"""Whether a step was watched to its end with nothing found, by what an actor can know (promises 3 and 4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from lambda_rollout.alias.aws_clock import NEAR
from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.choices import AlarmAtStart, InsufficientData, Mode
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import seconds
from sandbox.aws.request import Request
from tests.simulation.numbers import numbers_not_passed
from tests.simulation.observer import Actor, Observer
from tests.simulation.rules_hooks import hooks_not_passed
from tests.simulation.rules_requests import holds_still

BLUR = 0.001
"""Seconds: timelines are added up in floating point."""

LONGEST_CALLS = 30.0
"""Seconds that a watcher's other calls can take between two looks, when each of them hangs."""


def never_blind(observer: Observer, actor: Actor, request: Request) -> None:
    """2, 4: the alias is asked for once a minute, and who cannot see alias or alarms for a minute goes back."""
    now = observer.now
    if request.operation == "GetAlias":
        actor.looks_sent[request.function] = now
    if request.operation in {"UpdateAlias", "PublishVersion"} or not _is_watching(actor):
        return
    poll = seconds(actor.spec.inputs.poll_interval)
    for function in actor.reached:
        began = max(actor.since.get(function, now), actor.forward_at)
        asked = max(began, actor.looks_sent.get(function, -1.0))
        if now - asked > 60 + LONGEST_CALLS:
            observer.blame("looks once a minute", f"{actor.name} left {function} for {now - asked}")
        seen = max(began, actor.aliases_read_at.get(function, -1.0))
        if now - seen > 120 + LONGEST_CALLS:
            observer.blame("never blind", f"{actor.name} saw {function} {now - seen} s ago")
    if actor.spec.inputs.alarms:
        blind = now - max(actor.forward_at, actor.alarms_read_at)
        if blind > 60 + poll + LONGEST_CALLS:
            observer.blame("never blind", f"{actor.name} saw the alarms {blind} s ago")
        for name, since in actor.broken_since.items():
            blind = now - max(actor.forward_at, since)
            if blind > 60 + poll + LONGEST_CALLS:
                observer.blame("never blind", f"{actor.name} let {name} be broken for {blind} s")


def fit_at_start(observer: Observer, actor: Actor) -> None:
    """alarm-at-start: nothing is shifted while an alarm is on, or not evaluated, unless that is to be ignored."""
    if actor.spec.inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK or actor.reached:
        return
    on = {name for name, state in actor.states.items() if state == "ALARM"}
    if unfit := on | actor.not_evaluated:
        observer.blame("fit at the start", f"{actor.name} shifts in spite of {sorted(unfit)}")


def _is_watching(actor: Actor) -> bool:
    if actor.role == "post" or actor.frozen_ever or actor.settling_since is not None:
        return False
    # Whoever has found a conflict looks before it writes, for as long as that takes.
    goes_forward = bool(actor.saved_states) and actor.saved_states[-1].phase is Phase.MOVING
    return bool(actor.reached) and goes_forward and actor.finished is None


def not_passed(actor: Actor) -> str | None:
    """3, 4: why an actor's present step has not been passed by what it can know; None if it has."""
    seconds = _watch_of(actor)
    functions = list(actor.reached)
    missing = [f for f in functions if f not in actor.since]
    if missing:
        return f"{missing} never was at that weight"
    if not functions:
        return None
    began = max(actor.since[f] for f in functions)
    end = began + seconds - BLUR
    if holds_still(actor, max(actor.reached.values())):
        return "it holds, and nobody has said to go on"
    if actor.asked_at is not None:
        end = min(end, max(began, actor.asked_at) - BLUR)
    if actor.suspended_for:
        return None
    why, end = hooks_not_passed(actor, end)
    why = why or _numbers_not_passed(actor)
    if why is not None:
        return why
    # A step that lacked something has its last second later.
    end = max(end, actor.lacked_at)
    why = _alarms_not_passed(actor, end) if actor.spec.inputs.alarms else None
    if why is not None:
        return why
    for function in functions:
        if actor.aliases_read_at.get(function, -1.0) < end:
            return f"{function} was not looked at after the step's end"
    return None


def _numbers_not_passed(actor: Actor) -> str | None:
    """Whether the guards can have held, in a split step. Whose AWS clock is in doubt has other minutes."""
    split = max(actor.reached.values(), default=HUNDRED) < HUNDRED
    in_doubt = actor.misdated or abs(actor.fate.skew) > NEAR
    if actor.numbers is None or not split or in_doubt:
        return None
    base = next(
        (actor.bases[function] for function in actor.reached if function in actor.bases), ""
    )
    since = max(actor.since[function] for function in actor.reached)
    watched = max(actor.aliases_read_at.values(), default=since) - since
    step = _step_of(actor)
    if actor.asked_at is not None:
        # By a request it ends early with whatever is enough at a step's planned end.
        step = Step(step.percent, timedelta(0))
    return numbers_not_passed(actor.numbers, step, watched, base)


def _alarms_not_passed(actor: Actor, end: float) -> str | None:
    if actor.alarms_read_at < end:
        return f"alarms last read {end - actor.alarms_read_at:.2f} s before the step's end"
    if actor.fired_at_read:
        return f"{sorted(actor.fired_at_read)} fired"
    if set(actor.states) != {alarm.text for alarm in actor.spec.inputs.alarms}:
        return "an alarm is missing"
    if idle := actor.not_evaluated & actor.known_to_count:
        return f"{sorted(idle)} are not evaluated"
    strict = actor.spec.inputs.insufficient_data is InsufficientData.FAIL
    if strict and "INSUFFICIENT_DATA" in actor.states.values():
        return "insufficient data"
    return None


def _watch_of(actor: Actor) -> float:
    """Seconds that the weight last sent is to be watched."""
    percent = max(actor.reached.values(), default=Decimal())
    if percent == HUNDRED and actor.spec.plan.promotion is None:
        # A schedule that ends with `hold`, and was told to go on.
        return actor.spec.promotion_watch.total_seconds()
    step = _step_of(actor)
    return (step.watch if step.earliest is None else step.earliest).total_seconds()


def _step_of(actor: Actor) -> Step:
    percent = max(actor.reached.values(), default=Decimal())
    steps = actor.spec.plan.steps
    return next((step for step in steps if step.percent >= percent), steps[-1])


def weight_after(actor: Actor, last: Decimal | None) -> Decimal | None:
    if actor.spec.inputs.mode is Mode.PROMOTE:
        return HUNDRED
    return next((s.percent for s in actor.spec.plan.steps if s.percent > (last or 0)), None)
