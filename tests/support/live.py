"""The action as a real process against the sandbox over HTTP, on the machine's clock.

`Live` is one AWS account with one function in production and a new build waiting, and one runner. Each
stage has an access key of its own, by which the world's log tells who sent what. Nothing here waits for a
moment: tests wait for requests to arrive.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lambda_rollout.alias import record as lease
from sandbox.aws import World
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Silent, Work
from sandbox.aws.http import Server
from sandbox.aws.lambda_.things import Alias
from sandbox.aws.request import Account, Request
from sandbox.aws.world import REGION
from sandbox.clock import RealClock
from sandbox.runner import Finished, Runner, Step
from tests.support.code import package
from tests.support.scene import NEW, OLD, OWNERS_TEXT, ROLE, log_alarm

__all__ = ["MAIN", "NEW", "NEXT", "OLD", "OWNERS_TEXT", "POST", "Live", "Withheld", "end", "live"]

MAIN, POST, NEXT = "AKIAMAIN", "AKIAPOST", "AKIANEXT"
PATIENCE = 60.0

WRITES = frozenset({"UpdateAlias", "CreateAlias", "PublishVersion", "UpdateFunctionCode"})

INPUTS: Mapping[str, str] = {
    "function-name": "checkout",
    "steps": "50% 0s, 100% 0s",
    "alarms": "checkout-errors",
    "poll-interval": "1s",
    "comment": "off",
}


class JumpingClock(RealClock):
    """The machine's clock, some way off; AWS's clock where the runner's is the machine's."""

    def __init__(self, off: timedelta = timedelta()) -> None:
        super().__init__()
        self.off = off

    def now(self) -> datetime:
        return super().now() + self.off

    def jump(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.off += timedelta(seconds=seconds)


@dataclass
class Withheld:
    """A fault: a request that is not answered, and whose work is done when the test says so."""

    work: Work | None = None

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        self.work = work
        raise Silent(3600)

    def lands(self, world: World) -> str:
        """Let it have its effect now; return AWS's error code, empty if it took the request."""
        assert self.work is not None
        with world.lock:
            try:
                self.work()
            except AwsError as error:
                return error.code
        return ""


@dataclass
class Live:
    """One function behind ``checkout:live`` on version 1, its next build in ``$LATEST``, one alarm that is OK."""

    world: World
    clock: JumpingClock
    url: str
    runner: Runner
    environ: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=lambda: dict(INPUTS))
    started: list[Step] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The inputs of each."""

    # What is there -----------------------------------------------------------------------------

    def let_leases_pass(self) -> None:
        """Let every record be over by AWS's clock, which cannot jump by that much and still be believed."""
        with self.world.lock:
            over = self.clock.now().replace(microsecond=0) - timedelta(seconds=1)
            for function in self.world.lambda_().functions.values():
                for alias in function.aliases.values():
                    text, record = lease.parse(alias.description)
                    if record is not None and not (record.held or record.passed):
                        alias.description = lease.compose(text, replace(record, until=over))

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Somebody's call, past the log and the faults."""
        with self.world.lock:
            request = Request(self.clock.now(), service, operation, params, REGION)
            return self.world.perform(request)

    def deploy(self) -> None:
        self.world.lambda_().activation_delay = self.world.lambda_().update_delay = 0.0
        create = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
        code = {"Code": {"ZipFile": package()}}
        self.call("lambda", "CreateFunction", FunctionName="checkout", **create, **code)
        self.world.run_due()
        self.call("lambda", "PublishVersion", FunctionName="checkout")
        self.world.run_due()
        live = {"FunctionVersion": OLD, "Description": OWNERS_TEXT}
        self.call("lambda", "CreateAlias", FunctionName="checkout", Name="live", **live)
        self.build("def handler(event, context): return 2")
        # Nothing but SetAlarmState moves it.
        self.call("cloudwatch", "PutLogAlarm", **log_alarm("checkout-errors"))
        self.set_alarm("OK")

    def build(self, code: str) -> None:
        """New code in ``$LATEST``."""
        self.call("lambda", "UpdateFunctionCode", FunctionName="checkout", ZipFile=package(code))
        self.world.run_due()

    def set_alarm(self, state: str) -> None:
        asked = {"AlarmName": "checkout-errors", "StateValue": state, "StateReason": "by the test"}
        self.call("cloudwatch", "SetAlarmState", **asked)

    @property
    def alias(self) -> tuple[str, dict[str, float], str]:
        """Version, weights and description."""
        alias = self._alias
        return alias.version, dict(alias.weights), alias.description

    @property
    def _alias(self) -> Alias:
        return self.world.lambda_().functions["checkout"].aliases["live"]

    def whole_on(self, version: str) -> bool:
        """Whether it is whole on this version and says what its owner wrote, and nothing else."""
        return self.alias == (version, {}, OWNERS_TEXT)

    @contextmanager
    def as_it_is(self) -> Iterator[None]:
        """Put the alias back afterwards to what it is now: two ways on from one death."""
        with self.world.lock:
            kept = copy.deepcopy(self._alias)
        yield
        with self.world.lock:
            self.world.lambda_().functions["checkout"].aliases["live"] = kept

    # What was asked of AWS ---------------------------------------------------------------------

    def requests(self, operation: str = "", caller: str = "") -> list[Request]:
        """The requests so far, in order; all, or those of an operation or a caller."""
        with self.world.lock:
            return [
                request
                for request in self.world.log
                if operation in {"", request.operation} and caller in {"", request.caller}
            ]

    def changes(self, caller: str = "") -> list[dict[str, float]]:
        """The weights of every UpdateAlias that had its effect, in order."""
        return [
            dict(request.params["RoutingConfig"]["AdditionalVersionWeights"])
            for request in self.requests("UpdateAlias", caller)
            if request.effect_at is not None
        ]

    def weights(self) -> list[dict[str, float]]:
        """The weights that AWS took on, in order, without the renewed records in between."""
        changes = self.changes()
        return [each for i, each in enumerate(changes) if i == 0 or changes[i - 1] != each]

    def report(self, finished: Finished) -> dict[str, Any]:
        """The JSON report of a stage."""
        path = self.runner.folder / "workspace" / finished.outputs["report"]
        loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return loaded

    # What is done ------------------------------------------------------------------------------

    def as_caller(self, key: str) -> dict[str, str]:
        """The job's variables, with one stage's access key."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "secret",
            **self.environ,
        }

    def start(self, key: str = MAIN, **inputs: str) -> Step:
        self.asked.append(self._with(inputs))
        step = self.runner.start(self.asked[-1], self.as_caller(key))
        self.started.append(step)
        return step

    def run(self, key: str = MAIN, **inputs: str) -> Finished:
        return self.start(key, **inputs).wait(PATIENCE)

    def post(self, state: Mapping[str, str], key: str = POST) -> Finished:
        # The runner evaluates the inputs anew: these must not matter.
        return self.runner.post({"function-name": "elsewhere"}, state, self.as_caller(key))

    def _with(self, inputs: Mapping[str, str]) -> dict[str, str]:
        return {**self.inputs, **{name.replace("_", "-"): text for name, text in inputs.items()}}

    def until(self, condition: Callable[[], object], step: Step | None = None) -> None:
        """Wait until something is so. Fails if it is not in a minute, or once the step is over."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it never happened"
            if step is not None and step.ended:
                assert condition(), f"it ended before:\n{step.wait().log}"
                return
            time.sleep(0.02)

    def until_shifted(self, step: Step) -> None:
        """Wait until main has moved some traffic."""
        self.until(lambda: self.alias[1], step)


def end(step: Step) -> Finished:
    """Wait for its end, and end it if that does not come."""
    try:
        return step.wait(PATIENCE)
    finally:
        step.kill()


@contextmanager
def live(folder: Path, off: timedelta = timedelta(), **runner: Any) -> Iterator[Live]:
    """Set it all up. ``off``: how far AWS's clock is from the runner's; ``runner``: fields of `Runner`."""
    clock = JumpingClock(off)
    world = World(clock=clock)
    with Server(world) as server:
        scene = Live(world, clock, server.url, Runner(folder, **runner))
        scene.deploy()
        try:
            yield scene
        finally:
            for step in scene.started:
                step.kill()
