"""All that the job asks for: its inputs, and the files of the workspace that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lambda_rollout.inputs.by_function import is_by_function
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.package import Package, read_package
from lambda_rollout.inputs.payload import SmokeTest, parse_smoke_test, read_payload
from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import DEFAULTS, read_inputs, variable
from lambda_rollout.inputs.text import Mistakes

_MAKES_NO_VERSION = frozenset({Mode.PROMOTE, Mode.ROLLBACK})
"""Whoever only goes back, or on, needs none of the files, and must not fail on them."""


@dataclass(frozen=True, slots=True)
class Files:
    """What lay in the workspace when the inputs were read, as far as they name it and it is needed."""

    package: Package | None = None
    """None: none is named, or none would be uploaded."""
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
        package = None if "package" in wrong else _package(texts["package"], workspace, problems)
        tests = () if "smoke-test" in wrong else _smoke_tests(inputs, texts["smoke-test"])
        files = Files(package, _payloads(tests, workspace, problems))
    if problems or inputs is None:
        raise InputErrors(tuple(_in_order(problems)))
    return inputs, files


def _package(text: str, workspace: Path, problems: list[InputProblem]) -> Package | None:
    """Read the package; what is wrong with it goes to ``problems``."""
    try:
        return read_package(text, workspace) if text else None
    except Mistakes as found:
        problems += [InputProblem("package", m.given, m.remedy) for m in found.mistakes]
        return None


def _smoke_tests(inputs: Inputs | None, text: str) -> tuple[SmokeTest, ...]:
    """Return the smoke tests; where some other input is wrong, as they stand in their own."""
    if inputs is not None:
        return inputs.smoke_test
    return parse_smoke_test(text, () if is_by_function(text) else ("any",))


def _payloads(
    tests: Iterable[SmokeTest], workspace: Path, problems: list[InputProblem]
) -> Mapping[str, bytes]:
    """Read the payloads; what is wrong with them goes to ``problems``."""
    found: dict[str, bytes] = {}
    # Several functions may share one file: it is read, and its mistake told, once.
    read = cache(lambda payload: read_payload(payload, workspace))
    wrong: dict[InputProblem, None] = {}
    for test in tests:
        try:
            found[test.function] = read(test.payload)
        except Mistakes as mistakes:
            wrong |= dict.fromkeys(_told(mistakes))
    problems += wrong
    return found


def _told(found: Mistakes) -> Iterator[InputProblem]:
    for mistake in found.mistakes:
        yield InputProblem("smoke-test", mistake.given, mistake.remedy)


def _in_order(problems: Iterable[InputProblem]) -> Iterator[InputProblem]:
    order = list(DEFAULTS)
    yield from sorted(problems, key=lambda problem: order.index(problem.input))
