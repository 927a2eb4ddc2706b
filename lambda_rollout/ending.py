"""The ways out of a rollout: go back, hold, let go. Each settles first and talks after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lambda_rollout.choices import OnCancel
from lambda_rollout.errors import CallFailed, RolloutError
from lambda_rollout.events import AliasLeft, Finished, Held, Released, Result, RolledBack, Warned
from lambda_rollout.handover import Charge, Handover, Phase
from lambda_rollout.judge import AlarmReading
from lambda_rollout.order import Order, Parts
from lambda_rollout.routing import Routing, Target
from lambda_rollout.traffic import (
    Foreign,
    Gone,
    Settled,
    Settlement,
    Traffic,
    Unsettled,
    Wish,
    settle,
)


@dataclass(frozen=True, slots=True)
class _Charge:
    traffic: Traffic
    new: str


class Ending:
    """Knows every alias the rollout is in charge of, and how to leave it."""

    def __init__(self, order: Order, parts: Parts) -> None:
        """Nothing is in charge yet."""
        self._order = order
        self._parts = parts
        self._charges: list[_Charge] = []
        self.created: list[Target] = []
        """Aliases that this rollout created; they stay."""
        self._told: set[Target] = set()

    def take_charge(self, traffic: Traffic, new: str) -> None:
        """From here on ``traffic`` is to be left whole, on its old version or on ``new``."""
        self._charges.append(_Charge(traffic, new))

    @property
    def can_hold(self) -> bool:
        """Whether there is a split that could be held: something was shifted, and AWS confirmed it."""
        return any(charge.traffic.confirmed for charge in self._charges)

    def remember(self, phase: Phase) -> None:
        """Save for the post stage how far we are."""
        order = self._order
        self._parts.remember(
            Handover(
                phase=phase,
                nonce=order.nonce,
                region=order.region,
                role_to_assume=order.role_to_assume,
                hold_on_cancel=order.on_cancel is OnCancel.HOLD,
                charges=tuple(
                    Charge(
                        function=charge.traffic.target.function,
                        alias=charge.traffic.target.alias,
                        old=charge.traffic.old,
                        new=charge.new,
                        text=charge.traffic.text,
                    )
                    for charge in self._charges
                ),
            )
        )

    # The ways out ------------------------------------------------------------------------------

    def go_back(
        self,
        cause: RolloutError,
        alarms: tuple[AlarmReading, ...] = (),
        tell: Callable[[], None] = lambda: None,
        *,
        failed: bool = False,
    ) -> Finished:
        """Put every alias we touched whole on its old version, the last one shifted first.

        Only then anything is told. ``failed`` makes it `Result.FAILED` however it ends: a conflict is no
        rollback.
        """
        charges = [charge for charge in reversed(self._charges) if charge.traffic.touched]
        shares = {c.traffic.target: c.traffic.routing.percent_of(c.new) for c in charges}
        settlements = self._settle([Wish(c.traffic, Routing.whole(c.traffic.old)) for c in charges])
        tell()
        for charge, settlement in zip(charges, settlements, strict=True):
            match settlement:
                case Settled():
                    self._parts.emit(
                        RolledBack(
                            at=self._parts.clock.now(),
                            target=charge.traffic.target,
                            version=charge.traffic.old,
                            abandoned=charge.new,
                            percent=shares[charge.traffic.target],
                        )
                    )
                case _:
                    self._tell_left(charge, Routing.whole(charge.traffic.old), settlement)
        for target in self.created:
            text = f"Alias {target} was created by this rollout and stays."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        all_back = all(isinstance(settlement, Settled) for settlement in settlements)
        if all_back:
            self.remember(Phase.DONE)
        result = Result.ROLLED_BACK if charges and all_back and not failed else Result.FAILED
        return self.finished(result, cause.what, cause.remedy, alarms)

    def hold(self, reason: str) -> Finished:
        """Leave every alias where it is, marked as held; what was never confirmed goes back."""
        self.remember(Phase.HOLDING)
        charges = [charge for charge in self._charges if charge.traffic.touched]
        wishes = [self._held(charge) for charge in charges]
        settlements = self._settle(wishes)
        for charge, wish, settlement in zip(charges, wishes, settlements, strict=True):
            match settlement:
                case Settled():
                    self._parts.emit(
                        Held(
                            at=self._parts.clock.now(),
                            target=charge.traffic.target,
                            version=charge.new,
                            previous=charge.traffic.old,
                            percent=wish.routing.percent_of(charge.new),
                        )
                    )
                case _:
                    self._tell_left(charge, Routing.whole(charge.traffic.old), settlement)
        if not all(isinstance(settlement, Settled) for settlement in settlements):
            return self.finished(Result.FAILED, f"it could not be held ({reason})")
        self.remember(Phase.DONE)
        remedy = "Nothing watches it now. Finish it with `mode: promote`, or undo it with `mode: rollback`."
        return self.finished(Result.HELD, reason, remedy)

    def _held(self, charge: _Charge) -> Wish:
        traffic = charge.traffic
        if not traffic.confirmed:
            return Wish(traffic, Routing.whole(traffic.old))
        return Wish(traffic, traffic.routing, self._order.record(traffic.old, charge.new, None))

    def let_go(self) -> Finished:
        """Take the record off every alias; they are whole on the new version already."""
        self.remember(Phase.CLEARING)
        wishes = [Wish(charge.traffic, Routing.whole(charge.new)) for charge in self._charges]
        settlements = self._settle(wishes)
        for charge, settlement in zip(self._charges, settlements, strict=True):
            match settlement:
                case Settled():
                    self._parts.emit(
                        Released(
                            at=self._parts.clock.now(),
                            target=charge.traffic.target,
                            version=charge.new,
                        )
                    )
                case _:
                    self._tell_left(charge, Routing.whole(charge.new), settlement)
        if all(isinstance(settlement, Settled) for settlement in settlements):
            self.remember(Phase.DONE)
            return self.finished(Result.PROMOTED)
        return self.finished(
            Result.FAILED, "every step passed, but not every alias could be released"
        )

    def finished(
        self,
        result: Result,
        reason: str = "",
        remedy: str = "",
        alarms: tuple[AlarmReading, ...] = (),
    ) -> Finished:
        """Make the last event."""
        return Finished(
            at=self._parts.clock.now(),
            result=result,
            reason=reason,
            remedy=remedy,
            failed_alarms=alarms,
        )

    # Settling and telling ----------------------------------------------------------------------

    def _settle(self, wishes: list[Wish]) -> list[Settlement]:
        return settle(wishes, self._parts.clock, self._tell_trouble)

    def _tell_trouble(self, traffic: Traffic, why: CallFailed) -> None:
        if traffic.target not in self._told:
            self._told.add(traffic.target)
            text = f"{traffic.target} is not confirmed yet, trying on: {why}"
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))

    def _tell_left(self, charge: _Charge, wished: Routing, settlement: Settlement) -> None:
        traffic = charge.traffic
        routing: Routing | None = traffic.known.routing
        command = self._order.command(traffic.target, wished, traffic.text)
        match settlement:
            case Foreign(alias):
                routing = alias.routing
                why = f"somebody else changed its routing: it was {traffic.routing}"
                command = "" if routing.is_whole else command
            case Gone():
                routing, why, command = None, "the alias or its function was deleted", ""
            case Unsettled(error):
                why = f"AWS did not confirm it: {error}"
            case Settled():
                return
        self._parts.emit(
            AliasLeft(
                at=self._parts.clock.now(),
                target=traffic.target,
                routing=routing,
                expected=wished,
                why=why,
                command=command,
            )
        )
