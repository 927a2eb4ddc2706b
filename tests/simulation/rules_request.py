"""`mode: promote` on a rollout that is still running: a word in its record, and nothing else changes."""

from __future__ import annotations

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import Finished, Result, RolloutRunning
from tests.simulation.observer import Actor, Observer, Shown


def changes_only_the_word(observer: Observer, actor: Actor, before: Shown, after: Shown) -> None:
    """Nobody but the owner writes a routing, or says since when or until when it is at work."""
    asked = lease.with_request(before.description) == lease.with_request(after.description)
    if before.ours is None or before.routing != after.routing or not asked:
        observer.blame("changes only the word", f"{actor.name} made {after} of {before}")


def requested_only_if_it_went(observer: Observer, actor: Actor, finished: Finished) -> None:
    """Outputs: `requested` is a rollout that went to 100%."""
    if finished.result is not Result.REQUESTED:
        return
    for event in actor.events:
        if isinstance(event, RolloutRunning):
            whole = Routing.all_on(event.version)
            if whole not in observer.truths[event.target.function].routings:
                observer.blame("requested if it went", f"{actor.name}: {event.target} never did")


def asks_another(actor: Actor) -> bool:
    """Whether it has found a running rollout to ask: that one tells of it on the pull request."""
    return any(isinstance(event, RolloutRunning) for event in actor.events)
