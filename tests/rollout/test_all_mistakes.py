"""What is wrong with many functions is told together, and nothing of it is done before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambda_rollout.inputs.choices import AlarmAtStart
from lambda_rollout.inputs.names import NumberedEach
from lambda_rollout.rollout.all_mistakes import MOST_TOLD, all_or_mistakes
from lambda_rollout.rollout.events import Result, Warned
from lambda_rollout.runtime.errors import RolloutError
from tests.support.groups import Group, names, targets

TWELVE = "f1, f2, f3, f4, f5 and 7 more."
WRITES = ("UpdateAlias", "PublishVersion", "UpdateFunctionCode")


def without_function(scene: Group) -> None:
    for name in names(12):
        del scene.world.lambda_().functions[name]


def without_alias(scene: Group) -> None:
    for name in names(12):
        del scene.world.lambda_().functions[name].aliases["live"]


def split_by_somebody(scene: Group) -> None:
    for number, name in enumerate(names(12), 1):
        scene.call("lambda", "PublishVersion", FunctionName=name)
        weights = {"AdditionalVersionWeights": {"2": number / 100}}
        moved = {"FunctionVersion": "1", "RoutingConfig": weights}
        scene.call("lambda", "UpdateAlias", FunctionName=name, Name="live", **moved)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (without_function, "there is no function f1 in eu-central-1"),
        (without_alias, "function f1 has no alias live."),
        (split_by_somebody, "f1:live is split: "),
    ],
)
def test_all_functions_with_the_same_mistake_are_told_at_once(
    break_it: Callable[[Group], None], said: str
) -> None:
    scene = Group.of(30)
    break_it(scene)
    end = scene.start()
    assert end.result is Result.FAILED
    assert end.reason.startswith(said)
    assert end.reason.endswith(f" 12 of 30 functions are like that: {TWELVE}")
    assert not scene.requests(*WRITES)


def test_versions_that_do_not_exist_are_told_at_once() -> None:
    scene = Group.of(30)
    asked = tuple((name, "9" if name in names(12) else "1") for name in names(30))
    end = scene.start(version_each=NumberedEach(asked))
    assert end.reason.startswith("function f1 has no version 9")
    assert end.reason.endswith(f" 12 of 30 functions are like that: {TWELVE}")


def test_two_kinds_are_told_with_a_remedy_each() -> None:
    scene = Group.of(30)
    del scene.world.lambda_().functions["f3"].aliases["live"]
    del scene.world.lambda_().functions["f9"]
    end = scene.start()
    assert end.reason.startswith("function f3 has no alias live. there is no function f9 in ")
    assert "`create-alias: true`" in end.remedy
    assert "Check `function-name`" in end.remedy


def test_one_alone_is_told_as_ever() -> None:
    scene = Group.of(30)
    del scene.world.lambda_().functions["f3"].aliases["live"]
    assert scene.start().reason == "function f3 has no alias live."


def test_more_kinds_than_anybody_reads_are_counted() -> None:
    kinds = dict(zip(targets(12), "abcdefghijkl", strict=True))

    def refuse(target: object) -> None:
        raise RolloutError(f"{kinds[target]} is wrong", "Mend it.")  # type: ignore[index]

    with pytest.raises(RolloutError) as raised:
        all_or_mistakes(refuse, targets(12), lambda target: target)
    assert (
        raised.value.what
        == f"a is wrong. b is wrong. c is wrong. And {12 - MOST_TOLD} more of 12 functions."
    )
    assert raised.value.remedy == "Mend it."


def test_of_many_alarms_that_fire_at_the_start_a_few_are_told_with_their_reasons() -> None:
    scene = Group.of(30)
    for name in names(25):
        scene.set_alarm(f"{name}-errors", "ALARM")
    end = scene.start()
    assert end.reason.count("(set by the test)") == 5
    assert end.reason.endswith(" and 20 more alarms.")
    end = scene.start(alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK)
    assert end.result is Result.PROMOTED
    said = [event.text for event in scene.told(Warned) if isinstance(event, Warned)]
    assert len(said) == 2
    assert said[-1].startswith("25 alarms did not guard (f1-errors, f2-errors, f3-errors, ")
