"""Judging guards: the new version's own numbers in, one verdict for every guard and target out. Pure.

Which test, at which level, with which power, and what it cannot tell: docs/guards.md.
"""

from lambda_rollout.guarding.course import Began
from lambda_rollout.guarding.judgement import (
    LEVEL,
    GuardVerdict,
    Outcome,
    judge_guards,
    what_broke,
    what_lacks,
)

__all__ = [
    "LEVEL",
    "Began",
    "GuardVerdict",
    "Outcome",
    "judge_guards",
    "what_broke",
    "what_lacks",
]
