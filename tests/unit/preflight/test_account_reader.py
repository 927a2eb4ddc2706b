"""Whose event source mappings the account's list tells, and when it is worth asking for."""

from __future__ import annotations

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.preflight.account_reader import of_function, worthwhile_pages
from lambda_rollout.preflight.facts import EventSource
from lambda_rollout.preflight.question import Passage
from tests.support.preflight_facts import ARN, LIVE

OWN, OTHER = "123456789012", "999999999999"
ELSEWHERE = ARN.replace(OWN, OTHER)
BY_ARN = Passage(Target(ARN, "live"), f"{ARN}:live", "1", "2")


def mapping(function: str, qualifier: str = "") -> EventSource:
    return EventSource(f"of {function}:{qualifier}", "queue", qualifier, "Enabled", function)


def test_a_function_has_those_of_all_its_qualifiers_and_no_others() -> None:
    its = (mapping(ARN), mapping(ARN, "live"), mapping(ARN, "8"))
    others = (mapping(f"{ARN}-2"), mapping(ARN[:-1]), mapping(ELSEWHERE))
    for passage in (BY_ARN, Passage(LIVE, f"{ARN}:live", "1", "2")):
        assert of_function((*others, *its), passage, OWN) == its


def test_before_there_is_an_alias_the_function_s_name_tells() -> None:
    passage = Passage(LIVE, "", None, "$LATEST")
    assert of_function((mapping(f"{ARN}-2"), mapping(ARN)), passage, "") == (mapping(ARN),)


def test_a_function_in_another_account_is_not_in_the_list() -> None:
    assert of_function((), BY_ARN, OTHER) is None
    # Whose credentials they are may be told by the mappings alone; without any nobody knows.
    assert of_function((mapping(ELSEWHERE),), BY_ARN, "") is None
    assert of_function((), BY_ARN, "") is None
    assert of_function((mapping(f"{ARN}-2"),), BY_ARN, "") == ()


def test_a_function_that_is_given_by_its_name_is_looked_for_where_the_list_is() -> None:
    assert of_function((), Passage(LIVE, f"{ARN}:live", "1", "2"), "") == ()


@pytest.mark.parametrize(("functions", "pages"), [(1, 1), (3, 1), (12, 6), (100, 50)])
def test_pages_are_worth_a_quarter_of_the_calls_by_name(functions: int, pages: int) -> None:
    assert worthwhile_pages(functions) == pages
