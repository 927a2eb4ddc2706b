"""The new version's own errors, told by a real process: and a log that hangs keeps no job from ending."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.aws.faults import Hang
from sandbox.demo.shop import BAD
from sandbox.github import GitHub, PullRequest, Server
from tests.support.live import NEW, OLD, PATIENCE, Live, live

PRIVATE = {"repository": {"full_name": "octo/shop", "private": True, "visibility": "private"}}
BASKETS: tuple[list[float], ...] = ([9.5, 20.0], [])


def serve(scene: Live) -> None:
    """Let customers come until the new version has failed for one of them."""
    for prices in BASKETS * 50:
        payload = json.dumps({"prices": prices}).encode()
        answer = scene.call("lambda", "Invoke", FunctionName="checkout:live", Payload=payload)
        if answer["ExecutedVersion"] == NEW and "FunctionError" in answer:
            return
    raise AssertionError("nobody got the new version with an empty basket")


def test_the_average_of_an_empty_basket_is_told_in_log_summary_comment_and_report(
    tmp_path: Path,
) -> None:
    github = GitHub()
    github.add_pull(PullRequest(12, "9f2c1ab0d3e45f60718293a4b5c6d7e8f9012345"))
    with (
        Server(github) as api,
        live(tmp_path, token="ghs_sandbox", api_url=api.url, event=PRIVATE) as scene,
    ):
        scene.build(BAD)
        step = scene.start(steps="50% 5m", comment="auto", pr_number="12", poll_interval="1s")
        scene.until_shifted(step)
        serve(scene)
        scene.set_alarm("ALARM")
        finished = step.wait(PATIENCE)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)
    (comment,) = github.comments_on(12)
    for told in (finished.summary, comment.body):
        assert "`ZeroDivisionError` at `app.py:4`<br>division by zero | **1** × " in told
        assert "console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:" in told
        assert "fields @timestamp, @requestId, @message" in told
    assert "1 × ZeroDivisionError at app.py:4: division by zero, at " in finished.shown
    report: Any = json.loads(Path(finished.outputs["report"]).read_text("utf-8"))
    (event,) = [each for each in report["events"] if each["type"] == "log-read"]
    (error,) = event["errors"]
    assert (error["kind"], error["count"], error["where"]) == ("ZeroDivisionError", 1, "app.py:4")
    assert error["request-id"] in finished.summary


def test_a_log_that_hangs_keeps_a_job_that_is_cancelled_then_from_nothing(tmp_path: Path) -> None:
    with live(tmp_path) as scene:
        scene.build(BAD)
        scene.world.faults.add(Hang(3600), operation="FilterLogEvents", count=None)
        step = scene.start(steps="50% 5m", comment="off", poll_interval="1s")
        scene.until_shifted(step)
        scene.set_alarm("ALARM")
        scene.until(lambda: scene.requests("FilterLogEvents"), step)
        assert scene.whole_on(OLD)
        step.cancel()
        finished = step.wait(PATIENCE)
        assert (finished.status, finished.outputs["result"]) == (1, "rolled-back"), finished.log
        assert "was not read: the job is about to be killed" in finished.log
        assert "The log of checkout was not read" in finished.summary
        # Nothing for the post stage to do.
        assert "nothing to do" in scene.post(finished.state).log
