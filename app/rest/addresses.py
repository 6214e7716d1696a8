"""Addresses of this API that are handed out."""

from __future__ import annotations

from fastapi import Request

from app.rest.route import PREFIX


def address(request: Request, path: str) -> str:
    """The address of a path of the API, as whoever made this call can reach it."""
    settings = request.app.state.podium.engine.settings
    base: str = settings.api_url or str(request.base_url)
    return f"{base.rstrip('/')}{PREFIX}{path}"
