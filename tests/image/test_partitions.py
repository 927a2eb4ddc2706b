"""The image leaves out most of what botocore knows: every call we make still finds its way, in every partition."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

from lambda_rollout.aws.sessions import SERVICES
from tests.image.engine import ROOT, Engine

pytestmark = pytest.mark.image

PROBE = """
import json, sys
import boto3, botocore.session
services = sys.argv[1].split()
core = botocore.session.Session()
found = {}
for partition in core.get_available_partitions():
    for region in core.get_available_regions("lambda", partition)[:2]:
        session = boto3.Session("a", "b", region_name=region, botocore_session=core)
        for service in services:
            client = session.client(service, region)
            found[f"{partition} {region} {service}"] = client.meta.endpoint_url
operations = {}
for service in services:
    client = boto3.client(service, "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    operations[service] = sorted(client.meta.method_to_api_mapping)
    operations[service + " waiters"] = client.waiter_names
    operations[service + " paginated"] = [n for n in operations[service] if client.can_paginate(n)]
print(json.dumps([found, operations]))
"""


MAKERS = {"client": "service", "_client": None}
"""What makes a client, and the argument with which the former is called inside the latter."""


def clients_made() -> set[str]:
    """The services that lambda_rollout/ makes clients of, by every call of ``.client("…")`` or ``._client("…")``."""
    made = set()
    for path in sorted((ROOT / "lambda_rollout").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in MAKERS:
                assert node.args, f"{path}: which service?"
                if ast.unparse(node.args[0]) == MAKERS[node.func.attr]:  # type: ignore[attr-defined]
                    continue
                assert isinstance(node.args[0], ast.Constant), f"{path}: which service?"
                made.add(str(node.args[0].value))
    assert made >= {"lambda", "sts"}, "the code makes them otherwise now"
    return made


def test_the_image_has_the_services_that_are_used_and_no_other(docker: Engine, image: str) -> None:
    assert clients_made() <= set(SERVICES)
    listing = (
        "import botocore, pathlib;"
        "data = pathlib.Path(botocore.__file__).parent / 'data';"
        "print(*sorted(p.name for p in data.iterdir() if p.is_dir()))"
    )
    shown = docker.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python"),
        *(image, "-c", listing),
    )
    assert shown.stdout.split() == sorted(SERVICES)


def test_every_partition_is_served_as_by_the_whole_of_botocore(docker: Engine, image: str) -> None:
    here = subprocess.run(
        [sys.executable, "-c", PROBE, " ".join(SERVICES)],
        check=True,
        capture_output=True,
        text=True,
    )
    there = docker.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python"),
        *("-e", "AWS_EC2_METADATA_DISABLED=true", image, "-c", PROBE, " ".join(SERVICES)),
    )
    assert json.loads(there.stdout) == json.loads(here.stdout)
    partitions = {name.split()[0] for name in json.loads(here.stdout)[0]}
    assert {"aws", "aws-cn", "aws-us-gov"} <= partitions


def test_every_method_that_is_called_is_one_of_these_services() -> None:
    """What the code calls on a client is an operation of one of them; a typo would be none."""
    session = botocore.session.get_session()
    known = {
        operation
        for service in SERVICES
        for operation in session.get_service_model(service).operation_names
    }
    asked = set()
    for path in sorted(Path(ROOT / "lambda_rollout" / "aws").glob("*.py")):
        asked |= set(re.findall(r'\bask\(\s*"([A-Z][A-Za-z]+)"', path.read_text("utf-8")))
    assert {"GetAlias", "DescribeAlarms"} <= asked, "the code says it otherwise now"
    assert asked <= known
