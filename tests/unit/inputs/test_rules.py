"""Inputs that are each right by themselves and cannot be together, and those not built yet."""

import pytest

from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import read_inputs, variable

LEAST = {"function-name": "checkout", "aws-region": "eu-central-1"}
CODEDEPLOY = {
    "engine": "codedeploy",
    "codedeploy-application": "shop",
    "codedeploy-deployment-group": "prod",
}


TO_BE_SHOWN = (
    "A step with a range ends early once a rate beside baseline is shown to hold, and no guard that counts is one: "
    "add such a guard, for example error-rate <= baseline + 1%, or write one duration."
)


def read(inputs: dict[str, str]) -> Inputs:
    return read_inputs({variable(k): v for k, v in {**LEAST, **inputs}.items()})


def problems(inputs: dict[str, str]) -> list[InputProblem]:
    with pytest.raises(InputErrors) as raised:
        read(inputs)
    return list(raised.value.problems)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (
            {"version": "alias:live"},
            (
                "version: got 'alias:live'. This is the alias to shift. Name another "
                "one, whose version it should get."
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
            {"version": "3", "mode": "publish"},
            "version: got '3'. mode: publish makes a new version: leave version empty.",
        ),
        (
            {"smoke-expect": '{"statusCode": 200}'},
            (
                "smoke-expect: got '{\"statusCode\": 200}'. It is what the smoke test should answer: write its "
                "payload into smoke-test, such as {}."
            ),
        ),
        (
            {"version": "alias:dev", "mode": "promote"},
            (
                "version: got 'alias:dev'. mode: promote goes on with the version that is held or being rolled out: leave "
                "version empty, or write its number."
            ),
        ),
        (
            {"steps": "10% 5m..30m", "guards": "error-rate < 1%"},
            f"steps: got '10% 5m..30m'. {TO_BE_SHOWN}",
        ),
        (
            {"steps": "10% 5m..30m", "guards": "? error-rate <= baseline + 1%"},
            f"steps: got '10% 5m..30m'. {TO_BE_SHOWN}",
        ),
        (
            {"steps": "10% 5m..30m", "guards": "p99-duration <= baseline + 1s"},
            f"steps: got '10% 5m..30m'. {TO_BE_SHOWN}",
        ),
        (
            {
                "steps": "10% 5m..30m",
                "guards": "error-rate <= baseline * 2\n? error-rate <= baseline",
            },
            (
                "guards: got 'error-rate <= baseline * 2\\n? error-rate <= baseline'. A step with a range ends early "
                "once each rate beside baseline is shown to hold, which takes a margin: write error-rate <= "
                "baseline + 1%, or a single duration in steps."
            ),
        ),
        (
            {**CODEDEPLOY, "steps": "10% 5m..30m"},
            (
                "steps: got '10% 5m..30m'. engine: codedeploy can only do canary (one step, then 100%), "
                "linear (equal steps) and all-at-once, in whole percents of 1 to 99 and whole minutes "
                "of 1 to 2880, without hold or a range. The nearest is Canary10Percent30Minutes."
            ),
        ),
        (
            {**CODEDEPLOY, "steps": "10% 5m, hold 4h"},
            (
                "steps: got '10% 5m, hold 4h'. engine: codedeploy can only do canary (one step, then 100%), "
                "linear (equal steps) and all-at-once, in whole percents of 1 to 99 and whole minutes "
                "of 1 to 2880, without hold or a range. The nearest is Canary10Percent5Minutes."
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
                "of 1 to 2880, without hold or a range. The nearest is Linear34PercentEvery5Minutes."
            ),
        ),
        (
            {**CODEDEPLOY, "mode": "promote"},
            (
                "mode: got 'promote'. engine: codedeploy holds nothing, and cannot be told to go on: CodeDeploy shifts "
                "by its own clock. Wait for it, or write mode: rollback. For a rollout that can be promoted, write "
                "engine: direct."
            ),
        ),
        (
            {**CODEDEPLOY, "on-cancel": "hold"},
            (
                "on-cancel: got 'hold'. engine: codedeploy cannot hold: a deployment that is stopped leaves "
                "the alias split and blocks the next one, so it is rolled back."
            ),
        ),
        (
            {**CODEDEPLOY, "on-stranded": "resume"},
            (
                "on-stranded: got 'resume'. engine: codedeploy always follows a deployment that still "
                "runs, and can resume nothing else: write rollback or fail."
            ),
        ),
        (
            {**CODEDEPLOY, "guards": "error-rate < 1%"},
            (
                "guards: got 'error-rate < 1%'. engine: codedeploy shifts by the clock and waits for no guard: "
                "make it an alarm, or set engine: direct."
            ),
        ),
        (
            {**CODEDEPLOY, "min-invocations": "5"},
            (
                "min-invocations: got '5'. engine: codedeploy shifts by the clock and waits for no "
                "invocations: leave it 0, or set engine: direct."
            ),
        ),
        (
            {**CODEDEPLOY, "create-alias": "true"},
            (
                "create-alias: got 'true'. engine: codedeploy only moves an alias that exists: create it once "
                "with engine: direct."
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
        {"package": "dist/code.zip", "mode": "publish"},
        {"smoke-test": "{}", "smoke-expect": "{}", "mode": "publish", "create-alias": "true"},
        # Only a rollout needs them, and one workflow may serve all modes.
        {"smoke-expect": "{}", "mode": "rollback"},
        {**CODEDEPLOY, "mode": "publish", "steps": "10%, 50%"},
        {"steps": "10%, hold"},
        {"steps": "10%, hold", "mode": "rollback"},
        {"role-to-assume": "arn:aws-us-gov:iam::123456789012:role/ci/deployer"},
        {"pr-number": "#12"},
        {"guards": "error-rate < 1%", "min-invocations": "100", "preflight": "strict"},
        {"on-cancel": "hold", "on-stranded": "resume"},
        {"function-name": "a\nb\n123456789012:function:c\n"},
        CODEDEPLOY,
        {**CODEDEPLOY, "mode": "rollback", "steps": "10%, 50%", "on-cancel": "hold"},
    ],
)
def test_what_can(inputs: dict[str, str]) -> None:
    read(inputs)


def test_a_rule_is_not_judged_by_an_input_that_could_not_be_read() -> None:
    told = problems({**CODEDEPLOY, "steps": "12.5% 1m", "engine": "codedeploi"})
    assert [problem.input for problem in told] == ["engine"]
    told = problems({"function-name": "a b", "smoke-test": "{}", "smoke-expect": "{}"})
    assert [problem.input for problem in told] == ["function-name"]
    told = problems({"function-name": "", "smoke-test": "{}", "smoke-expect": "{}"})
    assert [problem.input for problem in told] == ["function-name"]
    told = problems({**CODEDEPLOY, "steps": "10%", "interval": "90"})
    assert [problem.input for problem in told] == ["interval"]


@pytest.mark.parametrize(
    "guards",
    [
        "error-rate <= baseline + 1%",
        "error-rate <= baseline + 1%\np99-duration <= baseline * 1.2\nerror-rate < 5%\n? error-rate <= baseline",
        "sum(A/B{v=$VERSION}) / sum(A/C{v=$VERSION}) <= baseline + 0.1%",
    ],
)
def test_a_step_may_end_early_by_rates_that_can_be_shown_to_hold(guards: str) -> None:
    assert read({"steps": "10% 5m..30m", "guards": guards}).plan.may_end_early


@pytest.mark.parametrize("mode", ["promote", "rollback"])
def test_a_range_is_no_mistake_where_nothing_is_rolled_out(mode: str) -> None:
    assert read({"steps": "10% 5m..30m", "mode": mode}).plan.may_end_early
