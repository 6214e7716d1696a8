"""Statements on `schema`."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, insert, select, update

from app.store.statements import Statement
from app.store.tables import schema
from app.store.unit_of_work import Session


class SchemaRow(NamedTuple):
    """A version of a schema."""

    name: str
    version: int
    content: str
    created: int
    updated: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_KEY = (schema.c.name == _p("name"), schema.c.version == _p("version", Integer))
_COLUMNS = [schema.c[name] for name in SchemaRow._fields]
_VERSION = Statement("a version of a schema", select(*_COLUMNS).where(*_KEY))
_LATEST = Statement(
    "the latest version of a schema",
    select(*_COLUMNS).where(schema.c.name == _p("name")).order_by(schema.c.version.desc()).limit(1),
)
_ALL = Statement("all schemas", select(*_COLUMNS).order_by(schema.c.name, schema.c.version))
_NAMES = Statement("names of schemas", select(schema.c.name).distinct().order_by(schema.c.name))
_INSERT = Statement(
    "register a schema",
    insert(schema).values(
        name=_p("name"),
        version=_p("version", Integer),
        content=_p("content"),
        created=_p("now", BigInteger),
        updated=_p("now", BigInteger),
    ),
)
_UPDATE = Statement(
    "change a schema",
    update(schema).where(*_KEY).values(content=_p("content"), updated=_p("now", BigInteger)),
)
_DELETE = Statement("delete a version of a schema", delete(schema).where(*_KEY))
_DELETE_ALL = Statement("delete all versions of a schema", delete(schema).where(schema.c.name == _p("name")))


def find(session: Session, name: str, version: int | None = None) -> SchemaRow | None:
    """A version of a schema, or its latest when `version` is None."""
    if version is None:
        row = session.one(_LATEST, name=name)
    else:
        row = session.one(_VERSION, name=name, version=version)
    return None if row is None else SchemaRow._make(row)


def all_schemas(session: Session) -> list[SchemaRow]:
    """All versions of all schemas."""
    return [SchemaRow._make(row) for row in session.all(_ALL)]


def names(session: Session) -> list[str]:
    return [row[0] for row in session.all(_NAMES)]


def put(session: Session, name: str, version: int, content: str, now: int) -> bool:
    """Register or change it; False: it was so already."""
    found = find(session, name, version)
    if found is None:
        session.run(_INSERT, name=name, version=version, content=content, now=now)
    elif found.content != content:
        session.run(_UPDATE, name=name, version=version, content=content, now=now)
    return found is None or found.content != content


def remove(session: Session, name: str, version: int | None) -> bool:
    """Delete a version, or all versions when `version` is None; False: there is none."""
    if version is None:
        return session.run(_DELETE_ALL, name=name) > 0
    return session.run(_DELETE, name=name, version=version) == 1
