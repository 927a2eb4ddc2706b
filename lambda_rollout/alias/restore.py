"""Several aliases made whole, or held, at once: one write each first, and again until each is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenacity import Retrying, retry_if_result

from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Routing
from lambda_rollout.alias.settlement import Settlement, Unsettled, VersionGone
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.runtime.clock import Clock
from lambda_rollout.runtime.errors import CallFailed, NotFound
from lambda_rollout.runtime.parallel import Parallel, one_by_one
from lambda_rollout.runtime.retry import PAUSES, SETTLE_LIMIT, stop_after


@dataclass(frozen=True, slots=True)
class DesiredState:
    """How an alias is to be left: on one version without a record, or held with one."""

    writer: AliasWriter
    routing: Routing
    record: Record | None = None


def restore(
    desired_states: Sequence[DesiredState],
    clock: Clock,
    tell: Callable[[DesiredState, CallFailed], None] = lambda _desired, _why: None,
    seconds: float = SETTLE_LIMIT,
    parallel: Parallel = one_by_one,
    missing: Callable[[DesiredState], str] = lambda _desired: "",
    done: Callable[[DesiredState, Settlement], None] = lambda _desired, _how: None,
) -> list[Settlement]:
    """Put every alias into its desired state, or say for each why not; in the order of ``desired_states``.

    One UpdateAlias for each comes before any other call. Those that are not confirmed are tried again, in
    rounds, for ``seconds``, or until nothing but expired credentials was the answer for a while. It listens
    to no stop: a second signal must not spoil what the first began. ``tell`` hears of each try that was not
    confirmed, between two rounds. ``missing`` names a version of one that AWS proves to have no more, or
    nothing; it is asked only where AWS found something missing twice, and the alias in between. ``done`` hears
    of each that needs no more tries, between two rounds: the others may hang for minutes.
    """
    settlements: dict[int, Settlement] = {}

    def one_try(index: int) -> Settlement:
        desired, before = desired_states[index], settlements.get(index)
        settlement = desired.writer.restore_once(desired.routing, desired.record)
        if _not_found(before) and _not_found(settlement) and (version := missing(desired)):
            return VersionGone(version)
        return settlement

    def one_round() -> list[CallFailed]:
        is_open = [
            i
            for i in range(len(desired_states))
            if isinstance(settlements.get(i), Unsettled | None)
        ]
        # A look that one of them needs must not come before the others' writes.
        is_open.sort(key=lambda index: desired_states[index].writer.looks_first)
        settlements.update(zip(is_open, parallel(one_try, is_open), strict=True))
        failures = []
        for index in is_open:
            if not isinstance(settlements[index], Unsettled):
                done(desired_states[index], settlements[index])
        for index, settlement in settlements.items():
            if isinstance(settlement, Unsettled):
                failures.append(settlement.why)
                tell(desired_states[index], settlement.why)
        return failures

    Retrying(
        sleep=lambda length: clock.wait(length, None),
        stop=stop_after(clock, seconds),
        wait=PAUSES,
        retry=retry_if_result(bool),
        retry_error_callback=lambda _: [],
    )(one_round)
    return [settlements[index] for index in range(len(desired_states))]


def _not_found(settlement: Settlement | None) -> bool:
    return isinstance(settlement, Unsettled) and isinstance(settlement.why, NotFound)
