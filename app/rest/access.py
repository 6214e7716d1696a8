"""Who calls, and whether they may.

Without any key the API is open, on loopback only. With a key every call needs a token, wherever the API listens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio.to_thread
from fastapi import Request

from app.operations import access
from app.operations.access import Role
from app.rest.errors import Refused
from app.runtime.clock import now_ms
from app.runtime.engine import Engine
from app.store.access import TokenRow

BELIEVED_SECONDS = 5.0
"""So long a token, or that there is no key, is believed without asking the database again."""
_MOST_TOKENS = 10_000
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the name of the key (None: the API is open), and what it may do."""

    name: str | None
    role: Role
    traceparent: str | None = None
    """Of the call: the caller's own trace."""


OPEN = Caller(None, Role.ADMIN)


class Access:
    """The door of one API process. `loopback`: it listens on this machine only."""

    def __init__(self, engine: Engine, *, loopback: bool) -> None:
        self._engine = engine
        self._loopback = loopback
        self._keys: tuple[float, bool] = (float("-inf"), True)
        self._tokens: dict[str, tuple[float, TokenRow]] = {}

    async def is_open(self) -> bool:
        """Whether everybody may do everything: on loopback, and no key was made."""
        if not self._loopback:
            return False
        read_at, found = self._keys
        if time.monotonic() - read_at > BELIEVED_SECONDS:
            found = await anyio.to_thread.run_sync(access.any_key, self._engine)
            self._keys = (time.monotonic(), found)
        return not found

    async def caller(self, request: Request, role: Role) -> Caller:
        """Who makes this call.

        Raises:
            Refused: nobody that may do it; 401 without a good token, 403 with one of too low a role.
        """
        if await self.is_open():
            _refuse_other_sites(request)
            return OPEN
        token = _token_of(request)
        if not token:
            raise Refused(401, _NO_TOKEN, {"WWW-Authenticate": "Bearer"}, error="INVALID_TOKEN")
        row = await self._row(token)
        if row is None:
            raise Refused(401, "this token is unknown; get one from /api/token", error="INVALID_TOKEN")
        if row.expires <= now_ms():
            raise Refused(401, "this token is over; get another one from /api/token", error="EXPIRED_TOKEN")
        found = Caller(row.name, Role(row.role))
        if found.role.rank < role.rank:
            raise Refused(403, f"this needs the role {role}; the key {row.name!r} has the role {row.role}")
        return found

    async def _row(self, token: str) -> TokenRow | None:
        known = self._tokens.get(token)
        if known is not None and time.monotonic() - known[0] < BELIEVED_SECONDS:
            return known[1]
        row = await anyio.to_thread.run_sync(access.find_token, self._engine, token)
        self._tokens.pop(token, None)
        if row is not None:
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()
            self._tokens[token] = (time.monotonic(), row)
        return row


_NO_TOKEN = "this needs a token: POST /api/token with keyId and keySecret, then send the token in the header X-Authorization"


def _token_of(request: Request) -> str | None:
    token = request.headers.get("x-authorization")
    if token is None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        token = value if kind.lower() == "bearer" else None
    return token.strip() if token else None


def _refuse_other_sites(request: Request) -> None:
    """A page of another site that a browser on this machine shows must not reach an API that asks for nothing."""
    try:
        host = urlsplit(f"//{request.headers.get('host', 'localhost')}").hostname
    except ValueError:
        host = None
    if host not in _LOOPBACK_NAMES:
        raise Refused(
            403,
            f"this API is open on loopback only and answers to localhost, not to {host!r}; make a key for more",
        )
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, f"pages of {origin} may not use this API while it asks for no token")
