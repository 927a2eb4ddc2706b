"""How many failures come together."""

from random import Random
from statistics import mean

import pytest

from benchmarks.traffic import binomial
from lambda_rollout.analysis.guards.dispersion import dispersion_of


def clumped(seed: int, clump: int, rate: float = 0.02, total: int = 1000) -> float:
    dice = Random(seed)
    minutes = [(total, clump * binomial(dice, total // clump, rate)) for _ in range(180)]
    return dispersion_of(minutes)


@pytest.mark.parametrize("clump", [1, 3, 10])
def test_it_is_the_size_of_the_clumps(clump: int) -> None:
    assert mean(clumped(seed, clump) for seed in range(20)) == pytest.approx(clump, rel=0.2)


def test_traffic_that_grows_and_a_rate_that_slowly_changes_are_none() -> None:
    dice = Random(1)
    minutes = [(10 * at, binomial(dice, 10 * at, at / 2000)) for at in range(1, 200)]
    assert dispersion_of(minutes) < 1.5


def test_an_outage_hardly_is() -> None:
    minutes = [(1000, 10 + at % 3) for at in range(180)]
    assert dispersion_of([*minutes, (1000, 400), (1000, 400), *minutes]) < 1.5


def test_without_failures_nothing_is_known() -> None:
    assert dispersion_of([]) == 1
    assert dispersion_of([(100, 0)] * 60) == 1
    assert dispersion_of([(100, 100)] * 60) == 1
    assert dispersion_of([(0, 0), (100, 30)] * 60) == 1
