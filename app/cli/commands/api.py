"""`podium api`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.output import plain, write_json
from config.settings import current


@podium_command(
    "api",
    ("podium api", "on http://127.0.0.1:8080/api"),
    ("PODIUM_API_PORT=8081 podium api", "a second one beside it; run as many as you like"),
)
@json_option("Print one JSON document when it listens.")
def command(as_json: bool) -> None:
    """Serve the REST API until Ctrl-C.

    Conductor's, for its SDKs and for workers in any language. Without a key it is open, and listens on loopback only. 'podium keys create' makes keys.
    """
    from app.rest.server import serve

    def ready(url: str) -> None:
        if as_json:
            write_json({"api": f"{url}/api"}, lines=True)
        else:
            click.echo(plain(f"podium api | ready: {url}/api"))

    serve(current(), ready)
