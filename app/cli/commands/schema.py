"""`podium schema`: JSON Schemas that definitions name."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.files import file_argument
from app.cli.output import plain, show, write, write_json
from app.cli.render_definitions import schemas_table
from app.operations.schemas import schema_document
from workflows.loading import read_file
from workflows.named_schemas import read_schema


@podium_command(
    "put", ("podium schema put order.schema.json", "a new schema, or another content of its version")
)
@file_argument
@click.option("--new-version", is_flag=True, help="As the version after the latest of its name.")
@json_option()
def put(file: Path, new_version: bool, as_json: bool) -> None:
    """Register the schemas of a file (JSON, YAML): one, or a list.

    A schema is {"name": ..., "version": 1, "type": "JSON", "data": {the JSON Schema}}. Definitions that name it
    are held against the new content from their next start on.
    """
    documents = [read_schema(document) for document in read_file(file)]
    with connected() as podium:
        saved = [podium.put_schema(one, new_version=new_version, actor=actor()) for one in documents]
    if as_json:
        write_json([schema_document(row) for row in saved])
    else:
        show(schemas_table(saved))


@podium_command("list", ("podium schema list", "all schemas and their versions"))
@json_option("Print one JSON document, a list.")
def list_all(as_json: bool) -> None:
    """List schemas."""
    with connected() as podium:
        found = podium.schemas()
    if as_json:
        write_json([schema_document(row) for row in found])
    elif not found:
        write("no schema is registered")
    else:
        show(schemas_table(found))


@podium_command("show", ("podium schema show order > order.schema.json", "as it can be registered again"))
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="Not given: the latest.")
@json_option("The same: a schema is always printed as JSON.")
def show_one(name: str, version: int | None, as_json: bool) -> None:
    """Print a schema as JSON."""
    with connected() as podium:
        write_json(schema_document(podium.schema(name, version)))


@podium_command("remove", ("podium schema remove order --version 1", "refused while a definition names it"))
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="Not given: all versions.")
@json_option()
def remove(name: str, version: int | None, as_json: bool) -> None:
    """Delete a schema that no definition names."""
    with connected() as podium:
        podium.remove_schema(name, version, actor=actor())
    which = name if version is None else f"{name} version {version}"
    write_json({"name": name, "version": version}) if as_json else write(plain(f"{which} is removed"))


command = click.Group(
    "schema",
    commands={made.name: made for made in (put, list_all, show_one, remove) if made.name},
    help="Keep JSON Schemas that definitions name.",
)
