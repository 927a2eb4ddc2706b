"""What holds for whatever the user writes into the inputs."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.guards import Guard, parse_guards
from lambda_rollout.inputs import DEFAULTS, InputErrors, InputProblem, read_inputs, variable
from lambda_rollout.parsing.text import Mistake, Mistakes

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
guard_words = ["error-rate", "<", "<=", "baseline", "*", "+", "1%"]
marks = [",", " ", "\n", "\r", "\x1b[31m", "\u2028", "\ud800", "::error::", "##[group]"]
scraps = st.lists(st.sampled_from([*arns, *words, *guard_words, *marks]), max_size=8).map("".join)
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
