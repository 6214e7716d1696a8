"""Checks of the schemas of a definition."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from workflows.model import SchemaType, TaskDef, WorkflowDef
from workflows.operator import Finding

_LONGEST = 300


def check_schemas(definition: WorkflowDef | TaskDef, path: str = "") -> Iterator[Finding]:
    """Findings about the schemas of a definition; `path`: where it stands."""
    for field, schema in (
        ("inputSchema", definition.input_schema),
        ("outputSchema", definition.output_schema),
    ):
        if schema is None:
            continue
        where = f"{path}.{field}" if path else field
        if schema.type not in (None, SchemaType.JSON) or not schema.data:
            what = "It has no data" if schema.type in (None, SchemaType.JSON) else f"It is {schema.type}"
            message = f"{what}: it is kept, and nothing is checked by it."
            yield Finding(where, message, "Write a JSON Schema into data.", "warning", "schema-not-checked")
            continue
        try:
            validator_for(schema.data, default=jsonschema.Draft202012Validator).check_schema(schema.data)
        except SchemaError as error:
            message = f"It is no JSON Schema at {error.json_path}: {error.message[:_LONGEST]}"
            yield Finding(f"{where}.data", message, "Correct the schema.", "error", "malformed-schema")
