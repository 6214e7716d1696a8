"""Named schemas, looked up when a definition is compiled."""

from __future__ import annotations

from app.errors import SchemaNotFound
from app.store import schemas
from app.store.unit_of_work import Session
from workflows.model import SchemaDef
from workflows.named_schemas import Definition, SchemaKey, references, written_in


def find_schema(session: Session, key: SchemaKey) -> SchemaDef | None:
    """A schema that is registered."""
    row = schemas.find(session, *key)
    return None if row is None else SchemaDef.model_validate_json(row.content)


def with_schemas(session: Session, definition: Definition) -> Definition:
    """The definition with the schemas that it names written in. One that names none costs no query.

    Raises:
        SchemaNotFound: one that it enforces is not registered.
    """
    named = set(references(definition))
    found: dict[SchemaKey, SchemaDef] = {}
    for key, enforced in named:
        schema = find_schema(session, key)
        if schema is not None:
            found[key] = schema
        elif enforced:
            raise SchemaNotFound(*key, schemas.names(session))
    return written_in(definition, found) if found else definition
