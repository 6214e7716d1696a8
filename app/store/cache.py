"""Statements on `cached_output`: outputs of tasks that may be used again (`cacheConfig`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, select, text

from app.store.statements import Statement
from app.store.tables import cached_output
from app.store.unit_of_work import Session

FORGET_BATCH = 100
"""Rows that one statement deletes."""

_PUT = Statement(
    "keep an output for a time",
    text(
        """
        INSERT INTO cached_output (name, key, output, expires) VALUES (:name, :key, :output, :expires)
        ON CONFLICT (name, key) DO UPDATE SET output = excluded.output, expires = excluded.expires
        """
    ).bindparams(*[bindparam(c.name, type_=c.type) for c in cached_output.c]),
)
_GET = Statement(
    "an output that is kept",
    select(cached_output.c.output).where(
        cached_output.c.name == bindparam("name", type_=Text),
        cached_output.c.key == bindparam("key", type_=Text),
        cached_output.c.expires > bindparam("now", type_=BigInteger),
    ),
)
_EXPIRED = (
    select(cached_output.c.name, cached_output.c.key)
    .where(cached_output.c.expires <= bindparam("now", type_=BigInteger))
    .order_by(cached_output.c.expires)
    .limit(bindparam("limit", type_=Integer))
)
_FIND_EXPIRED = Statement("outputs that were kept long enough", _EXPIRED)
_FORGET = Statement(
    "forget an output that was kept long enough",
    delete(cached_output).where(
        cached_output.c.name == bindparam("name", type_=Text),
        cached_output.c.key == bindparam("key", type_=Text),
        cached_output.c.expires <= bindparam("now", type_=BigInteger),
    ),
)


def put(session: Session, name: str, key: str, output: str, expires: int) -> None:
    """Keep an output (JSON text) of the tasks of a name until a time, in milliseconds."""
    session.run(_PUT, name=name, key=key, output=output, expires=expires)


def get(session: Session, name: str, key: str, now: int) -> str | None:
    """The output that is kept, as JSON text; None: there is none, or its time is over."""
    row = session.one(_GET, name=name, key=key, now=now)
    return None if row is None else row[0]


def forget(session: Session, now: int) -> int:
    """Delete some of those whose time is over; how many."""
    found = session.all(_FIND_EXPIRED, now=now, limit=FORGET_BATCH)
    # Each by its key, in an order that all share: two processes that do it at once do not lock each other out.
    session.run_many(_FORGET, [{"name": n, "key": k, "now": now} for n, k in sorted(map(tuple, found))])
    return len(found)
