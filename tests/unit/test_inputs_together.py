"""Inputs that are each right by themselves and cannot be together, and those not built yet."""

from dataclasses import replace

import pytest

from lambda_rollout.choices import Engine
from lambda_rollout.inputs import (
    NOT_YET,
    InputErrors,
    InputProblem,
    Inputs,
    NotYet,
    read_inputs,
    variable,
)

LEAST = {"function-name": "checkout", "aws-region": "eu-central-1"}
CODEDEPLOY = {
    "engine": "codedeploy",
    "codedeploy-application": "shop",
    "codedeploy-deployment-group": "prod",
}


def read(inputs: dict[str, str]) -> Inputs:
    return read_inputs({variable(k): v for k, v in {**LEAST, **inputs}.items()})


def problems(inputs: dict[str, str]) -> list[InputProblem]:
    with pytest.raises(InputErrors) as raised:
        read(inputs)
    return list(raised.value.problems)


@pytest.fixture
def all_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the rules as they are once everything is built."""
    monkeypatch.setattr("lambda_rollout.inputs.NOT_YET", ())


@pytest.mark.usefixtures("all_built")
@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (
            {"version": "alias:live"},
            (
                "version: got 'alias:live'. This is the alias that is to be shifted: name another "
                "one, whose version it shall get."
            ),
        ),
        (
            {"version": "3", "package": "code.zip"},
            (
                "version: got '3'. A package always becomes a new version: leave version empty, or "
                "leave package empty."
            ),
        ),
        (
            {"version": "alias:dev", "mode": "promote"},
            (
                "version: got 'alias:dev'. mode: promote goes on with the version that is held: leave "
                "version empty, or write its number."
            ),
        ),
        (
            {"package": "code.zip", "mode": "rollback"},
            (
                "package: got 'code.zip'. mode: promote and mode: rollback upload nothing: leave "
                "package empty."
            ),
        ),
        (
            {"steps": "10%, hold", "mode": "promote"},
            (
                "steps: got '10%, hold'. mode: promote goes to 100%: write how long that is watched, "
                "such as 100% 10m, in place of hold."
            ),
        ),
        (
            {**CODEDEPLOY, "function-name": "a, b"},
            "function-name: got 'a, b'. engine: codedeploy takes one function.",
        ),
        (
            {**CODEDEPLOY, "steps": "10%, 50%"},
            (
                "steps: got '10%, 50%'. engine: codedeploy can only do canary (one step, then 100%), "
                "linear (equal steps) and all-at-once, in whole percents of 1 to 99 and whole minutes "
                "of 1 to 2880, without hold."
            ),
        ),
        (
            {**CODEDEPLOY, "codedeploy-application": ""},
            (
                "codedeploy-application: nothing given. engine: codedeploy needs the name of the "
                "CodeDeploy application."
            ),
        ),
        (
            {**CODEDEPLOY, "codedeploy-deployment-group": ""},
            (
                "codedeploy-deployment-group: nothing given. engine: codedeploy needs the name of the "
                "deployment group."
            ),
        ),
        (
            {"codedeploy-application": "shop"},
            (
                "codedeploy-application: got 'shop'. Only engine: codedeploy uses it: set engine to "
                "codedeploy, or leave it empty."
            ),
        ),
        (
            {"codedeploy-deployment-group": "prod"},
            (
                "codedeploy-deployment-group: got 'prod'. Only engine: codedeploy uses it: set engine "
                "to codedeploy, or leave it empty."
            ),
        ),
    ],
)
def test_what_cannot_be_together(inputs: dict[str, str], told: str) -> None:
    assert [str(problem) for problem in problems(inputs)] == [told]


@pytest.mark.usefixtures("all_built")
@pytest.mark.parametrize(
    "inputs",
    [
        {"version": "alias:dev"},
        {"package": "s3://bucket/key.zip?versionId=a1"},
        {"package": "dist/code.zip"},
        {"package": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/checkout:v1.2"},
        {"package": f"registry.example:5000/checkout@sha256:{'0a' * 32}"},
        {"version": "3", "mode": "promote"},
        {"version": "alias:stable", "mode": "rollback"},
        {"steps": "10%, hold"},
        {"steps": "10%, hold", "mode": "rollback"},
        {"role-to-assume": "arn:aws-us-gov:iam::123456789012:role/ci/deployer"},
        {"pr-number": "#12"},
        {"guards": "error-rate < 1%", "min-invocations": "100", "preflight": "strict"},
        {"on-cancel": "hold", "on-stranded": "resume"},
        {"function-name": "a\nb\n123456789012:function:c\n"},
        CODEDEPLOY,
    ],
)
def test_what_can(inputs: dict[str, str]) -> None:
    read(inputs)


@pytest.mark.usefixtures("all_built")
def test_a_rule_is_not_judged_by_an_input_that_could_not_be_read() -> None:
    told = problems({**CODEDEPLOY, "steps": "12.5% 1m", "engine": "codedeploi"})
    assert [problem.input for problem in told] == ["engine"]
    told = problems({**CODEDEPLOY, "steps": "10%", "interval": "90"})
    assert [problem.input for problem in told] == ["interval"]


ASKED = {
    "function-name": ["a, b"],
    "version": ["alias:dev"],
    "package": ["code.zip"],
    "steps": ["10%, hold"],
    "guards": ["error-rate < 1%"],
    "min-invocations": ["1"],
    "preflight": ["strict"],
    "mode": ["promote", "rollback"],
    "on-cancel": ["hold"],
    "on-stranded": ["resume", "fail"],
    "engine": ["codedeploy"],
    "role-to-assume": ["arn:aws:iam::123456789012:role/deployer"],
    "pr-number": ["7"],
}


@pytest.mark.parametrize("entry", NOT_YET, ids=lambda entry: entry.what)
def test_what_is_not_built_is_never_silently_ignored(entry: NotYet) -> None:
    extra = {k: v for k, v in CODEDEPLOY.items() if entry.input == "engine" and k != "engine"}
    told = [p for text in ASKED[entry.input] for p in problems({**extra, entry.input: text})]
    assert [p.given for p in told] == ASKED[entry.input]
    remedies = [p.remedy for p in told if p.input == entry.input]
    assert f"{entry.what} is not available yet in this version." in remedies


def test_what_is_not_asked_for_is_not_refused() -> None:
    asked = replace(read({}), engine=Engine.CODEDEPLOY)
    assert [entry.input for entry in NOT_YET if entry.asked(read({}))] == []
    assert {entry.input for entry in NOT_YET if entry.asked(asked)} <= {"engine"}


def test_a_baseline_needs_a_step_in_which_both_versions_serve() -> None:
    environ = {
        "INPUT_FUNCTION-NAME": "checkout",
        "INPUT_STEPS": "AllAtOnce",
        "INPUT_GUARDS": "error-rate <= baseline + 1%",
        "AWS_REGION": "eu-central-1",
    }
    with pytest.raises(InputErrors) as caught:
        read_inputs(environ)
    (problem,) = caught.value.problems
    assert problem.input == "guards"
    assert "add a step below 100%" in problem.remedy
    assert read_inputs({**environ, "INPUT_GUARDS": "error-rate < 1%"}).guards
    assert read_inputs({**environ, "INPUT_STEPS": "10%"}).guards
