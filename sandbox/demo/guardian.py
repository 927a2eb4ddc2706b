"""``make demo-guardian``: a rollout is held, its job is over, an alarm fires: the guardian puts it back, and tells.

The guardian is the zip file that ``make guardian`` builds, in a process that has nothing else but boto3.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3

from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.aws.sns import Message
from sandbox.aws.world import ACCOUNT, REGION
from sandbox.clock import RealClock
from sandbox.demo.__main__ import INPUTS, heading, say
from sandbox.demo.shop import ALARM, ALIAS, CREDENTIALS, FUNCTION, GOOD, Shop
from sandbox.runner import Runner
from sandbox.runner.guardian import Guardian, runtime_in
from scripts.guardian import build

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-rollout-guardian"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"

LONGEST = 30.0
"""Seconds to wait for the guardian, on a machine that is busy."""


def main() -> int:
    """Run it; return 0 if everything ended as it should."""
    world = World(RealClock(), seed=1)
    with Server(world) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION}
        shop = Shop(world, server.url, actions=[ARN])
        guardian = _installed(world, folder, environ)
        cloudwatch = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        ).client("cloudwatch", endpoint_url=server.url)

        heading("A rollout that is held")
        say("Version 2 is to stay at 10% until somebody says more. The job's log, live:\n")
        shop.upload(GOOD)
        runner = Runner(folder / "job")
        inputs = {**INPUTS, "steps": "10% 3s, hold"}
        finished = runner.run(inputs, environ, live=lambda line: say(f"  │ {line}"))
        held = shop.alias()
        say(f"\nresult={finished.outputs['result']}; the alias is on version {held}.")
        say("The job is over, and so is its runner: no process of the rollout is left.")

        heading("An alarm fires")
        began = time.monotonic()
        cloudwatch.set_alarm_state(
            AlarmName=ALARM, StateValue="ALARM", StateReason="a fire drill, set by hand"
        )
        _until(lambda: bool(world.sns.messages))
        say(f"{time.monotonic() - began:.0f}s later the alias is on version {shop.alias()}.")
        say("People have this message:\n")
        for message in world.sns.messages:
            say(
                "\n".join(
                    f"  │ {line}" for line in (message.subject, "", *message.text.splitlines())
                )
            )
        _until(lambda: not guardian.running)
        alias, messages = shop.alias(), list(world.sns.messages)

    heading("The end")
    problems = unexpected(finished.outputs["result"], held, alias, messages)
    for problem in problems:
        say(f"NOT AS IT SHOULD BE: {problem}")
    if not problems:
        say(
            "What no job watched any more was put back by its own alarm, and somebody knows. The guardian would do the\n"
            "same, by its schedule, for what a dead run left. How to install it: docs/guardian.md."
        )
    return 1 if problems else 0


def _installed(world: World, folder: Path, environ: dict[str, str]) -> Guardian:
    """Install the guardian as its template does, with a topic that it tells."""
    package = folder / "guardian.zip"
    digest = build(package)
    settings = {"FUNCTION_NAME": FUNCTION, "ALIAS": ALIAS, "ALARMS": ALARM, "TOPIC": TOPIC}
    guardian = Guardian(package, ARN, {**environ, **settings}, runtime_in(folder / "runtime"))
    with world.lock:
        world.sns.topics.add(TOPIC)
        world.deliveries.programs[ARN] = guardian
    say(f"The guardian is built, {package.stat().st_size // 1000} kB, sha256:{digest[:12]}…, and")
    say(f"installed as an action of alarm {ALARM}.")
    return guardian


def unexpected(result: str, held: str, alias: str, messages: Sequence[Message]) -> list[str]:
    """Return what is not as it should be."""
    problems = []
    if (result, held) != ("held", "1 and {'2': 0.1}"):
        problems.append(f"the rollout was to be held at 10%: {result}, on version {held}")
    if alias != "1":
        problems.append(f"the alias is on version {alias}, not 1")
    subjects = [message.subject for message in messages]
    if subjects != [f"{FUNCTION}:{ALIAS} rolled back to version 1"]:
        problems.append(f"people were told {subjects}")
    return problems


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST
    while not happened() and time.monotonic() < end:
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nStopped; everything that was started is over.")
