"""Who asks, from where, and whether they may act."""

from __future__ import annotations

import base64
import binascii
import importlib
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest, split_host_and_port
from tornado.web import HTTPError

from app.operations.query import ExecutionState
from config.settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Bootstrap's own icons are data: images of its style sheet.
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
Authorize = Callable[[str, str, ExecutionState | None], bool]


def from_browser(request: HTTPServerRequest) -> bool:
    """Whether a browser sent it: others send neither header."""
    return "Sec-Fetch-Site" in request.headers or "Origin" in request.headers


def require_same_origin(request: HTTPServerRequest) -> None:
    """Refuse what a page of another site made a browser send.

    Raises:
        HTTPError: 403.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise HTTPError(403, reason="Cross-site request refused")
    # Fetch metadata is not sent over plain http, except to localhost.
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise HTTPError(403, reason="Request of another origin refused")


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def why_not(options: Any, request: HTTPServerRequest) -> str | None:
    """Why nobody may act through this Flower; None: whoever is authenticated may."""
    if options.read_only:
        return "Flower is in read-only mode"
    if options.basic_auth or options.auth:
        return None
    # A name that was made to point to this machine (DNS rebinding) is no name of this machine's.
    here = options.unix_socket or is_loopback(options.address)
    if not here or not is_loopback(split_host_and_port(request.host)[0]):
        return (
            "Actions are off: nobody is asked for a password. Set FLOWER_BASIC_AUTH=user:password "
            "(or --auth), or have Flower listen on --address=127.0.0.1"
        )
    return None


def user_name(options: Any, request: HTTPServerRequest, current_user: Any) -> str:
    """The operator's name for the audit: of basic authentication, the e-mail of OAuth, or nobody's."""
    if options.auth and isinstance(current_user, str):
        return current_user
    if options.basic_auth:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                return base64.b64decode(credentials).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                raise HTTPError(401) from None
    return f"somebody at {request.remote_ip or 'this machine'} (no authentication)"


def authorize_of(settings: Settings) -> Authorize:
    """The function that PODIUM_FLOWER_AUTHORIZE names; not set: everybody may do everything.

    Raises:
        HTTPError: 500, there is no such function.
    """
    if settings.flower_authorize is None:
        return lambda _user, _verb, _execution: True
    module, _, name = settings.flower_authorize.partition(":")
    try:
        found: Authorize = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"PODIUM_FLOWER_AUTHORIZE={settings.flower_authorize} can't be imported: {error}"
        raise HTTPError(500, message) from error
    return found
