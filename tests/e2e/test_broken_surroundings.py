"""A post stage in surroundings that a later step of the job has broken: other keys, no profile, bad settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws.sts import Session
from tests.support.live import OLD, OWNERS_TEXT, Live, live

ANOTHER = "AKIAANOTHER"
OTHER = "210987654321"
WHO = f"arn:aws:sts::{OTHER}:assumed-role/reports/job"
COMMAND = (
    "aws lambda update-alias --region eu-central-1 --function-name checkout --name live "
    f"--function-version {OLD} --routing-config '{{\"AdditionalVersionWeights\":{{}}}}' "
    f"--description '{OWNERS_TEXT}'"
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        yield made


def test_a_later_step_broke_them(scene: Live, tmp_path: Path) -> None:
    """Three ways, after one main that was killed with the alias split: only the last one lets anything be written."""
    step = scene.start(steps="50% 60s")
    scene.until_shifted(step)
    step.kill()
    state, split = step.wait().state, scene.alias

    scene.environ = {"AWS_ENDPOINT_URL_LAMBDA": "localhost:4566"}
    no_url = scene.post(state)
    assert no_url.status == 1
    assert "AWS_ENDPOINT_URL_LAMBDA" in no_url.outputs["reason"]
    assert COMMAND in no_url.log

    scene.environ = {}
    with scene.world.lock:
        forever = scene.clock.now().replace(year=2100)
        scene.world.sts.sessions[ANOTHER] = Session(WHO, forever)
    another = scene.post(state, ANOTHER)
    assert another.status == 1
    assert "IT IS NOT KNOWN WHERE ALIAS checkout:live SENDS ITS TRAFFIC" in another.log
    assert WHO in another.log
    assert COMMAND in another.log
    assert not scene.requests("UpdateAlias", ANOTHER)
    assert scene.alias == split

    broken = tmp_path / "config"
    broken.write_text("[default\n")
    scene.environ = {
        "AWS_PROFILE": "",
        "AWS_CONFIG_FILE": str(broken),
        "AWS_SHARED_CREDENTIALS_FILE": str(broken),
        "AWS_MAX_ATTEMPTS": "",
        "AWS_DEFAULTS_MODE": "fastest",
    }
    without = scene.post(state)
    assert scene.whole_on(OLD), without.log
    assert without.outputs["result"] == "rolled-back"
    assert "what AWS_DEFAULTS_MODE says in this environment: it was ignored" in without.log
