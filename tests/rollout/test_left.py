"""What is told of an alias that this run could not put right."""

from decimal import Decimal

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.rollout.left import LeftAlias
from tests.support.scene import rollout_spec

TARGET = Target("checkout", "live")
OLD = Routing.all_on("7")
SPLIT = Routing.split("7", "8", Decimal(10))
LEFT = LeftAlias(rollout_spec("10% 5m").identity, TARGET, OLD, "What customers use")


def test_what_could_not_be_read_is_put_right_by_hand() -> None:
    left = LEFT.unread(OSError("no answer"))
    assert (left.target, left.routing, left.expected) == (TARGET, None, OLD)
    assert left.why == "it could not be read: no answer"
    assert left.command == LEFT.identity.command(TARGET, OLD, "What customers use")


def test_a_split_by_somebody_else_comes_with_a_command() -> None:
    left = LEFT.changed(SPLIT, "somebody else changed it")
    assert left.routing == SPLIT
    assert left.command == LEFT.command(OLD)


def test_what_somebody_else_put_on_one_version_is_theirs() -> None:
    assert LEFT.changed(Routing.all_on("9"), "somebody else changed it").command == ""


def test_a_deleted_alias_needs_no_command() -> None:
    left = LEFT.deleted()
    assert (left.routing, left.command) == (None, "")


def test_another_command_may_be_given() -> None:
    assert LEFT.because("it goes on", SPLIT, command="aws deploy stop").command == "aws deploy stop"
