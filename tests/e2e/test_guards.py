"""Guards in a real process over HTTP, on a machine whose time is the sandbox's."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from pathlib import Path

from lambda_rollout.alias.routing import Routing
from sandbox.aws.http import Server
from sandbox.aws.traffic import Traffic
from sandbox.aws.world import REGION
from sandbox.runner import Finished, Runner
from tests.support.guarded import RATIO, served, shop
from tests.support.live import MAIN
from tests.support.sandbox_time import on_sandbox_time
from tests.support.scene import NEW, OWNERS_TEXT, Scene


def roll_out(made: Scene, folder: Path, **inputs: str) -> Finished:
    with Server(made.world) as server:
        runner = Runner(folder, through=on_sandbox_time(server.url))
        environ = {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": MAIN,
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        asked = {"function-name": "checkout", "comment": "off", "errors": "off", **inputs}
        return runner.run(asked, environ)


def lasted(made: Scene) -> timedelta:
    """How long the first weight was there, by AWS's clock."""
    shifted, *_, cleared = [r for r in made.requests("UpdateAlias") if r.effect_at is not None]
    [promoted, *_] = [
        r
        for r in made.requests("UpdateAlias")
        if r.at > shifted.at and not r.params["RoutingConfig"]["AdditionalVersionWeights"]
    ]
    assert promoted.at <= cleared.at
    return promoted.at - shifted.at


def test_a_metric_that_the_function_prints_rolls_back(tmp_path: Path) -> None:
    made = shop(rate=0.3)
    Traffic(made.world, "checkout:live", per_second=2)

    finished = roll_out(
        made, tmp_path, steps="20% 20m, 100% 5m", guards=f"{RATIO} <= baseline + 1%"
    )

    assert (finished.status, finished.outputs["result"]) == (1, "rolled-back"), finished.log
    reason = f"guard {RATIO} <= baseline + 1% is broken on checkout:live: new "
    assert finished.outputs["reason"].startswith(reason)
    assert made.alias.routing == Routing.all_on("2")
    assert made.alias.description == OWNERS_TEXT
    assert Routing.all_on("3") not in made.routings()


def test_a_thousand_requests_a_minute_save_half_of_half_an_hour(tmp_path: Path) -> None:
    made = Scene.ready(alarms=())
    served(made)

    finished = roll_out(
        made, tmp_path, steps="10% 5m..30m, 100% 0s", guards="error-rate <= baseline + 1%"
    )

    assert finished.outputs["result"] == "promoted", finished.log
    assert made.alias.routing == Routing.all_on(NEW)
    assert timedelta(minutes=5) <= lasted(made) <= timedelta(minutes=15)
    assert "early: all guards are shown to hold" in finished.shown


def test_what_is_only_observed_says_that_it_failed_and_nothing_else(tmp_path: Path) -> None:
    made = shop(rate=0.5)
    Traffic(made.world, "checkout:live", per_second=2)

    finished = roll_out(
        made, tmp_path, steps="20% 12m, 100% 0s", guards=f"? {RATIO} <= baseline + 1%"
    )

    assert (finished.status, finished.outputs["result"]) == (0, "promoted"), finished.log
    assert finished.outputs["reason"] == ""
    assert made.alias.routing == Routing.all_on("3")
    assert timedelta(minutes=12) <= lasted(made) < timedelta(minutes=13)
    said = f"nly observed: guard ? {RATIO} <= baseline + 1% is broken on checkout:live"
    assert said in finished.shown
    assert said in unescape(finished.summary)
