"""Statements on `tag`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Text, bindparam, delete, literal_column, select, text

from app.store.statements import Statement
from app.store.tables import tag
from app.store.unit_of_work import Session


class Tag(NamedTuple):
    """A label: `team`, `payments`."""

    key: str
    value: str


def _p(name: str) -> Any:
    return bindparam(name, type_=Text)


_OF = (tag.c.kind == _p("kind"), tag.c.name == _p("name"))
_LIST = Statement(
    "the tags of something", select(tag.c.key, tag.c.value).where(*_OF).order_by(tag.c.key, tag.c.value)
)
_ALL = Statement(
    "all tags",
    select(tag.c.key, tag.c.value).distinct().order_by(tag.c.key, tag.c.value).limit(literal_column("1000")),
)
_ADD = Statement(
    "tag something",
    text(
        """
        INSERT INTO tag (kind, name, key, value)
        VALUES (:kind, :name, :key, :value)
        ON CONFLICT (kind, name, key, value) DO NOTHING
        """
    ).bindparams(_p("kind"), _p("name"), _p("key"), _p("value")),
)
_REMOVE = Statement(
    "take a tag away", delete(tag).where(*_OF, tag.c.key == _p("key"), tag.c.value == _p("value"))
)
_CLEAR = Statement("take all tags away", delete(tag).where(*_OF))


def of(session: Session, kind: str, name: str) -> list[Tag]:
    """The tags of something, sorted."""
    return [Tag._make(row) for row in session.all(_LIST, kind=kind, name=name)]


def all_tags(session: Session) -> list[Tag]:
    """The tags that are in use, at most 1000."""
    return [Tag._make(row) for row in session.all(_ALL)]


def add(session: Session, kind: str, name: str, tags: Sequence[Tag]) -> None:
    session.run_many(_ADD, [{"kind": kind, "name": name, **t._asdict()} for t in tags])


def remove(session: Session, kind: str, name: str, tags: Sequence[Tag]) -> None:
    session.run_many(_REMOVE, [{"kind": kind, "name": name, **t._asdict()} for t in tags])


def clear(session: Session, kind: str, name: str) -> None:
    session.run(_CLEAR, kind=kind, name=name)
