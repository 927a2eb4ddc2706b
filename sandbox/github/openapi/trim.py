"""Cut GitHub's OpenAPI description down to the routes that the sandbox serves, without their prose.

    npm install --prefix /tmp/github @octokit/openapi
    python -m sandbox.github.openapi.trim /tmp/github/node_modules/@octokit/openapi

The description is 385 MB on npm; what is left of it here is what the tests load. Its license is MIT
(https://github.com/github/rest-api-description). OpenAPI 3.0's ``nullable`` is rewritten, so that what
is left is plain JSON Schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROUTES = {
    "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls": ("200",),
    "GET /repos/{owner}/{repo}/pulls": ("200",),
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": ("200",),
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": ("201",),
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": ("200",),
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": ("204",),
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}": ("200",),
}
PROSE = frozenset({"description", "example", "examples", "title", "externalDocs", "deprecated"})
MAPS = frozenset({"properties", "patternProperties"})


def main(package: Path) -> None:
    """Write ``routes.json`` beside this file."""
    described = json.loads((package / "generated" / "api.github.com.json").read_text())
    version = json.loads((package / "package.json").read_text())["version"]
    operations = {
        route: dict(_parts(described, route, statuses)) for route, statuses in ROUTES.items()
    }
    kept = {
        "source": f"@octokit/openapi {version}, api.github.com",
        "operations": operations,
        "components": {"schemas": _closure(described, operations)},
    }
    target = Path(__file__).with_name("routes.json")
    target.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _parts(described: Any, route: str, statuses: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    verb, path = route.split()
    operation = described["paths"][path][verb.lower()]
    parameters = [_resolved(described, each) for each in operation.get("parameters", [])]
    yield "query", _query([each for each in parameters if each["in"] == "query"])
    if "requestBody" in operation:
        body = operation["requestBody"]
        yield "request", plain(body["content"]["application/json"]["schema"])
    for status in statuses:
        answer = _resolved(described, operation["responses"][status])
        content = answer.get("content", {"application/json": {"schema": {"type": "null"}}})
        yield status, plain(content["application/json"]["schema"])


def _query(parameters: list[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {each["name"]: plain(each["schema"]) for each in parameters},
        "required": [each["name"] for each in parameters if each.get("required")],
        "additionalProperties": False,
    }


def _resolved(described: Any, value: Any) -> Any:
    while "$ref" in value:
        node = described
        for name in value["$ref"].removeprefix("#/").split("/"):
            node = node[name]
        value = node
    return value


def plain(schema: Any) -> Any:
    """Return a schema without prose and with ``nullable`` said in JSON Schema's own words."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in MAPS:
            kept[key] = {name: plain(each) for name, each in value.items()}
        elif key == "enum":
            kept[key] = value
        elif key not in PROSE and not key.startswith("x-") and key != "nullable":
            kept[key] = plain(value)
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept


def _closure(described: Any, roots: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    waiting = list(_references(roots))
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = plain(described["components"]["schemas"][name])
            waiting.extend(_references(kept[name]))
    return kept


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/components/schemas/")
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
