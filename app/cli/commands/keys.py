"""`podium keys`: who may use the REST API."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import write, write_json
from app.operations import access
from app.operations.access import Role


@podium_command(
    "create",
    ("podium keys create 'order service' --role operator", "one that starts executions and polls for tasks"),
    ("podium keys create me --role admin --json", "one that may do everything, for scripts"),
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="viewer reads; operator starts and moves executions, polls and updates tasks; admin changes definitions.",
)
@json_option()
def create(name: str, role: str, as_json: bool) -> None:
    """Make a key for the REST API.

    Its secret is shown this once. From the first key on, every call of the API needs a token.
    """
    with connected() as podium:
        made = access.create_key(podium.engine, name, role, actor=actor())
    if as_json:
        write_json({"keyId": made.id, "keySecret": made.secret, "name": made.name, "role": made.role})
    else:
        write(f"key id     {made.id}\nkey secret {made.secret}\nThe secret is not kept: write it down now.")


@podium_command("list", ("podium keys list", "who may do what"))
@json_option("Print one JSON document, a list.")
def list_keys(as_json: bool) -> None:
    """List the keys of the REST API.

    Without their secrets, which are not kept.
    """
    with connected() as podium:
        found = access.list_keys(podium.engine)
    if as_json:
        write_json([{"keyId": k.id, "name": k.name, "role": k.role, "createTime": k.created} for k in found])
    elif found:
        for key in found:
            write(f"{key.id}  {key.role:<8}  {key.name}")
    else:
        write("there is no key: the REST API is open, and listens on loopback only")


@podium_command(
    "delete", ("podium keys delete 0199f3a2-7d1c-7cc1-9a64-0d7a3a1e5b11", "its tokens end in seconds")
)
@click.argument("key_id")
@json_option()
def delete(key_id: str, as_json: bool) -> None:
    """Delete a key of the REST API.

    Its tokens are refused within seconds. Without any key the API is open again, on loopback.
    """
    with connected() as podium:
        access.delete_key(podium.engine, key_id, actor=actor())
    if as_json:
        write_json({"keyId": key_id, "deleted": True})
    else:
        write(f"key {key_id} is deleted")


command = click.Group(
    "keys",
    commands={made.name: made for made in (create, list_keys, delete) if made.name},
    help="Make, list and delete the keys of the REST API.",
)
