"""All findings together: their order, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.preflight.finding import Code, Finding, Level, blocking
from tests.support.preflight_facts import BUSY, DENIED, LIVE, NEW, facts, found, target


def test_a_rollout_wired_as_it_should_be_has_no_finding() -> None:
    assert found(facts()) == []


def test_the_gravest_comes_first_and_every_target_is_looked_at() -> None:
    basket = replace(LIVE, function="basket")
    given = facts(
        target(reserved=DENIED),
        target(target=basket, reserved=0, invoked=replace(BUSY, target=basket)),
        target(new=replace(NEW, role="other")),
    )
    assert found(given) == [Code.ROLES_DIFFER, Code.CONCURRENCY_ZERO, Code.NOT_CHECKED]


@pytest.mark.parametrize(
    ("level", "strict", "blocks"),
    [
        (Level.ERROR, False, True),
        (Level.ERROR, True, True),
        (Level.WARNING, False, False),
        (Level.WARNING, True, True),
        (Level.NOTE, True, False),
    ],
)
def test_only_blindness_becomes_an_error_when_strict(
    level: Level, strict: bool, blocks: bool
) -> None:
    finding = Finding(level, Code.NO_TRAFFIC, "seen", "remedy")
    assert blocking([finding], strict=strict) == ((finding,) if blocks else ())
