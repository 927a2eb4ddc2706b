"""``version`` as the output gives it for several functions, and everything that can be wrong with one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.inputs.names import FromAlias, Latest, Numbered, NumberedEach
from lambda_rollout.inputs.text import Mistakes
from lambda_rollout.inputs.versions import parse_version_of
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout import events as e
from tests.support.stories import Telling

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:cart"
FUNCTIONS = ("checkout", ARN)
NUMBER = "Write the number of a published version, such as 12."
MISSING = "The object has no version for this function: add it."
TWICE = "This function is in the object more than once: write it once."
STRANGER = "function-name does not name this function, but 'checkout', 'cart'."


def refused(text: str, functions: tuple[str, ...] = FUNCTIONS) -> list[tuple[str, str]]:
    with pytest.raises(Mistakes) as caught:
        parse_version_of(functions, text)
    return [(mistake.given, mistake.remedy) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    "text",
    [
        '{"checkout": "8", "cart": "12"}',
        '{"checkout": 8, "cart": 12}',
        '{\n  "checkout": "8",\r\n  "cart": 12\n}',
    ],
)
def test_a_number_for_each_function(text: str) -> None:
    assert parse_version_of(FUNCTIONS, text) == NumberedEach((("checkout", "8"), ("cart", "12")))


def test_the_output_of_several_functions_is_taken_as_it_is() -> None:
    tell = Telling()
    for function, version in zip(FUNCTIONS, ("8", "12"), strict=True):
        target = Target(function, "live")
        tell.say(e.AliasFound, target=target, arn="", routing=Routing.all_on("7"))
        tell.say(e.VersionPublished, target=target, version=version, previous="7")
    given = outputs(rollout_state(tell.events))["version"]
    assert parse_version_of(FUNCTIONS, given) == NumberedEach((("checkout", "8"), ("cart", "12")))


def test_one_function_may_have_an_object_too() -> None:
    assert parse_version_of(("checkout",), '{"checkout": 8}') == NumberedEach((("checkout", "8"),))


def test_what_is_no_object_is_read_as_ever() -> None:
    assert parse_version_of(FUNCTIONS, "") == Latest()
    assert parse_version_of(FUNCTIONS, "12") == Numbered("12")
    assert parse_version_of(FUNCTIONS, "alias:dev") == FromAlias("dev")


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("{}", [("checkout", MISSING), ("cart", MISSING)]),
        ('{"checkout": 8}', [("cart", MISSING)]),
        ('{"checkout": 8, "cart": 12, "mailer": 3}', [("mailer", STRANGER)]),
        ('{"checkout": 8, "Cart": 12}', [("Cart", STRANGER), ("cart", MISSING)]),
        (f'{{"checkout": 8, "{ARN}": 12}}', [(ARN, "Write the name alone: 'cart'."), ("cart", MISSING)]),
        ('{"checkout": 8, "cart": 12, "checkout": 8}', [("checkout", TWICE)]),
        ('{"checkout": "", "cart": "$LATEST"}', [('checkout: ""', NUMBER), ('cart: "$LATEST"', NUMBER)]),
        ('{"checkout": "08", "cart": 0}', [('checkout: "08"', NUMBER), ("cart: 0", NUMBER)]),
        ('{"checkout": 8.0, "cart": -1}', [("checkout: 8.0", NUMBER), ("cart: -1", NUMBER)]),
        ('{"checkout": 1e1, "cart": NaN}', [("checkout: 1e1", NUMBER), ("cart: NaN", NUMBER)]),
        ('{"checkout": true, "cart": null}', [("checkout: true", NUMBER), ("cart: null", NUMBER)]),
        ('{"checkout": [8], "cart": {"a": 1}}', [("checkout: […]", NUMBER), ("cart: {…}", NUMBER)]),
        ('{"checkout": "٨", "cart": " 12"}', [('checkout: "٨"', NUMBER), ('cart: " 12"', NUMBER)]),
        (
            '{"mailer": "x", "checkout": 8, "checkout": "y"}',
            [
                ("mailer", STRANGER),
                ('mailer: "x"', NUMBER),
                ("checkout", TWICE),
                ('checkout: "y"', NUMBER),
                ("cart", MISSING),
            ],
        ),
    ],
)  # fmt: skip
def test_all_mistakes_are_told(text: str, mistakes: list[tuple[str, str]]) -> None:
    assert refused(text) == mistakes


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{checkout: 8}",
        "{'checkout': 8}",
        '{"checkout": 8,}',
        '{"checkout": 08}',
        '{"checkout": 8} {"cart": 8}',
        '{"a": ' * 100_000,
    ],
)
def test_what_is_no_json_is_told_the_form(text: str) -> None:
    [(given, remedy)] = refused(text)
    assert given == text
    assert 'gives it: {"checkout": "8", "cart": "12"}.' in remedy


def test_where_the_functions_cannot_be_read_only_the_numbers_are_held_against_anything() -> None:
    parse_version_of((), '{"checkout": 8}')
    assert refused('{"checkout": "x"}', ()) == [('checkout: "x"', NUMBER)]


def test_of_many_functions_a_few_are_named() -> None:
    many = tuple(f"f{number}" for number in range(9))
    given = json.dumps({"x": 1, **dict.fromkeys(many, 1)})
    assert refused(given, many) == [
        ("x", "function-name does not name this function, but 'f0' and 8 more.")
    ]


def test_as_many_as_an_input_has_room_for_are_held_against_one_another() -> None:
    functions = tuple(f"f{number}" for number in range(20_000))
    given = json.dumps({f"g{number}": "x" for number in range(8_000)})
    # Quadratic, this would take minutes.
    assert len(refused(given, functions)) == 2 * 8_000 + 20_000


@given(st.text())
def test_anything_else_is_a_mistake_and_no_crash(text: str) -> None:
    with pytest.raises(Mistakes):
        parse_version_of(FUNCTIONS, "{" + text)
