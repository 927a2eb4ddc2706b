"""One request in, one answer out, in the protocol that the request spoke."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from botocore.model import OperationModel, StructureShape

from sandbox.aws.errors import AwsError
from sandbox.aws.wire.models import check, model
from sandbox.aws.wire.values import from_form, from_json, from_text, to_json, to_xml, wire_name

Protocol = Literal["rest-json", "json", "query"]

TARGETS = {
    "GraniteServiceVersion20100801": "cloudwatch",
    "CodeDeploy_20141006": "codedeploy",
    "Logs_20140328": "logs",
}
JSON_VERSIONS = {"cloudwatch": "1.0", "codedeploy": "1.1", "logs": "1.1"}
QUERY_VERSIONS = {"2010-08-01": "cloudwatch", "2010-03-31": "sns", "2011-06-15": "sts"}


@dataclass(frozen=True)
class Call:
    """A request, understood. caller: the access key id, empty if unsigned."""

    protocol: Protocol
    service: str
    operation: str
    params: dict[str, Any] = field(default_factory=dict)
    region: str | None = None
    caller: str = ""


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


def read(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Understand a request. headers: names in lower case.

    Raises `AwsError` for what is no request of a known operation.
    """
    parts = urlsplit(url)
    scope = re.search(r"Credential=([^/,]+)/\d{8}/([^/]+)/", headers.get("authorization", ""))
    caller, region = (scope[1], scope[2]) if scope else ("", None)
    if parts.path.startswith("/20"):
        operation, from_path = _rest_operation(method, parts.path, parts.query)
        params = _rest_params(operation, from_path, parts.query, headers, body)
        return Call(
            "rest-json", "lambda", operation.name, _complete(operation, params), region, caller
        )
    target, _, name = headers.get("x-amz-target", "").partition(".")
    if service := TARGETS.get(target):
        operation = _operation(service, name)
        params = from_json(_decoded(body), operation.input_shape) if operation.input_shape else {}
        return Call("json", service, name, _complete(operation, params), region, caller)
    form = dict(parse_qsl(body.decode(errors="replace") or parts.query, keep_blank_values=True))
    if service := QUERY_VERSIONS.get(form.get("Version", "")):
        operation = _operation(service, form.get("Action", ""))
        params = from_form(form, operation.input_shape) if operation.input_shape else {}
        return Call("query", service, operation.name, _complete(operation, params), region, caller)
    raise _unknown(f"{method} {parts.path}")


def write(
    call: Call, answer: dict[str, Any], now: datetime | None, request_id: str | None = None
) -> Reply:
    """The answer to `call`. now: AWS's clock, for the Date header; None for none.

    Raises `BadAnswer` if the answer is not what the service's model says.
    """
    operation = _operation(call.service, call.operation)
    shape = operation.output_shape
    check(answer, shape)
    headers = _headers(now, request_id)
    if call.protocol == "rest-json":
        return _rest_answer(operation, answer, headers)
    if call.protocol == "json":
        headers["Content-Type"] = f"application/x-amz-json-{JSON_VERSIONS[call.service]}"
        return Reply(200, headers, json.dumps(to_json(answer, shape) if shape else {}).encode())
    root = ET.Element(f"{call.operation}Response", xmlns=_namespace(call.service))
    if shape is not None:
        to_xml(
            root, shape.serialization.get("resultWrapper", f"{call.operation}Result"), answer, shape
        )
    metadata = ET.SubElement(root, "ResponseMetadata")
    ET.SubElement(metadata, "RequestId").text = headers["x-amzn-RequestId"]
    headers["Content-Type"] = "text/xml"
    return Reply(200, headers, ET.tostring(root))


def error(
    call: Call | None, problem: AwsError, now: datetime | None, request_id: str | None = None
) -> Reply:
    """The error answer to `call` (None: the request was not understood)."""
    headers = _headers(now, request_id)
    fault = "Sender" if problem.status < 500 else "Receiver"
    if call is not None and call.protocol == "query":
        headers["Content-Type"] = "text/xml"
        root = ET.Element("ErrorResponse", xmlns=_namespace(call.service))
        inner = ET.SubElement(root, "Error")
        for tag, text in (("Type", fault), ("Code", problem.code), ("Message", problem.message)):
            ET.SubElement(inner, tag).text = text
        ET.SubElement(root, "RequestId").text = headers["x-amzn-RequestId"]
        return Reply(problem.status, headers, ET.tostring(root))
    if call is not None and call.service in {"codedeploy", "logs"}:
        headers["Content-Type"] = "application/x-amz-json-1.1"
        body = {"__type": problem.code, "message": problem.message}
        return Reply(problem.status, headers, json.dumps(body).encode())
    if call is not None and call.protocol == "json":
        headers["Content-Type"] = "application/x-amz-json-1.0"
        # Query's error codes stay readable to clients that moved on to JSON
        # (Smithy's awsQueryCompatible trait).
        headers["x-amzn-query-error"] = f"{problem.code};{fault}"
        name = _error_shape(call, problem.code)
        body = {
            "__type": f"com.amazonaws.cloudwatch.v2010_08_01#{name}",
            "message": problem.message,
        }
        return Reply(problem.status, headers, json.dumps(body).encode())
    headers |= {"Content-Type": "application/json", "x-amzn-ErrorType": problem.code}
    kind = "User" if problem.status < 500 else "Service"
    body = {"Type": kind, "message": problem.message, "Message": problem.message}
    return Reply(problem.status, headers, json.dumps(body).encode())


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as problem:
        raise AwsError("SerializationException", f"Not JSON: {problem}") from problem


def _headers(now: datetime | None, request_id: str | None) -> dict[str, str]:
    date = {"Date": format_datetime(now, usegmt=True)} if now is not None else {}
    return {**date, "x-amzn-RequestId": request_id or str(uuid.uuid4())}


def _unknown(what: str) -> AwsError:
    return AwsError("UnknownOperationException", f"The sandbox does not know {what}", 501)


def _operation(service: str, name: str) -> OperationModel:
    if name not in model(service).operation_names:
        raise _unknown(f"{service}:{name}")
    return model(service).operation_model(name)


def _namespace(service: str) -> str:
    return str(model(service).metadata["xmlNamespace"])


def _error_shape(call: Call, code: str) -> str:
    for shape in _operation(call.service, call.operation).error_shapes:
        if code in {shape.name, shape.metadata.get("error", {}).get("code")}:
            return shape.name
    return code


def _complete(operation: OperationModel, params: dict[str, Any]) -> dict[str, Any]:
    for name in operation.input_shape.required_members if operation.input_shape else ():
        if name not in params:
            member = name[0].lower() + name[1:]
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value null at '{member}' failed to satisfy "
                "constraint: Member must not be null",
            )
    return params


# REST: where a request goes is part of what it says.


@dataclass(frozen=True)
class Route:
    """Where requests of an operation go. fixed: parts of the query that belong to the address."""

    operation: OperationModel
    path: re.Pattern[str]
    fixed: frozenset[tuple[str, str]]


@cache
def _routes() -> dict[str, list[Route]]:
    """Method -> routes, those with most in their query first."""
    routes: dict[str, list[Route]] = {}
    for name in model("lambda").operation_names:
        operation = model("lambda").operation_model(name)
        address = urlsplit(operation.http["requestUri"])
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(address.path.rstrip("/")))
        fixed = frozenset(parse_qsl(address.query))
        route = Route(operation, re.compile(pattern + "/?"), fixed)
        routes.setdefault(operation.http["method"], []).append(route)
    for those in routes.values():
        those.sort(key=lambda route: -len(route.fixed))
    return routes


def _rest_operation(method: str, path: str, query: str) -> tuple[OperationModel, dict[str, str]]:
    given = set(parse_qsl(query))
    for route in _routes().get(method, ()):
        if route.fixed <= given and (match := route.path.fullmatch(path)):
            return route.operation, {k: unquote(v) for k, v in match.groupdict().items()}
    raise _unknown(f"{method} {path}")


def _rest_params(
    operation: OperationModel,
    from_path: Mapping[str, str],
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    in_query = parse_qs(query, keep_blank_values=True)
    params: dict[str, Any] = {}
    in_body: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    for name, member in shape.members.items():
        location, key = member.serialization.get("location"), wire_name(name, member)
        if location == "uri":
            params[name] = from_path[key]
        elif location == "querystring" and key in in_query:
            params[name] = from_text(in_query[key][0], member)
        elif location == "header" and key.lower() in headers:
            params[name] = from_text(headers[key.lower()], member)
        elif location is None and name != payload:
            in_body[name] = member
    if payload:
        return {**params, payload: body} if body else params
    given = from_json(_decoded(body), _body_shape(shape, in_body)) if body else {}
    return {**params, **given}


def _body_shape(shape: StructureShape, members: dict[str, Any]) -> StructureShape:
    """`shape` reduced to what its body may hold."""
    body = StructureShape(shape.name, {"type": "structure", "members": {}}, None)
    body.members = members
    return body


def _rest_answer(
    operation: OperationModel, answer: dict[str, Any], headers: dict[str, str]
) -> Reply:
    shape = operation.output_shape
    status = int(operation.http.get("responseCode", 200))
    if shape is None:
        return Reply(status, headers, b"")
    in_body: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    for name, value in answer.items():
        location = shape.members[name].serialization.get("location")
        if location == "header":
            headers[wire_name(name, shape.members[name])] = str(value)
        elif location == "statusCode":
            status = int(value)
        elif name != payload:
            in_body[name] = value
    headers["Content-Type"] = "application/json"
    body = answer.get(payload, b"") if payload else json.dumps(to_json(in_body, shape)).encode()
    return Reply(status, headers, b"" if status == 204 else body)
