"""The sandbox keeps AWS's rules, and where stock emulators do too, so do they.

The same checks run against all of them, over HTTP, so that nobody marks their own
homework; `docs/sandbox.md` says which rule is confirmed by what.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.servers import ROOT, ministack, moto, sandbox

pytest.register_assert_rewrite("tests.sandbox.rules")

from tests.sandbox.rules import ROLE, RULES, Rule, subject_on  # noqa: E402

SERVERS = {"sandbox": sandbox, "ministack": ministack, "moto": moto}
CASES = [
    pytest.param(rule, server, id=f"{server}: {rule.name}")
    for server in SERVERS
    for rule in RULES
    if server == "sandbox" or server in rule.sources
]

Clients = Callable[[str], tuple[Any, Any, Any]]


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """The clients of Lambda, CloudWatch and CloudWatch Logs of a server, which is started when first asked for."""
    with ExitStack() as running:

        @cache
        def start(server: str) -> tuple[Any, Any, Any]:
            session: Any = boto3.Session("test", "test", region_name="us-east-1")
            url = running.enter_context(SERVERS[server]())
            # Without checks of botocore's own, which AWS would never see.
            config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
            made = {
                service: session.client(service, endpoint_url=url, config=config)
                for service in ("lambda", "cloudwatch", "logs", "iam")
            }
            if server == "sandbox":
                _hasten(url)
            if server == "moto":
                _make_role(made["iam"])
            for client in made.values():
                running.callback(client.close)
            return made["lambda"], made["cloudwatch"], made["logs"]

        yield start


def _hasten(url: str) -> None:
    """Shorten the delays: what is checked is their order, not their length."""
    delays = {"region": "us-east-1", "activation_delay": 0.2, "update_delay": 0.2}
    urllib.request.urlopen(f"{url}/_sandbox/delays", json.dumps(delays).encode()).close()


def _make_role(iam: Any) -> None:
    """Moto, unlike the others, looks whether the execution role is there."""
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=policy)


@pytest.mark.parametrize(("rule", "server"), CASES)
def test_rule_holds(rule: Rule, server: str, clients: Clients) -> None:
    rule.check(subject_on(*clients(server), worded_by_aws=server == "sandbox"))


def test_the_table_in_the_docs_names_exactly_these_rules() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text()
    # Under this head; another one has what no other server confirms.
    table = page.partition("| Rule | Confirmed by |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    told = [(name.strip(), sources.strip()) for name, sources in rows[1:]]
    assert told == [(rule.name, ", ".join(rule.sources)) for rule in RULES]


def test_every_rule_says_what_confirms_it() -> None:
    known = {"recorded", "documented", "reported", "ministack", "moto", "unconfirmed"}
    assert all(rule.sources and set(rule.sources) <= known for rule in RULES)
