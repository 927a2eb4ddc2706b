"""A hundred functions: those that differ come first, the others are folded, and nothing is cut without saying so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.metrics import Comparison, Minute, VersionMetrics
from lambda_rollout.report.alike import failing_more, named, parted, what_they_share
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.summary.summary import LIMIT, summary
from lambda_rollout.rollout import events as e
from tests.support.long_rollout import LongRollout
from tests.support.stories import START, Telling, alarm


def group(functions: int) -> Telling:
    tell = Telling("10% 5m, 100% 5m", *(Target(f"f{n}", "live") for n in range(functions)))
    tell.begins(*(alarm(f"f{n}-errors", AlarmState.OK) for n in range(functions)))
    tell.shifts(1)
    return tell


def state(tell: Telling) -> RolloutState:
    return rollout_state(tell.events)


def with_numbers(now: RolloutState, **errors: tuple[int, int]) -> RolloutState:
    numbers = {}
    for name, (new, old) in errors.items():
        target = Target(name, "live")
        canary, baseline = (
            VersionMetrics(target, version, (Minute(START, 100, count),))
            for version, count in (("8", new), ("7", old))
        )
        numbers[target] = Comparison(canary, baseline, 0, START)
    return replace(now, numbers=numbers)


def names(targets: object) -> list[str]:
    return [now.target.name for now in targets]  # type: ignore[attr-defined]


def test_a_few_are_all_shown() -> None:
    now = state(group(8))
    assert (len(parted(now).differ), parted(now).alike) == (8, ())
    assert named(tuple(now.targets.values())) == "f0:live, f1:live, f2:live and 5 more"


def test_of_many_those_come_first_that_are_otherwise() -> None:
    tell = group(40)
    tell.say(
        e.RolledBack,
        target=Target("f7", "live"),
        version="7",
        from_version="8",
        percent=Decimal(10),
    )
    tell.say(
        e.AliasLeft,
        target=Target("f3", "live"),
        routing=Routing.split("7", "8", Decimal(10)),
        expected=Routing.all_on("7"),
        why="",
        command="",
    )
    now = with_numbers(state(tell), f20=(5, 1), f21=(1, 5), f22=(9, 1), f23=(0, 0))
    them = parted(now)
    assert names(them.differ) == ["f3", "f7", "f22", "f20"]
    assert len(them.alike) == 36
    assert what_they_share(them) == "36 other aliases: 10% on the new version"
    assert named(tuple(now.targets.values())) == "40 functions"


def test_the_worst_of_those_that_fail_more_than_before_are_a_few() -> None:
    many = {f"f{n}": (n, 3) for n in range(12)}
    now = with_numbers(RolloutState(), **many)
    worst = [target.name for target in failing_more(now.numbers)]
    assert worst == ["f11", "f10", "f9", "f8", "f7"]


def test_a_long_rollout_of_many_fits_into_a_summary_that_says_what_it_leaves_out() -> None:
    now = rollout_state(LongRollout(100, 200, hours=0.25).events())
    text = summary(now)
    assert len(text.encode()) < LIMIT / 4
    assert text.startswith("## ✅ 100 functions promoted")
    assert "All 100 aliases: 100% on the new version" in text
    assert "new versions: " in text
    assert "And 50 more, in the JSON report." in text
    assert "changed&nbsp;25&nbsp;times" in text
    assert "And 150 more alarms, in the log." in text
    for line in ("100 more aliases", "<details>"):
        assert line in text


def test_alarms_that_were_ok_are_one_line_among_many() -> None:
    tell = group(40)
    fired = alarm("f9-errors", AlarmState.ALARM, "too many")
    tell.say(e.AlarmChanged, reading=fired, before=AlarmState.OK, fired=True)
    tell.pass_time(timedelta(minutes=1).total_seconds())
    tell.ends(e.Result.ROLLED_BACK, "alarm f9-errors fired: too many", failed_alarms=(fired,))
    text = summary(state(tell))
    before, _, after = text.partition("🟢 39 alarms OK")
    assert "f9-errors" in before
    assert "f8-errors" not in before
    assert "f8-errors" in after
