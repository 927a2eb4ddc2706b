"""The guardian's demo does not call a failure a success; CI runs it as it is (`.ci/run`)."""

import pytest

from sandbox.aws.sns import Message
from sandbox.demo.guardian import TOPIC, unexpected

HELD = "1 and {'2': 0.1}"
TOLD = Message(TOPIC, "checkout:live rolled back to version 1", "text")


def test_what_is_as_expected_is_no_problem() -> None:
    assert unexpected("held", HELD, "1", [TOLD]) == []


@pytest.mark.parametrize(
    ("result", "held", "alias", "messages"),
    [
        ("failed", HELD, "1", [TOLD]),
        ("held", "1", "1", [TOLD]),
        ("held", HELD, HELD, [TOLD]),
        ("held", HELD, "2", [TOLD]),
        ("held", HELD, "1", []),
        ("held", HELD, "1", [TOLD, TOLD]),
        ("held", HELD, "1", [Message(TOPIC, "FAILED: checkout:live", "text")]),
    ],
)
def test_anything_else_is_a_problem(
    result: str, held: str, alias: str, messages: list[Message]
) -> None:
    assert len(unexpected(result, held, alias, messages)) == 1
