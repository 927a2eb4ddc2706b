"""All that the job asks for: the inputs, and the file that one of them names; every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lambda_rollout.choices import Mode
from lambda_rollout.inputs import (
    DEFAULTS,
    InputErrors,
    InputProblem,
    Inputs,
    read_inputs,
    variable,
)
from lambda_rollout.package import Package, read_package
from lambda_rollout.parsing.text import Mistakes


def read_all(environ: Mapping[str, str]) -> tuple[Inputs, Package | None]:
    """Read the inputs, and the package that they name (None: none is named, or none would be uploaded).

    Raises:
        InputErrors: all mistakes, those of the package's file among them, in the order of the inputs.
    """
    try:
        inputs = read_inputs(environ)
    except InputErrors as errors:
        # What the package should have been is not known if that input, or the mode, could not be read.
        if {"package", "mode"}.isdisjoint(problem.input for problem in errors.problems):
            _, problems = _read_package(environ)
            raise InputErrors(_in_order((*errors.problems, *problems))) from None
        raise
    package, problems = _read_package(environ)
    if problems:
        raise InputErrors(problems)
    return inputs, package


def _read_package(environ: Mapping[str, str]) -> tuple[Package | None, tuple[InputProblem, ...]]:
    text, mode = (environ.get(variable(name), "").strip() for name in ("package", "mode"))
    if not text or mode in {Mode.PROMOTE, Mode.ROLLBACK}:
        return None, ()
    try:
        return read_package(text, Path(environ.get("GITHUB_WORKSPACE") or ".")), ()
    except Mistakes as found:
        return None, tuple(InputProblem("package", m.given, m.remedy) for m in found.mistakes)


def _in_order(problems: Iterable[InputProblem]) -> tuple[InputProblem, ...]:
    order = list(DEFAULTS)
    return tuple(sorted(problems, key=lambda problem: order.index(problem.input)))
