"""Names copied out of YAML or JSON: what they were meant to be is said."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.leftovers import hint_on, without_leftovers
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import read_inputs, variable

RIGHT = {"function-name": "checkout", "aws-region": "eu-central-1"}


def told(**inputs: str) -> list[str]:
    given = RIGHT | {name.replace("_", "-"): text for name, text in inputs.items()}
    with pytest.raises(InputErrors) as caught:
        read_inputs({variable(name): text for name, text in given.items()})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("item", "meant"),
    [
        ("checkout", "checkout"),
        ("- checkout", "checkout"),
        ("-", ""),
        ("-checkout", "-checkout"),
        ('"checkout",', "checkout"),
        ("['checkout'", "checkout"),
        ('- "checkout"]', "checkout"),
        ("“checkout”", "checkout"),
        ("[", ""),
        ("{function}-errors", "{function}-errors"),
    ],
)
def test_what_an_item_is_without_them(item: str, meant: str) -> None:
    assert without_leftovers(item) == meant


FROM_YAML = "- checkout\n- orders"
FROM_JSON = '[\n  "checkout",\n  "orders"\n]'


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        (FROM_YAML, "dash"),
        (FROM_JSON, "brackets, quotes and comma"),
        ('["checkout", "orders"]', "brackets and quotes"),
        ("[checkout, orders]", "brackets"),
    ],
)
def test_a_list_of_functions(text: str, signs: str) -> None:
    (problem,) = told(function_name=text)
    expected = f"Write 'checkout, orders', without the {signs} of YAML or JSON."
    assert problem.endswith(f"{text!r}. {expected}")


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("alias", "'live'", "live"),
        ("version", '"12"', "12"),
        ("steps", "- 10% 5m\n- 50% 10m", "10% 5m, 50% 10m"),
        ("interval", '"5m"', "5m"),
        ("mode", "'plan'", "plan"),
        ("aws_region", "'eu-central-1'", "eu-central-1"),
        ("package", '"new.zip"', "new.zip"),
        (
            "guards",
            "- error-rate < 1%\n- p99-duration < 1s",
            r"error-rate < 1%\np99-duration < 1s",
        ),
    ],
)
def test_every_other_input(name: str, text: str, meant: str) -> None:
    (problem,) = told(**{name: text})
    assert f"Write '{meant}', without the " in problem


def test_another_mistake_is_told_as_ever() -> None:
    (problem,) = told(alias="'li ve'")
    assert "YAML" not in problem
    assert "Write an alias's name" in problem


@pytest.mark.parametrize(
    ("items", "hint"),
    [
        (["checkout-errors"], ""),
        (["- checkout-errors"], "Write 'checkout-errors', without the dash of YAML or JSON."),
        (
            ["[", '"errors"', "latency", "]"],
            "Write 'errors', without the brackets and quotes of YAML or JSON.",
        ),
        (["["], "Take out the brackets of YAML or JSON."),
    ],
)
def test_of_names_that_may_have_them_it_is_said_once_there_are_none(
    items: list[str], hint: str
) -> None:
    assert hint_on(items) == hint
