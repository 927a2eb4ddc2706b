"""The benchmark's figures: how they are put into tables and pages, and that the page keeps its promise."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import into_docs, main
from benchmarks.rollouts import MINUTES, Version, guarded_by, naive, plain_threshold, simulate
from benchmarks.table import Row, markdown
from lambda_rollout.analysis.guards.verdict import LEVEL

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


def test_a_simulated_rollout_is_the_same_every_time() -> None:
    new, old = Version(lambda _: 0.02), Version(lambda _: 0.01)
    assert simulate("seed 1", new, old, 1000) == simulate("seed 1", new, old, 1000)
    assert simulate("seed 1", new, old, 1000) != simulate("seed 2", new, old, 1000)


def test_simulated_errors_and_durations_are_as_asked() -> None:
    rollout = simulate("as asked", Version(lambda _: 0.02, slowness=2), Version(clump=3), 3000)
    served = sum(minute.invocations for minute in rollout.canary)
    assert served == 3000 * (1 + 5 + 10)
    assert sum(minute.errors for minute in rollout.canary) / served == pytest.approx(0.02, rel=0.1)
    assert not any(minute.errors for minute in rollout.baseline)
    for new, old in zip(rollout.canary[10:20], rollout.baseline[10:20], strict=True):
        assert new.durations["p50"] == pytest.approx(200, rel=0.2)
        assert old.durations["p50"] == pytest.approx(100, rel=0.2)
        assert old.durations["p99"] == pytest.approx(1000, rel=0.5)


def test_the_first_minute_of_each_rule_is_found() -> None:
    bad = simulate("bad", Version(lambda minute: 0.2 * (minute > 2)), Version(), 1000)
    assert naive(bad) == 4
    assert plain_threshold(2)(bad) == 4
    assert guarded_by("error-rate <= baseline")(bad) == 4
    good = simulate("good", Version(), Version(), 1000)
    rules = naive, plain_threshold(2), guarded_by("error-rate <= baseline")
    assert [rule(good) for rule in rules] == [None] * 3
    assert len(good.canary) == MINUTES


class TestThePage:
    def table(self, begins: str) -> list[list[str]]:
        """The rows of the table whose name begins so."""
        _, after = re.split(rf"\*\*{re.escape(begins)}[^*]*\*\*\n\n", PAGE)
        lines = after.split("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    def test_wrong_rollbacks_are_within_the_stated_level(self) -> None:
        rows = self.table("Rolled back in error: equal versions")
        assert len(rows) >= 4
        for _, ours, *_ in rows:
            assert float(ours.rstrip("%")) <= 100 * LEVEL
        assert f"**{LEVEL:.0%}**" in PAGE

    def test_the_regressions_asked_for_are_found(self) -> None:
        rows = {case: ours for case, ours, *_ in self.table("Found, and after how many")}
        for case in ("0.1% → 1%", "1% → 3%", "5% → 10%"):
            assert float(rows[case].partition("%")[0]) >= 99
