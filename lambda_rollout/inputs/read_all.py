"""All that the job asks for: its inputs, and the files of the workspace that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from lambda_rollout.inputs.by_function import is_by_function
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.package import NewCode, Package, parse_package, read_package
from lambda_rollout.inputs.payload import SmokeTest, parse_smoke_test, read_payload
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import DEFAULTS, read_inputs, variable
from lambda_rollout.inputs.text import Mistakes

_Named = TypeVar("_Named")
_Read = TypeVar("_Read")

_MAKES_NO_VERSION = frozenset({Mode.PROMOTE, Mode.ROLLBACK})
"""Whoever only goes back, or on, needs none of the files, and must not fail on them."""


@dataclass(frozen=True, slots=True)
class Files:
    """What lay in the workspace when the inputs were read, as far as they name it and it is needed."""

    packages: Mapping[str, Package] = field(default_factory=dict)
    """Function, as in ``function-name`` -> the code to upload; one that is missing gets none."""
    payloads: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Function, as in ``function-name`` -> what its smoke test invokes it with."""


def read_all(environ: Mapping[str, str]) -> tuple[Inputs, Files]:
    """Read the inputs, and the files that they name.

    Raises:
        InputErrors: all mistakes, those of the files among them, in the order of the inputs.
    """
    inputs: Inputs | None = None
    problems: list[InputProblem] = []
    try:
        inputs = read_inputs(environ)
    except InputErrors as errors:
        problems += errors.problems
    wrong = {problem.input for problem in problems}
    texts = {name: environ.get(variable(name), "").strip() for name in DEFAULTS}
    files = Files()
    # What a file should have been is not known if its input, or the mode, could not be read.
    if "mode" not in wrong and texts["mode"] not in _MAKES_NO_VERSION:
        workspace = Path(environ.get("GITHUB_WORKSPACE") or ".")
        codes = () if "package" in wrong else _new_code(inputs, texts["package"])
        named = ((each.function, each.package) for each in codes)
        packages = _read_each(
            "package", named, partial(read_package, workspace=workspace), problems
        )
        tests = () if "smoke-test" in wrong else _smoke_tests(inputs, texts["smoke-test"])
        payloads = _read_each(
            "smoke-test",
            ((each.function, each.payload) for each in tests),
            partial(read_payload, workspace=workspace),
            problems,
        )
        files = Files(packages, payloads)
    if problems or inputs is None:
        raise InputErrors(tuple(_in_order(problems)))
    return inputs, files


def _new_code(inputs: Inputs | None, text: str) -> tuple[NewCode, ...]:
    """Return which function gets which package; where some other input is wrong, as it stands in its own."""
    return inputs.package if inputs is not None else parse_package(text, ())


def _smoke_tests(inputs: Inputs | None, text: str) -> tuple[SmokeTest, ...]:
    """Return the smoke tests; where some other input is wrong, as they stand in their own."""
    if inputs is not None:
        return inputs.smoke_test
    return parse_smoke_test(text, () if is_by_function(text) else ("any",))


def _read_each(
    name: str,
    named: Iterable[tuple[str, _Named]],
    read: Callable[[_Named], _Read],
    problems: list[InputProblem],
) -> dict[str, _Read]:
    """Read what an input names for each function; what is wrong with it goes to ``problems``."""
    found: dict[str, _Read] = {}
    # Several functions may share one file: it is read, and its mistake told, once.
    read_once = cache(read)
    wrong: dict[InputProblem, None] = {}
    for function, what in named:
        try:
            found[function] = read_once(what)
        except Mistakes as mistakes:
            wrong |= dict.fromkeys(
                InputProblem(name, each.given, each.remedy) for each in mistakes.mistakes
            )
    problems += wrong
    return found


def _in_order(problems: Iterable[InputProblem]) -> Iterator[InputProblem]:
    order = list(DEFAULTS)
    yield from sorted(problems, key=lambda problem: order.index(problem.input))
