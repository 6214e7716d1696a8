"""Statements on `file`, `file_part` and `signing_key`: files of executions, and what their addresses are signed with."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    bindparam,
    delete,
    literal_column,
    select,
    text,
    update,
)

from app.store.statements import Statement, insert_row
from app.store.tables import file, file_part, signing_key
from app.store.unit_of_work import Session


class FileRow(NamedTuple):
    """What is told of a file; `url` is where its content is, the times are in milliseconds."""

    id: str
    workflow_id: str
    task_id: str | None
    name: str | None
    content_type: str | None
    status: str
    url: str | None
    size: int
    hash: str | None
    upload_id: str | None
    created: int
    updated: int


class PartRow(NamedTuple):
    """A part of a file that comes in parts."""

    file_id: str
    number: int
    url: str
    size: int
    hash: str


class SigningKey(NamedTuple):
    """What addresses are signed with since a time, in milliseconds."""

    id: str
    secret: str
    created: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_FILE = [file.c[name] for name in FileRow._fields]
_PART = [file_part.c[name] for name in PartRow._fields]
_KEY = [signing_key.c[name] for name in SigningKey._fields]

_INSERT = Statement("announce a file", insert_row(file, FileRow))
_BY_ID = Statement("a file", select(*_FILE).where(file.c.id == _p("id")))
_LOCK = Statement("a file, locked", select(*_FILE).where(file.c.id == _p("id")).with_for_update())
_SAVE = Statement(
    "what has become of a file",
    update(file)
    .where(file.c.id == _p("file_id"))
    .values(
        status=_p("status"),
        url=_p("url"),
        size=_p("size", BigInteger),
        hash=_p("hash"),
        upload_id=_p("upload_id"),
        updated=_p("updated", BigInteger),
    ),
)
_PUT_PART = Statement(
    "keep a part of a file, in the place of the one of its number",
    text(
        """
        INSERT INTO file_part (file_id, number, url, size, hash) VALUES (:file_id, :number, :url, :size, :hash)
        ON CONFLICT (file_id, number) DO UPDATE SET url = excluded.url, size = excluded.size, hash = excluded.hash
        """
    ).bindparams(*[_p(column.name, column.type) for column in file_part.c]),
)
_OF_FILE = file_part.c.file_id == _p("file_id")
_A_PART = Statement(
    "a part of a file", select(*_PART).where(_OF_FILE, file_part.c.number == _p("number", Integer))
)
_PARTS = Statement("the parts of a file", select(*_PART).where(_OF_FILE).order_by(file_part.c.number))
_DELETE_PARTS = Statement("forget the parts of a file", delete(file_part).where(_OF_FILE))
# A compensation stands below what it undoes: its tasks need the files of what they undo.
_IS_ABOVE = Statement(
    "whether an execution is another one or above it",
    text(
        """
        WITH RECURSIVE line (id) AS (
            SELECT CAST(:below AS TEXT)
            UNION
            SELECT coalesce(workflow.compensates, workflow.parent_id)
            FROM workflow JOIN line ON workflow.id = line.id
            WHERE workflow.compensates IS NOT NULL OR workflow.parent_id IS NOT NULL
        )
        SELECT 1 FROM line WHERE id = :above
        """
    ).bindparams(_p("above"), _p("below")),
)
_INSERT_KEY = Statement("make a key for addresses", insert_row(signing_key, SigningKey))
_NEWEST_KEY = Statement(
    "the newest key for addresses",
    select(*_KEY).order_by(signing_key.c.id.desc()).limit(literal_column("1")),
)
_A_KEY = Statement("a key for addresses", select(*_KEY).where(signing_key.c.id == _p("id")))
_DELETE_KEYS = Statement(
    "delete keys that signed nothing that is still good",
    delete(signing_key).where(signing_key.c.id < _p("id")),
)


def announce(session: Session, row: FileRow) -> None:
    session.run(_INSERT, **row._asdict())


def by_id(session: Session, file_id: str, lock: bool = False) -> FileRow | None:
    row = session.one(_LOCK if lock else _BY_ID, id=file_id)
    return None if row is None else FileRow._make(row)


def save(session: Session, row: FileRow) -> None:
    """Write down the status, the content and the upload of a file that is locked."""
    names = ("status", "url", "size", "hash", "upload_id", "updated")
    session.run(_SAVE, file_id=row.id, **{name: getattr(row, name) for name in names})


def put_part(session: Session, row: PartRow) -> None:
    session.run(_PUT_PART, **row._asdict())


def part(session: Session, file_id: str, number: int) -> PartRow | None:
    row = session.one(_A_PART, file_id=file_id, number=number)
    return None if row is None else PartRow._make(row)


def parts(session: Session, file_id: str) -> list[PartRow]:
    """All parts of a file, in their order."""
    return [PartRow._make(row) for row in session.all(_PARTS, file_id=file_id)]


def delete_parts(session: Session, file_id: str) -> None:
    session.run(_DELETE_PARTS, file_id=file_id)


def is_above(session: Session, above: str, below: str) -> bool:
    """Whether `below` is `above`, or a sub-workflow or compensation of it, however deep."""
    return session.one(_IS_ABOVE, above=above, below=below) is not None


def insert_key(session: Session, row: SigningKey) -> None:
    session.run(_INSERT_KEY, **row._asdict())


def newest_key(session: Session) -> SigningKey | None:
    row = session.one(_NEWEST_KEY)
    return None if row is None else SigningKey._make(row)


def key(session: Session, key_id: str) -> SigningKey | None:
    row = session.one(_A_KEY, id=key_id)
    return None if row is None else SigningKey._make(row)


def delete_keys(session: Session, before: str) -> None:
    """Delete keys with smaller ids."""
    session.run(_DELETE_KEYS, id=before)
