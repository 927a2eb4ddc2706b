"""The ways out of a rollout: go back, hold, let go. Each settles first and talks after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.record import PASSED
from lambda_rollout.alias.restore import Wish, settle
from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.alias.writer import (
    Foreign,
    Gone,
    Settled,
    Settlement,
    Traffic,
    Unsettled,
    VersionGone,
)
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.analysis.version import Running, list_executions
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    AliasLeft,
    ExecutionsLeft,
    Finished,
    Held,
    Released,
    Result,
    RolledBack,
    Warned,
)
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.saved_state import Charge, Phase
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import CallFailed, NotFound, RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT

TELL_TROUBLE_AT = 2
"""A single write that was not confirmed is common, and mended by the next: the second one is told."""


@dataclass(slots=True)
class InCharge:
    """One alias that this rollout answers for."""

    traffic: Traffic
    new: str = ""
    """The new version; empty while it is not published yet."""
    tried: list[str] = field(default_factory=list)
    """The percentages that we set out to write so far."""
    doubtful: bool = False
    """Whether another process may have written, or may still write, for the same rollout; or a dead run left the
    alias as it is, and we took it over to go on with it."""
    taken: str = ""
    """The id in the record of the run that it was taken over from."""
    durable: bool | None = None
    """Whether the new version is one of a durable function; None if that was not read yet."""

    @property
    def at_stake(self) -> bool:
        """Whether the alias has to be settled. When in doubt, it has (contract, promise 5)."""
        return self.doubtful or self.traffic.touched

    @property
    def shifted(self) -> bool:
        """Whether the alias, as we know it, is anywhere but whole on its old version."""
        return self.traffic.routing != Routing.whole(self.traffic.old)


class Ending:
    """Knows every alias the rollout is in charge of, and how to leave it."""

    def __init__(self, order: Order, parts: Parts, limit: float = SETTLE_LIMIT) -> None:
        """Nothing is in charge yet. ``limit`` is how many seconds to try to settle; it may be changed later."""
        self.limit = limit
        self._order = order
        self._parts = parts
        self._charges: list[InCharge] = []
        self.created: list[Target] = []
        """Aliases that this rollout created; they stay."""
        self._troubles: Counter[Target] = Counter()

    def take_charge(self, traffic: Traffic, new: str = "") -> InCharge:
        """From here on ``traffic`` is to be left whole, on its old version or on the new one."""
        charge = InCharge(traffic, new)
        self._charges.append(charge)
        return charge

    @property
    def can_hold(self) -> bool:
        """Whether there is a split that could be held: what moves was shifted, and AWS confirmed it.

        Of several functions all were: with a part of them held, the rest would stay behind at promotion. What
        another run left, and we have not taken over yet, is not ours to call held.
        """
        moving = [charge for charge in self._charges if charge.new not in {"", charge.traffic.old}]
        return bool(moving) and all(charge.at_stake and charge.shifted for charge in moving)

    @property
    def has_shifted(self) -> bool:
        """Whether any alias in charge is anywhere but whole on its old version."""
        return any(charge.shifted for charge in self._charges)

    def remember(self, phase: Phase) -> None:
        """Save for the post stage how far we are; a plan changes nothing and leaves nothing."""
        order = self._order
        if order.mode is Mode.PLAN:
            return
        charges = tuple(
            Charge(
                function=charge.traffic.target.function,
                alias=charge.traffic.target.alias,
                old=charge.traffic.old,
                new=charge.new,
                text=charge.traffic.text,
                tried=tuple(charge.tried),
                nonce=charge.traffic.nonce,
                taken=charge.taken,
            )
            for charge in self._charges
        )
        self._parts.remember(order.handover(phase, charges))

    # The ways out ------------------------------------------------------------------------------

    def go_back(
        self,
        cause: RolloutError,
        alarms: tuple[AlarmReading, ...] = (),
        tell: Callable[[], None] = lambda: None,
        *,
        failed: bool = False,
    ) -> Finished:
        """Put every alias whole on its old version, the last one shifted first; none if we touched none of them.

        Only then anything is told. ``failed`` makes it `Result.FAILED` however it ends: a conflict is no
        rollback.
        """
        charges = [charge for charge in reversed(self._charges) if charge.at_stake]
        if charges:
            # What was held, and is not promoted yet, goes with the others: a unit is not left in parts.
            charges = [each for each in reversed(self._charges) if each.at_stake or each.shifted]
        all_back = self.put_back(charges, tell)
        for target in self.created:
            text = f"Alias {target} was created by this rollout and stays."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        result = Result.ROLLED_BACK if charges and all_back and not failed else Result.FAILED
        return self.finished(result, cause.what, cause.remedy, alarms)

    def put_back(
        self, charges: Sequence[InCharge], tell: Callable[[], None] = lambda: None
    ) -> bool:
        """Make each alias whole on its old version; return whether all of them are.

        Each is told as soon as it is, after ``tell`` has told what else there is: how long the new version was
        exposed must not depend on another alias.
        """
        went_from = {
            charge.traffic.target: (charge, charge.traffic.routing.percent_of(charge.new))
            for charge in charges
        }
        if charges:
            self.remember(Phase.GOING_BACK)

        def done(wish: Wish, settlement: Settlement) -> None:
            tell()
            if isinstance(settlement, Settled):
                charge, share = went_from[wish.traffic.target]
                self._parts.emit(
                    RolledBack(
                        at=self._parts.clock.now(),
                        target=charge.traffic.target,
                        version=charge.traffic.old,
                        abandoned=charge.new,
                        percent=share,
                    )
                )

        settlements = self._settle(
            [Wish(charge.traffic, Routing.whole(charge.traffic.old)) for charge in charges],
            self._missing,
            done,
        )
        tell()
        for charge, settlement in zip(charges, settlements, strict=True):
            if isinstance(settlement, Settled):
                self._tell_what_aws_still_sends(charge)
            else:
                self._tell_left(charge, Routing.whole(charge.traffic.old), settlement)
        for charge, settlement in zip(charges, settlements, strict=True):
            if isinstance(settlement, Settled):
                self._tell_executions_left(charge)
        return self._all_settled(settlements)

    def _tell_executions_left(self, charge: InCharge) -> None:
        """Say how many durable executions go on on the version that was left: they end where they began.

        https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html. After all are back, and not when the
        runner is about to kill us; no answer changes anything.
        """
        target, version = charge.traffic.target, charge.new
        if self._parts.stop.requested or not version or version == charge.traffic.old:
            return
        running, why = Running(0), ""
        try:
            if charge.durable is None:
                charge.durable = self._parts.versions.read(target, version).is_durable
            if not charge.durable:
                return
            running = self._parts.versions.running(target, version)
        except RolloutError as error:
            if not charge.durable:
                return
            why = error.what
        if running.count or why:
            self._parts.emit(
                ExecutionsLeft(
                    at=self._parts.clock.now(),
                    target=target,
                    version=version,
                    running=None if why else running.count,
                    more=running.more,
                    why=why,
                    command=list_executions(target.function, version, self._order.region),
                )
            )

    def _tell_what_aws_still_sends(self, charge: InCharge) -> None:
        """Say so if AWS keeps the traffic where it was while provisioned concurrency moves back.

        It writes ``{new: 1}`` of its own then (for a way back unconfirmed). One look, and none when the runner is
        about to kill us.
        """
        if self._parts.stop.requested:
            return
        target, old = charge.traffic.target, charge.traffic.old
        try:
            seen = self._parts.aliases.read(target)
        except CallFailed:
            return
        if seen.moving and seen.shown == Routing(old, {charge.new: 1.0}):
            why = f"until provisioned concurrency is ready on version {old} again"
            if seen.moving.failed:
                why = f"because {could_not_start(seen)}"
            text = f"AWS still sends all traffic of {target} to version {charge.new}, {why}."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))

    def hold(self, reason: str) -> Finished:
        """Leave every alias where it is, marked as held; what was never confirmed goes back."""
        self.remember(Phase.HOLDING)
        charges = [charge for charge in self._charges if charge.at_stake]
        wishes = [self._held(charge) for charge in charges]
        settlements = self._settle(wishes)
        for charge, wish, settlement in zip(charges, wishes, settlements, strict=True):
            if isinstance(settlement, Settled):
                self._parts.emit(
                    Held(
                        at=self._parts.clock.now(),
                        target=charge.traffic.target,
                        version=charge.new,
                        previous=charge.traffic.old,
                        percent=wish.routing.percent_of(charge.new),
                    )
                )
            else:
                self._tell_left(charge, Routing.whole(charge.traffic.old), settlement)
        if not self._all_settled(settlements):
            return self.finished(Result.FAILED, f"it could not be held ({reason})")
        remedy = "Nothing watches it now. Finish it with `mode: promote`, or undo it with `mode: rollback`."
        return self.finished(Result.HELD, reason, remedy)

    def _held(self, charge: InCharge) -> Wish:
        traffic = charge.traffic
        if not charge.shifted:
            return Wish(traffic, Routing.whole(traffic.old))
        return Wish(traffic, traffic.routing, self._order.record(traffic.old, charge.new, None))

    def let_go(self) -> Finished:
        """Take the record off every alias; they are whole on the new version already.

        Of several, the last one says first that all have passed, and says so until the others are done. If we
        die meanwhile, the next run knows from it that the rest is to be finished, and nothing to go back.
        """
        self.remember(Phase.CLEARING)
        charges = [charge for charge in self._charges if charge.at_stake]
        # The post stage answers for unchanged ones, too: a record from a version to itself would be no record.
        charges.sort(key=lambda charge: charge.new != charge.traffic.old)
        mark = self._mark_passed(charges[-1]) if len(charges) > 1 else None
        # Without the mark none is cleared: the rest of a unit could not be told from one that never passed.
        settlements = [mark] * (len(charges) - 1) if mark else self._clear(charges[:-1])
        open_ = next((s for s in settlements if isinstance(s, Unsettled)), None)
        settlements += [open_] if open_ else self._clear(charges[-1:])
        for charge, settlement in zip(charges, settlements, strict=True):
            if isinstance(settlement, Settled):
                target = charge.traffic.target
                self._parts.emit(
                    Released(at=self._parts.clock.now(), target=target, version=charge.new)
                )
            else:
                self._tell_left(charge, Routing.whole(charge.new), settlement)
        if self._all_settled(settlements):
            return self.finished(Result.PROMOTED)
        return self.finished(
            Result.FAILED, "every step passed, but not every alias could be released"
        )

    def _mark_passed(self, charge: InCharge) -> Unsettled | None:
        """Write the mark; return why it is in doubt, None if AWS confirmed it (or nothing can be written there)."""
        record = self._order.live_record(charge.traffic, charge.new)
        routing = Routing.whole(charge.new)
        (mark,) = self._settle([Wish(charge.traffic, routing, replace(record, until=PASSED))])
        return mark if isinstance(mark, Unsettled) else None

    def _clear(self, charges: Sequence[InCharge]) -> list[Settlement]:
        return self._settle([Wish(charge.traffic, Routing.whole(charge.new)) for charge in charges])

    def finished(
        self,
        result: Result,
        reason: str = "",
        remedy: str = "",
        alarms: tuple[AlarmReading, ...] = (),
    ) -> Finished:
        """Make the last event."""
        now = self._parts.clock.now()
        return Finished(at=now, result=result, reason=reason, remedy=remedy, failed_alarms=alarms)

    # Settling and telling ----------------------------------------------------------------------

    def _settle(
        self,
        wishes: list[Wish],
        missing: Callable[[Wish], str] = lambda _: "",
        done: Callable[[Wish, Settlement], None] = lambda _wish, _how: None,
    ) -> list[Settlement]:
        parts = self._parts
        return settle(
            wishes, parts.clock, self._tell_trouble, self.limit, parts.together, missing, done
        )

    def _missing(self, wish: Wish) -> str:
        """Return the old version if AWS says that it has it no more; empty if it has it, or does not say.

        At 100% the alias does not name it any more, so AWS lets anybody delete it.
        """
        try:
            self._parts.versions.read(wish.traffic.target, wish.routing.version)
        except NotFound:
            return wish.routing.version
        except CallFailed:
            pass
        return ""

    def _all_settled(self, settlements: Sequence[Settlement]) -> bool:
        """Whether nothing is left to do; if so the post stage is told.

        Without a charge there is nothing to say: what is saved then speaks of what a dead run left, if of anything.
        """
        settled = all(isinstance(settlement, Settled) for settlement in settlements)
        if self._charges and not any(
            isinstance(settlement, Unsettled | VersionGone) for settlement in settlements
        ):
            self.remember(Phase.DONE)
        return settled

    def _tell_trouble(self, wish: Wish, why: CallFailed) -> None:
        """Say at once what state the alias is in: the runner may kill us before the end of trying."""
        target = wish.traffic.target
        self._troubles[target] += 1
        if self._troubles[target] != TELL_TROUBLE_AT:
            return
        command = self._order.command(target, wish.routing, wish.traffic.text)
        text = (
            f"Not confirmed yet: {target} to {wish.routing}. It was last seen with "
            f"{wish.traffic.known.shown}. Trying on: {why.brief}. By hand: {command}"
        )
        self._parts.emit(Warned(at=self._parts.clock.now(), text=text))

    def _tell_left(self, charge: InCharge, wished: Routing, settlement: Settlement) -> None:
        traffic = charge.traffic
        routing: Routing | None = traffic.known.shown
        command = self._order.command(traffic.target, wished, traffic.text)
        match settlement:
            case Foreign(alias):
                routing = alias.routing
                why = f"somebody else changed its routing: it was {traffic.routing}"
                if routing == traffic.routing:
                    why = "this run stood still until its time was over, and others may have taken its place"
                command = "" if routing.is_whole else command
            case Gone():
                routing, why, command = None, "the alias or its function was deleted", ""
            case VersionGone(version):
                why = f"version {version} was deleted meanwhile, so AWS cannot put the alias on it"
                command = ""
                if charge.new:
                    why += f". The command makes it whole on version {charge.new}, so that another rollout can begin"
                    whole = Routing.whole(charge.new)
                    command = self._order.command(traffic.target, whole, traffic.text)
            case Unsettled(error):
                why = f"AWS did not confirm it: {error}"
                if routing == wished and traffic.may_be_elsewhere:
                    routing = None
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
