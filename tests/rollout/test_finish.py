"""What is said while a rollback is not confirmed."""

from __future__ import annotations

import shlex
from io import StringIO

from lambda_rollout.github.log import Log
from lambda_rollout.github.stream import Lines
from sandbox.aws.faults import Answer
from tests.support.scene import Scene, rollout_spec


def test_the_command_in_the_first_word_of_trouble_is_whole_however_much_aws_says() -> None:
    scene = Scene.ready()
    text = "it's what the owner wrote. " * 9
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    denied = Answer("AccessDeniedException", "not authorized to perform that. " * 30, 403)
    scene.after(40.0, lambda: scene.world.faults.add(denied, operation="UpdateAlias", count=None))
    scene.after(50.0, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    scene.roll_out(rollout_spec("20% 60s"))
    (trouble,) = [said for said in scene.warnings if said.startswith("Not confirmed yet")]
    shown = StringIO()
    log = Log(Lines(shown))
    for event in scene.events:
        log.tell(event)
    command = trouble.partition("To do it by hand: ")[2]
    assert command.endswith(shlex.quote(text))
    assert command in shown.getvalue()
    assert ".. To do it by hand" not in trouble
