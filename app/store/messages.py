"""Statements on `workflow_message`: what was sent to executions and not taken yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from sqlalchemy import (
    Integer,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
)

from app.store.statements import Among, Statement, insert_row
from app.store.tables import LIVE, task, workflow_message
from app.store.unit_of_work import Session


class Message(NamedTuple):
    """A message to an execution; `payload` is JSON, the time is in milliseconds."""

    id: str
    workflow_id: str
    payload: str
    created: int


_COLUMNS = [workflow_message.c[name] for name in Message._fields]
_OF = workflow_message.c.workflow_id == bindparam("workflow_id", type_=Text)

_PUT = Statement(
    "send a message to an execution",
    insert_row(workflow_message, Message),
)
_FIRST = Statement(
    "the first messages to an execution",
    select(*_COLUMNS).where(_OF).order_by(workflow_message.c.id).limit(bindparam("limit", type_=Integer)),
)
_COUNT = Statement(
    "how many messages an execution has, up to a number",
    select(func.count()).select_from(
        select(workflow_message.c.id).where(_OF).limit(bindparam("limit", type_=Integer)).subquery()
    ),
)
_TAKE = Statement("take messages", delete(workflow_message).where(_OF, Among(workflow_message.c.id, "ids")))
_IS_THERE = Statement(
    "a message by id", select(literal_column("1")).where(_OF, workflow_message.c.id == bindparam("id"))
)
_WAITING = Statement(
    "the task that has waited longest for a message",
    select(task.c.id)
    .where(
        task.c.workflow_id == bindparam("workflow_id", type_=Text),
        text(LIVE),
        task.c.status == text("'IN_PROGRESS'"),
        task.c.type == text("'PULL_WORKFLOW_MESSAGES'"),
    )
    .order_by(task.c.id)
    .limit(literal_column("1")),
)


def put(session: Session, message: Message) -> None:
    session.run(_PUT, **message._asdict())


def is_there(session: Session, workflow_id: str, message_id: str) -> bool:
    return session.one(_IS_THERE, workflow_id=workflow_id, id=message_id) is not None


def first(session: Session, workflow_id: str, limit: int) -> list[Message]:
    """The messages that were sent first, at most `limit`."""
    return [Message._make(row) for row in session.all(_FIRST, workflow_id=workflow_id, limit=limit)]


def count(session: Session, workflow_id: str, limit: int) -> int:
    """How many there are; no more than `limit` are counted."""
    row = session.one(_COUNT, workflow_id=workflow_id, limit=limit)
    return 0 if row is None else int(row[0])


def take(session: Session, workflow_id: str, ids: Iterable[str]) -> None:
    session.run(_TAKE, workflow_id=workflow_id, ids=orjson.dumps(list(ids)).decode())


def waiting(session: Session, workflow_id: str) -> str | None:
    """The id of the task of an execution that has waited longest for a message."""
    row = session.one(_WAITING, workflow_id=workflow_id)
    return None if row is None else str(row[0])
