"""docs/reference/rest.md, made from the OpenAPI document."""

from __future__ import annotations

from typing import Any

from app.rest.application import api_document

_OPENING = """\
# REST API

Conductor's paths, parameters, bodies and statuses, under `/api` on port 8080; the answers of a running API are described
by `/api-docs.json` (OpenAPI) and shown by the page `/api-docs`. This page is made from the same document by
`python -m app.reference`.

- Ids are answered as `text/plain`, all else as JSON. An error is `{status, message, instance, retryable}`, and
  `validationErrors` where there are several: 400 for what is of no use, 404 for what is not there, 409 for what is not in
  a state for it, 413 for too large a body, 503 when the database or the broker does not answer.
- Without a key the API is open, on loopback only. With one (`podium keys create`) a call carries a token of
  `POST /api/token` in `X-Authorization`, or as a bearer token; *role* is the least that its key must have.
- A value in brackets is the default of a parameter.
- [What differs from Conductor](../differences-from-conductor.md), and [how to write a worker](../howto/write-a-worker.md).
"""


_OTHERS = {"*/*": "bytes"}


def rest_page() -> str:
    """The page of all operations, as Markdown."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in api_document()["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_row(method, path, operation))
    parts = [_OPENING]
    for tag, rows in sorted(by_tag.items()):
        parts.append(f"## {tag}\n")
        parts.append(
            "| call | what it does | parameters, body | answer | role |\n| --- | --- | --- | --- | --- |"
        )
        parts.extend(rows)
        parts.append("")
    return "\n".join(parts)


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    what = " ".join(str(operation.get("description", "")).split()).replace("|", "\\|")
    given = [_parameter(one) for one in operation.get("parameters", ()) if one["in"] == "query"]
    body = operation.get("requestBody")
    if body is not None:
        kind, content = next(iter(body["content"].items()))
        given.append(f"body: {_named(content['schema']) if kind == 'application/json' else 'bytes'}")
    role = operation["x-podium-role"]
    return f"| {method.upper()} `{path}` | {what} | {', '.join(given)} | {_answer(operation)} | {role} |"


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    default = schema.get("default")
    text = f"`{parameter['name']}`"
    if parameter.get("required"):
        return f"{text} (required)"
    return (
        text
        if default in (None, "")
        else f"{text} [{str(default).lower() if isinstance(default, bool) else default}]"
    )


def _answer(operation: dict[str, Any]) -> str:
    found = []
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            content = answer.get("content", {})
            kinds = [
                _named(c["schema"]) if kind == "application/json" else _OTHERS.get(kind, "text")
                for kind, c in content.items()
            ]
            found.append(" ".join([status, *kinds]))
    return " or ".join(sorted(found))


def _named(schema: dict[str, Any]) -> str:
    """A schema in a word: the name of its model, or what it is made of."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].replace("SearchResult_", "SearchResult of ").strip("_")
    if "anyOf" in schema:
        kinds = [_named(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_named(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_named(schema['additionalProperties'])}"
    return kind
