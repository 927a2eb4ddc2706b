"""What GitHub publishes about the routes that the sandbox serves, and a check against it."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any

import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_ROOT = "github"


def violations(operation: str, part: str, value: object) -> list[str]:
    """Say where ``value`` is not what GitHub's description says; empty if it is.

    ``part`` is ``query``, ``request`` or a status such as ``201``. A part that is not described, or an
    operation that is not, is a violation of its own.
    """
    schema = description()["operations"].get(operation, {}).get(part)
    if schema is None:
        return [f"{operation} has no {part} in GitHub's description"]
    pointer = f"{_ROOT}#/operations/{operation.replace('~', '~0').replace('/', '~1')}/{part}"
    found = _checker(pointer).iter_errors(value)
    return [f"{operation} {part}: {error.json_path}: {error.message[:300]}" for error in found]


@functools.cache
def description() -> dict[str, Any]:
    """Return the trimmed description that ``trim.py`` made."""
    text = (files(__package__) / "routes.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _checker(pointer: str) -> jsonschema.Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource(
        _ROOT, DRAFT202012.create_resource(description())
    )
    return jsonschema.Draft202012Validator({"$ref": pointer}, registry=registry)
