"""What holds for every schedule, however it is written."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.inputs.codedeploy_steps import codedeploy_routing
from lambda_rollout.inputs.durations import LONGEST, format_duration, parse_duration
from lambda_rollout.inputs.steps import Plan, Step, StepsError, parse_steps
from lambda_rollout.inputs.text import Mistake, Mistakes

INTERVAL = timedelta(minutes=5)

watches = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))
below_whole = st.integers(1, 9999).map(lambda hundredths: Decimal(hundredths) / 100)


ranges = st.lists(watches, min_size=2, max_size=2, unique=True).map(sorted)
times = st.one_of(watches.map(lambda one: (one,)), ranges.map(lambda both: (both[1], both[0])))
"""How long a step is watched, and from when on it may end."""


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    percents = sorted(draw(st.sets(below_whole, max_size=6)))
    held = draw(st.booleans()) if percents else False
    steps = [Step(percent, *draw(times)) for percent in percents]
    if not held:
        steps.append(Step(Decimal(100), draw(watches)))
    return Plan(tuple(steps), ends_held=held)


@st.composite
def plans_that_hold(draw: st.DrawFn) -> tuple[Plan, timedelta]:
    """One with a watched hold before 100%, and the interval that 100% is watched for."""
    percents = sorted(draw(st.sets(below_whole, min_size=1, max_size=5)))
    steps = [Step(percent, *draw(times)) for percent in percents]
    hold = timedelta(seconds=draw(st.integers(1, 7200)))
    interval = draw(watches)
    return Plan(
        (*steps, Step(percents[-1], hold, holds=True), Step(Decimal(100), interval))
    ), interval


words = [
    "10",
    "50%",
    "100",
    "0",
    "12.5",
    "1.234",
    "hold",
    "hold 2h",
    "5m",
    "1h",
    "1m..1h",
    "..",
    "7",
    "-",
    "%",
    "AllAtOnce",
]
names = ["Canary5Percent1Minute", "Linear40PercentEvery2Minutes", "CodeDeployDefault.Lambda"]
separators = [",", " ", "\n", "\r\n"]
scraps = st.lists(st.sampled_from([*words, *names, *separators]), max_size=12).map("".join)
texts = st.one_of(scraps, st.text(max_size=30))


@given(plans(), watches)
def test_a_plan_is_read_back_from_its_description(plan: Plan, interval: timedelta) -> None:
    assert parse_steps(plan.describe(), interval) == plan


@given(plans_that_hold())
def test_a_plan_with_a_hold_is_read_back_with_its_interval(given: tuple[Plan, timedelta]) -> None:
    plan, interval = given
    assert parse_steps(plan.describe(), interval) == plan
    assert plan.with_shifts(plan.shifts) == plan
    assert codedeploy_routing(plan) is None


@given(plans_that_hold(), st.data())
def test_a_hold_stays_at_the_last_weight_below_100_whatever_the_weights_are(
    given: tuple[Plan, timedelta], data: st.DataObject
) -> None:
    plan, _ = given
    *split, promotion = plan.shifts
    kept = data.draw(st.lists(st.sampled_from(split), unique=True).map(sorted_by_percent))
    changed = plan.with_shifts([*kept, promotion])
    assert changed.shifts == (*kept, promotion)
    assert (changed.hold is not None) is bool(kept)
    if changed.hold is not None and plan.hold is not None:
        assert changed.steps[-2] == changed.hold
        assert changed.hold.watch == plan.hold.watch
        assert changed.hold.percent == kept[-1].percent


def sorted_by_percent(steps: list[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step.percent)


@given(plans(), st.data())
def test_separators_and_signs_make_no_difference(plan: Plan, data: st.DataObject) -> None:
    separators = st.sampled_from([",", ", ", "\n", ",\n", "\r\n", " ,\n\n  "])
    items = plan.describe().split(", ")
    text = data.draw(st.sampled_from(["", "\n", "  "]))
    for at, item in enumerate(items):
        text += item.replace("%", data.draw(st.sampled_from(["%", "", " %"])))
        text += data.draw(separators) if at < len(items) - 1 else "\n"
    assert parse_steps(text, INTERVAL) == plan


@given(st.lists(below_whole, min_size=1, unique=True).map(sorted), watches)
def test_whole_and_durations_that_are_not_written_are_the_interval(
    percents: list[Decimal], interval: timedelta
) -> None:
    plan = parse_steps(",".join(map(str, percents)), interval)
    assert plan == Plan(tuple(Step(percent, interval) for percent in [*percents, Decimal(100)]))


@given(texts)
@example("9" * 5000)
def test_any_text_is_a_plan_or_mistakes(text: str) -> None:
    mistakes: tuple[Mistake, ...] = ()
    plan = None
    try:
        plan = parse_steps(text, INTERVAL)
    except StepsError as wrong:
        mistakes = wrong.mistakes
    assert (plan is None) is bool(mistakes)
    if plan is not None:
        assert plan.total_watch <= LONGEST
        assert parse_steps(plan.describe(), INTERVAL if plan.hold else timedelta(0)) == plan


@given(st.lists(below_whole, min_size=2, max_size=8))
def test_only_strictly_ascending_percentages_are_a_plan(percents: list[Decimal]) -> None:
    ascending = all(a < b for a, b in pairwise(percents))
    try:
        parse_steps("\n".join(map(str, percents)), INTERVAL)
    except StepsError:
        assert not ascending
    else:
        assert ascending


@given(plans())
def test_weights_are_the_percentages(plan: Plan) -> None:
    for step in plan.steps:
        assert Decimal(str(step.weight)) * 100 == step.percent


@given(st.integers(1, 99), st.integers(1, 2880), st.booleans())
def test_a_codedeploy_name_is_what_codedeploy_would_do(
    percentage: int, minutes: int, linear: bool
) -> None:
    name = (
        f"Linear{percentage}PercentEvery{minutes}Minutes"
        if linear
        else f"Canary{percentage}Percent{minutes}Minutes"
    )
    shifts = -(-100 // percentage) - 1 if linear else 1
    if timedelta(minutes=minutes * shifts) + INTERVAL > LONGEST:
        return
    plan = parse_steps(name, INTERVAL)
    assert [step.watch for step in plan.steps] == [timedelta(minutes=minutes)] * shifts + [INTERVAL]
    assert [step.percent for step in plan.steps[:-1]] == [
        percentage * shift for shift in range(1, shifts + 1)
    ]
    routing = codedeploy_routing(plan)
    assert routing is not None
    assert (routing.percentage, routing.minutes) == (percentage, minutes)
    assert routing.type == ("TimeBasedLinear" if shifts > 1 else "TimeBasedCanary")


@given(st.integers(0, int(LONGEST.total_seconds())).map(lambda s: timedelta(seconds=s)))
def test_a_duration_is_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.one_of(st.text(max_size=12), st.text("0123456789hms. ", max_size=12)))
def test_any_text_is_a_duration_or_one_mistake(text: str) -> None:
    given_texts: list[str] = []
    duration = None
    try:
        duration = parse_duration(text)
    except Mistakes as wrong:
        given_texts = [mistake.given for mistake in wrong.mistakes]
    assert given_texts == ([text] if duration is None else [])
    assert duration is None or timedelta(0) <= duration <= LONGEST
