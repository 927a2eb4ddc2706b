"""Values on the wire: JSON, Query's dotted keys, XML, strings in URLs and headers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.utils import parse_timestamp

from sandbox.aws.errors import AwsError

Form = Mapping[str, str]


def from_json(value: Any, shape: Shape) -> Any:
    """A decoded JSON value as botocore's caller would have written it."""
    if value is None:
        return None
    if isinstance(shape, StructureShape):
        by_wire_name = {wire_name(n, m): (n, m) for n, m in shape.members.items()}
        if unknown := set(value) - set(by_wire_name):
            raise AwsError("SerializationException", f"{shape.name} has no {sorted(unknown)}")
        pairs = ((by_wire_name[key], item) for key, item in value.items() if item is not None)
        return {name: from_json(item, member) for (name, member), item in pairs}
    if isinstance(shape, ListShape):
        return [from_json(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: from_json(item, shape.value) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64decode(value)
    return parse_timestamp(value) if shape.type_name == "timestamp" else value


def to_json(value: Any, shape: Shape) -> Any:
    """An answer's value as JSON can hold it; times are seconds since 1970."""
    if isinstance(shape, StructureShape):
        members = shape.members
        return {wire_name(n, members[n]): to_json(v, members[n]) for n, v in value.items()}
    if isinstance(shape, ListShape):
        return [to_json(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: to_json(item, shape.value) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return value.timestamp() if isinstance(value, datetime) else value


def from_form(form: Form, shape: Shape, prefix: str = "") -> Any:
    """What Query's flat keys (``Metrics.member.1.Id``) say; None if nothing."""
    if isinstance(shape, StructureShape):
        dot = f"{prefix}." if prefix else ""
        found = {
            name: from_form(form, member, dot + wire_name(name, member))
            for name, member in shape.members.items()
        }
        present = {name: value for name, value in found.items() if value is not None}
        return present or (None if prefix else {})
    if isinstance(shape, ListShape):
        items: list[Any] = []
        while (
            item := from_form(form, shape.member, f"{prefix}.member.{len(items) + 1}")
        ) is not None:
            items.append(item)
        return items or None
    if isinstance(shape, MapShape):
        if any(key.startswith(f"{prefix}.") for key in form):
            raise AwsError("SerializationException", f"no map is expected at {prefix}")
        return None
    return from_text(form[prefix], shape) if prefix in form else None


def from_text(text: str, shape: Shape) -> Any:
    """A scalar written in a form, a URL or a header."""
    if shape.type_name == "boolean":
        return text.lower() == "true"
    if shape.type_name in {"integer", "long"}:
        return int(text)
    if shape.type_name in {"double", "float"}:
        return float(text)
    if shape.type_name == "blob":
        return base64.b64decode(text)
    return parse_timestamp(text) if shape.type_name == "timestamp" else text


def to_xml(parent: ET.Element, tag: str, value: Any, shape: Shape) -> None:
    """Append an answer's value to `parent`."""
    element = ET.SubElement(parent, tag)
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            to_xml(element, wire_name(name, shape.members[name]), item, shape.members[name])
    elif isinstance(shape, ListShape):
        for item in value:
            to_xml(element, "member", item, shape.member)
    elif isinstance(value, datetime):
        element.text = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif isinstance(value, bytes):
        element.text = base64.b64encode(value).decode()
    else:
        element.text = str(value)


def wire_name(name: str, shape: Shape) -> str:
    """What a member is called outside of Python."""
    return str(shape.serialization.get("name", name))
