"""The smoke test: the new version is invoked with a payload before it gets any traffic.

An invocation cannot be taken back and may have effects, so it is made again only where AWS says that nothing ran yet.
Of one that was not answered nobody knows: it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.errors.model import LoggedError
from lambda_rollout.analysis.invocation import Invocation, InvocationLimits
from lambda_rollout.analysis.smoke import failure, not_testable
from lambda_rollout.rollout.events import SmokeTested, SmokeTestStarted, Warned
from lambda_rollout.rollout.ports import Invocations, Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.background import pending
from lambda_rollout.runtime.errors import Busy, CallFailed, NotFound, RolloutError, Unanswered
from lambda_rollout.runtime.retry import FORWARD_LIMIT, raise_if_stopped, retrying

ANSWER_MARGIN = 30.0
"""Seconds that an answer may take longer than the function may run: it is initialized before, and the way takes time.

"The Init phase is limited to 10 seconds", and is repeated if it takes longer
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
"""


@dataclass(frozen=True, slots=True)
class ReadyVersion:
    """A version that is ready to serve."""

    target: Target
    version: str
    limits: InvocationLimits


@dataclass(frozen=True, slots=True)
class _Outcome:
    tested: ReadyVersion
    why: str = ""
    """Empty if it passed."""
    remedy: str = ""


def smoke_test(versions: Sequence[ReadyVersion], spec: RolloutSpec, ports: Ports) -> None:
    """Invoke all versions that have a smoke test, at once, and tell what came of each.

    Raises `RolloutError` if one did not pass, when all are over, and `Cancelled` on stop, without waiting for them.
    """
    tested = [each for each in versions if each.target.function in spec.payloads]
    if not tested:
        return
    invocations = ports.invocations
    if invocations is None:
        # Never as if it had passed.
        raise ValueError("a smoke test, and nothing to invoke with")
    outcomes = ports.parallel(lambda each: _test(each, spec, ports, invocations), tested)
    failed = [outcome for outcome in outcomes if outcome.why]
    if failed:
        reasons = (f"{_named(each.tested)}: {each.why}" for each in failed)
        remedy = next((each.remedy for each in failed if each.remedy), "")
        raise RolloutError(
            f"the smoke test failed: {'; '.join(reasons)}", remedy or _remedy(failed)
        )


def _named(tested: ReadyVersion) -> str:
    return f"version {tested.version} of {tested.target.name}"


def _remedy(failed: Sequence[_Outcome]) -> str:
    versions = "That version stays" if len(failed) == 1 else "Those versions stay"
    return f"{versions} published, without traffic. Fix the cause, and start again."


def _test(
    tested: ReadyVersion, spec: RolloutSpec, ports: Ports, invocations: Invocations
) -> _Outcome:
    why, remedy = not_testable(tested.limits)
    log: tuple[str, ...] = ()
    if not why:
        ports.emit(SmokeTestStarted(target=tested.target, version=tested.version))
        payload = spec.payloads[tested.target.function]
        try:
            answer = retrying(ports.clock, ports.stop, FORWARD_LIMIT, (Busy, NotFound))(
                _invoke, tested, payload, ports, invocations
            )
        except CallFailed as error:
            why, remedy = _not_invoked(error), error.remedy
        else:
            why = failure(answer, tested.version, spec.inputs.smoke_expect)
            log = tuple(answer.log_tail.splitlines()) if why else ()
    ports.emit(
        SmokeTested(
            target=tested.target,
            version=tested.version,
            passed=not why,
            why=why,
            log=log,
            error=_error_in(log),
        )
    )
    return _Outcome(tested, why, remedy)


def _error_in(log: tuple[str, ...]) -> LoggedError | None:
    if not log:
        return None
    # What only a failure needs is not imported at the start.
    from lambda_rollout.analysis.errors.read import error_in_tail

    return error_in_tail(log)


def _invoke(
    tested: ReadyVersion, payload: bytes, ports: Ports, invocations: Invocations
) -> Invocation:
    """Invoke once, and listen to stop meanwhile. Raises `Cancelled` then, and leaves the invocation to itself."""
    raise_if_stopped(ports.stop)
    target, version = tested.target, tested.version
    patience = tested.limits.longest + ANSWER_MARGIN

    def call() -> Invocation:
        return invocations.invoke(target.function, version, payload, patience)

    with pending(ports.background(), ports.stop, call) as answer:
        # It ends by itself, and in time: the call has a deadline.
        while not answer.wait(ports.clock, patience):
            if ports.stop.requested:
                text = (
                    f"The smoke test of {_named(tested)} was under way. An invocation cannot be taken back: it may "
                    "still run."
                )
                ports.emit(Warned(text=text))
            raise_if_stopped(ports.stop)
        return answer.result()


def _not_invoked(error: CallFailed) -> str:
    if isinstance(error, Unanswered):
        return (
            f"outcome unknown: {error.brief}. It is not invoked again, because what the payload asks for may have been "
            "done"
        )
    return f"it could not be invoked: {error.brief}"
