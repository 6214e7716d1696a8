"""`podium db`: the schema of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine

from app.cli import exit_codes
from app.cli.command import json_option, podium_command
from app.cli.output import write, write_json
from app.cli.render import counted
from app.store import migrations
from config.database import create_engine
from config.settings import current
from config.urls import redact


@contextmanager
def _database() -> Iterator[tuple[Engine, str]]:
    settings = current()
    engine = create_engine(settings)
    try:
        yield engine, redact(settings.resolved_database_url)
    finally:
        engine.dispose()


@podium_command("upgrade", ("podium db upgrade", "before the processes of a new release start"))
@json_option()
def upgrade(as_json: bool) -> None:
    """Bring the database to the schema of this version.

    All of it or nothing, safe in any number of processes at once. 'podium up' does it by itself.
    """
    with _database() as (engine, url):
        before = migrations.current(engine)
        migrations.upgrade(engine)
    if as_json:
        write_json({"database": url, "before": before, "schema": migrations.head()})
    elif before == migrations.head():
        write(f"the database {url} was at schema {before} already")
    else:
        write(f"the database {url} is now at schema {migrations.head()}, it was at {before or 'none'}")


@podium_command(
    "check", ("podium db check && celery -A app worker", "start a worker only where the schema fits")
)
@json_option()
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say whether the database has the schema of this version.

    Compared table by table, index by index. Exit code 5 when it needs an upgrade, 1 when somebody has changed its tables.
    """
    with _database() as (engine, url):
        migrations.check(engine)
        found = migrations.differences(engine)
    if as_json:
        write_json({"database": url, "schema": migrations.head(), "differences": found})
    else:
        write(f"the database {url} is at schema {migrations.head()}; {counted(len(found), 'difference')}")
        for difference in found:
            write(f"  {difference}")
    ctx.exit(exit_codes.NOT_COMPLETED if found else exit_codes.OK)


@podium_command("current", ("podium db current", "what is there, and what this version needs"))
@json_option()
def show_current(as_json: bool) -> None:
    """Show the database's schema and the one that is needed."""
    with _database() as (engine, url):
        found = migrations.current(engine)
    if as_json:
        write_json({"database": url, "schema": found, "needed": migrations.head()})
    else:
        write(f"the database {url} is at schema {found or 'none'}; this version needs {migrations.head()}")


command = click.Group(
    "db",
    commands={made.name: made for made in (upgrade, check, show_current) if made.name},
    help="Bring the database to the schema of this version, or look at it.",
)
