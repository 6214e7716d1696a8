"""Named schemas: registered by name and version, and what definitions then hold their inputs and outputs against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from app.errors import SchemaInUse, SchemaNotFound
from app.operations.audit import note
from app.operations.definitions import refresh
from app.runtime.engine import Engine
from app.store import definitions, schemas
from app.store.schemas import SchemaRow
from app.store.unit_of_work import Session
from workflows.model import SchemaDef, TaskDef, WorkflowDef
from workflows.named_schemas import SchemaKey, read_schema, references

_TOLD = ("create_time", "update_time", "created_by", "updated_by")
"""Fields that the server says: what a client sends back is not stored."""


def save(
    engine: Engine, documents: Sequence[Any], *, new_version: bool = False, actor: str | None = None
) -> list[SchemaRow]:
    """Register schemas, or change those of their names and versions: all of them or none.

    What starts from now on is held against the changed ones; executions that run keep theirs.

    new_version: each becomes the version after the latest of its name, whatever version it says.

    Raises:
        InvalidDocument: one has errors; nothing is stored.
    """
    given = [_own(read_schema(document)) for document in documents]

    def work(session: Session) -> list[SchemaRow]:
        definitions.lock(session)
        saved = [_save(engine, session, schema, new_version) for schema in given]
        changed = {key for key, is_new in saved if is_new}
        if changed:
            _refresh(engine, session, changed)
        for key in sorted(changed):
            note(engine, session, "save_schema", f"{key.name}:{key.version}", actor)
        return [_found(session, *key) for key, _ in saved]

    return engine.store.transact(work)


def get(engine: Engine, name: str, version: int | None = None) -> SchemaRow:
    """A schema; its latest version when `version` is None.

    Raises:
        SchemaNotFound: there is none.
    """
    return engine.store.read(lambda s: _found(s, name, version))


def list_schemas(engine: Engine) -> list[SchemaRow]:
    """All versions of all schemas, by name."""
    return engine.store.read(schemas.all_schemas)


def remove(engine: Engine, name: str, version: int | None = None, *, actor: str | None = None) -> None:
    """Delete a version of a schema, or all versions when `version` is None.

    Raises:
        SchemaNotFound: there is none.
        SchemaInUse: definitions name it; nothing is deleted.
    """

    def work(session: Session) -> None:
        definitions.lock(session)
        used: dict[int, list[str]] = {}
        for user, key in _uses(session):
            if key.name == name and version in (None, key.version):
                used.setdefault(key.version, []).append(user)
        for found in sorted(used):
            if schemas.find(session, name, found) is not None:
                raise SchemaInUse(name, found, used[found])
        if not schemas.remove(session, name, version):
            raise SchemaNotFound(name, version, schemas.names(session))
        note(engine, session, "remove_schema", name if version is None else f"{name}:{version}", actor)

    engine.store.transact(work)


def schema_document(row: SchemaRow) -> dict[str, Any]:
    """A schema as it was written, with the times of its registration (Conductor's SchemaDef)."""
    document: dict[str, Any] = orjson.loads(row.content)
    return document | {"createTime": row.created, "updateTime": row.updated}


def _own(schema: SchemaDef) -> SchemaDef:
    return schema.model_copy(update=dict.fromkeys(_TOLD))


def _save(engine: Engine, session: Session, schema: SchemaDef, new_version: bool) -> tuple[SchemaKey, bool]:
    name = schema.name or ""
    version = schema.version
    if new_version:
        latest = schemas.find(session, name)
        version = 1 if latest is None else latest.version + 1
    document = {key: value for key, value in schema.to_json().items() if value is not None}
    document |= {"version": version, "type": document.get("type", "JSON")}
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    return SchemaKey(name, version), schemas.put(session, name, version, content, engine.clock())


def _refresh(engine: Engine, session: Session, changed: set[SchemaKey]) -> None:
    """Compile the definitions again that a changed schema is written into."""
    stored = definitions.task_defs(session)
    tasks = {name for name, key in _uses_of_tasks(stored) if key in changed}
    refresh(engine, session, tasks | {key.name for key in changed}, engine.known_task_defs(session))


def _uses(session: Session) -> Iterator[tuple[str, SchemaKey]]:
    """Each definition that names a schema, in words, and which."""
    for name, version, _description, content, _created, _updated in definitions.all_definitions(session):
        for key in sorted({r.key for r in references(WorkflowDef.model_validate_json(content))}):
            yield f"workflow definition {name!r} version {version}", key
    for name, key in _uses_of_tasks(definitions.task_defs(session)):
        yield f"task definition {name!r}", key


def _uses_of_tasks(stored: dict[str, str]) -> Iterator[tuple[str, SchemaKey]]:
    for name, content in stored.items():
        for key in sorted({r.key for r in references(TaskDef.model_validate_json(content))}):
            yield name, key


def _found(session: Session, name: str, version: int | None) -> SchemaRow:
    row = schemas.find(session, name, version)
    if row is None:
        raise SchemaNotFound(name, version, schemas.names(session))
    return row


__all__ = ["get", "list_schemas", "remove", "save", "schema_document"]
