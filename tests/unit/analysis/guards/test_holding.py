"""The wagers that show a version to be good, held to their definitions by counting every possible outcome."""

import math
from collections.abc import Iterator
from itertools import product

import pytest

from lambda_rollout.analysis.guards.holding import (
    ALIKE,
    HARM,
    SURE,
    USED_UP,
    against_worse,
    against_worse_than,
    log_shown,
)
from lambda_rollout.analysis.guards.rates import Limit

ROUNDING = 1e-9
LIMITS = [Limit(margin=0.01), Limit(factor=1.2), Limit(margin=HARM), Limit(1.5, HARM)]


def chances(total: int, rate: float) -> Iterator[tuple[int, float]]:
    """Every number of failures and its probability."""
    for failed in range(total + 1):
        yield failed, math.comb(total, failed) * rate**failed * (1 - rate) ** (total - failed)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("old", [0.0, 0.003, 0.05, 0.3, 0.5])
@pytest.mark.parametrize("beyond", [0.0, 0.1])
def test_a_wager_on_a_version_that_is_worse_never_pays(
    limit: Limit, old: float, beyond: float
) -> None:
    new = limit.over(old) + beyond
    sums = [0.0] * len(ALIKE)
    for (failed, chance), (old_failed, old_chance) in product(chances(4, new), chances(9, old)):
        if probability := chance * old_chance:
            for bet, factor in enumerate(against_worse(limit, (4, failed), (9, old_failed))):
                sums[bet] += probability * math.exp(factor)
    assert max(sums) <= 1 + ROUNDING


@pytest.mark.parametrize(("worse", "allowed"), [(0.1, 0.0), (0.11, 0.01), (0.6, 0.5), (0.98, 0.5)])
@pytest.mark.parametrize("beyond", [0.0, 0.02, 0.2])
def test_nor_below_a_fixed_one(worse: float, allowed: float, beyond: float) -> None:
    sums = [0.0] * len(USED_UP)
    for failed, chance in chances(6, min(1.0, worse + beyond)):
        for bet, factor in enumerate(against_worse_than(worse, allowed, (6, failed))):
            sums[bet] += chance * math.exp(factor)
    assert max(sums) <= 1 + ROUNDING


@pytest.mark.parametrize(("allowed", "enough"), [(0.0, 22), (0.01, 22), (0.05, 22)])
def test_few_that_keep_to_a_fixed_bound_show_that_they_do(allowed: float, enough: int) -> None:
    def shown(total: int, failed: int) -> bool:
        return log_shown(against_worse_than(allowed + HARM, allowed, (total, failed))) >= SURE

    assert shown(enough, 0)
    assert not shown(enough // 2, 0)
    assert not shown(enough, math.ceil(enough * (allowed + HARM)))


def test_half_of_a_few_show_that_a_version_keeps_to_its_median() -> None:
    plainly = against_worse_than(0.98, 0.5, (6, 3))
    assert log_shown(plainly) >= SURE
    assert log_shown(against_worse_than(0.98, 0.5, (6, 5))) < SURE


def is_shown(limit: Limit, new: int, failed: int, old_failed: int) -> bool:
    return log_shown(against_worse(limit, (new, failed), (9 * new, old_failed))) >= SURE


def test_few_invocations_without_a_failure_show_that_a_version_is_not_plainly_worse() -> None:
    plainly = Limit().and_more(HARM)
    assert is_shown(plainly, 28, 0, 0)
    assert not is_shown(plainly, 20, 0, 0)
    assert not is_shown(plainly, 28, 3, 0)


def test_a_margin_needs_more() -> None:
    assert is_shown(Limit(margin=0.01), 400, 0, 3)
    assert not is_shown(Limit(margin=0.01), 200, 0, 2)
    assert is_shown(Limit(factor=2.0), 20_000, 200, 1800)


def test_without_a_margin_nothing_shows_it() -> None:
    assert log_shown(against_worse(Limit(), (10**6, 0), (10**6, 10**5))) == 0
    assert log_shown([]) == 0


def test_one_version_alone_shows_nothing() -> None:
    assert log_shown(against_worse(Limit(margin=0.1), (1000, 0), (0, 0))) == 0
    assert log_shown(against_worse(Limit(margin=0.1), (0, 0), (1000, 0))) == 0


def test_where_nothing_can_be_worse_nothing_is_bet() -> None:
    assert set(against_worse(Limit(margin=1.0), (10, 1), (10, 1))) == {0.0}


@pytest.mark.parametrize("worse", [1.0, 1.05])
def test_what_always_fails_is_refuted_by_one_that_did_not(worse: float) -> None:
    assert log_shown(against_worse_than(worse, 0.95, (10, 9))) >= SURE
    assert log_shown(against_worse_than(worse, 0.95, (10, 10))) < 0
    assert log_shown(against_worse_than(worse, 0.95, (0, 0))) == 0
