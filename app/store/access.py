"""Statements on `api_key` and `api_token`: who may use the REST API."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, insert, literal_column, select

from app.store.statements import Statement, insert_row
from app.store.tables import api_key, api_token
from app.store.unit_of_work import Session


class KeyRow(NamedTuple):
    """A key; `secret` is the SHA-256 of its secret, in hexadecimal digits."""

    id: str
    name: str
    role: str
    secret: str
    created: int


class TokenRow(NamedTuple):
    """Whose a token is, and until when it is good; time in milliseconds."""

    key_id: str
    name: str
    role: str
    expires: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_KEY = [api_key.c[name] for name in KeyRow._fields]
_INSERT_KEY = Statement(
    "make a key",
    insert_row(api_key, KeyRow),
)
_FIND_KEY = Statement("a key", select(*_KEY).where(api_key.c.id == _p("id")))
_KEYS = Statement("all keys", select(*_KEY).order_by(api_key.c.id))
_ANY_KEY = Statement("whether there is a key", select(literal_column("1")).select_from(api_key).limit(1))
_DELETE_KEY = Statement("delete a key", delete(api_key).where(api_key.c.id == _p("id")))
_INSERT_TOKEN = Statement(
    "issue a token",
    insert(api_token).values(token=_p("token"), key_id=_p("key_id"), expires=_p("expires", BigInteger)),
)
# By way of its key: a key that is deleted takes its tokens with it.
_FIND_TOKEN = Statement(
    "whose a token is",
    select(api_token.c.key_id, api_key.c.name, api_key.c.role, api_token.c.expires)
    .select_from(api_token.join(api_key, api_key.c.id == api_token.c.key_id))
    .where(api_token.c.token == _p("token")),
)
_DELETE_EXPIRED = Statement(
    "delete tokens that are over",
    delete(api_token).where(
        api_token.c.token.in_(
            select(api_token.c.token)
            .where(api_token.c.expires < _p("before", BigInteger))
            .order_by(api_token.c.expires)
            .limit(_p("limit", Integer))
        )
    ),
)


def insert_key(session: Session, row: KeyRow) -> None:
    session.run(_INSERT_KEY, **row._asdict())


def find_key(session: Session, key_id: str) -> KeyRow | None:
    row = session.one(_FIND_KEY, id=key_id)
    return None if row is None else KeyRow._make(row)


def keys(session: Session) -> list[KeyRow]:
    return [KeyRow._make(row) for row in session.all(_KEYS)]


def any_key(session: Session) -> bool:
    return session.one(_ANY_KEY) is not None


def delete_key(session: Session, key_id: str) -> bool:
    return session.run(_DELETE_KEY, id=key_id) == 1


def insert_token(session: Session, token: str, key_id: str, expires: int) -> None:
    session.run(_INSERT_TOKEN, token=token, key_id=key_id, expires=expires)


def find_token(session: Session, token: str) -> TokenRow | None:
    row = session.one(_FIND_TOKEN, token=token)
    return None if row is None else TokenRow._make(row)


def delete_expired(session: Session, before: int, limit: int) -> None:
    session.run(_DELETE_EXPIRED, before=before, limit=limit)
