"""The names of CodeDeploy's deployment configurations, as ``steps`` may be written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from lambda_rollout.inputs.text import Mistake, Mistakes

# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
CODEDEPLOY_MOST_MINUTES = 2880

_LOOKS_LIKE_CODEDEPLOY = re.compile(r"CodeDeploy|Canary|Linear|AllAtOnce", re.IGNORECASE)
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
_CODEDEPLOY_NAME = re.compile(
    r"(?:CodeDeployDefault\.Lambda)?(?:"
    r"Canary(?P<canary>[1-9][0-9]?)Percent(?P<once>[1-9][0-9]{0,3})Minutes?|"
    r"Linear(?P<linear>[1-9][0-9]?)PercentEvery(?P<every>[1-9][0-9]{0,3})Minutes?|"
    r"AllAtOnce)"
)


@dataclass(frozen=True, slots=True)
class NamedShifts:
    """What a name says: the ``percents`` below 100, in order, and how long they are ``apart``."""

    percents: Sequence[int]
    apart: timedelta


def looks_like_codedeploy(item: str) -> bool:
    """Whether an item is meant as such a name, right or wrong."""
    return _LOOKS_LIKE_CODEDEPLOY.match(item) is not None


def parse_configuration_name(name: str) -> NamedShifts:
    """Read a name, with CodeDeploy's own numbers or any others.

    Raises:
        Mistakes: one: CodeDeploy has no such name.
    """
    found = _CODEDEPLOY_NAME.fullmatch(name)
    minutes = int((found and (found["once"] or found["every"])) or 0)
    if found is None or minutes > CODEDEPLOY_MOST_MINUTES:
        remedy = (
            "Write CodeDeploy's names as Canary10Percent5Minutes, Linear10PercentEvery1Minute or "
            "AllAtOnce, with 1 to 99 percent and 1 to 2880 minutes."
        )
        raise Mistakes(Mistake(name, remedy))
    percents: Sequence[int] = ()
    if found["canary"]:
        percents = (int(found["canary"]),)
    elif found["linear"]:
        percents = range(int(found["linear"]), 100, int(found["linear"]))
    return NamedShifts(percents, timedelta(minutes=minutes))
