"""The container: from its start to the first request at AWS, and how large the image is.

Without an engine that can be started here, the engine's own error is the only row.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from benchmarks.processes import Ran, interleaved, least
from benchmarks.table import Figure, Row
from sandbox.aws import World
from sandbox.aws.http import Server
from tests.image.container import ContainerRunner
from tests.image.engine import BASE, Engine, NoEngine, build, engine, pinned_base
from tests.support.live import JumpingClock, Live

TURNS = 9
OURS = "as it is"
UNCOMPILED = "without any compiled library"
BARE = "standard library not compiled"
WHOLE = "with all of botocore's data"

STDLIB = "$(python3 -c 'import sysconfig; print(sysconfig.get_path(\"stdlib\"))')"
LAYERS = {
    UNCOMPILED: "RUN find / -xdev -name __pycache__ -type d -prune -exec rm -r {} +",
    BARE: f"RUN find {STDLIB} -name __pycache__ -type d -prune -exec rm -r {{}} +",
}
CUT = re.compile(r" && python \S+/prune_botocore\.py [^&]*")


def run() -> list[Row]:
    try:
        with engine() as docker:
            return _measured(docker)
    except NoEngine as why:
        return [Row("No container engine can be started here", str(why), {"": ""})]


def _measured(docker: Engine) -> list[Row]:
    tags = {OURS: "lambda-rollout-bench"}
    build(docker, tags[OURS])
    for number, (name, layer) in enumerate(LAYERS.items()):
        tags[name] = f"lambda-rollout-bench-{number}"
        lines = f"FROM {tags[OURS]}\n{layer}\n"
        docker.run("build", "--network", "host", "--tag", tags[name], "-", stdin=lines)
    tags[WHOLE] = "lambda-rollout-bench-whole"
    build(docker, tags[WHOLE], lambda dockerfile: CUT.sub("", dockerfile))
    try:
        return [*_starts(docker, tags), *_sizes(docker, tags)]
    finally:
        docker.run("rmi", "--force", *tags.values(), check=False)


def _starts(docker: Engine, tags: Mapping[str, str]) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cases = {name: _case(docker, tag, folder) for name, tag in tags.items()}
        results = interleaved(cases, TURNS)
    return _table(results)


def _table(results: Mapping[str, Sequence[Ran]]) -> list[Row]:
    name = f"To the first request, fresh containers, the best of {TURNS}"
    unit = least(results[UNCOMPILED], "first")
    rows = []
    for case, turns in results.items():
        process = least(turns, "first")
        figures: dict[str, Figure] = {
            "from the process's start, ratio": f"{process / unit:.2f}",
            "the same, s": f"{process:.2f}",
            "from `docker run`, s": f"{least(turns, 'wall'):.2f}",
        }
        rows.append(Row(name, case, figures))
    return rows


def _case(docker: Engine, tag: str, folder: str) -> Callable[[], Ran]:
    def turn() -> Ran:
        clock = JumpingClock()
        world = World(clock=clock)
        place = Path(tempfile.mkdtemp(dir=folder))
        runner = ContainerRunner(place, docker=docker, image=tag, keep=True)
        with Server(world) as server:
            aws = Live(world, clock, server.url, runner)
            aws.deploy()
            began = clock.now()
            finished = aws.run(mode="plan")
            if finished.status:
                raise RuntimeError(finished.log)
            started = datetime.fromisoformat(runner.inspect()["State"]["StartedAt"])
            runner.remove()
            at = aws.requests()[0].at
        return Ran(
            wall=(at - began).total_seconds(),
            cpu=0.0,
            peak=0.0,
            first=(at - started).total_seconds(),
        )

    return turn


def _sizes(docker: Engine, tags: Mapping[str, str]) -> list[Row]:
    name = "Size of the image over its base"
    with suppress(AssertionError):
        docker.run("pull", pinned_base())
    base = docker.inspect(pinned_base() if docker.pulls else BASE)["Size"]
    over = {case: docker.inspect(tags[case])["Size"] - base for case in (OURS, WHOLE)}
    return [
        Row(
            name,
            case,
            {"ratio": f"{size / over[OURS]:.2f}", "MB over the base": f"{size / 1e6:.1f}"},
        )
        for case, size in over.items()
    ]
