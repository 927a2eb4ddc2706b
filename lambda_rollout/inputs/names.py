"""The names that AWS gives things: functions, aliases, versions, alarms, Regions, roles."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.text import (
    Mistake,
    Mistakes,
    has_control_character,
    has_newline,
    parse_each,
    quote,
    split_items,
    split_lines,
)

_PARTITION = r"aws[a-zA-Z-]*"
_REGION_PATTERN = r"[a-z]{2,5}(?:-[a-z]+){1,3}-[0-9]{1,2}"
_REGION = re.compile(_REGION_PATTERN)

# https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html, FunctionName: a name, a
# partial ARN or a full ARN. The looser forms that its pattern also lets through are not documented.
FUNCTION_PATTERN = (
    rf"(?:(?:arn:{_PARTITION}:lambda:(?P<region>{_REGION_PATTERN}):)?(?P<account>[0-9]{{12}}):function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)"
)
"""A function without a qualifier, with the groups ``region`` and ``name``."""

_FUNCTION = re.compile(
    FUNCTION_PATTERN + r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)
_PART_OF_AN_ARN = re.compile(r"[0-9]{12}|function")
_LONGEST_FUNCTION_NAME = 64
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html, Name
_ALIAS = re.compile(r"(?![0-9]+\Z)[a-zA-Z0-9_-]{1,128}")
_VERSION = re.compile(r"[1-9][0-9]{0,18}")
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
_ALARM_ARN = re.compile(
    rf"arn:{_PARTITION}:cloudwatch:(?P<region>{_REGION_PATTERN}):(?P<account>[0-9]{{12}})"
    r":alarm:(?P<name>.+)"
)
_LONGEST_ALARM_NAME = 255
_PLACEHOLDER = re.compile(r"\{function\}|\{alias\}|\{\{|\}\}")
_TOKEN = re.compile(rf"{_PLACEHOLDER.pattern}|[{{}}]")
_BRACED = re.compile(r"\{[^{}]*\}")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_ROLE = re.compile(rf"arn:{_PARTITION}:iam::[0-9]{{12}}:role/[\w+=,.@/-]{{1,576}}", re.ASCII)
# https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html
_CODEDEPLOY_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Latest:
    """Publish ``$LATEST`` and roll that version out."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Roll out the published version ``number``, in digits as AWS writes them."""

    number: str


@dataclass(frozen=True, slots=True)
class NumberedEach:
    """Roll out of each function the published version that has its number beside the function's name."""

    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FromAlias:
    """Roll out the version that another alias of the function, ``alias``, points at."""

    alias: str


VersionChoice = Latest | Numbered | NumberedEach | FromAlias


@dataclass(frozen=True, slots=True)
class AlarmName:
    """An alarm as the user named it.

    ``text`` is what was written, ``name`` the alarm's own name. ``region`` and ``account`` come
    from an ARN; None means those of the rollout.
    """

    text: str
    name: str
    region: str | None = None
    account: str | None = None

    def same_as(self, other: "AlarmName", region: str) -> bool:
        """Whether both are one alarm for a rollout in ``region``."""
        return (
            self.name == other.name
            and (self.region or region) == (other.region or region)
            and (self.account == other.account or None in {self.account, other.account})
        )

    def of(self, target: Target) -> "AlarmName":
        """Fill in a function and its alias where the name has ``{function}`` and ``{alias}``."""

        def fill(text: str) -> str:
            said = {"{function}": target.name, "{alias}": target.alias, "{{": "{", "}}": "}"}
            return _PLACEHOLDER.sub(lambda found: said[found[0]], text)

        return replace(self, text=fill(self.text), name=fill(self.name))


def _refuse(given: str, remedy: str) -> NoReturn:
    raise Mistakes(Mistake(given, remedy))


def region_of_function(function: str) -> str | None:
    """Answer the Region that a full function ARN names, None for the other forms."""
    found = _FUNCTION.fullmatch(function)
    return found["region"] if found else None


def account_of_function(function: str) -> str:
    """Answer the account that an ARN, or a partial ARN, of a function names; empty for a name."""
    found = _FUNCTION.fullmatch(function)
    return (found["account"] or "") if found else ""


def name_of_function(function: str) -> str:
    """Answer a function's own name, without account, Region and qualifier, in whichever form it was written."""
    found = _FUNCTION.fullmatch(function)
    return found["name"] if found else function


def split_qualifier(function: str) -> tuple[str, str]:
    """Answer a function without its qualifier, in the form it was written in, and the qualifier; empty for none."""
    found = _FUNCTION.fullmatch(function)
    qualifier = (found["qualifier"] or "") if found else ""
    return function.removesuffix(f":{qualifier}") if qualifier else function, qualifier


def account_of(arn: str) -> str:
    """Answer the account that an ARN of anything names; empty if it is none."""
    parts = arn.split(":", 5)
    return parts[4] if arn.startswith("arn:") and len(parts) > 5 else ""


def parse_functions(text: str) -> tuple[str, ...]:
    """Read function names, partial ARNs and full ARNs, by commas or lines; none give none.

    Raises:
        Mistakes: a qualifier, a character that no name has, a function named twice.
    """
    if not text.strip():
        return ()
    functions = parse_each(text, split_items(text), _parse_function)
    first: dict[str, int] = {}
    twice = [
        function
        for at, function in enumerate(functions)
        if first.setdefault(function.rpartition(":")[2], at) != at
    ]
    if twice:
        remedy = "This function is already in the list: name it once."
        raise Mistakes(*(Mistake(function, remedy) for function in twice))
    return functions


def _parse_function(text: str) -> str:
    found = _FUNCTION.fullmatch(text)
    if found is None:
        _refuse(
            text,
            "Write a function's name (letters, digits, - and _), its partial ARN "
            "(123456789012:function:NAME) or its full ARN.",
        )
    qualifier = found["qualifier"]
    if qualifier:
        bare = text.removesuffix(f":{qualifier}")
        meant = f"Write {quote(bare)} without the qualifier. {_place_for(qualifier)}"
        if _PART_OF_AN_ARN.fullmatch(bare):
            meant += " A partial ARN is written 123456789012:function:NAME."
        _refuse(text, meant)
    if len(found["name"]) > _LONGEST_FUNCTION_NAME:
        _refuse(text, f"A function's name has at most {_LONGEST_FUNCTION_NAME} characters.")
    return text


def parse_invoked_function(text: str) -> str:
    """Read a function that is only invoked: its name, partial ARN or full ARN, with a qualifier or without.

    Raises:
        Mistakes: it is none of these.
    """
    found = _FUNCTION.fullmatch(text)
    if found is None:
        _refuse(
            text,
            "Write a function's name (letters, digits, - and _), its partial ARN "
            "(123456789012:function:NAME) or its full ARN, each with :QUALIFIER or without.",
        )
    if len(found["name"]) > _LONGEST_FUNCTION_NAME:
        _refuse(text, f"A function's name has at most {_LONGEST_FUNCTION_NAME} characters.")
    return text


def _place_for(qualifier: str) -> str:
    if _ALIAS.fullmatch(qualifier):
        return f"To shift that alias, set alias to {quote(qualifier)}."
    number = f", and version to {qualifier}" if _VERSION.fullmatch(qualifier) else ""
    return f"What is shifted is an alias: set alias to its name, such as 'live'{number}."


def parse_previous_alias(text: str) -> str | None:
    """Read the name of the alias that keeps the way back; None if it is empty.

    Raises:
        Mistakes: no alias can have it.
    """
    if text.startswith("$LATEST"):
        _refuse(text, "$LATEST is no alias: write a name, such as live-previous.")
    return parse_alias(text) if text else None


def parse_alias(text: str) -> str:
    """Read the name of an alias.

    Raises:
        Mistakes: no alias can have it.
    """
    if text.startswith("$LATEST"):
        _refuse(text, "$LATEST cannot be shifted: write the name of an alias, such as live.")
    if _ALIAS.fullmatch(text) is None:
        _refuse(
            text,
            "Write an alias's name: 1 to 128 letters, digits, - and _, and not only digits.",
        )
    return text


def parse_version(text: str) -> VersionChoice:
    """Read which version to roll out: nothing, a number, or ``alias:NAME``.

    Raises:
        Mistakes: it is none of these.
    """
    if not text:
        return Latest()
    if text == "$LATEST":
        _refuse(text, "Leave version empty: then $LATEST is published and that version rolled out.")
    if text.startswith("alias:"):
        try:
            return FromAlias(parse_alias(text.removeprefix("alias:").strip()))
        except Mistakes as found:
            raise Mistakes(*(Mistake(text, m.remedy) for m in found.mistakes)) from None
    if _VERSION.fullmatch(text):
        return Numbered(text)
    hint = ""
    if _VERSION.fullmatch(text.lstrip("0")):
        hint = f" Did you mean {text.lstrip('0')}?"
    elif _ALIAS.fullmatch(text):
        hint = f" Did you mean alias:{text}?"
    _refuse(
        text,
        "Write the number of a published version, such as 12, or alias:NAME, or leave it empty "
        f"to publish $LATEST.{hint}",
    )


def is_version(text: str) -> bool:
    """Whether it is the number of a published version, in digits as AWS writes them."""
    return _VERSION.fullmatch(text) is not None


def parse_alarms(text: str) -> tuple[AlarmName, ...]:
    """Read alarm names and ARNs: by lines where there is a newline, otherwise by commas.

    The text must not be stripped before: a newline at its end tells that a comma in the line is
    part of the name. One at the line's very end never is.

    Raises:
        Mistakes: an ARN that is none of an alarm, a name that no alarm can have.
    """
    if not text.strip():
        return ()
    # A comma at a line's very end is only the separator that the newline is too.
    lines = [line.removesuffix(",").rstrip() for line in split_lines(text)]
    items = [line for line in lines if line] if has_newline(text) else split_items(lines[0]) or [""]
    return parse_each(text, items, _parse_alarm)


def _parse_alarm(text: str) -> AlarmName:
    if has_control_character(text):
        _refuse(text, "An alarm's name has no control characters: write one name on each line.")
    alarm = AlarmName(text, text)
    if text.startswith("arn:"):
        found = _ALARM_ARN.fullmatch(text)
        if found is None:
            _refuse(
                text,
                "Write the ARN of an alarm as arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME, or "
                "the alarm's name.",
            )
        alarm = AlarmName(text, found["name"], found["region"], found["account"])
    if set("{}") & set(_PLACEHOLDER.sub("", alarm.name)):
        _refuse(text, _on_braces(alarm.name))
    return alarm


def _on_braces(name: str) -> str:
    """Say what of a name with braces stands for nothing, and how it is written if it is part of the name."""
    unknown = _BRACED.search(_PLACEHOLDER.sub("", name))
    what = f"{quote(unknown[0])} is no placeholder: write" if unknown else "Write"
    doubled = _TOKEN.sub(lambda found: found[0] * 2 if len(found[0]) == 1 else found[0], name)
    return (
        f"{what} {{function}} or {{alias}} for each function's name and its alias. A brace that is part of an alarm's "
        f"name is doubled: {quote(doubled)}."
    )


def alarms_of(alarms: Iterable[AlarmName], targets: Iterable[Target]) -> Iterator[AlarmName]:
    """Yield the alarms for these targets, those whose names have a placeholder once for each.

    Raises:
        Mistakes: a name that no alarm can have.
    """
    targets = tuple(targets) or (Target("", ""),)
    for alarm in alarms:
        for filled in dict.fromkeys(alarm.of(target) for target in targets):
            if len(filled.name) > _LONGEST_ALARM_NAME:
                remedy = f"An alarm's name has at most {_LONGEST_ALARM_NAME} characters."
                _refuse(filled.text, remedy)
            yield filled


def parse_region(text: str) -> str:
    """Read the code of an AWS Region.

    Raises:
        Mistakes: it does not look like one.
    """
    if _REGION.fullmatch(text) is None:
        _refuse(text, "Write the code of a Region, such as eu-central-1.")
    return text


def parse_role(text: str) -> str | None:
    """Read the ARN of an IAM role; nothing is None.

    Raises:
        Mistakes: it is none.
    """
    if text and _ROLE.fullmatch(text) is None:
        _refuse(text, "Write the role's ARN: arn:aws:iam::123456789012:role/NAME.")
    return text or None


def parse_codedeploy_name(text: str) -> str | None:
    """Read the name of a CodeDeploy application or deployment group; nothing is None.

    Raises:
        Mistakes: CodeDeploy has no such names.
    """
    if text and _CODEDEPLOY_NAME.fullmatch(text) is None:
        _refuse(text, "Write a name of 1 to 100 letters, digits and any of + = , . @ _ -.")
    return text or None
