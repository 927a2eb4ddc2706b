"""Getting a version that can really serve: publish ``$LATEST`` or take a published one, then wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.version import (
    NeverReady,
    Ready,
    VersionState,
    Waiting,
    changed_settings,
    readiness,
    scale_up_command,
    wake_command,
)
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.package import CodeStorage, Package, Zip
from lambda_rollout.preflight.facts import LATEST
from lambda_rollout.rollout.events import (
    VersionPublished,
    VersionReady,
    VersionTaken,
    VersionWaited,
    Warned,
)
from lambda_rollout.rollout.expiry import raise_if_ending
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.versions_seen import NOTHING_SEEN, VersionsSeen
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    CredentialsExpired,
    NotFound,
    Refused,
    RevisionMismatch,
    RolloutError,
    Unanswered,
    is_throttled,
)
from lambda_rollout.runtime.remedies import remedy_for_reason
from lambda_rollout.runtime.retry import THROTTLED_FOR, raise_if_stopped, retrying

READY_LIMIT = 1_600.0
"""Seconds for a version to become ready: as long as botocore's waiter PublishedVersionActive, 26 minutes."""

UPDATE_LIMIT = 300.0
"""Seconds for an update of ``$LATEST`` to end: as long as botocore's waiter FunctionUpdatedV2."""

READABLE_LIMIT = 60.0
"""Seconds for a version that was just published to become readable."""

PAUSE = 2.0


def read_storage(
    target: Target, spec: RolloutSpec, ports: Ports, seen: VersionsSeen = NOTHING_SEEN
) -> CodeStorage | None:
    """Return how the function's code is kept, if it is to be uploaded; ``seen`` may know.

    Raises `RolloutError` if ``package`` cannot be kept like that: before anything is changed.
    """
    package = spec.packages.get(target.function)
    if package is None:
        return None
    storage = seen.storages.get(target) or retrying(ports.clock, ports.stop)(
        ports.versions.storage, target
    )
    if wanted := storage.wants(package):
        raise RolloutError(
            f"the code of {target.name} is kept by reference (S3ObjectStorageMode REFERENCE), and this `package` cannot be kept like that.",
            f"Give `package` as {wanted}",
        )
    return storage


def choose(
    target: Target,
    previous: str | None,
    spec: RolloutSpec,
    ports: Ports,
    seen: VersionsSeen = NOTHING_SEEN,
) -> str:
    """Return the number of the version to roll out, publishing ``$LATEST`` if none was named.

    ``seen`` is what was read before, and is not read again.

    AWS answers with the newest version if nothing has changed since; it then ignores the description
    (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
    """
    named = spec.version_number(target) or version_of_alias(target, spec, ports)
    if named is not None:
        if seen.state(target, named, ports) is None:
            check_exists(
                target,
                named,
                ports,
                "Name a published version in `version`, or leave it empty to publish $LATEST.",
            )
        ports.emit(VersionTaken(target=target, version=named, previous=previous))
        return named
    package = spec.packages.get(target.function)
    latest = _settled_latest(
        target, ports, seen.state(target, LATEST, ports), replaced=package is not None
    )
    code_sha256 = latest.code_sha256
    kept = read_storage(target, spec, ports, seen)
    if package is not None and kept is not None:
        code_sha256 = retrying(ports.clock, ports.stop, UPDATE_LIMIT)(
            _upload_once, target, package, latest.architectures, kept, ports
        )
        if _settled_latest(target, ports).code_sha256 != code_sha256:
            raise _overtaken(target)
    # The code's hash and not $LATEST's RevisionId: that one changes when an update completes, without anybody
    # having changed anything. With it AWS refuses to publish what somebody else put there meanwhile. Published once
    # more, what is unchanged is the same version: so whatever may have had its effect is asked for again.
    unsettled = (Busy, Unanswered, RevisionMismatch, CredentialsExpired)
    patient = retrying(ports.clock, ports.stop, UPDATE_LIMIT, unsettled)
    try:
        version = patient(ports.versions.publish, target, spec.inputs.description, code_sha256)
    except Refused as error:
        if check_latest(target, ports).code_sha256 != code_sha256:
            raise _overtaken(target) from error
        raise
    ports.emit(VersionPublished(target=target, version=version, previous=previous))
    return version


def check_version(
    target: Target,
    previous: str | None,
    spec: RolloutSpec,
    ports: Ports,
    seen: VersionsSeen = NOTHING_SEEN,
) -> None:
    """Check what can be known of the version without publishing one, for ``mode: plan``. Raises as `choose`."""
    if spec.publishes:
        latest = seen.state(target, LATEST, ports)
        check_latest(target, ports, latest, replaced=target.function in spec.packages)
    else:
        choose(target, previous, spec, ports, seen)


def _upload_once(
    target: Target,
    package: Package,
    architectures: Sequence[str],
    storage: CodeStorage,
    ports: Ports,
) -> str:
    """Upload; what was not confirmed is there all the same if ``$LATEST`` has the very bytes.

    Of another kind of package that cannot be seen: it is uploaded again, which changes nothing more.
    """
    try:
        return ports.versions.upload(target, package, architectures, storage)
    except CallFailed as error:
        if not (error.may_have_effect and isinstance(package, Zip)):
            raise
        # Whatever became of the update before this one.
        if _read_latest(target, ports).code_sha256 != package.code_sha256:
            raise
        return package.code_sha256


def _overtaken(target: Target) -> RolloutError:
    return RolloutError(
        f"somebody else updated the code of {target.name} before it was published.",
        "Let only one deployment at a time update the function, and start again.",
    )


def version_of_alias(target: Target, spec: RolloutSpec, ports: Ports) -> str | None:
    """Return the version that ``version: alias:NAME`` points at; None if that is not what was asked for."""
    if spec.version_alias is None:
        return None
    source = Target(target.function, spec.version_alias)
    remedy = "In `version: alias:NAME`, name an alias that sends 100% to one published version."
    try:
        alias = retrying(ports.clock, ports.stop)(ports.aliases.read, source)
    except NotFound as error:
        raise RolloutError(f"there is no alias {source}.", remedy) from error
    _, record = lease.parse(alias.description)
    if record is not None and lease.agrees(record, alias.routing):
        raise RolloutError(f"{source} is in the middle of a rollout: {alias.routing}.", remedy)
    if not alias.shown.is_unsplit or not alias.routing.version.isdecimal():
        raise RolloutError(
            f"{source} does not send 100% to one published version: {alias.shown}.", remedy
        )
    return alias.routing.version


def check_exists(target: Target, version: str, ports: Ports, remedy: str) -> VersionState:
    """Read a published version. Raises `RolloutError`, with this remedy, if there is none of that number."""
    try:
        return retrying(ports.clock, ports.stop)(ports.versions.read, target, version)
    except NotFound as error:
        raise RolloutError(
            f"function {target.name} has no version {version}: {error.message}", remedy
        ) from error


def check_can_serve(target: Target, version: str, spec: RolloutSpec, ports: Ports) -> None:
    """Raises `RolloutError` if there is no such version, or if it can never serve; an idle one wakes by itself."""
    ready = readiness(
        check_exists(target, version, ports, "Name a published version in `version`.")
    )
    if isinstance(ready, NeverReady) and not ready.idle:
        remedy = way_to_serve(ready, target, version, spec) if ready.scaled_down else ""
        raise RolloutError(f"version {version} of {target.name} cannot serve: {ready.why}", remedy)


def check_latest(
    target: Target, ports: Ports, latest: VersionState | None = None, *, replaced: bool = False
) -> VersionState:
    """Read ``$LATEST``, or look at what was read of it. Raises `RolloutError` if its last update failed.

    What is there then is not what was meant. With ``replaced`` it may have failed: code is uploaded over it, which is
    how a function leaves that state.
    """
    latest = latest or _read_latest(target, ports)
    if not replaced:
        _refuse_failed(target, latest)
    return latest


def _read_latest(target: Target, ports: Ports) -> VersionState:
    return retrying(ports.clock, ports.stop)(ports.versions.latest, target)


def _is_settled(latest: VersionState) -> bool:
    return latest.last_update != "InProgress" and latest.state != "Pending"


def _has_failed(latest: VersionState) -> bool:
    return "Failed" in {latest.last_update, latest.state}


def _refuse_failed(target: Target, latest: VersionState) -> None:
    if _has_failed(latest):
        why = latest.last_update_reason or latest.state_reason or "no reason given"
        raise RolloutError(
            f"the last update of {target.name} failed: {why}",
            remedy_for_reason(why)
            or "Deploy the code again, or upload it with `package`; then start again.",
        )


def _settled_latest(
    target: Target, ports: Ports, seen: VersionState | None = None, *, replaced: bool = False
) -> VersionState:
    """Return ``$LATEST`` when no update of it is in progress: as it was ``seen``, if it was so then."""
    end = ports.clock.monotonic() + UPDATE_LIMIT
    if seen is not None and _is_settled(seen) and not _has_failed(seen):
        return seen
    while True:
        latest = _read_latest(target, ports)
        if _is_settled(latest):
            if not replaced:
                _refuse_failed(target, latest)
            return latest
        if ports.clock.monotonic() >= end:
            raise RolloutError(
                f"an update of {target.name} is still in progress.", "Start again when it is done."
            )
        ports.clock.wait(PAUSE, ports.stop)
        raise_if_stopped(ports.stop)


def await_ready(
    target: Target, version: str, spec: RolloutSpec, ports: Ports, seen: VersionsSeen = NOTHING_SEEN
) -> VersionState:
    """Return its state once the version can serve, which may have been ``seen`` before.

    Raises `RolloutError` with AWS's reason if it never will.
    """
    before = seen.state(target, version, ports)
    if before is not None and readiness(before) == Ready():
        ports.emit(VersionReady(target=target, version=version))
        return before
    state = _await_ready(target, version, spec, ports)
    _say_if_reconfigured(target, version, seen.states.get((target, LATEST)), state, ports)
    return state


def _say_if_reconfigured(
    target: Target, version: str, latest: VersionState | None, state: VersionState, ports: Ports
) -> None:
    """Say what the preflight has not looked at: the code's hash does not tell of another configuration."""
    if latest is None or not (changed := changed_settings(latest, state)):
        return
    text = (
        f"Somebody changed the configuration of {target.name} while this run was publishing it: version {version} has "
        f"another {', '.join(changed)} than what the preflight looked at."
    )
    ports.emit(Warned(text=text))


def _await_ready(target: Target, version: str, spec: RolloutSpec, ports: Ports) -> VersionState:
    began = ports.clock.monotonic()
    told = ""
    while True:
        raise_if_stopped(ports.stop)
        raise_if_ending(ports)
        elapsed = ports.clock.monotonic() - began
        state, ready = _readiness(target, version, ports, elapsed)
        match ready:
            case Ready():
                ports.emit(VersionReady(target=target, version=version))
                return state
            case NeverReady() as never:
                raise RolloutError(
                    f"version {version} of {target.name} cannot serve: {never.why}",
                    way_to_serve(never, target, version, spec),
                )
            case Waiting(why):
                if why not in {"", told}:
                    told = why
                    ports.emit(VersionWaited(target=target, version=version, state=why))
                if elapsed >= READY_LIMIT:
                    raise RolloutError(
                        f"version {version} of {target.name} is still not ready after "
                        f"{readable_duration(timedelta(seconds=elapsed))}: {why}",
                        "Look at it in the console.",
                    )
        ports.clock.wait(PAUSE, ports.stop)


def way_to_serve(never: NeverReady, target: Target, version: str, spec: RolloutSpec) -> str:
    """Say what lets a version serve that cannot by itself."""
    if never.idle:
        command = wake_command(target.function, version, spec.inputs.region)
        return f"Wake it, and start again when it is Active: {command}"
    if never.scaled_down:
        command = scale_up_command(target.function, version, spec.inputs.region)
        return f"Scale it up, and start again when it is Active: {command}"
    return remedy_for_reason(never.why) or "Fix it and publish again."


def _readiness(
    target: Target, version: str, ports: Ports, elapsed: float
) -> tuple[VersionState, Ready | Waiting | NeverReady]:
    try:
        state = ports.versions.read(target, version)
    except (Busy, Unanswered) as error:
        if elapsed >= READY_LIMIT:
            raise
        # Of a hundred versions AWS has no time for some: that says nothing of them.
        is_quiet = is_throttled(error) and elapsed < THROTTLED_FOR
        return VersionState(), Waiting("" if is_quiet else f"not readable: {error.code}")
    except NotFound:
        if elapsed >= READABLE_LIMIT:
            raise
        return VersionState(), Waiting("not readable yet")
    return state, readiness(state)
