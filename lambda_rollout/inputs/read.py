"""What the user asked for: the runner's ``INPUT_*`` variables -> :class:`Inputs`.

Everything is parsed and checked here, before the first AWS call, and all mistakes are told together.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import TypeVar

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
from lambda_rollout.inputs.durations import parse_duration
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.inputs.hooks import Hook, parse_hooks
from lambda_rollout.inputs.leftovers import parse_with_hint
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import (
    AlarmName,
    alarms_of,
    parse_alarms,
    parse_alias,
    parse_codedeploy_name,
    parse_functions,
    parse_previous_alias,
    parse_region,
    parse_role,
    region_of_function,
)
from lambda_rollout.inputs.package import parse_package
from lambda_rollout.inputs.payload import parse_smoke_expect, parse_smoke_test
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.rules import RULES
from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.inputs.text import Mistake, Mistakes, parse_boolean, parse_choice, parse_count
from lambda_rollout.inputs.versions import parse_version_of

_T = TypeVar("_T")

# Every input with its default, as action.yml declares them. The runner evaluates what stands in
# ${{ }}; outside it such an input is empty.
DEFAULTS: Mapping[str, str] = {
    "function-name": "",
    "alias": "live",
    "version": "",
    "package": "",
    "description": "",
    "steps": "10%",
    "interval": "5m",
    "alarms": "",
    "create-alias": "false",
    "alarm-at-start": "fail",
    "insufficient-data": "ignore",
    "guards": "",
    "min-invocations": "0",
    "evidence-timeout": "15m",
    "preflight": "warn",
    "poll-interval": "5s",
    "mode": "rollout",
    "previous-alias": "",
    "smoke-test": "",
    "smoke-expect": "",
    "hooks": "",
    "errors": "auto",
    "on-cancel": "rollback",
    "on-stranded": "rollback",
    "engine": "direct",
    "codedeploy-application": "",
    "codedeploy-deployment-group": "",
    "aws-region": "",
    "role-to-assume": "",
    "github-token": "${{ github.token }}",
    "comment": "auto",
    "pr-number": "",
}

# https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html, Description
_LONGEST_DESCRIPTION = 256
_SHORT_SHA = 7


def variable(name: str) -> str:
    """Name the environment variable that carries the input ``name``.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax#inputs
    """
    return f"INPUT_{name.upper().replace(' ', '_')}"


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Read all inputs out of the runner's environment.

    Apart from ``INPUT_*`` only AWS_REGION, AWS_DEFAULT_REGION, GITHUB_REPOSITORY and GITHUB_SHA
    are looked at, for two defaults.

    Raises:
        InputErrors: all mistakes, in the order of :data:`DEFAULTS`.
    """
    reader = _Reader(environ)
    inputs = _read_each(reader)
    for rule in RULES:
        if reader.could_read(rule.input, *rule.needs) and rule.broken(inputs):
            reader.refuse(rule.input, Mistake(reader.text(rule.input), rule.remedy_for(inputs)))
    if reader.problems:
        order = list(DEFAULTS)
        raise InputErrors(tuple(sorted(reader.problems, key=lambda p: order.index(p.input))))
    return inputs


class _Reader:
    """Takes one input after another and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[InputProblem] = []
        self._unread: set[str] = set()

    def text(self, name: str) -> str:
        """What the user wrote, or the default: unset and blank are the same."""
        written = self.environ.get(variable(name), "")
        return written if written.strip() else DEFAULTS[name]

    def read(
        self,
        name: str,
        parse: Callable[[str], _T],
        *,
        strip: bool = True,
        hint: bool = True,
        default: Callable[[str], _T] | None = None,
    ) -> _T:
        """Parse an input; a mistake is kept, and the default stands in for the value.

        ``hint``: whether quotes and brackets around what was meant are looked for; not where they may be meant.
        ``default`` parses that one, where ``parse`` depends on another input: with it the default may be wrong.
        """
        text = self.text(name)
        try:
            text = text.strip() if strip else text
            return parse_with_hint(parse, text) if hint else parse(text)
        except Mistakes as found:
            self.refuse(name, *found.mistakes)
            self._unread.add(name)
            return (default or parse)(DEFAULTS[name])

    def refuse(self, name: str, *mistakes: Mistake) -> None:
        self.problems.extend(InputProblem(name, m.given, m.remedy) for m in mistakes)

    def could_read(self, *names: str) -> bool:
        return self._unread.isdisjoint(names)


def _read_each(reader: _Reader) -> Inputs:
    functions = reader.read("function-name", parse_functions)
    interval = reader.read("interval", parse_duration)
    region = _read_region(reader, functions)
    alias = reader.read("alias", parse_alias)
    return Inputs(
        functions=functions,
        alias=alias,
        version=reader.read("version", partial(parse_version_of, functions)),
        package=reader.read("package", lambda text: parse_package(text, functions)),
        description=_read_description(reader),
        plan=reader.read(
            "steps",
            lambda text: parse_steps(text, interval),
            default=lambda text: parse_steps(text, parse_duration(DEFAULTS["interval"])),
        ),
        interval=interval,
        alarms=_read_alarms(reader, region, [Target(function, alias) for function in functions]),
        create_alias=reader.read("create-alias", parse_boolean),
        alarm_at_start=reader.read("alarm-at-start", parse_choice(AlarmAtStart)),
        insufficient_data=reader.read("insufficient-data", parse_choice(InsufficientData)),
        guards=reader.read("guards", parse_guards, strip=False),
        min_invocations=reader.read("min-invocations", parse_count),
        evidence_timeout=reader.read("evidence-timeout", parse_duration),
        preflight=reader.read("preflight", parse_choice(Preflight)),
        poll_interval=reader.read("poll-interval", _parse_poll_interval),
        mode=reader.read("mode", parse_choice(Mode)),
        previous_alias=reader.read("previous-alias", parse_previous_alias),
        smoke_test=reader.read(
            "smoke-test", lambda text: parse_smoke_test(text, functions), hint=False
        ),
        smoke_expect=reader.read("smoke-expect", parse_smoke_expect, hint=False),
        hooks=reader.read("hooks", lambda text: _parse_hooks(text, region)),
        errors=reader.read("errors", parse_choice(Errors)),
        on_cancel=reader.read("on-cancel", parse_choice(OnCancel)),
        on_stranded=reader.read("on-stranded", parse_choice(OnStranded)),
        engine=reader.read("engine", parse_choice(Engine)),
        codedeploy_application=reader.read("codedeploy-application", parse_codedeploy_name),
        codedeploy_deployment_group=reader.read(
            "codedeploy-deployment-group", parse_codedeploy_name
        ),
        region=region,
        role_to_assume=reader.read("role-to-assume", parse_role),
        github_token=reader.environ.get(variable("github-token"), "").strip(),
        comment=reader.read("comment", parse_choice(Comment)),
        pr_number=reader.read("pr-number", _parse_pr_number),
    )


def _parse_poll_interval(text: str) -> timedelta:
    return parse_duration(text, at_least=timedelta(seconds=1), at_most=timedelta(minutes=5))


def _parse_hooks(text: str, region: str) -> tuple[Hook, ...]:
    """Read the hooks. Raises `Mistakes` also for one of another Region: Lambda invokes none there."""
    hooks = parse_hooks(text)
    elsewhere = [hook for hook in hooks if hook.region not in {None, region}] if region else []
    if elsewhere:
        remedy = f"A hook is invoked in the Region of the rollout, {region}: name a function there."
        raise Mistakes(*(Mistake(hook.function, remedy) for hook in elsewhere))
    return hooks


def _parse_pr_number(text: str) -> int | None:
    if not text:
        return None
    wrong = Mistakes(Mistake(text, "Write the number of a pull request, such as 12."))
    try:
        number = parse_count(text.removeprefix("#"))
    except Mistakes:
        raise wrong from None
    if not number:
        raise wrong
    return number


def _read_description(reader: _Reader) -> str:
    def parse(text: str) -> str:
        if len(text) > _LONGEST_DESCRIPTION:
            remedy = f"Write at most {_LONGEST_DESCRIPTION} characters: Lambda keeps no more."
            raise Mistakes(Mistake(text, remedy))
        return text

    repository = reader.environ.get("GITHUB_REPOSITORY", "")
    sha = reader.environ.get("GITHUB_SHA", "")
    known = f"{repository}@{sha[:_SHORT_SHA]}" if repository and sha else ""
    return reader.read("description", parse) or known[:_LONGEST_DESCRIPTION]


def _read_alarms(reader: _Reader, region: str, targets: Iterable[Target]) -> tuple[AlarmName, ...]:
    def parse(text: str) -> tuple[AlarmName, ...]:
        return tuple(alarms_of(parse_alarms(text), targets))

    alarms: list[AlarmName] = []
    # There may be as many as an input has characters: each is compared with its namesakes only.
    known: dict[str, list[AlarmName]] = {}
    for alarm in reader.read("alarms", parse, strip=False):
        namesakes = known.setdefault(alarm.name, [])
        if not any(alarm.same_as(other, region) for other in namesakes):
            namesakes.append(alarm)
            alarms.append(alarm)
    return tuple(alarms)


def _read_region(reader: _Reader, functions: tuple[str, ...]) -> str:
    regions = {function: region_of_function(function) for function in functions}
    candidates = (
        (reader.text("aws-region"), "aws-region"),
        (reader.environ.get("AWS_REGION", ""), "AWS_REGION"),
        (reader.environ.get("AWS_DEFAULT_REGION", ""), "AWS_DEFAULT_REGION"),
        (next(filter(None, regions.values()), ""), "the first ARN"),
    )
    text, source = next(((t.strip(), s) for t, s in candidates if t.strip()), ("", ""))
    if not text:
        # A function that could not be read may well name the Region.
        if reader.could_read("function-name") or "arn:" not in reader.text("function-name"):
            remedy = "Write the Region of the function, or set AWS_REGION in the environment."
            reader.refuse("aws-region", Mistake(text, remedy))
        return ""
    try:
        parse_with_hint(parse_region, text)
    except Mistakes as found:
        come = "" if source == "aws-region" else f" This one comes from {source}."
        reader.refuse("aws-region", *(Mistake(m.given, m.remedy + come) for m in found.mistakes))
        return ""
    for function, region in regions.items():
        if region not in {None, text}:
            remedy = f"This function is in {region}, but {source} says {text}: make them agree."
            reader.refuse("function-name", Mistake(function, remedy))
    return text
