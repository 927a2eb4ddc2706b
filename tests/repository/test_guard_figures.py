"""The benchmark's figures: how they are put into tables and pages, and that the page keeps its promise."""

import re
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from benchmarks.__main__ import into_docs, main
from benchmarks.flow import End, World, roll_out
from benchmarks.table import Row, markdown
from benchmarks.traffic import BEGAN, Version, history, serve, share_over
from lambda_rollout.analysis.guards.verdict import LEVEL
from lambda_rollout.analysis.metrics import MINUTE, StepStart

STEPS = ((10, 5), (100, 5))
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guards.md").read_text()


def test_rows_of_one_table_stand_together() -> None:
    rows = [
        Row("First", "a", {"x": 1, "y": "2%"}),
        Row("Second", "c", {"z": 3.5}),
        Row("First", "b", {"x": 10, "y": "20%"}),
    ]
    assert markdown(rows) == (
        "**First**\n\n|  | x | y |\n| --- | ---: | ---: |\n| a | 1 | 2% |\n| b | 10 | 20% |\n\n"
        "**Second**\n\n|  | z |\n| --- | ---: |\n| c | 3.5 |"
    )


def test_figures_go_between_the_marks(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    page.write_text("Before\n<!-- benchmark guards -->\nold\n<!-- end -->\nAfter\n")
    other.write_text("<!-- benchmark speed -->\n<!-- end -->\n")
    for tables in ("| 1\\2 |", "| 3 |"):
        into_docs("guards", tables, tmp_path)
        assert page.read_text() == (
            f"Before\n<!-- benchmark guards -->\n\n{tables}\n\n<!-- end -->\nAfter\n"
        )
    assert other.read_text() == "<!-- benchmark speed -->\n<!-- end -->\n"


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "no such benchmark: speed" in capsys.readouterr().err


def always(rate: float) -> Version:
    return Version(lambda _: rate)


def test_a_simulated_rollout_is_the_same_every_time() -> None:
    ends = [
        roll_out(seed, "error-rate <= baseline", always(0.05), always(0.01), 300, STEPS)
        for seed in ("seed 1", "seed 1", "seed 2")
    ]
    assert ends[0] == ends[1] != ends[2]


def test_a_simulated_minute_is_as_asked() -> None:
    dice = Random("as asked")
    version = Version(lambda _: 0.02, slowness=2)
    minutes = [serve(dice, 0, 3000, version, (1000.0,), (50, 99)).seen(0) for _ in range(30)]
    assert sum(one.errors for one in minutes) / 90_000 == pytest.approx(0.02, rel=0.1)
    slow = sum(one.slower_than[1000.0] for one in minutes) / 90_000
    assert slow == pytest.approx(share_over(500.0), rel=0.1)
    assert minutes[0].durations["p50"] == pytest.approx(200, rel=0.2)
    assert minutes[0].durations["p99"] == pytest.approx(2000, rel=0.5)


def test_what_hangs_is_told_when_it_ends() -> None:
    hanging = serve(Random(1), 0, 1000, Version(hangs=0.3, timeout=240))
    assert 600 < hanging.seen(239).invocations < 800
    assert hanging.seen(239).errors == 0
    assert (hanging.seen(240).invocations, hanging.seen(240).errors) == (1000, hanging.errors)
    assert 200 < hanging.errors < 400


def test_what_failed_is_tried_again_and_fails_on_either_version() -> None:
    failing_once = Version(lambda minute: 0.1 * (minute == 0), retries=2)
    past = history("again", failing_once, 1000)
    world = World((), failing_once, failing_once, 1000, Random("again"), past)
    world.steps.append(StepStart(BEGAN, Decimal(10)))
    world.grow(BEGAN + 4 * MINUTE)
    errors = [(new.errors, old.errors) for new, old in world.minutes]
    first = sum(errors[0])
    assert 60 < first < 140
    assert [sum(both) for both in errors] == [first, first, first, 0]
    assert len({new for new, _ in errors[:3]}) > 1


def test_how_a_rollout_ends() -> None:
    guard = "error-rate <= baseline"
    assert roll_out("good", guard, always(0), always(0), 1000, STEPS).how is End.PROMOTED
    assert roll_out("idle", guard, always(0), always(0), 1, STEPS).how is End.NO_EVIDENCE
    bad = roll_out("bad", guard, always(0.3), always(0), 1000, STEPS)
    assert (bad.how, bad.at_percent) == (End.ROLLED_BACK, 10)
    late = roll_out("late", guard, always(0.3), always(0), 1000, STEPS, late=0.05)
    assert late.how is End.ROLLED_BACK


class TestThePage:
    """What docs/guards.md promises, its own figures must show."""

    def table(self, begins: str) -> dict[str, list[str]]:
        """The rows of the table whose name begins so, by case."""
        _, after = re.split(rf"\*\*{re.escape(begins)}[^*]*\*\*\n\n", PAGE, maxsplit=1)
        lines = after.split("\n\n")[0].splitlines()[2:]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {row[0]: row[1:] for row in rows}

    def test_wrong_rollbacks_are_within_the_stated_level(self) -> None:
        rows = self.table("Rolled back in error: equal versions")
        assert len(rows) >= 13
        for row in rows.values():
            assert all(percent(cell) <= 100 * LEVEL for cell in row if cell)
        assert f"**{LEVEL:.0%}**" in PAGE

    def test_what_hangs_is_found_and_what_is_late_is_no_error(self) -> None:
        rows = self.table("Numbers that come late")
        hang = [
            row for case, row in rows.items() if case.startswith("30% hang") and "900 s" not in case
        ]
        equal = [row for case, row in rows.items() if case.startswith("equal")]
        assert hang
        assert equal
        assert {percent(cell) for row in hang for cell in row} == {100}
        assert max(percent(cell) for row in equal for cell in row) <= 100 * LEVEL

    def test_small_services_are_promoted(self) -> None:
        for rate, least in (("0%", 85), ("1%", 70)):
            rows = self.table(f"`error-rate <= baseline`, both versions at {rate}")
            promoted, worse, _ = shares(rows["20 invocations a minute"][0])
            assert promoted >= least
            assert worse <= 1

    def test_a_common_outage_at_100_rolls_nothing_back(self) -> None:
        rows = self.table("At 100%").values()
        assert max(percent(cell) for row in rows for cell in row if cell) <= 100 * LEVEL

    def test_the_power_is_what_it_was(self) -> None:
        most = {"0.0% → 0.1%": 2720, "0.1% → 1.0%": 520, "1.0% → 2.0%": 1700, "1.0% → 3.0%": 500}
        rows = self.table("Median invocations of the new version, at 10% of the traffic, until")
        for case, invocations in most.items():
            assert int(rows[case][0].replace(",", "")) <= invocations

    def test_a_fixed_bound_over_the_truth_rolls_little_back(self) -> None:
        rows = self.table("A fixed bound 20% over")
        assert [case[1:4] for case in rows] == ["p50", "p90", "p95", "p99"]
        for row in rows.values():
            assert len(row) == 7
            for promoted, worse, _ in map(shares, row):
                assert promoted >= 95
                assert worse <= 100 * LEVEL

    def test_one_that_is_not_kept_is_found_where_there_is_traffic(self) -> None:
        rows = self.table("A fixed bound that is not kept")
        assert len(rows) == 4
        for case, row in rows.items():
            *_, hundred, thousand, ten_thousand = map(shares, row)
            assert thousand[1] == ten_thousand[1] == 100
            if "twice as slow" in case:
                assert hundred[1] >= 95

    def test_a_version_that_is_twice_as_slow_is_found(self) -> None:
        rows = self.table("Durations, cold starts included: share rolled back by `p99-duration")
        assert percent(rows["100% slower"][0]) >= 50
        assert percent(rows["just as fast"][0]) <= 100 * LEVEL

    def test_hosts_that_differ_are_no_worse_version_with_a_margin(self) -> None:
        rows = self.table("Durations rolled back in error")
        bare, with_margin, *_ = rows["cold starts, hosts differ by 10%"]
        assert percent(bare) > 100 * LEVEL >= percent(with_margin)


def shares(cell: str) -> tuple[int, ...]:
    """Promoted, rolled back as worse, and for want of evidence, in percent."""
    return tuple(map(int, cell.split(" / ")))


def percent(cell: str) -> float:
    return float(cell.partition("%")[0])
