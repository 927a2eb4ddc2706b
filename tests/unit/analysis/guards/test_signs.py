"""The sign test, held to its definition by counting every possible outcome."""

import math
from collections.abc import Sequence
from itertools import combinations

import pytest

from lambda_rollout.analysis.guards.signs import chance_of_slower, is_fair_reference, sign_factors


class TestDurations:
    @pytest.mark.parametrize("chance", [0.5, 0.6, 0.9])
    def test_a_wager_on_chance_never_pays(self, chance: float) -> None:
        pairs = zip(sign_factors(True, chance), sign_factors(False, chance), strict=True)
        for slower, not_slower in pairs:
            mean = chance * math.exp(slower) + (1 - chance) * math.exp(not_slower)
            assert mean == pytest.approx(1)

    @pytest.mark.parametrize("percent", [50, 90, 99])
    @pytest.mark.parametrize(("new", "old"), [(1, 1), (3, 7), (5, 5), (6, 4), (2, 10)])
    def test_chance_is_that_of_shuffled_durations(self, percent: int, new: int, old: int) -> None:
        higher = total = 0
        for places in combinations(range(new + old), new):
            others = [place for place in range(new + old) if place not in places]
            higher += nearest_rank(places, percent) > nearest_rank(others, percent)
            total += 1
        assert chance_of_slower(percent, new, old) == pytest.approx(max(0.5, higher / total))

    @pytest.mark.parametrize("percent", [50, 99])
    def test_equal_samples_have_an_even_chance(self, percent: int) -> None:
        assert chance_of_slower(percent, 3000, 3000) == pytest.approx(0.5, abs=1e-6)

    def test_a_small_sample_can_have_the_better_chance_of_a_high_percentile(self) -> None:
        assert chance_of_slower(99, 199, 100_000) == pytest.approx(0.593, abs=0.001)
        assert chance_of_slower(99, 10, 100_000) == 0.5


def nearest_rank(values: Sequence[int], percent: int) -> int:
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


class TestReference:
    def test_of_equal_samples_each_minute_is_a_coin(self) -> None:
        # A median of an odd sample is in the middle: 2^-9 is over 0.001, 2^-10 is not.
        assert not is_fair_reference(50, 1001, (1001,) * 9, 0.001)
        assert is_fair_reference(50, 1001, (1001,) * 10, 0.001)

    def test_small_samples_are_no_reference_for_large_ones(self) -> None:
        assert is_fair_reference(99, 500, (500,) * 12, 0.001)
        assert not is_fair_reference(99, 1000, (50,) * 12, 0.001)
