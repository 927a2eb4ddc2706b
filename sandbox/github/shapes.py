"""Answers in GitHub's shape: what is known, and every required field around it filled in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sandbox.github.openapi import description

_BY_FORMAT = {
    "date-time": "2026-11-23T05:00:00Z",
    "uri": "https://github.test/",
    "email": "nobody@example.com",
}
_BY_TYPE: dict[str, Any] = {"string": "", "integer": 1, "number": 1, "boolean": False, "array": []}


def shaped(schema: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``known`` as an object of the named schema, with all that it requires beyond that."""
    filled: dict[str, Any] = _filled({"$ref": f"#/components/schemas/{schema}"}, known)
    return filled


def _filled(schema: Mapping[str, Any], known: Any) -> Any:
    schema = _resolved(schema)
    if known is not None and not isinstance(known, Mapping):
        return copy.deepcopy(known)
    if "properties" not in schema and not isinstance(known, Mapping):
        return _simplest(schema)
    properties = schema.get("properties", {})
    given: Mapping[str, Any] = known or {}
    filled = {name: _filled_or_null(properties.get(name, {}), given[name]) for name in given}
    for name in schema.get("required", []):
        if name not in filled:
            filled[name] = _missing(properties.get(name, {}))
    return filled


def _filled_or_null(schema: Mapping[str, Any], known: Any) -> Any:
    return None if known is None else _filled(schema, known)


def _missing(schema: Mapping[str, Any]) -> Any:
    return None if _nullable(schema) else _filled(schema, None)


def _simplest(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    return copy.deepcopy(_BY_TYPE.get(kind, {}))


def _nullable(schema: Mapping[str, Any]) -> bool:
    if "$ref" in schema:
        return _nullable(_target(schema))
    return any(each == {"type": "null"} for each in schema.get("anyOf", []))


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while True:
        if "$ref" in schema:
            schema = _target(schema)
        elif several := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = several[0]
        else:
            return schema


def _target(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema["$ref"].rpartition("/")[2]
    found: Mapping[str, Any] = description()["components"]["schemas"][name]
    return found
