"""Who calls, and whether they may.

Without any key the API is open, on loopback only. With a key every call needs a token, wherever the API listens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import anyio.to_thread
from fastapi import Request

from app.operations import access
from app.operations.access import Role
from app.rest.errors import Refused
from app.runtime.clock import now_ms
from app.runtime.engine import Engine
from app.store.access import TokenRow

Key = TypeVar("Key")
Value = TypeVar("Value")
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


class Believed(Generic[Key, Value]):
    """What the database said of a key not long ago; however many want to know, it is asked once.

    Nothing is kept of a key of which it said None: whoever tries out tokens must not fill the memory.
    """

    def __init__(self, ask: Callable[[Key], Value]) -> None:
        self._ask = ask
        self._answers: dict[Key, tuple[float, Value]] = {}
        self._asked: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        """The answer, not older than `BELIEVED_SECONDS`."""
        known = self._answers.get(key)
        if known is not None and time.monotonic() - known[0] < BELIEVED_SECONDS:
            return known[1]
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._fresh(key))
        # Who gives up does not take the answer from the others.
        return await asyncio.shield(asked)

    async def _fresh(self, key: Key) -> Value:
        at = time.monotonic()
        try:
            found = await anyio.to_thread.run_sync(self._ask, key)
        finally:
            self._answers.pop(key, None)
            del self._asked[key]
        if found is not None:
            if len(self._answers) >= _MOST_TOKENS:
                self._answers.clear()
            self._answers[key] = (at, found)
        return found


class Access:
    """The door of one API process. `loopback`: it listens on this machine only."""

    def __init__(self, engine: Engine, *, loopback: bool) -> None:
        self._loopback = loopback
        self._keys = Believed[None, bool](lambda _: access.any_key(engine))
        self._tokens = Believed[str, TokenRow | None](lambda token: access.find_token(engine, token))

    async def is_open(self) -> bool:
        """Whether everybody may do everything: on loopback, and no key was made."""
        if not self._loopback:
            return False
        return not await self._keys.get(None)

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
        row = await self._tokens.get(token)
        if row is None:
            raise Refused(401, "this token is unknown; get one from /api/token", error="INVALID_TOKEN")
        if row.expires <= now_ms():
            raise Refused(401, "this token is over; get another one from /api/token", error="EXPIRED_TOKEN")
        found = Caller(row.name, Role(row.role))
        if found.role.rank < role.rank:
            raise Refused(403, f"this needs the role {role}; the key {row.name!r} has the role {row.role}")
        return found


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
