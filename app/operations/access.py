"""Who may use the REST API: keys with a secret and a role, and the tokens that they are exchanged for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from app.errors import InvalidInput, KeyNotFound
from app.operations.audit import note
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.store import access
from app.store.access import KeyRow, TokenRow
from app.store.unit_of_work import Session

_EXPIRED_KEPT_MS = 3_600_000
_DELETED_AT_ONCE = 100


class Role(StrEnum):
    """What a key may do; each role may do what those before it may."""

    VIEWER = "viewer"  #: read
    OPERATOR = "operator"  #: start and move executions, poll and update tasks
    ADMIN = "admin"  #: change definitions, handlers, schedules and keys

    @property
    def rank(self) -> int:
        """Its place among the roles, from 0."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its secret is shown once and never again."""

    id: str
    secret: str
    name: str
    role: Role


def create_key(engine: Engine, name: str, role: str, *, actor: str | None = None) -> NewKey:
    """Make a key.

    Raises:
        InvalidInput: no such role, or no name.
    """
    if role not in list(Role):
        raise InvalidInput(f"there is no role {role!r}; it is one of {', '.join(Role)}")
    if not name.strip() or len(name) > 200:
        raise InvalidInput("a key needs a name of at most 200 characters, such as who uses it")
    made = NewKey(new_id(), secrets.token_urlsafe(32), name.strip(), Role(role))

    def work(session: Session) -> None:
        access.insert_key(session, KeyRow(made.id, made.name, made.role, digest(made.secret), engine.clock()))
        note(engine, session, "create_key", made.id, actor)

    engine.store.transact(work)
    return made


def list_keys(engine: Engine) -> list[KeyRow]:
    """All keys, the oldest first."""
    return engine.store.read(access.keys)


def delete_key(engine: Engine, key_id: str, *, actor: str | None = None) -> None:
    """Delete a key; its tokens are refused within seconds.

    Raises:
        KeyNotFound: there is none.
    """

    def work(session: Session) -> None:
        if not access.delete_key(session, key_id):
            raise KeyNotFound(key_id)
        note(engine, session, "delete_key", key_id, actor)

    engine.store.transact(work)


def any_key(engine: Engine) -> bool:
    """Whether there is a key."""
    return engine.store.read(access.any_key)


def issue_token(engine: Engine, key_id: str, secret: str) -> str | None:
    """A token for a key, good for PODIUM_API_TOKEN_SECONDS; None: no such key, or not its secret."""
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> bool:
        row = access.find_key(session, key_id)
        # Compared in any case, so that the answer takes as long whether there is such a key or not.
        if not hmac.compare_digest(row.secret if row else "", digest(secret)) or row is None:
            return False
        now = engine.clock()
        access.delete_expired(session, now - _EXPIRED_KEPT_MS, _DELETED_AT_ONCE)
        until = now + int(engine.settings.api_token_seconds * 1000)
        access.insert_token(session, digest(token), row.id, until)
        return True

    return token if engine.store.transact(work) else None


def find_token(engine: Engine, token: str) -> TokenRow | None:
    """Whose a token is, even if it is over; None: nobody's."""
    return engine.store.read(lambda s: access.find_token(s, digest(token)))


def digest(text: str) -> str:
    """How secrets and tokens are kept. They are random and long: there is nothing to guess, so one round will do."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
