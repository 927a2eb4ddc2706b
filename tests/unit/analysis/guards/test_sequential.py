"""The stake: what its parts make of it, and that many looks fool nobody."""

import math
from collections.abc import Sequence
from itertools import product

import pytest

from lambda_rollout.analysis.guards.sequential import Factors, highest, log_e_values, log_mean
from lambda_rollout.analysis.guards.signs import sign_factors


class TestTheStake:
    def test_it_is_what_its_parts_make_of_it(self) -> None:
        minutes = [[0.3, -0.2], [1.1, 0.4], [-0.7, 0.9]]
        # A part put in with minute t, half of it on each alternative, is multiplied from then on.
        by_hand = [
            sum(
                1
                / (begin * (begin + 1))
                / 2
                * math.exp(sum(m[k] for m in minutes[begin - 1 : end]))
                for begin in range(1, end + 1)
                for k in (0, 1)
            )
            for end in (1, 2, 3)
        ]
        assert [math.exp(value) for value in log_e_values(minutes)] == pytest.approx(by_hand)

    def test_the_parts_are_no_more_than_the_whole(self) -> None:
        assert highest(log_e_values([[0.0]] * 10_000)) < 0

    def test_it_does_not_overflow_or_vanish(self) -> None:
        up, down = [5000.0, -5000.0], [-5000.0, -5000.0]
        assert list(log_e_values([up, up]))[-1] == pytest.approx(10_000 - math.log(4))
        assert list(log_e_values([down, [math.inf, 0.0]]))[-1] == math.inf
        assert highest([]) == -math.inf

    def test_many_looks_fool_nobody(self) -> None:
        # Exact: every path of 12 minutes with an even chance of being slower, by counting all 4,096.
        paths = list(product([True, False], repeat=12))
        fooled = [path for path in paths if highest(log_e_values(signs(path))) >= math.log(20)]
        assert 0 < len(fooled) / len(paths) <= 1 / 20


def signs(path: Sequence[bool]) -> list[Factors]:
    return [sign_factors(slower, 0.5) for slower in path]


def test_the_mean_of_logarithms_is_one_of_what_they_stand_for() -> None:
    assert log_mean([math.log(2), math.log(4)]) == pytest.approx(math.log(3))
    assert log_mean([-math.inf, math.log(4)]) == pytest.approx(math.log(2))
    assert log_mean([-math.inf, -math.inf]) == -math.inf
