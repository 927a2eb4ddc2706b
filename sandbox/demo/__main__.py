"""A good version is promoted, a bad one rolled back by its own alarm, and its sister stopped by the smoke test."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.aws.world import REGION
from sandbox.clock import RealClock
from sandbox.demo.page import write_page
from sandbox.demo.shop import (
    ALARM,
    ALIAS,
    BAD,
    CREDENTIALS,
    FUNCTION,
    GOOD,
    MENDED,
    SMOKE_EXPECT,
    SMOKE_TEST,
    Shop,
)
from sandbox.github import GitHub, PullRequest
from sandbox.github import Server as GitHubServer
from sandbox.runner import Finished, Runner
from sandbox.runner.runner import ROOT

STEPS = "10% 5s, 50% 5s, 100% 5s"

INPUTS = {
    "function-name": FUNCTION,
    "alias": ALIAS,
    "steps": STEPS,
    "alarms": ALARM,
    "poll-interval": "1s",
}

TOKEN = "ghs_sandbox"

PRIVATE = {"repository": {"full_name": "octo/shop", "private": True, "visibility": "private"}}
"""The event that starts each job. In a repository that is not private, messages of a function's log are not shown."""

PAGE = ROOT / "build" / "demo.html"


@dataclass(frozen=True)
class Expected:
    """One rollout of the demo, and how it has to end."""

    title: str
    story: str
    code: str
    status: int
    result: str
    left_on: str
    """The version that the alias is whole on afterwards."""
    because: str = ""
    """What the output `reason` has to begin with."""
    told: str = ""
    """What the log, the summary and the comment tell of the version's own errors."""
    more_inputs: Mapping[str, str] = field(default_factory=dict)


ROLLOUTS = (
    Expected(
        "A good version",
        "Version 2 also says how many items there were.",
        GOOD,
        status=0,
        result="promoted",
        left_on="2",
    ),
    Expected(
        "A bad version",
        "Version 3 also says the average price, and nobody thought of the empty basket.",
        BAD,
        status=1,
        result="rolled-back",
        left_on="2",
        told="ZeroDivisionError",
    ),
    Expected(
        "Its sister, and a smoke test",
        "Version 4 has thought of it. Before any customer gets it, it is invoked once, with an empty basket.",
        MENDED,
        status=1,
        result="failed",
        left_on="2",
        because="the smoke test failed",
        told="NameError",
        more_inputs={
            "smoke-test": SMOKE_TEST,
            "smoke-expect": SMOKE_EXPECT,
            # The bad version's errors have not left it yet.
            "alarm-at-start": "wait",
        },
    ),
)


def main() -> int:
    """Run the demo; return 0 if everything ended as it should."""
    began = time.monotonic()
    world = World(RealClock(), seed=1)
    github = GitHub()
    with (
        Server(world) as server,
        GitHubServer(github) as api,
        tempfile.TemporaryDirectory() as folder,
    ):
        say(
            f"A small AWS listens on {server.url}: no account is used, and nothing leaves this machine.\n"
            f"In it: function {FUNCTION}, its alias {ALIAS}, alarm {ALARM}, and customers.\n"
            "Steps last seconds here and the alarm looks at one-second periods. Real alarms take minutes,\n"
            "and so do real steps."
        )
        shop = Shop(world, server.url)
        environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION}
        runner = Runner(Path(folder), token=TOKEN, api_url=api.url, event=PRIVATE)
        github.add_pull(PullRequest(12, runner.sha, merge_commit_sha=runner.sha))
        done = [roll_out(rollout, shop, runner, environ) for rollout in ROLLOUTS]
    write_page(
        PAGE,
        [(rollout.title, finished) for rollout, (finished, _) in zip(ROLLOUTS, done, strict=True)],
        github.comments_on(12),
    )
    heading("The end")
    problems = [problem for _, found in done for problem in found]
    for problem in problems:
        say(f"NOT AS IT SHOULD BE: {problem}")
    if not problems:
        say(
            "The good version was promoted, the bad one rolled back by its own alarm, with its exception and the line\n"
            "of it told, and its sister stopped by the smoke test before any customer got it."
        )
    say(
        f"It took {time.monotonic() - began:.0f}s. The pull request's comment, in every state\n"
        f"it was in, and the summaries, as GitHub shows them:\n{PAGE}\n\n"
        "What becomes of an alias that no job watches any more: make demo-guardian"
    )
    return 1 if problems else 0


def roll_out(
    rollout: Expected, shop: Shop, runner: Runner, environ: dict[str, str]
) -> tuple[Finished, list[str]]:
    """Upload the code and run the action on it; say what is not as expected."""
    heading(rollout.title)
    say(f"{rollout.story} Its code is uploaded, then the action runs:\n")
    inputs = {**INPUTS, **rollout.more_inputs}
    for name, value in inputs.items():
        say(f"    {name}: {value}")
    say("\nThe job's log, live:\n")
    shop.upload(rollout.code)
    finished = runner.run(inputs, environ, live=lambda line: say(f"  │ {line}"))
    say(f"\nExit status {finished.status}. Outputs for the next steps of the job:\n")
    for name, value in finished.outputs.items():
        say(f"    {name}: {value}")
    say("\nCustomers served so far:\n")
    for version, (answered, failed) in shop.served().items():
        say(f"    by version {version}: {answered}, of these {failed} got an error")
    say("\nThe job's summary:\n")
    say("\n".join(f"  │ {line}" for line in without_links(finished.summary).splitlines()))
    return finished, list(unexpected(rollout, finished, shop.alias()))


def unexpected(rollout: Expected, finished: Finished, alias: str) -> list[str]:
    """Return what is not as it should be."""
    expected = {
        "exit status": (finished.status, rollout.status),
        "result": (finished.outputs.get("result"), rollout.result),
        f"alias {ALIAS}": (alias, rollout.left_on),
        "reason": (finished.outputs.get("reason", "")[: len(rollout.because)], rollout.because),
    }
    problems = [
        f"{rollout.title}: {what} is {found}, not {wished}"
        for what, (found, wished) in expected.items()
        if found != wished
    ]
    return problems + [
        f"{rollout.title}: the {where} does not tell of {rollout.told}"
        for where, text in (("log", finished.shown), ("summary", finished.summary))
        if rollout.told not in text
    ]


def without_links(markdown: str) -> str:
    """Return Markdown that a terminal can show: links are their texts, and small print is plain."""
    text = re.sub(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\(https?://[^)]*\)", r"\1", markdown)
    return re.sub(r"</?sub>|\\(?=[^\w\s])", "", text)


def heading(text: str) -> None:
    """Say it with a line under it."""
    say(f"\n{text}\n{'─' * len(text)}")


def say(text: str) -> None:
    """Write it at once."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nStopped; everything that was started is over.")
