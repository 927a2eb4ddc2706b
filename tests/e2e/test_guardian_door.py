"""The guardian's handler in this process: what it writes and raises has no secret, and a message is not everything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout import guardian
from lambda_rollout.guardian import GuardianError, handler
from sandbox.aws.events import scheduled
from sandbox.aws.faults import AccessDenied, Echo
from tests.support.guardian import ARN, CALLER, TOPIC
from tests.support.live import Live, live

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class Context:
    """An invocation with five minutes left."""

    invoked_function_arn = ARN

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("door")) as made:
        made.world.sns.topics.add(TOPIC)
        yield made


@pytest.fixture
def look(scene: Live, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Invoke it, with nothing in its environment but its settings, and these."""

    def invoke(event: object = None, **settings: str) -> str:
        environ = {
            **scene.as_caller(CALLER),
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "FUNCTION_NAME": "checkout",
            "ALARMS": "checkout-errors",
            "TOPIC": TOPIC,
            **settings,
        }
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return handler(event or scheduled(scene.world.clock.now()), Context())

    yield invoke
    scene.world.faults.clear()
    scene.world.sns.messages.clear()
    guardian._told.clear()


def test_what_aws_repeats_is_hidden_in_the_error_and_in_the_log(
    scene: Live, look: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = Echo("ValidationException", more=(SECRET,))
    scene.world.faults.add(fault, operation="GetAlias", count=None)
    with pytest.raises(GuardianError) as raised:
        look()
    said = f"{raised.value}{capsys.readouterr().out}"
    assert "We were sent ***" in said
    assert SECRET not in said
    assert "\n" not in str(raised.value)
    # Nothing is known of any alias: the queue has it, and nobody is woken.
    assert scene.world.sns.messages == []


def test_a_setting_that_holds_a_secret_is_not_repeated(look: Any) -> None:
    with pytest.raises(GuardianError) as raised:
        look(BAKE=SECRET)
    assert "BAKE" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_an_event_that_is_not_one_of_ours_changes_nothing(scene: Live, look: Any) -> None:
    before = len(scene.world.log)
    with pytest.raises(GuardianError, match="neither an alarm's nor the schedule's"):
        look({"source": "somebody"})
    assert len(scene.world.log) == before


def test_a_look_is_one_line_of_json(
    scene: Live, look: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look() == "unchanged"
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["result"] == "unchanged"
    assert scene.world.sns.messages == []


def test_what_stays_wrong_is_told_once_and_then_now_and_again(
    scene: Live, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene.as_it_is():
        assert scene.run(steps="10% 0s, hold").outputs["result"] == "held"

        def fails(alarms: str = "nope") -> int:
            with pytest.raises(
                GuardianError, match=r"\. Correct the names, or create the alarms\."
            ):
                look(ALARMS=alarms)
            return len(scene.world.sns.messages)

        scene.world.faults.add(AccessDenied(), operation="Publish", count=None)
        assert fails() == 0
        # What was not sent is tried again.
        scene.world.faults.clear()
        assert [fails() for _ in range(3)] == [1, 1, 1]
        assert fails("gone") == 2
        monkeypatch.setattr(guardian, "TELL_AGAIN", timedelta())
        assert fails() == 3


def test_it_speaks_of_its_own_settings_and_its_own_role(scene: Live, look: Any) -> None:
    with pytest.raises(GuardianError, match=r"Create it, or correct ALIAS\."):
        look(ALIAS="prod")
    with pytest.raises(GuardianError, match="Check FUNCTION_NAME, AWS_REGION and the account"):
        look(FUNCTION_NAME="checkout,cart")
    scene.world.faults.add(AccessDenied(), operation="GetAlias", count=None)
    with pytest.raises(GuardianError, match=r"to the guardian's role; examples/guardian"):
        look()


def test_what_went_back_stays_back_if_nobody_can_be_told(
    scene: Live, look: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.run(steps="10% 0s, hold").outputs["result"] == "held"
    scene.set_alarm("ALARM")
    scene.world.faults.add(AccessDenied(), operation="Publish", count=None)
    assert look() == "rolled-back"
    assert scene.whole_on("1")
    assert "The message was not sent: " in capsys.readouterr().out
