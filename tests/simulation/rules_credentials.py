"""Credentials that cannot be renewed end a rollout while that can still be signed (docs/trouble.md)."""

from __future__ import annotations

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.choices import OnCancel
from lambda_rollout.rollout.events import Finished, Warned
from tests.simulation.observer import Actor, Observer, Write

LONGEST_TRY = 75.0
"""Seconds from a process's last look at its credentials until its forward write is sent, when calls before it hang."""

LONGEST_SILENCE = 150.0
"""Seconds for which a process may not have looked at its credentials: a call of each kind may hang meanwhile."""


def no_weight_while_unrenewed(observer: Observer, actor: Actor, write: Write) -> None:
    """No forward write while the renewal fails: with each, more would have to go back."""
    since = actor.unrenewed_since
    if (
        since is None
        or actor.frozen_ever
        or write.percent <= max(actor.reached.values(), default=0)
    ):
        return
    # A look at the credentials, then the last reads of a step, then the write.
    quick = 1.0 + 2 * actor.fate.latency
    if observer.now - since > (quick if observer.is_calm else LONGEST_TRY):
        observer.blame("no weight while unrenewed", f"{actor.name} went to {write.percent}%")


def in_order_at_their_end(observer: Observer, actor: Actor) -> None:
    """With a role an alias is never split when its credentials end, unless it was to be held."""
    if not actor.alive or actor.finished is not None or actor.frozen_ever or not actor.reached:
        return
    observer.seen["credentials end"] += 1
    if actor.settling_since is None and not _is_anothers(observer, actor):
        observer.blame("in order at their end", f"{actor.name} did not even try")
    if not observer.is_calm:
        return
    for function in actor.touched:
        shown = observer.show(function)
        if shown is not None and shown.ours is not None and not shown.ours.held:
            observer.blame("in order at their end", f"{actor.name} left {shown}")


def _is_anothers(observer: Observer, actor: Actor) -> bool:
    """Whether somebody else has written meanwhile: then it looks before it settles, for as long as that takes."""
    return any(observer.truths[each].edited or observer.truths[each].gone for each in actor.reached)


def told_that_it_fails(observer: Observer, actor: Actor, finished: Finished) -> None:
    """The first failed renewal is told; and how a rollout ended for it."""
    since, texts = actor.unrenewed_since, [e.text for e in actor.events if isinstance(e, Warned)]
    if "the AWS credentials end in" in finished.reason:
        reached = max(actor.reached.values(), default=0)
        where = "a split" if 0 < reached < HUNDRED else f"{reached}%"
        observer.seen[f"credentials at {where}: {finished.result}"] += 1
        held = str(finished.result) == "held"
        if held and actor.spec.inputs.on_cancel is not OnCancel.HOLD:
            observer.blame("held only if asked", f"{actor.name}: {finished.reason}")
    if since is None or actor.frozen_ever or not actor.reached or not observer.is_calm:
        return
    told = any("could not be renewed" in text for text in texts)
    if (actor.settling_since or observer.now) - since > LONGEST_SILENCE and not told:
        observer.blame("a failed renewal is told", f"{actor.name} said nothing of it")
