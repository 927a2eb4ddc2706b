"""Was it enough to tell?"""

import math

import pytest

from lambda_rollout.analysis.guards.enough import is_over_by_chance, tail


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("failed", [0, 1, 3, 7, 12, 13])
def test_the_tail_is_that_of_the_binomial_distribution(failed: int, rate: float) -> None:
    by_hand = sum(
        math.comb(12, one) * rate**one * (1 - rate) ** (12 - one) for one in range(failed, 13)
    )
    assert tail(failed, 12, rate) == pytest.approx(by_hand)


def test_the_tail_of_a_million() -> None:
    assert tail(10_000, 1_000_000, 0.01) == pytest.approx(0.5, abs=0.01)
    assert 0 < tail(11_000, 1_000_000, 0.01) < 1e-15


def test_one_failure_of_a_few_is_chance_and_many_are_not() -> None:
    assert is_over_by_chance(1, 20, 0.01)
    assert not is_over_by_chance(2, 20, 0.01)
    assert not is_over_by_chance(1200, 100_000, 0.01)
    assert not is_over_by_chance(3, 60, 0.01)
    assert is_over_by_chance(3, 60, 0.01, dispersion=3)


def test_none_may_fail() -> None:
    assert is_over_by_chance(0, 20, 0.0)
    assert not is_over_by_chance(1, 20, 0.0)
