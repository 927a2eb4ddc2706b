"""The smoke test: no traffic before a version has passed it, and nothing that may have run is invoked again."""

from __future__ import annotations

from lambda_rollout.inputs.choices import Mode
from sandbox.aws.request import Request
from tests.simulation.observer import Actor, Observer, Tested, Write


def tested(observer: Observer, actor: Actor, request: Request) -> None:
    """Judge an Invoke of a version before anything runs."""
    function, version = request.function, request.params.get("Qualifier", "")
    observer.seen["smoke test"] += 1
    if actor.spec.inputs.mode is not Mode.ROLLOUT or function not in actor.spec.payloads:
        observer.blame("tests what it is to", f"{actor.name} invoked {function}:{version}")
    if not version.isdecimal():
        observer.blame("tests what it is to", f"{actor.name} invoked {function}:{version}")
    if any(each.became != "not run" for each in actor.tested if each.function == function):
        observer.blame("never invoked blindly again", f"{actor.name} invoked {function} again")
    actor.tested.append(Tested(request, function, version))


def no_traffic_before_its_smoke_test(observer: Observer, actor: Actor, write: Write) -> None:
    """No first forward write before the versions of all functions that it tests have passed."""
    if write.kind != "forward" or actor.reached or actor.spec.inputs.mode is not Mode.ROLLOUT:
        return
    if actor.role == "post" or actor.left_for_it or write.record is None:
        return
    passed = {(each.function, each.version) for each in actor.tested if each.became == "yes"}
    if write.function in actor.spec.payloads and (write.function, write.record.new) not in passed:
        observer.blame("tested before traffic", f"{actor.name} shifts {write.function} untested")
    for each in actor.tested:
        if (each.function, each.version) not in passed:
            observer.blame(
                "tested before traffic", f"{actor.name} shifts though {each.function} failed"
            )
