"""One HTTP request and its response, within limits: what the HTTP operator stands on.

A module of its own because importing httpx takes longer than importing all of Podium's language; it is
imported at the first request.
"""

from __future__ import annotations

import atexit
import os
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import httpx

BODY_BYTES = 10 * 1024 * 1024
"""The largest body of a response, unpacked."""
TOTAL_SECONDS = 60.0
"""The longest exchange: the read timeout is the longest silence, and a response may have many short ones."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    uri: str
    headers: list[tuple[str, str]]
    content: str | bytes | None
    connect_seconds: float
    read_seconds: float


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    phrase: str
    headers: list[tuple[str, str]]
    text: str


class ExchangeFailed(Exception):
    """There is no response. `hopeless`: nor would there be one another time."""

    def __init__(self, problem: str, hopeless: bool) -> None:
        self.hopeless = hopeless
        super().__init__(problem)


def exchange(request: Request) -> Response:
    """Send a request and read its response. Redirects are not followed.

    Raises:
        ExchangeFailed: the connection, a timeout, an address that is none, a body that is too large.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    timeout = httpx.Timeout(min(request.read_seconds, TOTAL_SECONDS), connect=request.connect_seconds)
    try:
        outgoing = _client().build_request(
            request.method,
            request.uri,
            headers=[(name.encode(), value.encode()) for name, value in request.headers],
            content=request.content,
            timeout=timeout,
        )
        incoming = _client().send(outgoing, stream=True)
        try:
            content = _read(incoming, deadline)
        finally:
            incoming.close()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeEncodeError) as exc:
        raise ExchangeFailed(f"{type(exc).__name__}: {exc}", hopeless=True) from exc
    except httpx.HTTPError as exc:
        words = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
        raise ExchangeFailed(words, hopeless=False) from exc
    return Response(
        incoming.status_code,
        incoming.reason_phrase,
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in incoming.headers.raw],
        _text(content, incoming.charset_encoding),
    )


def _read(response: httpx.Response, deadline: float) -> bytes:
    data = bytearray()
    for part in response.iter_bytes():
        data += part
        if len(data) > BODY_BYTES:
            raise ExchangeFailed(f"the response has more than {BODY_BYTES:,} bytes", hopeless=True)
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout(f"the response did not end within {TOTAL_SECONDS:g} s")
    return bytes(data)


def _text(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return content.decode(errors="replace")


_shared: httpx.Client | None = None


def _client() -> httpx.Client:
    """One for each process, so that connections are used again."""
    global _shared
    if _shared is None:
        _shared = httpx.Client(follow_redirects=False, headers={"user-agent": "podium"})
        # Executions must not see each other's cookies.
        _shared.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return _shared


def _forget() -> None:
    # After a fork the connections are the parent's, and would answer its requests.
    global _shared
    _shared = None


def _close() -> None:
    if _shared is not None:
        _shared.close()


os.register_at_fork(after_in_child=_forget)
atexit.register(_close)
