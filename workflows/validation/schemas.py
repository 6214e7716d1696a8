"""Checks of the schemas of a definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workflows.model import SchemaDef, SchemaType, TaskDef, WorkflowDef
from workflows.named_schemas import SchemaKey, key_of, problem_of
from workflows.operator import Finding

FindSchema = Callable[[SchemaKey], SchemaDef | None]


def check_schemas(
    definition: WorkflowDef | TaskDef, find_schema: FindSchema | None = None, path: str = ""
) -> Iterator[Finding]:
    """Findings about the schemas of a definition; `path`: where it stands."""
    for field, schema in (
        ("inputSchema", definition.input_schema),
        ("outputSchema", definition.output_schema),
    ):
        if schema is None:
            continue
        where = f"{path}.{field}" if path else field
        key = key_of(schema)
        if key is None:
            yield from _check(schema, where)
        elif find_schema is not None:
            found = find_schema(key)
            if found is not None:
                yield from _check(found, where)
            else:
                yield _unknown(key, where, definition.enforce_schema)


def _check(schema: SchemaDef, where: str) -> Iterator[Finding]:
    if schema.type not in (None, SchemaType.JSON) or not schema.data:
        what = "It has no data" if schema.type in (None, SchemaType.JSON) else f"It is {schema.type}"
        message = f"{what}: it is kept, and nothing is checked by it."
        yield Finding(where, message, "Write a JSON Schema into data.", "warning", "schema-not-checked")
    elif (problem := problem_of(schema.data)) is not None:
        yield Finding(f"{where}.data", problem, "Correct the schema.", "error", "malformed-schema")


def _unknown(key: SchemaKey, where: str, enforced: bool) -> Finding:
    fix = "Register it first ('podium schema put FILE'), or write the JSON Schema into data."
    if enforced:
        return Finding(where, f"No schema {key} is registered.", fix, "error", "unknown-schema")
    message = f"No schema {key} is registered; nothing is checked by it, as enforceSchema is false."
    return Finding(where, message, fix, "warning", "unknown-schema")
