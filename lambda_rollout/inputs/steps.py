"""The schedule of a rollout: which weight, watched for how long, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate, pairwise

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.inputs.codedeploy_name import looks_like_codedeploy, parse_configuration_name
from lambda_rollout.inputs.durations import (
    LONGEST,
    format_duration,
    parse_duration,
    readable_duration,
)
from lambda_rollout.inputs.hold import (
    HOLD_IN_A_STEP,
    LIKE_A_HOLD,
    hold_item,
    is_hold,
    looks_like_hold,
    misplaced_hold,
    parse_hold,
)
from lambda_rollout.inputs.text import Mistake, Mistakes, quote, required, split_items

_MOST_DECIMALS = 2
_TO = ".."

_ITEM = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(?:\s*%)?(?:\s+(.*))?")


class StepsError(Mistakes):
    """Everything that is wrong with a text of steps."""


@dataclass(frozen=True, slots=True)
class Step:
    """One weight and how long it is watched before the rollout goes on.

    ``percent`` of the alias's traffic on the new version: over 0, at most 100, up to two
    decimals. ``watch`` is zero or more. ``earliest``: from when on the step may end before ``watch`` is over, once it
    is shown that all guards hold; None for one that is always watched to its end. ``holds``: it stays at the weight of
    the step before until it is told to go on, and is rolled back when ``watch`` is over.

    Raises:
        ValueError: one of them is out of its range.
    """

    percent: Decimal
    watch: timedelta
    earliest: timedelta | None = None
    holds: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never be shifted to."""
        if not 0 < self.percent <= HUNDRED or self.percent != round(self.percent, _MOST_DECIMALS):
            raise ValueError(f"no step goes to {self.percent}%")
        if self.watch < timedelta(0):
            raise ValueError(f"no step is watched for {self.watch}")
        if self.earliest is not None and not timedelta(0) <= self.earliest < self.watch:
            raise ValueError(f"no step ends from {self.earliest} to {self.watch}")
        if self.holds and (self.is_promotion or self.earliest is not None):
            raise ValueError("a hold stays below 100% and has one duration")

    @property
    def weight(self) -> float:
        """The new version's share of the alias, 0 to 1, as AdditionalVersionWeights takes it.

        Source: https://docs.aws.amazon.com/lambda/latest/api/API_AliasRoutingConfiguration.html
        """
        return float(self.percent / HUNDRED)

    @property
    def is_promotion(self) -> bool:
        """Whether this step is the one at 100%."""
        return self.percent == HUNDRED

    def __str__(self) -> str:
        """Write the step as :func:`parse_steps` reads it."""
        if self.holds:
            return hold_item(self.watch)
        earliest = "" if self.earliest is None else f"{format_duration(self.earliest)}{_TO}"
        return f"{format_percent(self.percent)} {earliest}{format_duration(self.watch)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole schedule.

    ``steps`` ascend strictly. The last one is 100%, unless ``ends_held``: then the rollout
    stays at the last step's weight and nothing in ``steps`` is 100%. A step that ``holds`` stands just before 100% and
    stays at the weight of the one before it.

    Raises:
        ValueError: the steps are not such a schedule.
    """

    steps: tuple[Step, ...]
    ends_held: bool = False

    def __post_init__(self) -> None:
        """Refuse a schedule that no rollout could follow."""
        shifts = [step for step in self.steps if not step.holds]
        if not shifts or any(a.percent >= b.percent for a, b in pairwise(shifts)):
            raise ValueError("the steps of a plan ascend strictly, and there is at least one")
        if self.steps[-1].is_promotion is self.ends_held:
            raise ValueError("a plan ends either at 100% or held below it")
        if len(shifts) < len(self.steps) and self.steps != _with_hold(shifts, self.hold):
            raise ValueError("a hold stays at the last weight below 100%")

    @property
    def hold(self) -> Step | None:
        """The step that stays where it is until it is told to go on, if there is one."""
        return next((step for step in self.steps if step.holds), None)

    @property
    def shifts(self) -> tuple[Step, ...]:
        """The steps that begin with a shift: all but a hold."""
        return tuple(step for step in self.steps if not step.holds)

    def with_shifts(self, shifts: Iterable[Step]) -> Plan:
        """Return the plan with other weights, and its hold, if it has one, at the last of them below 100%."""
        return Plan(_with_hold(list(shifts), self.hold), self.ends_held)

    def resumed_at(self, percent: Decimal) -> Plan:
        """Return what is left once ``percent`` is the weight: that one, watched in full, and the later ones.

        Raises `ValueError` at 100% if the plan ends held.
        """
        present = next((step for step in self.shifts if step.percent >= percent), self.shifts[-1])
        later = (step for step in self.shifts if step.percent > percent)
        return self.with_shifts((replace(present, percent=percent), *later))

    @property
    def split_steps(self) -> tuple[Step, ...]:
        """The steps below 100%, in order: those that split the alias. A hold stays in the split of one of them."""
        return tuple(step for step in self.shifts if not step.is_promotion)

    @property
    def promotion(self) -> Step | None:
        """The step at 100%, or None for a plan that ends held."""
        return None if self.ends_held else self.steps[-1]

    @property
    def may_end_early(self) -> bool:
        """Whether a step may end before its time is over."""
        return any(step.earliest is not None for step in self.steps)

    @property
    def total_watch(self) -> timedelta:
        """How long all the steps are watched together: the least the rollout can take, if none ends early.

        A hold counts in full, although it may be told to go on at once.
        """
        return sum((step.watch for step in self.steps), timedelta(0))

    @property
    def at_its_fastest(self) -> Plan:
        """The plan with every step as short as it may be, and a hold that is told to go on at once."""
        shortest = (
            Step(step.percent, step.watch if step.earliest is None else step.earliest)
            for step in self.shifts
        )
        return Plan(tuple(shortest), self.ends_held)

    def timetable(self) -> Iterator[tuple[timedelta, Step]]:
        """Pair each step with when it starts, counted from the first shift."""
        starts = accumulate((step.watch for step in self.steps), initial=timedelta(0))
        return zip(starts, self.steps, strict=False)

    def describe(self) -> str:
        """Write the plan as :func:`parse_steps` reads it back, every duration spelt out.

        But how long 100% is watched after a hold: that is ``interval``.
        """
        written = self.steps[:-1] if self.hold else self.steps
        return ", ".join([*map(str, written), *(["hold"] if self.ends_held else [])])


def _with_hold(shifts: list[Step], hold: Step | None) -> tuple[Step, ...]:
    """Put a hold at the last weight below 100%, if there is one."""
    if hold is None or len(shifts) < 2 or not shifts[-1].is_promotion:
        return tuple(shifts)
    *split, promotion = shifts
    return (*split, replace(hold, percent=split[-1].percent), promotion)


def format_percent(percent: Decimal) -> str:
    """Write a percentage without needless zeros: ``10%``, ``12.5%``."""
    return f"{percent.normalize():f}%"


def parse_steps(text: str, interval: timedelta) -> Plan:
    """Read a list of steps, or the name of a CodeDeploy deployment configuration.

    ``interval`` is the duration of every step that names none, 100% included, which is added
    where it is not written.

    Raises:
        StepsError: all that is wrong with ``text``.
    """
    items = split_items(text)
    if len(items) == 1 and looks_like_codedeploy(items[0]):
        plan = _plan_of_codedeploy_name(items[0], interval)
    else:
        plan = _plan_of_items(text, items, interval)
    if plan.total_watch > LONGEST:
        remedy = (
            f"The steps are watched for {readable_duration(plan.total_watch)} in all, and no "
            f"GitHub job runs for more than {readable_duration(LONGEST)}: shorten them."
        )
        raise StepsError(Mistake(text, remedy))
    return plan


def _plan_of_items(text: str, items: list[str], interval: timedelta) -> Plan:
    steps: list[Step] = []
    mistakes: list[Mistake] = []
    latest = Decimal(0)
    hold: timedelta | None = None
    for number, item in enumerate(items, start=1):
        watch: tuple[timedelta | None, timedelta] | None = None
        with _gathered(mistakes, item or text):
            if is_hold(required(item, number)):
                hold = parse_hold(item)
                continue
            percent, duration = _cut_item(item)
            with _gathered(mistakes, item):
                watch = _parse_watch(duration, percent) if duration else (None, interval)
            latest = _parse_percent(percent, latest)
            if watch is not None:
                earliest, longest = watch
                steps.append(Step(latest, longest, earliest))
    mistakes.extend(misplaced_hold(text, items, latest))
    if mistakes or not items:
        nothing = Mistake(text, "Write at least one step, such as 10% 5m.")
        raise StepsError(*(mistakes or [nothing]))
    if is_hold(items[-1]) and hold is None:
        return Plan(tuple(steps), ends_held=True)
    if hold is not None:
        steps.append(Step(steps[-1].percent, hold, holds=True))
    if not steps[-1].is_promotion:
        steps.append(Step(HUNDRED, interval))
    return Plan(tuple(steps))


@contextmanager
def _gathered(mistakes: list[Mistake], given: str) -> Iterator[None]:
    try:
        yield
    except Mistakes as found:
        mistakes.extend(Mistake(given, mistake.remedy) for mistake in found.mistakes)


def _cut_item(item: str) -> tuple[str, str | None]:
    if looks_like_codedeploy(item):
        raise Mistakes(Mistake(item, "A CodeDeploy name stands alone: remove the other items."))
    found = _ITEM.fullmatch(item)
    if found is None and looks_like_hold(item):
        raise Mistakes(Mistake(item, LIKE_A_HOLD))
    if found is None:
        remedy = "Write a percentage and, after a space, how long it is watched: 10% 5m."
        raise Mistakes(Mistake(item, remedy))
    return found[1], found[2]


def _parse_watch(written: str, percent: str) -> tuple[timedelta | None, timedelta]:
    """Read a duration, or a range of two: from when on a step may end, and when it ends."""
    if looks_like_hold(written):
        raise Mistakes(Mistake(written, HOLD_IN_A_STEP))
    if _TO not in written:
        return None, parse_duration(written)
    first, _, last = written.partition(_TO)
    if not first or not last or _TO in last or " " in written:
        remedy = f"Write a range as two durations with only two dots in between: 5m{_TO}30m."
        raise Mistakes(Mistake(written, remedy))
    mistakes: list[Mistake] = []
    found: list[timedelta] = []
    for each in (first, last):
        with _gathered(mistakes, each):
            found.append(parse_duration(each))
    if mistakes:
        raise Mistakes(*mistakes)
    earliest, longest = found
    if earliest >= longest:
        remedy = f"A range goes from a shorter to a longer duration: 5m{_TO}30m."
        if earliest == longest:
            remedy += f" For one duration write {format_duration(longest)}."
        raise Mistakes(Mistake(written, remedy))
    if Decimal(percent) == HUNDRED:
        remedy = (
            "At 100% there is no old version beside the new one, so nothing could be shown to hold and the step "
            f"would never end early: write {format_duration(longest)}."
        )
        raise Mistakes(Mistake(written, remedy))
    return earliest, longest


def _parse_percent(written: str, latest: Decimal) -> Decimal:
    if len(written.partition(".")[2]) > _MOST_DECIMALS:
        raise Mistakes(Mistake(written, f"Write {quote(written)} with at most two decimals."))
    percent = Decimal(written)
    if not 0 < percent <= HUNDRED:
        raise Mistakes(Mistake(written, "A percentage is over 0 and at most 100."))
    if percent <= latest:
        remedy = f"Percentages ascend: after {format_percent(latest)} comes a higher one."
        raise Mistakes(Mistake(written, remedy))
    return percent


def _plan_of_codedeploy_name(name: str, interval: timedelta) -> Plan:
    try:
        shifts = parse_configuration_name(name)
    except Mistakes as wrong:
        raise StepsError(*wrong.mistakes) from wrong
    split = (Step(Decimal(percent), shifts.apart) for percent in shifts.percents)
    return Plan((*split, Step(HUNDRED, interval)))
