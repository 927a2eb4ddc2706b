"""The story of a rollout: look, publish, shift, watch, and promote or roll back.

Told from top to bottom in `Rollout._tell`; each verb is a method below it, in the order of the telling.
It knows no boto3 and no GitHub: what it needs of them comes in as the small protocols of `Parts`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import HUNDRED, Alias, Routing, Target, routing_of
from lambda_rollout.alias.writer import Conflict, Traffic
from lambda_rollout.analysis.metrics import Pair
from lambda_rollout.inputs.choices import Mode, OnCancel
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.acquire import arrive, say_if_time_is_in_doubt
from lambda_rollout.rollout.alias_status import say_if_cut
from lambda_rollout.rollout.events import (
    AliasCreated,
    AlreadyThere,
    Finished,
    Result,
    StepStarted,
    Warned,
    WeightShifted,
)
from lambda_rollout.rollout.finish import Ending, InCharge
from lambda_rollout.rollout.metrics import Demands, Numbers, judge_split_before, split_before
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.prepare import first_look, last_look, preflight
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import Order, seconds
from lambda_rollout.rollout.version import await_ready, check_latest, choose, read_storage
from lambda_rollout.rollout.watch import GoBack, Rules, Stage, Watch
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import CallFailed, Cancelled, NotFound, RolloutError
from lambda_rollout.runtime.retry import heed, patiently


@dataclass(slots=True)
class Course:
    """One target's way through the rollout."""

    target: Target
    charge: InCharge | None = None
    """None for an alias that is still to be created."""
    new: str = ""
    resumed: Record | None = None
    """The record of the rollout that this one goes on with: a dead one's, or a held one's."""

    @property
    def old(self) -> str | None:
        """The version the alias was on, None if there is no alias."""
        return self.charge.traffic.old if self.charge else None

    @property
    def moves(self) -> bool:
        """Whether there is anything to shift."""
        return self.charge is not None and (self.resumed is not None or self.new != self.old)


class Rollout:
    """One rollout of one or several targets: all go forward, or all go back."""

    def __init__(self, order: Order, parts: Parts) -> None:
        """Nothing is done yet."""
        self._order = order
        self._parts = parts
        self._courses: list[Course] = []
        self._ending = Ending(order, parts)
        self._watch: Watch | None = None
        self._storages: Mapping[Target, CodeStorage] = {}

    def run(self) -> Finished:
        """Do it, to whatever end. Never raises: an error of ours, too, rolls back first and talks after."""
        parts, order = self._parts, self._order
        parts.emit(order.started(parts.clock.now()))
        for text in order.warnings:
            parts.emit(Warned(at=parts.clock.now(), text=text))
        finished = self._run()
        parts.emit(finished)
        return finished

    def _run(self) -> Finished:
        try:
            return self._tell()
        except GoBack as cause:
            return self._ending.go_back(cause, cause.alarms, self._tell_alarms)
        except Cancelled as cause:
            if self._order.on_cancel is OnCancel.HOLD and self._ending.can_hold:
                return self._ending.hold(f"{cause.what}; on-cancel is `hold`")
            return self._ending.go_back(cause)
        except RolloutError as cause:
            return self._ending.go_back(cause, failed=isinstance(cause, Conflict))
        except Exception as error:  # noqa: BLE001 - whatever it is, an alias must not stay split for it
            return self._ending.go_back(
                RolloutError(
                    f"internal error: {type(error).__name__}: {error}",
                    "Please report it with the log.",
                )
            )

    def _tell(self) -> Finished:
        self._look_at_aliases()
        first_look(self._order, self._parts)
        self._look_ahead()
        if self._order.mode is Mode.PLAN:
            return self._check_versions()
        self._choose_versions()
        self._wait_until_ready()
        self._create_missing_aliases()
        self._say_what_stays()
        if not self._moving():
            return self._nothing_to_shift()
        watch = self._begin_watch()
        for stage in self._stages():
            self._shift(stage, watch)
            watch.step(stage)
        self._look_at_what_stays()
        self._say_what_did_not_guard(watch)
        watch.say_what_was_not_seen()
        if self._order.plan.ends_held:
            return self._ending.hold("the schedule ends with `hold`")
        return self._ending.let_go()

    # Look --------------------------------------------------------------------------------------

    def _look_at_aliases(self) -> None:
        order, parts = self._order, self._parts
        for taken in arrive(order, parts):
            if taken.alias is None:
                self._courses.append(Course(taken.target))
                continue
            old = taken.resumed.old if taken.resumed else None
            traffic = Traffic(
                taken.target,
                taken.alias,
                parts.aliases,
                parts.clock,
                parts.aws_clock,
                order.nonce,
                old,
            )
            charge = self._ending.take_charge(traffic)
            if taken.resumed is not None:
                say_if_cut(taken.target, taken.alias, parts)
                charge.new, charge.taken = taken.resumed.new, taken.resumed.nonce
                # Nobody watches what a dead run left, so whatever ends us now puts it back. A held one stays.
                charge.doubtful = order.mode is Mode.ROLLOUT
            self._courses.append(Course(taken.target, charge, resumed=taken.resumed))
        self._ending.remember(Phase.MOVING)

    def _look_ahead(self) -> None:
        """Find what AWS would refuse, and what would make the watch blind, before the first write."""
        if self._order.mode is not Mode.PROMOTE:
            aliases = [(c.target, c.charge.traffic if c.charge else None) for c in self._courses]
            self._read_storages()
            preflight(self._order, self._parts, aliases, self._storages)

    def _read_storages(self) -> None:
        targets = [course.target for course in self._courses]
        found = self._parts.together(
            lambda target: read_storage(target, self._order, self._parts), targets
        )
        self._storages = {
            target: storage
            for target, storage in zip(targets, found, strict=True)
            if storage is not None
        }

    # Publish -----------------------------------------------------------------------------------

    def _check_versions(self) -> Finished:
        """For ``mode: plan``: what can be known of the version without publishing one."""
        for course in self._courses:
            if self._order.version is not None or self._order.version_alias is not None:
                choose(course.target, course.old, self._order, self._parts)
            else:
                check_latest(course.target, self._parts)
        return self._ending.finished(Result.PLANNED)

    def _choose_versions(self) -> None:
        versions = self._parts.together(self._version_of, self._courses)
        for course, version in zip(self._courses, versions, strict=True):
            course.new = version
            if course.charge is not None:
                course.charge.new = version
        self._ending.remember(Phase.MOVING)

    def _version_of(self, course: Course) -> str:
        order, resumed = self._order, course.resumed
        if resumed is not None and order.mode is Mode.PROMOTE and order.version is None:
            taken = replace(order, version=resumed.new)
            return choose(course.target, course.old, taken, self._parts)
        if resumed is None and order.mode is Mode.PROMOTE and course.old is not None:
            # One of a unit whose code was unchanged: there is nothing of it to promote.
            return course.old
        if resumed is not None and order.version is not None:
            self._refuse_another(order.version, course, resumed)
        version = choose(
            course.target, course.old, order, self._parts, self._storages.get(course.target)
        )
        if resumed is not None:
            self._refuse_another(version, course, resumed)
        return version

    def _refuse_another(self, version: str, course: Course, resumed: Record) -> None:
        if version == resumed.new:
            return
        # The contract calls it an error, and not a rollback: what is there was not this run's to judge.
        for each in self._courses:
            if each.charge is not None:
                each.charge.doubtful = False
        raise RolloutError(
            f"{course.target} is in a rollout of version {resumed.new}, not of version {version}.",
            "Leave `version` empty."
            if self._order.mode is Mode.PROMOTE
            else "So it cannot be resumed: set `on-stranded: rollback`.",
        )

    def _wait_until_ready(self) -> None:
        waiting = [course for course in self._courses if course.new != course.old]
        self._parts.together(self._wait_for_one, waiting)

    def _wait_for_one(self, course: Course) -> None:
        state = await_ready(course.target, course.new, self._order, self._parts)
        if course.charge is not None:
            course.charge.durable = state.is_durable

    def _create_missing_aliases(self) -> None:
        for course in self._courses:
            if course.charge is not None:
                continue
            heed(self._parts.stop)
            alias = self._create(course)
            self._ending.created.append(course.target)
            self._parts.emit(
                AliasCreated(
                    at=self._parts.clock.now(),
                    target=course.target,
                    arn=alias.arn,
                    version=course.new,
                )
            )

    def _create(self, course: Course) -> Alias:
        alias = patiently(self._parts.clock, self._parts.stop)(self._create_once, course)
        if alias.routing != Routing.whole(course.new):
            raise Conflict(course.target, Routing.whole(course.new), alias)
        return alias

    def _create_once(self, course: Course) -> Alias:
        try:
            return self._parts.aliases.create(course.target, course.new, "")
        except CallFailed as error:
            if not error.may_have_effect:
                raise
            # Either it was done all the same, or somebody was faster: the alias itself tells.
            with contextlib.suppress(NotFound):
                return self._parts.aliases.read(course.target)
            raise

    def _moving(self) -> list[InCharge]:
        return [course.charge for course in self._courses if course.charge and course.moves]

    def _say_what_stays(self) -> None:
        for course in self._courses:
            if course.charge is not None and not course.moves:
                now = self._parts.clock.now()
                self._parts.emit(AlreadyThere(at=now, target=course.target, version=course.new))

    def _look_at_what_stays(self) -> None:
        """See that what was on its version already still is: somebody may have put it back, and the unit is in parts.

        Raises `Conflict`, and `CallFailed` if it cannot be read for a minute.
        """
        read = patiently(self._parts.clock, self._parts.stop)
        staying = [c.charge.traffic for c in self._courses if c.charge and not c.moves]
        self._parts.together(lambda each: read(each.look, may_still_move=False), staying)

    def _nothing_to_shift(self) -> Finished:
        self._ending.remember(Phase.DONE)
        return self._ending.finished(Result.PROMOTED if self._ending.created else Result.UNCHANGED)

    # Shift and watch ---------------------------------------------------------------------------

    def _begin_watch(self) -> Watch:
        order = self._order
        news = {charge.traffic.target: charge.new for charge in self._moving()}
        numbers = self._numbers()
        self._judge_the_split_before(numbers)
        self._watch = Watch(
            self._parts,
            Rules(order.poll_interval, order.evidence_timeout, order.insufficient_data),
            [charge.traffic for charge in self._moving()],
            last_look(order, self._parts),
            numbers,
            lambda traffic: self._record(traffic, news[traffic.target]),
        )
        return self._watch

    def _numbers(self) -> Numbers:
        moving = self._moving()
        before = None
        goes_on = any(course.resumed for course in self._courses)
        if goes_on and all(step.percent >= HUNDRED for step in self._steps()):
            shares = [charge.traffic.found.routing.percent_of(charge.new) for charge in moving]
            before = split_before(shares, self._parts.aws_clock.now())
        return Numbers(
            self._parts.metrics,
            [Pair(c.traffic.target, c.new, c.traffic.old) for c in moving],
            Demands(self._order.guards, self._order.min_invocations),
            self._parts.aws_clock.now,
            before,
        )

    def _judge_the_split_before(self, numbers: Numbers) -> None:
        """Judge what goes to 100% at once by the split that it was left in: later there is no baseline.

        Raises `GoBack` if a guard is broken, `RolloutError` if one that compares with the old version cannot be judged.
        """
        if not (self._order.guards and numbers.looks_back):
            return
        if broken := judge_split_before(numbers, self._parts):
            for charge in self._moving():
                charge.doubtful = True
            raise GoBack(broken)

    def _stages(self) -> Iterator[Stage]:
        """Yield the schedule as the watch sees it; a resumed one starts with the weight it was left at."""
        steps = self._steps()
        for index, step in enumerate(steps):
            yield Stage(
                number=index + 1,
                percent=step.percent,
                seconds=seconds(step.watch),
                left_after=sum(seconds(later.watch) for later in steps[index + 1 :]),
                may_still_move=index + 1 < len(steps),
            )

    def _steps(self) -> Sequence[Step]:
        steps = self._order.plan.steps
        if self._order.mode is Mode.PROMOTE:
            return [Step(HUNDRED, self._order.promotion_watch)]
        reached = [
            course.charge.traffic.found.routing.percent_of(course.new)
            for course in self._courses
            if course.charge is not None and course.resumed is not None
        ]
        if not reached:
            return steps
        at = min(reached)
        watch = next((step.watch for step in steps if step.percent >= at), steps[-1].watch)
        return [Step(at, watch), *(step for step in steps if step.percent > at)]

    def _shift(self, stage: Stage, watch: Watch) -> None:
        parts = self._parts
        parts.emit(
            StepStarted(
                at=parts.clock.now(),
                number=stage.number,
                percent=stage.percent,
                watch=timedelta(seconds=stage.seconds),
            )
        )
        for charge in self._moving():
            charge.tried.append(str(stage.percent))
        self._ending.remember(Phase.MOVING)
        with parts.stop.inner() as stop:
            parts.together(
                lambda charge: self._shift_one(charge, stage, watch, stop), self._moving()
            )

    def _shift_one(self, charge: InCharge, stage: Stage, watch: Watch, stop: Stop) -> None:
        parts, traffic = self._parts, charge.traffic
        heed(stop)
        routing = routing_of(traffic.old, charge.new, stage.percent)
        try:
            traffic.forward(routing, self._record(traffic, charge.new), stop)
        except Exception:
            # All go back now: another one that AWS keeps waiting must not keep them waiting.
            stop.request(f"{traffic.target} could not be shifted")
            raise
        watch.shifted(traffic)
        parts.emit(
            WeightShifted(
                at=parts.clock.now(),
                target=traffic.target,
                version=charge.new,
                previous=traffic.old,
                percent=stage.percent,
            )
        )

    def _record(self, traffic: Traffic, new: str) -> Record:
        say_if_time_is_in_doubt(self._parts)
        return self._order.live_record(traffic, new)

    def _say_what_did_not_guard(self, watch: Watch) -> None:
        for reading in watch.alarms.never_counted:
            text = f"Alarm {reading.name} did not guard: it was in ALARM from before the start and never OK."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))

    def _tell_alarms(self) -> None:
        if self._watch is not None:
            self._watch.alarms.tell()
