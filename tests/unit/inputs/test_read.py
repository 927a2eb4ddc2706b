"""What the runner's variables mean, and what is said of those that mean nothing."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import (
    AlarmAtStart,
    Comment,
    Engine,
    Errors,
    InsufficientData,
    Mode,
    OnCancel,
    OnStranded,
    Preflight,
)
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import AlarmName, Latest, Numbered
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.steps import parse_steps

ROOT = Path(__file__).parents[3]
LEAST = {"function-name": "checkout", "aws-region": "eu-central-1"}


def read(environ: dict[str, str] | None = None, **inputs: str) -> Inputs:
    """Read the least inputs with ``inputs`` (``_`` for ``-``) on top of them."""
    given = {**LEAST, **{name.replace("_", "-"): text for name, text in inputs.items()}}
    return read_inputs({**{variable(k): v for k, v in given.items()}, **(environ or {})})


def refused(environ: dict[str, str] | None = None, **inputs: str) -> list[str]:
    """Tell the problems of such inputs."""
    with pytest.raises(InputErrors) as raised:
        read(environ, **inputs)
    return [str(problem) for problem in raised.value.problems]


def test_variable_is_the_runners() -> None:
    assert variable("function-name") == "INPUT_FUNCTION-NAME"
    assert variable("a b") == "INPUT_A_B"


def test_defaults() -> None:
    inputs = read()
    assert inputs == Inputs(
        functions=("checkout",),
        alias="live",
        version=Latest(),
        package=(),
        description="",
        plan=parse_steps("10% 5m, 100% 5m", timedelta(0)),
        interval=timedelta(minutes=5),
        alarms=(),
        create_alias=False,
        alarm_at_start=AlarmAtStart.FAIL,
        insufficient_data=InsufficientData.IGNORE,
        guards=(),
        min_invocations=0,
        evidence_timeout=timedelta(minutes=15),
        preflight=Preflight.WARN,
        poll_interval=timedelta(seconds=5),
        mode=Mode.ROLLOUT,
        previous_alias=None,
        smoke_test=(),
        smoke_expect=None,
        hooks=(),
        errors=Errors.AUTO,
        on_cancel=OnCancel.ROLLBACK,
        on_stranded=OnStranded.ROLLBACK,
        engine=Engine.DIRECT,
        codedeploy_application=None,
        codedeploy_deployment_group=None,
        region="eu-central-1",
        role_to_assume=None,
        github_token="",
        comment=Comment.AUTO,
        pr_number=None,
    )
    assert inputs.targets == (Target("checkout", "live"),)


def test_blank_is_unset() -> None:
    blank = read(steps=" \n", alias="  ", alarms="\n", guards="\n", github_token="\n")
    assert blank == read()


def test_everything_given() -> None:
    inputs = read(
        alias="prod",
        version="12",
        description=" release 12\n",
        steps="1% 10s\n",
        interval="20s",
        create_alias="TRUE",
        alarm_at_start="ignore-until-ok",
        insufficient_data="fail",
        evidence_timeout="1h",
        poll_interval="1s",
        mode="plan",
        comment="off",
    )
    assert inputs.targets == (Target("checkout", "prod"),)
    assert inputs.version == Numbered("12")
    assert inputs.description == "release 12"
    assert inputs.plan == parse_steps("1% 10s, 100% 20s", timedelta(0))
    assert inputs.create_alias is True
    assert inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK
    assert inputs.insufficient_data is InsufficientData.FAIL
    assert inputs.evidence_timeout == timedelta(hours=1)
    assert inputs.poll_interval == timedelta(seconds=1)
    assert inputs.mode is Mode.PLAN
    assert inputs.comment is Comment.OFF


def test_variables_that_are_no_inputs_are_not_read() -> None:
    strangers = {"ALIAS": "other", "FUNCTION-NAME": "other", "INPUT_FUNCTION_NAME": "other"}
    assert read(strangers) == read()


def test_the_token_is_never_shown() -> None:
    inputs = read(github_token="ghs_secret\n")
    assert inputs.github_token == "ghs_secret"
    assert "ghs_secret" not in repr(inputs)


def test_description_is_repository_and_short_sha() -> None:
    github = {"GITHUB_REPOSITORY": "octo/shop", "GITHUB_SHA": "9f2c1a4d5e6f"}
    assert read(github).description == "octo/shop@9f2c1a4"
    assert read(github, description="mine").description == "mine"
    assert read({"GITHUB_REPOSITORY": "octo/shop"}).description == ""


def test_description_is_at_most_256_characters() -> None:
    assert len(read(description="é" * 256).description) == 256
    (problem,) = refused(description="x" * 257)
    assert problem == (
        f"description: got '{'x' * 150}'… (257 characters). "
        "Write at most 256 characters: Lambda keeps no more."
    )


ARN = "arn:aws:lambda:us-east-1:123456789012:function:fn"


@pytest.mark.parametrize(
    ("environ", "inputs", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, {"aws_region": "us-west-2"}, "us-west-2"),
        ({"AWS_REGION": "eu-west-1"}, {"aws_region": ""}, "eu-west-1"),
        (
            {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"},
            {"aws_region": ""},
            "eu-west-1",
        ),
        (
            {"AWS_REGION": " ", "AWS_DEFAULT_REGION": "eu-west-2"},
            {"aws_region": ""},
            "eu-west-2",
        ),
        ({}, {"aws_region": "", "function_name": ARN}, "us-east-1"),
        ({}, {"aws_region": "us-east-1", "function_name": ARN}, "us-east-1"),
        ({}, {"aws_region": "us-gov-west-1"}, "us-gov-west-1"),
        ({}, {"aws_region": "us-isob-east-1"}, "us-isob-east-1"),
        ({}, {"aws_region": "eusc-de-east-1"}, "eusc-de-east-1"),
    ],
)
def test_region(environ: dict[str, str], inputs: dict[str, str], region: str) -> None:
    assert read(environ, **inputs).region == region


@pytest.mark.parametrize(
    ("environ", "inputs", "problem"),
    [
        (
            {},
            {"aws_region": ""},
            (
                "aws-region: nothing given. Write the Region of the function, or set AWS_REGION in "
                "the environment."
            ),
        ),
        (
            {},
            {"aws_region": "Frankfurt"},
            "aws-region: got 'Frankfurt'. Write the code of a Region, such as eu-central-1.",
        ),
        (
            {"AWS_DEFAULT_REGION": "x.evil.example/"},
            {"aws_region": ""},
            (
                "aws-region: got 'x.evil.example/'. Write the code of a Region, such as eu-central-1. "
                "This one comes from AWS_DEFAULT_REGION."
            ),
        ),
        (
            {},
            {"function_name": ARN},
            (
                f"function-name: got '{ARN}'. This function is in us-east-1, but aws-region says "
                "eu-central-1: make them agree."
            ),
        ),
        (
            {"AWS_REGION": "eu-west-1"},
            {"function_name": ARN, "aws_region": ""},
            (
                f"function-name: got '{ARN}'. This function is in us-east-1, but AWS_REGION says "
                "eu-west-1: make them agree."
            ),
        ),
    ],
)
def test_wrong_region(environ: dict[str, str], inputs: dict[str, str], problem: str) -> None:
    assert refused(environ, **inputs) == [problem]


def test_a_function_that_cannot_be_read_may_name_the_region() -> None:
    problems = refused(function_name=f"{ARN}:live", aws_region="")
    assert [problem.partition(":")[0] for problem in problems] == ["function-name"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b", ["a", "b"]),
        ("a", ["a"]),
        ("a\nb, c\n", ["a", "b, c"]),
        ("a, b\n", ["a, b"]),
        ("a,\nb,\n", ["a", "b"]),
        ("a, b,\n", ["a, b"]),
        ("a, b,", ["a", "b"]),
        ("a ,", ["a"]),
        ("\n  a  \r\n\r\n b\n", ["a", "b"]),
        ("b, a, b", ["b", "a"]),
    ],
)
def test_alarms_by_lines_or_else_by_commas(text: str, names: list[str]) -> None:
    assert [alarm.name for alarm in read(alarms=text).alarms] == names


def test_an_alarms_arn() -> None:
    text = "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:team: a, b"
    (alarm,) = read(alarms=f"{text}\n").alarms
    assert alarm == AlarmName(text, "team: a, b", "cn-north-1", "123456789012")


PLACEHOLDERS = "{function} or {alias} for each function's name and its alias."
DOUBLED = "A brace that is part of an alarm's name is doubled:"


def test_one_alarm_in_two_regions_is_two() -> None:
    arn = "arn:aws:cloudwatch:{}:123456789012:alarm:errors"
    here, there = arn.format("eu-central-1"), arn.format("us-east-1")
    alarms = read(alarms=f"errors, {here}, {there}").alarms
    assert [alarm.text for alarm in alarms] == ["errors", there]


def test_one_alarm_in_two_accounts_is_two() -> None:
    arn = "arn:aws:cloudwatch:eu-central-1:{}:alarm:errors"
    both = [arn.format("111111111111"), arn.format("222222222222")]
    assert [alarm.text for alarm in read(alarms="\n".join(both)).alarms] == both


def test_placeholders_stand_for_each_function_in_turn() -> None:
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:{alias}/{function}"
    alarms = read(
        function_name="checkout, 123456789012:function:basket",
        alias="prod",
        alarms=f"{{function}}-errors\nall of {{alias}}\n{arn}\n",
    ).alarms
    assert [alarm.name for alarm in alarms] == [
        "checkout-errors",
        "basket-errors",
        "all of prod",
        "prod/checkout",
        "prod/basket",
    ]
    assert alarms[-1].text == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:prod/basket"
    assert alarms[-1].region == "us-east-1"


def test_what_a_placeholder_makes_is_named_once() -> None:
    alarms = read(alarms="checkout-errors\n{function}-errors\n{function}-errors").alarms
    assert [alarm.name for alarm in alarms] == ["checkout-errors"]


def test_a_brace_of_a_name_is_doubled() -> None:
    alarms = read(alarms="{{function}}\n{{{alias}}}\na}}b").alarms
    assert [alarm.name for alarm in alarms] == ["{function}", "{live}", "a}b"]


FUNCTION = (
    "Write a function's name (letters, digits, - and _), its partial ARN "
    "(123456789012:function:NAME) or its full ARN."
)
ALIAS = "Write an alias's name: 1 to 128 letters, digits, - and _, and not only digits."
VERSION = (
    "Write the number of a published version, such as 12, or alias:NAME, or leave it empty to "
    "publish $LATEST."
)
COUNT = "Write a whole number from 0 to 999999999, in digits only."
PULL_REQUEST = "Write the number of a pull request, such as 12."
ALARM_ARN = (
    "Write the ARN of an alarm as arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME, or the alarm's "
    "name."
)
PACKAGE = "Write the path of a .zip or .jar file, s3://BUCKET/KEY, or the URI of an image."


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("function-name", "", "nothing given. Name the function whose alias is to be shifted."),
        (
            "function-name",
            "fn:live",
            (
                "got 'fn:live'. Write 'fn' without the qualifier. To shift that alias, set alias to "
                "'live'."
            ),
        ),
        (
            "function-name",
            "123456789012:fn",
            (
                "got '123456789012:fn'. Write '123456789012' without the qualifier. To shift that alias, set alias to "
                "'fn'. A partial ARN is written 123456789012:function:NAME."
            ),
        ),
        (
            "function-name",
            "function:fn",
            (
                "got 'function:fn'. Write 'function' without the qualifier. To shift that alias, set alias to 'fn'. "
                "A partial ARN is written 123456789012:function:NAME."
            ),
        ),
        (
            "function-name",
            "fn:3",
            (
                "got 'fn:3'. Write 'fn' without the qualifier. What is shifted is an alias: set alias "
                "to its name, such as 'live', and version to 3."
            ),
        ),
        (
            "function-name",
            "123456789012:function:fn:$LATEST",
            (
                "got '123456789012:function:fn:$LATEST'. Write '123456789012:function:fn' without the "
                "qualifier. What is shifted is an alias: set alias to its name, such as 'live'."
            ),
        ),
        (
            "function-name",
            "arn:aws:lambda:eu-central-1:123456789012:function:fn:live",
            (
                "got 'arn:aws:lambda:eu-central-1:123456789012:function:fn:live'. Write "
                "'arn:aws:lambda:eu-central-1:123456789012:function:fn' without the qualifier. "
                "To shift that alias, set alias to 'live'."
            ),
        ),
        ("function-name", "check out", f"got 'check out'. {FUNCTION}"),
        ("function-name", "1234:function:fn", f"got '1234:function:fn'. {FUNCTION}"),
        ("function-name", "arn:aws:s3:::fn", f"got 'arn:aws:s3:::fn'. {FUNCTION}"),
        ("function-name", "fn\x1b[1m", rf"got 'fn\x1b[1m'. {FUNCTION}"),
        (
            "function-name",
            "f" * 65,
            f"got '{'f' * 65}'. A function's name has at most 64 characters.",
        ),
        (
            "function-name",
            "a,,b",
            "got 'a,,b'. Item 2 of the list is empty: remove a comma, or write what is missing.",
        ),
        (
            "function-name",
            "fn, 123456789012:function:fn",
            "got '123456789012:function:fn'. This function is already in the list: name it once.",
        ),
        ("alias", "li ve", f"got 'li ve'. {ALIAS}"),
        ("alias", "12", f"got '12'. {ALIAS}"),
        ("alias", "a" * 129, f"got '{'a' * 129}'. {ALIAS}"),
        (
            "alias",
            "$LATEST",
            "got '$LATEST'. $LATEST cannot be shifted: write the name of an alias, such as live.",
        ),
        (
            "version",
            "$LATEST",
            (
                "got '$LATEST'. Leave version empty: then $LATEST is published and that version "
                "rolled out."
            ),
        ),
        ("version", "007", f"got '007'. {VERSION} Did you mean 7?"),
        ("version", "0", f"got '0'. {VERSION}"),
        ("version", "prod", f"got 'prod'. {VERSION} Did you mean alias:prod?"),
        ("version", "1.0", f"got '1.0'. {VERSION}"),
        ("version", "alias:1", f"got 'alias:1'. {ALIAS}"),
        ("version", "alias:", f"got 'alias:'. {ALIAS}"),
        ("package", "code.tar.gz", f"got 'code.tar.gz'. {PACKAGE}"),
        (
            "package",
            "s3://bucket",
            "got 's3://bucket'. Write s3://BUCKET/KEY, or s3://BUCKET/KEY?versionId=ID.",
        ),
        ("steps", "50%, 10%", "got '10%'. Percentages ascend: after 50% comes a higher one."),
        ("interval", "5", "got '5'. Add a unit to '5': 5s, 5m or 5h."),
        ("alarms", "arn:aws:sns:x", f"got 'arn:aws:sns:x'. {ALARM_ARN}"),
        (
            "alarms",
            "{function}-{fn}-errors",
            (
                f"got '{{function}}-{{fn}}-errors'. '{{fn}}' is no placeholder: write {PLACEHOLDERS} {DOUBLED} "
                "'{function}-{{fn}}-errors'."
            ),
        ),
        (
            "alarms",
            "{function}{",
            f"got '{{function}}{{'. Write {PLACEHOLDERS} {DOUBLED} '{{function}}{{{{'.",
        ),
        ("alarms", "errors}", f"got 'errors}}'. Write {PLACEHOLDERS} {DOUBLED} 'errors}}}}'."),
        (
            "alarms",
            "{{{Function }",
            (
                f"got '{{{{{{Function }}'. '{{Function }}' is no placeholder: write {PLACEHOLDERS} {DOUBLED} "
                "'{{{{Function }}'."
            ),
        ),
        (
            "alarms",
            "{function}" + "a" * 250,
            (
                f"got 'checkout{'a' * 142}'… (258 characters). An alarm's name has at most 255 "
                "characters."
            ),
        ),
        (
            "alarms",
            "a,,b",
            "got 'a,,b'. Item 2 of the list is empty: remove a comma, or write what is missing.",
        ),
        (
            "alarms",
            ",",
            "got ','. Item 1 of the list is empty: remove a comma, or write what is missing.",
        ),
        (
            "alarms",
            "a\tb",
            r"got 'a\tb'. An alarm's name has no control characters: write one name on each line.",
        ),
        ("create-alias", "yes", "got 'yes'. Write true or false."),
        ("alarm-at-start", "ok", "got 'ok'. Write fail, wait or ignore-until-ok."),
        ("insufficient-data", "Fail", "got 'Fail'. Write ignore or fail."),
        (
            "guards",
            "error-rate < 1",
            "got 'error-rate < 1'. Line 1, column 14: error-rate is in percent: write 1%.",
        ),
        (
            "guards",
            "\n\n  error-rate < 1\n",
            "got 'error-rate < 1'. Line 3, column 16: error-rate is in percent: write 1%.",
        ),
        ("min-invocations", "-1", f"got '-1'. {COUNT}"),
        ("min-invocations", "1e3", f"got '1e3'. {COUNT}"),
        ("evidence-timeout", "200h", "got '200h'. Write a duration from 0s to 120h."),
        ("preflight", "error", "got 'error'. Write warn or strict."),
        ("poll-interval", "0s", "got '0s'. Write a duration from 1s to 5m."),
        ("poll-interval", "6m", "got '6m'. Write a duration from 1s to 5m."),
        (
            "previous-alias",
            "live",
            "got 'live'. This is the alias to shift. Name a second one that keeps the way back, such as live-previous.",
        ),
        ("previous-alias", "12", f"got '12'. {ALIAS}"),
        (
            "previous-alias",
            "$LATEST",
            "got '$LATEST'. $LATEST is no alias: write a name, such as live-previous.",
        ),
        ("mode", "deploy", "got 'deploy'. Write rollout, plan, publish, promote or rollback."),
        ("on-cancel", "stop", "got 'stop'. Write rollback or hold."),
        ("on-stranded", "hold", "got 'hold'. Write rollback, resume or fail."),
        ("engine", "sam", "got 'sam'. Write direct or codedeploy."),
        (
            "codedeploy-application",
            "a b",
            "got 'a b'. Write a name of 1 to 100 letters, digits and any of + = , . @ _ -.",
        ),
        (
            "role-to-assume",
            "deployer",
            "got 'deployer'. Write the role's ARN: arn:aws:iam::123456789012:role/NAME.",
        ),
        ("comment", "on", "got 'on'. Write auto or off."),
        ("pr-number", "0", f"got '0'. {PULL_REQUEST}"),
        ("pr-number", "next", f"got 'next'. {PULL_REQUEST}"),
        ("pr-number", "#", f"got '#'. {PULL_REQUEST}"),
        ("pr-number", "# 12", f"got '# 12'. {PULL_REQUEST}"),
    ],
)
def test_one_mistake_is_one_sentence(name: str, text: str, problem: str) -> None:
    assert refused(None, **{name: text}) == [f"{name}: {problem}"]


def test_all_mistakes_are_told_in_the_order_of_the_inputs() -> None:
    problems = refused(
        pr_number="x", mode="go", steps="0%, 5", alias="!", function_name="a:b, c d", aws_region="?"
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "function-name",
        "function-name",
        "alias",
        "steps",
        "mode",
        "aws-region",
        "pr-number",
    ]


def test_a_problem_keeps_what_was_given_as_it_was() -> None:
    with pytest.raises(InputErrors) as raised:
        read(alias="a\nb")
    assert raised.value.problems == (InputProblem("alias", "a\nb", ALIAS),)
    assert str(raised.value) == rf"alias: got 'a\nb'. {ALIAS}"


def test_an_input_mistake_is_told_without_an_aws_or_github_client() -> None:
    code = (
        "import sys, lambda_rollout.inputs.read as i\n"
        "try: i.read_inputs({})\n"
        "except i.InputErrors: pass\n"
        "print({'boto3', 'botocore', 'github', 'tenacity'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
