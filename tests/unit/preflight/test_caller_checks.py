"""Who invokes the alias, and who may."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from lambda_rollout.preflight.facts import EventSource, FunctionUrl, Invoked
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import LIVE, facts, found, only, target

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"


def test_nobody_invokes_the_alias() -> None:
    finding = only(facts(target(invoked=Invoked(LIVE, 0, 0, 5230))))
    assert (finding.level, finding.code) == (Level.WARNING, Code.NO_TRAFFIC)
    assert "5230 times" in finding.seen


def test_one_invocation_in_a_day_is_somebody() -> None:
    given = facts(target(invoked=Invoked(LIVE, 0, 1, 1)), alarms=())
    assert found(given) == []


@pytest.mark.parametrize(
    ("qualifier", "state", "told"),
    [
        ("", "Enabled", "$LATEST"),
        ("", "Enabling", "$LATEST"),
        ("7", "Enabled", "7"),
        ("other", "Enabled", "other"),
        ("live", "Enabled", ""),
        ("", "Disabled", ""),
    ],
)
def test_an_event_source_must_name_the_alias(qualifier: str, state: str, told: str) -> None:
    given = facts(target(event_sources=(EventSource("u-1", QUEUE, qualifier, state),)))
    if not told:
        assert found(given) == []
        return
    finding = only(given)
    assert (finding.level, finding.code) == (Level.WARNING, Code.EVENT_SOURCE_BYPASSES_ALIAS)
    assert f"{QUEUE} invokes {told}" in finding.seen
    assert shlex.split(finding.command)[-4:] == [
        "--uuid",
        "u-1",
        "--function-name",
        "checkout:live",
    ]


def test_a_source_that_invokes_both_is_told_with_the_other() -> None:
    both = (EventSource("u-1", QUEUE, "", "Enabled"), EventSource("u-2", QUEUE, "live", "Enabled"))
    assert "Another mapping" in only(facts(target(event_sources=both))).seen


BARE = FunctionUrl("", "NONE")


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ((BARE,), ["--auth-type", "NONE"]),
        (
            (replace(BARE, auth_type="AWS_IAM", invoke_mode="RESPONSE_STREAM"),),
            ["--auth-type", "AWS_IAM", "--invoke-mode", "RESPONSE_STREAM"],
        ),
        ((replace(BARE, has_cors=True),), []),
        ((replace(BARE, qualifier="live"), BARE), []),
    ],
)
def test_a_url_on_the_bare_function_bypasses_the_alias(
    urls: tuple[FunctionUrl, ...], told: list[str]
) -> None:
    finding = only(facts(target(urls=urls)))
    assert (finding.level, finding.code) == (Level.WARNING, Code.FUNCTION_URL_BYPASSES_ALIAS)
    assert "$LATEST" in finding.seen
    made = ["aws", "lambda", "create-function-url-config", "--function-name", "checkout"]
    assert shlex.split(finding.command) == ([*made, "--qualifier", "live", *told] if told else [])


@pytest.mark.parametrize("qualifier", ["live", "beta"])
def test_a_url_on_an_alias_is_as_it_should_be(qualifier: str) -> None:
    assert found(facts(target(urls=(replace(BARE, qualifier=qualifier),)))) == []
