"""Schemas that definitions name: read, found in a definition, and written into it.

A program is made of definitions with the schemas written in: nothing that runs looks one up, and an execution keeps
the schemas that it started with, as it keeps its task definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import jsonschema
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from pydantic import ValidationError

from workflows.errors import InvalidDocument
from workflows.events import name_of
from workflows.model import SchemaDef, SchemaType, TaskDef, WorkflowDef, WorkflowTask
from workflows.paths import path_of

KIND = "schema"
LONGEST_NAME = 255
GREATEST_VERSION = 2**31 - 1
_LONGEST = 300

Definition = TypeVar("Definition", WorkflowDef, TaskDef, WorkflowTask)


class SchemaKey(NamedTuple):
    """What a registered schema is found by."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name!r} version {self.version}"


class Reference(NamedTuple):
    """A schema that a definition names."""

    key: SchemaKey
    enforced: bool


def key_of(schema: SchemaDef | None) -> SchemaKey | None:
    """What must be looked up; None: nothing, it has data of its own, or is not JSON Schema."""
    if schema is None or schema.data or not schema.name or not _is_json(schema):
        return None
    return SchemaKey(schema.name, schema.version)


def _is_json(schema: SchemaDef) -> bool:
    return schema.type in (None, SchemaType.JSON)


def problem_of(data: dict[str, Any]) -> str | None:
    """Why it is no JSON Schema; None: it is one."""
    try:
        validator_for(data, default=jsonschema.Draft202012Validator).check_schema(data)
    except SchemaError as error:
        return f"It is no JSON Schema at {error.json_path}: {error.message[:_LONGEST]}"
    return None


def read_schema(document: Any) -> SchemaDef:
    """Read a schema that is to be registered, and check it.

    Raises:
        InvalidDocument: it is none, with all problems at once.
    """
    try:
        schema = SchemaDef.model_validate(document)
    except ValidationError as error:
        found = [(path_of(e["loc"]), str(e["msg"])) for e in error.errors()]
        raise InvalidDocument(KIND, name_of(document), found) from None
    problems = list(_problems(schema))
    if problems:
        raise InvalidDocument(KIND, schema.name or "", problems)
    return schema


def _problems(schema: SchemaDef) -> Iterator[tuple[str, str]]:
    if not (schema.name or "").strip() or len(schema.name or "") > LONGEST_NAME:
        yield "name", f"a schema needs a name of 1 to {LONGEST_NAME} characters"
    if not 1 <= schema.version <= GREATEST_VERSION:
        yield "version", f"it must be between 1 and {GREATEST_VERSION}, not {schema.version}"
    if _is_json(schema):
        if schema.data is None:
            yield "data", "it is missing; write the JSON Schema there, nothing is fetched from elsewhere"
        elif (problem := problem_of(schema.data)) is not None:
            yield "data", problem


def references(definition: WorkflowDef | TaskDef | WorkflowTask) -> Iterator[Reference]:
    """All schemas that a definition names, those of tasks and of definitions inside of it too."""
    if isinstance(definition, WorkflowTask):
        if definition.task_definition is not None:
            yield from references(definition.task_definition)
        if (child := inner_definition(definition)) is not None:
            yield from references(child)
    else:
        for schema in (definition.input_schema, definition.output_schema):
            if (key := key_of(schema)) is not None:
                yield Reference(key, definition.enforce_schema)
    for task in _tasks_of(definition):
        yield from references(task)


def inner_definition(task: WorkflowTask) -> WorkflowDef | None:
    """The definition that is written in a SUB_WORKFLOW; None: there is none that can be read."""
    given = task.sub_workflow_param and task.sub_workflow_param.workflow_definition
    if not isinstance(given, dict):
        return None
    try:
        return WorkflowDef.model_validate(given)
    except ValidationError:
        return None


def _tasks_of(definition: WorkflowDef | TaskDef | WorkflowTask) -> Iterator[WorkflowTask]:
    if isinstance(definition, WorkflowDef):
        yield from definition.tasks
    elif isinstance(definition, WorkflowTask):
        for field in _LISTS:
            yield from getattr(definition, field)
        for tasks in (*definition.decision_cases.values(), *definition.fork_tasks):
            yield from tasks


_LISTS = ("default_case", "loop_over", "compensation")


def written_in(definition: Definition, schemas: Mapping[SchemaKey, SchemaDef]) -> Definition:
    """The definition with the data of the schemas that it names; it stays as it is where it names none of these.

    A definition that is written in a SUB_WORKFLOW gets its own when it starts.
    """
    if isinstance(definition, WorkflowTask):
        change: dict[str, Any] = {
            field: [written_in(task, schemas) for task in tasks]
            for field in _LISTS
            if (tasks := getattr(definition, field))
        }
        if definition.task_definition is not None:
            change["task_definition"] = written_in(definition.task_definition, schemas)
        if definition.decision_cases:
            cases = definition.decision_cases.items()
            change["decision_cases"] = {
                case: [written_in(t, schemas) for t in tasks] for case, tasks in cases
            }
        if definition.fork_tasks:
            change["fork_tasks"] = [
                [written_in(t, schemas) for t in branch] for branch in definition.fork_tasks
            ]
    else:
        change = {
            field: schema.model_copy(update={"data": found.data})
            for field in ("input_schema", "output_schema")
            if (schema := getattr(definition, field)) is not None
            and (key := key_of(schema)) is not None
            and (found := schemas.get(key)) is not None
            and _is_json(found)
        }
        if isinstance(definition, WorkflowDef):
            change["tasks"] = [written_in(task, schemas) for task in definition.tasks]
    return definition.model_copy(update=change)
