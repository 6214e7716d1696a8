"""The reference page of the operators, made from the operators themselves.

`python -m workflows.reference` prints it; `python -m workflows.reference FILE` writes it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from workflows.operator import SECTIONS, Example, Operator, Outcome, operators

_OPENING = """\
# Operators

An operator is a task type that steers the flow. Any other type is a worker task. This page is made from
the operators by `python -m workflows.reference`. [How to add an operator](../howto/add-an-operator.md).
"""
_OUTCOMES = """\
## Outcomes

The examples end in what the operator answers, one of these:
"""


def operators_page() -> str:
    """The whole page, as Markdown."""
    known = {name: operator for name, operator in operators().items() if name == operator.type}
    parts = [_OPENING, "| Operator | |\n| --- | --- |"]
    parts += [f"| [{name}](#{name.lower()}) | {summary(operator)} |" for name, operator in known.items()]
    for operator in known.values():
        parts += ["", *_operator(operator)]
    parts += ["", _OUTCOMES]
    parts += [f"- `{kind.__name__}`: {inspect.getdoc(kind)}" for kind in get_args(Outcome)]
    return "\n".join(parts) + "\n"


def operator_section(operator: Operator) -> str:
    """What the page says about one operator, as Markdown."""
    return "\n".join(_operator(operator)) + "\n"


def summary(operator: Operator) -> str:
    """What an operator is for, in a sentence."""
    return (inspect.getdoc(operator) or "").split("\n")[0]


def _operator(operator: Operator) -> Iterator[str]:
    sections = _sections(inspect.getdoc(operator) or "")
    yield f"## {operator.type}\n\n{summary(operator)}"
    for name in SECTIONS:
        yield f"\n### {name}\n"
        if name == "Fields":
            yield from _fields(operator)
        yield sections[name]
    yield "\n### Examples"
    shown: Any = None
    for example in operator.examples:
        yield from _example(example, task=None if example.task == shown else example.task)
        shown = example.task


def _sections(docstring: str) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    for line in docstring.split("\n"):
        if line.removesuffix(":") in SECTIONS:
            sections[line.removesuffix(":")] = []
        elif sections:
            sections[list(sections)[-1]].append(line)
    return {name: textwrap.dedent("\n".join(lines)).strip() for name, lines in sections.items()}


def _fields(operator: Operator) -> Iterator[str]:
    schema = operator.spec.model_json_schema(by_alias=True)
    rows = list(_rows(schema, schema.get("$defs", {}), ""))
    if rows:
        yield "| Field | Type | Default | |\n| --- | --- | --- | --- |"
        yield from rows
        yield ""


def _rows(schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        inner = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
        if name == "inputParameters" and inner:
            yield from _rows(inner, definitions, "inputParameters.")
            continue
        required = name in schema.get("required", ())
        default = "required" if required else f"`{json.dumps(field.get('default'))}`"
        yield f"| `{prefix}{name}` | {_type(field)} | {default} | {field.get('description', '')} |"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "task" if name == "WorkflowTask" else "object"
    if "anyOf" in field:
        return " or ".join(
            dict.fromkeys(_type(option) for option in field["anyOf"] if option.get("type") != "null")
        )
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"object of {_type(field['additionalProperties'])}"
    return kind


def _example(example: Example, task: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"\n**{example.title[0].upper()}{example.title[1:]}**\n"
    if task is not None:
        yield f"```json\n{json.dumps(task, indent=2, ensure_ascii=False)}\n```\n"
    given: dict[str, Any] = {}
    if example.input is not None:
        given["input"] = dict(example.input)
    if example.iteration:
        given["iteration"] = example.iteration
    if example.tasks:
        given["tasks"] = {ref: _plain(view) for ref, view in example.tasks.items()}
    if given:
        yield f"Given `{json.dumps(given, ensure_ascii=False)}`:\n"
    outcome = _plain(example.outcome)
    name = type(example.outcome).__name__
    yield f"→ `{name}` `{json.dumps(outcome, ensure_ascii=False)}`" if outcome else f"→ `{name}`"


def _plain(value: Any) -> dict[str, Any]:
    """What was given of a dataclass: its fields that differ from their defaults, without its reference."""
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if field.name != "ref"
        and getattr(value, field.name) != field.default
        and not (callable(field.default_factory) and getattr(value, field.name) == field.default_factory())
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(operators_page(), encoding="utf-8")
    else:
        sys.stdout.write(operators_page())
