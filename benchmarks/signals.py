"""Cancelling: how long from the runner's signal until AWS sees the rollback.

The action as a real process on this machine, beside the small AWS over HTTP. The runner ends a cancelled step by
force ten seconds after its first signal (actions/runner, ``ProcessInvoker``).
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import Row
from sandbox.aws import World
from sandbox.aws.faults import Hang
from sandbox.aws.http import Server
from sandbox.aws.world import REGION
from sandbox.clock import RealClock
from sandbox.demo.shop import ALARM, CREDENTIALS, FUNCTION, GOOD, Shop
from sandbox.runner import Runner, Step
from tests.support.dripping import Front, front
from tests.support.profile import Profile

TURNS = 3
LIMIT = 60.0
LIFETIME = 16.0
"""Seconds that credentials last whose source hangs when it is asked again, after half of them."""
TRADE = "AssumeRoleWithWebIdentity"
UNREAD = """
import os, sys
reads, writes = os.pipe()
os.set_blocking(writes, False)
try:
    while True:
        os.write(writes, b"x" * 1024)
except BlockingIOError:
    os.set_blocking(writes, True)
for descriptor in (1, 2):
    os.dup2(writes, descriptor)
# Somebody must hold the other end, or it is no reader that stalls but one who left.
os.set_inheritable(reads, True)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Begins the process that its arguments name with a full pipe for its output."""

TABLE = "Seconds from the signal (SIGKILL would come after 10)"


@dataclass(frozen=True)
class Case:
    """What goes on when the signal comes: a step, or calls that get no answer any more."""

    name: str
    number: signal.Signals = signal.SIGINT
    hang: tuple[str, ...] = ()
    """Operations that hang once traffic was shifted; the signal comes when the first one does."""
    shift_hangs: bool = False
    """The first UpdateAlias gets no answer; the signal comes then."""
    drips: str = ""
    """The operation whose answers come a byte every other second once traffic was shifted; the signal comes then."""
    source_hangs: bool = False
    """The profile's ``credential_process`` hangs at its first renewal; the signal comes then."""
    sts_hangs: bool = False
    """The same for the STS to which a web identity token file is taken."""
    log_stalls: bool = False
    """Nobody reads the log."""
    state_hangs: bool = False
    """GITHUB_STATE is on a disk that hangs."""


CASES = (
    Case("SIGINT in a step"),
    Case("SIGTERM in a step", signal.SIGTERM),
    Case("SIGINT while DescribeAlarms hangs", hang=("DescribeAlarms",)),
    Case("SIGINT while GetAlias hangs", hang=("GetAlias",)),
    Case("SIGINT while all reads hang", hang=("DescribeAlarms", "GetAlias")),
    Case("SIGINT while UpdateAlias hangs", shift_hangs=True),
    Case("SIGINT while nobody reads the log", log_stalls=True),
    Case("SIGINT while GITHUB_STATE hangs", state_hangs=True),
    Case("SIGINT while UpdateAlias and all reads hang", hang=("GetAlias",), shift_hangs=True),
    Case("SIGINT while DescribeAlarms drips", drips="DescribeAlarms"),
    Case("SIGINT while GetAlias drips", drips="GetAlias"),
    Case("SIGINT while a credential_process hangs", source_hangs=True),
    Case("SIGINT while STS hangs", sts_hangs=True),
)


def run() -> list[Row]:
    return [_row(case, [_turn(case) for _ in range(TURNS)]) for case in CASES]


def _row(case: Case, turns: list[tuple[float, float]]) -> Row:
    sent, over = [turn[0] for turn in turns], [turn[1] for turn in turns]
    figures = {
        "to the rollback, median": f"{median(sent):.2f}",
        "worst": f"{max(sent):.2f}",
        "to the end, worst": f"{max(over):.2f}",
    }
    return Row(TABLE, case.name, {**figures, "turns": len(turns)})


def _turn(case: Case) -> tuple[float, float]:
    """Return the seconds from the signal to the rollback's arrival, and to the end of the process."""
    world = World(clock=RealClock())
    with tempfile.TemporaryDirectory() as folder, Server(world) as server, front(server.url) as way:
        shop = Shop(world, server.url)
        shop.upload(GOOD)
        profile = Profile(Path(folder))
        if case.shift_hangs:
            world.faults.add(Hang(LIMIT), operation="UpdateAlias")
        through = (sys.executable, "-c", UNREAD) if case.log_stalls else ()
        hanging = Path(folder) / "hanging"
        os.mkfifo(hanging)
        state = {"GITHUB_STATE": str(hanging)} if case.state_hangs else {}
        step = Runner(Path(folder), through=through).start(
            {
                "function-name": FUNCTION,
                "alarms": ALARM,
                "steps": "50% 1m, 100% 1m"
                if case.source_hangs or case.sts_hangs
                else "50% 3s, 100% 10m",
                "poll-interval": "1s",
            },
            {
                "AWS_ENDPOINT_URL": way.url if case.drips else server.url,
                "AWS_REGION": REGION,
                **CREDENTIALS,
                **state,
                **_source(case, world, profile),
            },
        )
        try:
            return _cancelled(case, world, step, way, profile)
        finally:
            step.kill()


def _source(case: Case, world: World, profile: Profile) -> Mapping[str, str]:
    """The variables of the source that hangs, if one does."""
    if case.source_hangs:
        profile.does("run == 1 or time.sleep(20)", LIFETIME)
        return profile.environ
    if not case.sts_hangs:
        return {}
    world.sts.lifetime = LIFETIME
    world.faults.add(Hang(LIMIT), operation=TRADE, nth=2, count=None)
    token = profile.log.with_name("token")
    claims = {"audience": world.sts.audience, "bearer": world.sts.request_token}
    token.write_text(world.sts.get_id_token(claims)["value"])
    return {
        **profile.environ,
        "AWS_ROLE_ARN": f"arn:aws:iam::{world.account}:role/deploy",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
    }


def _cancelled(
    case: Case, world: World, step: Step, way: Front, profile: Profile
) -> tuple[float, float]:
    _until(lambda: bool(_outcomes(world, "UpdateAlias")), step)
    for operation in case.hang:
        world.faults.add(Hang(LIMIT), operation=operation, count=None)
    if case.hang and not case.shift_hangs:
        _until(lambda: any("silent" in _outcomes(world, name) for name in case.hang), step)
    if case.drips:
        way.operations.add(case.drips)
        _until(lambda: bool(way.dripping), step)
    if case.source_hangs:
        _until(lambda: profile.runs > 1, step)
    if case.sts_hangs:
        _until(lambda: len(_outcomes(world, TRADE)) > 1, step)
    so_far = len(_outcomes(world, "UpdateAlias"))
    began = time.monotonic()
    step.send(case.number)
    _until(lambda: len(_outcomes(world, "UpdateAlias")) > so_far, step)
    sent = time.monotonic() - began
    step.wait(LIMIT)
    return sent, time.monotonic() - began


def _outcomes(world: World, operation: str) -> list[str]:
    with world.lock:
        return [request.outcome for request in world.log if request.operation == operation]


def _until(condition: Callable[[], bool], step: Step) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end or (step.ended and not condition()):
            raise RuntimeError("it never came to this:\n" + "\n".join(step.written))
        time.sleep(0.005)
