"""Sequential tests: evidence that may be looked at every minute without ever being fooled more often.

All of them are wagers against the statement "the new version is within its bound". Each minute the stake is
multiplied by a factor whose expected value is at most 1 while the statement is true. By Ville's inequality
the stake then *ever* reaches 1/level with a probability of at most the level, however often and for however
long one looks (Ramdas, Grünwald, Vovk, Shafer: Game-Theoretic Statistics and Safe Anytime-Valid Inference,
https://arxiv.org/abs/2210.01948). The stake is called an e-value; logarithms here are natural.

Nobody knows beforehand how bad a bad version is, nor when it begins to be bad. So the stake is spread over
several alternatives, and a part of it is put in only with each later minute (Shin, Ramdas, Rinaldo:
E-detectors, https://arxiv.org/abs/2203.03532). The sum of all parts is 1, so the guarantee stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

Factors = Sequence[float]
"""The logarithm of one minute's factor, for every alternative."""


def log_e_values(minutes: Iterable[Factors]) -> Iterator[float]:
    """Yield the logarithm of the e-value after every minute.

    The share 1/(t(t+1)) of the stake is put in with the t-th minute, so that a version that turns bad late is
    found although it was good for long.
    """
    logs: list[float] = []
    for number, factors in enumerate(minutes, start=1):
        fresh = -math.log(number * (number + 1))
        before = logs or [-math.inf] * len(factors)
        logs = [
            _log_sum((log, fresh)) + factor for log, factor in zip(before, factors, strict=True)
        ]
        yield log_mean(logs)


def highest(values: Iterable[float]) -> float:
    """Return the highest value seen, minus infinity for none: a stake once reached counts."""
    return max(values, default=-math.inf)


def log_mean(logs: Sequence[float]) -> float:
    """Return the logarithm of the mean of what these are the logarithms of."""
    return _log_sum(logs) - math.log(len(logs))


def log_choose(count: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose so many of ``count``."""
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(log - top) for log in logs))
