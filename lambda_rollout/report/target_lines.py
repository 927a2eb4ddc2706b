"""What became of each function, its versions and its alias, as lines for the log. Pure, and not escaped yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lambda_rollout.report.errors import in_short
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.verdict import executions_left, last_live
from lambda_rollout.report.wording import share, traffic
from lambda_rollout.rollout import events as e


def told_of_target(event: e.Event, story: RolloutState) -> Iterator[str]:
    """Say what became of one target; nothing if the event is of none."""
    match event:
        case e.WeightShifted():
            now = story.targets[event.target].routing
            yield f"{event.target} now sends {traffic(now) if now else share(event.percent)}"
        case e.RolledBack() | e.TakenBack():
            yield _back(event)
        case e.ExecutionsLeft():
            yield from executions_left(event)
        case e.Held():
            yield f"{event.target} is held at {share(event.percent)} on version {event.version}"
        case e.RecordCleared():
            yield f"{event.target}: record removed, description restored"
        case e.PreviousAliasSet() | e.PreviousAliasFound():
            yield _told_of_previous(event)
        case e.DeploymentChanged():
            yield _deployment_changed(event)
        case e.AbandonedFound():
            run = f" ({event.run_url})" if event.run_url else ""
            yield f"{event.target} was left by a run that died{run}: {event.record}"
        case e.Restored():
            yield (
                f"{event.target} sends 100% to version {event.version} again; "
                f"version {event.from_version} of the run that died gets no traffic"
            )
        case _:
            yield from _told_of_alias(event, story)


def _back(event: e.RolledBack | e.TakenBack) -> str:
    by = "was taken back by somebody else: it " if isinstance(event, e.TakenBack) else ""
    return f"{event.target} {by}sends 100% to version {event.version} again"


def _told_of_previous(event: e.PreviousAliasSet | e.PreviousAliasFound) -> str:
    kept = replace(event.target, alias=event.alias)
    match event:
        case e.PreviousAliasSet():
            return f"{kept} points at version {event.version}, to go back to"
        case e.PreviousAliasFound():
            return f"{kept} keeps the way back. {last_live(event)}"


def _told_of_alias(event: e.Event, story: RolloutState) -> Iterator[str]:
    match event:
        case e.AliasFound():
            yield f"{event.target} sends {traffic(event.routing)}"
        case e.AliasMissing():
            then = "" if story.mode == "publish" else " and will be created"
            yield f"{event.target} does not exist yet{then}"
        case e.AliasCreated():
            yield f"{event.target} created, sends 100% to version {event.version}"
        case e.AlreadyThere():
            yield f"{event.target} already sends 100% to version {event.version}"
        case _:
            yield from _told_of_version(event)


def _told_of_version(event: e.Event) -> Iterator[str]:
    match event:
        case e.VersionPublished(target=target, version=version):
            same = version == event.previous
            words = (
                f"no changes since version {version}" if same else f"version {version} published"
            )
            yield f"{target.name}: {words}"
        case e.VersionTaken():
            yield f"{event.target.name}: using version {event.version} (already published)"
        case e.VersionWaited():
            yield f"{event.target.name}: version {event.version} is not ready yet: {event.state}"
        case e.VersionReady():
            yield f"{event.target.name}: version {event.version} is ready"
        case e.SmokeTestStarted():
            yield f"{event.target.name}: invoking version {event.version} for its smoke test"
        case e.SmokeTested():
            verdict = "passed its smoke test" if event.passed else "did not pass its smoke test: "
            yield f"{event.target.name}: version {event.version} {verdict}{event.why}"
            if event.error is not None:
                yield f"{event.target.name}: its log tells of {in_short(event.error)}"


def _deployment_changed(event: e.DeploymentChanged) -> str:
    events = ", ".join(f"{name} {status}" for name, status in event.lifecycle)
    back = f", which rolls back {event.rolls_back}," if event.rolls_back else ""
    more = f": {events}" if events else ""
    return f"CodeDeploy deployment {event.deployment}{back} is {event.status}{more}"
