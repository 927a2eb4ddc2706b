"""What holds for whatever the user writes into the inputs."""

import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.inputs.guard_metrics import CustomMetric, Statistic, StatisticOf
from lambda_rollout.inputs.guards import Guard, parse_guards
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import DEFAULTS, read_inputs, variable
from lambda_rollout.inputs.text import Mistake, Mistakes

RIGHT = {"function-name": "checkout", "aws-region": "eu-central-1"}

# One thing wrong with each, and none of them touches another input.
WRONG = {
    "function-name": "check out",
    "alias": "12",
    "version": "$LATEST",
    "package": "code.tar",
    "description": "x" * 257,
    "steps": "101%",
    "interval": "5",
    "alarms": "arn:aws:sns:x",
    "create-alias": "yes",
    "alarm-at-start": "ok",
    "insufficient-data": "ok",
    "guards": "error-rate > 1%",
    "min-invocations": "few",
    "evidence-timeout": "long",
    "preflight": "no",
    "poll-interval": "0s",
    "mode": "go",
    "previous-alias": "12",
    "smoke-test": '{"a": ',
    "smoke-expect": "{'a': 1}",
    "hooks": "sometimes: check-orders",
    "errors": "all",
    "on-cancel": "stop",
    "on-stranded": "stop",
    "engine": "steam",
    "codedeploy-application": "a b",
    "codedeploy-deployment-group": "a b",
    "aws-region": "Frankfurt",
    "role-to-assume": "me",
    "comment": "maybe",
    "pr-number": "next",
}

arns = [
    "arn:aws:",
    "lambda:",
    "cloudwatch:",
    "eu-central-1:",
    "123456789012:",
    "function:",
    "alarm:",
]
words = ["fn", "live", "$LATEST", "alias:", "10%", "hold", "5m", "s3://", ".zip", "true", "0", "é"]
json_words = ['{"a":', "1}", "[", "]", "checkout: ", "a.json", "NaN"]
guard_words = [
    "error-rate",
    "<",
    "<=",
    "baseline",
    "*",
    "+",
    "1%",
    "?",
    "sum(",
    "p99(A/B{",
    "$VERSION",
]
guard_words += ["{a=", "}", ")", '"', "/", "Shop/Orders"]
marks = [",", " ", "\n", "\r", "\x1b[31m", "\u2028", "\ud800", "::error::", "##[group]"]
scraps = st.lists(
    st.sampled_from([*arns, *words, *guard_words, *json_words, *marks]), max_size=8
).map("".join)
texts = st.one_of(scraps, st.text(max_size=20))
variables = [*map(variable, DEFAULTS), "AWS_REGION", "GITHUB_REPOSITORY", "GITHUB_SHA"]


@given(st.dictionaries(st.sampled_from(variables), texts))
@example({variable(name): "9" * 5000 for name in DEFAULTS})
@example({variable(name): "\n" * 5000 + "," * 5000 for name in DEFAULTS})
def test_any_text_is_inputs_or_problems_each_on_one_printable_line(environ: dict[str, str]) -> None:
    problems: tuple[InputProblem, ...] = ()
    inputs = None
    try:
        inputs = read_inputs(environ)
    except InputErrors as wrong:
        problems = wrong.problems
    assert (inputs is None) is bool(problems)
    for problem in problems:
        assert problem.input in DEFAULTS
        assert problem.remedy.endswith((".", "?"))
        assert str(problem).isprintable()
        assert len(str(problem)) < 2500
    if inputs is not None:
        assert inputs.functions
        assert re.fullmatch(r"[a-z0-9-]+", inputs.region)


@given(st.fixed_dictionaries(dict.fromkeys(variables, texts)))
@example({variable("steps"): "x", variable("interval"): "61h", variable("function-name"): "f"})
def test_any_text_in_all_inputs_at_once_is_inputs_or_problems(environ: dict[str, str]) -> None:
    """A mistake in one must not make the check of another raise."""
    with suppress(InputErrors):
        read_inputs(environ)


# Right by itself, and as far from the default as can be.
FAR = {
    "function-name": "arn:aws:lambda:eu-central-1:123456789012:function:checkout",
    "alias": "a" * 128,
    "version": "alias:" + "b" * 128,
    "package": "s3://bucket/key",
    "description": "x" * 256,
    "steps": "0.01% 120h, hold",
    "interval": "120h",
    "alarms": "\n".join(f"alarm-{number}" for number in range(1000)),
    "create-alias": "TRUE",
    "alarm-at-start": "ignore-until-ok",
    "insufficient-data": "fail",
    "guards": "p99-duration <= baseline * 1.2",
    "min-invocations": "999999999",
    "evidence-timeout": "120h",
    "preflight": "strict",
    "poll-interval": "5m",
    "mode": "promote",
    "previous-alias": "b" * 128,
    "hooks": "each-step: 123456789012:function:check:live",
    "on-cancel": "hold",
    "on-stranded": "resume",
    "engine": "codedeploy",
    "codedeploy-application": "a",
    "codedeploy-deployment-group": "b",
    "aws-region": "us-gov-west-1",
    "role-to-assume": "arn:aws:iam::123456789012:role/r",
    "comment": "off",
    "pr-number": "999999999",
}


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_is_told_beside_whatever_other_value(wrong: str, far: str) -> None:
    """Every pair: the default that stands in for the one is checked with the other."""
    given_ = {**RIGHT, far: FAR[far], wrong: WRONG[wrong]}
    with pytest.raises(InputErrors) as raised:
        read_inputs({variable(name): text for name, text in given_.items()})
    told = {problem.input for problem in raised.value.problems}
    assert wrong in told


@given(st.sets(st.sampled_from(list(WRONG))))
def test_every_mistake_is_told_once_whatever_else_is_wrong(wrong: set[str]) -> None:
    given_ = {**RIGHT, **{name: WRONG[name] for name in wrong}}
    try:
        read_inputs({variable(name): text for name, text in given_.items()})
        told = []
    except InputErrors as raised:
        told = [problem.input for problem in raised.problems]
    assert told == [name for name in DEFAULTS if name in wrong]


def test_every_input_that_can_be_wrong_is_tried() -> None:
    assert set(DEFAULTS) - set(WRONG) == {"github-token"}


@given(st.one_of(scraps, st.text("eror-atp9duins<=bl+*%. 1\n", max_size=30)))
def test_any_text_is_guards_or_mistakes(text: str) -> None:
    guards: tuple[Guard, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    try:
        guards = parse_guards(text)
    except Mistakes as wrong:
        mistakes = wrong.mistakes
    assert all(re.match(r"Line \d+, column \d+: ", mistake.remedy) for mistake in mistakes)
    assert parse_guards("\n".join(map(str, guards))) == guards


names = st.text(" !\"'(),./:={}\\abé", min_size=1, max_size=8).filter(str.strip)
values = st.text(" !\"'(),./:={}\\ab", min_size=1, max_size=8).filter(str.strip)


@given(names, names, st.dictionaries(values, values, max_size=3), st.sampled_from(Statistic))
@example("/aws/x", "B", {"a": "$VERSION"}, Statistic.SUM)
def test_every_metric_can_be_written(
    namespace: str, name: str, dimensions: dict[str, str], statistic: Statistic
) -> None:
    named = {key.lstrip(" :") or "a": value for key, value in dimensions.items()}
    metric = CustomMetric("N" + namespace, name, tuple(named.items()))
    [guard] = parse_guards(f"{StatisticOf(statistic, metric)} < 1")
    assert guard.metric == StatisticOf(statistic, metric)
