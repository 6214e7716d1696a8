"""`python -m bench.pages`: what lists, searches and Flower's pages cost with a million executions in PostgreSQL."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click
import psycopg
from flower.app import Flower
from flower.urls import settings as flower_settings
from rich.console import Console
from rich.table import Table
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.options import options
from tornado.testing import bind_unused_port

from app.bootstrap import process_of
from app.celery import make_app
from app.flower import install
from app.operations import definitions, figures, outline, query, queues
from app.operations.listing import Filters, count_by_status, list_page
from app.operations.search import search, search_tasks
from app.runtime.engine import Engine
from app.store import migrations
from bench import report
from config.settings import Settings
from tests.servers import Postgres
from workflows.builder import simple, workflow
from workflows.loading import load

RUNS = 20
NAMES = ("orders", "parcels", "invoices", "refunds")
_LOOK_SECONDS = 0.005
_WORKFLOWS = """
INSERT INTO workflow (id, name, version, program_id, status, run, correlation_id, priority, input, output, variables,
                      reason, created, updated, ended, parent_id, rate_limited)
SELECT id, name, 1, %(program)s, status, 1, 'c-' || n, 0, '{"n":' || n || ',"text":"' || md5(n::text) || '"}',
       CASE WHEN status = 'RUNNING' THEN NULL ELSE '{"sum":' || n || '}' END, '{}',
       CASE WHEN status = 'FAILED' THEN 'no stock of ' || n %% 1000 END, ms, ms + 500,
       CASE WHEN status = 'RUNNING' THEN NULL ELSE ms + 500 END,
       CASE WHEN n %% 10 = 0 THEN lag(id, 5) OVER (ORDER BY n) END, 0
FROM (SELECT n, ms,
             left(lpad(to_hex(ms), 12, '0'), 8) || '-' || right(lpad(to_hex(ms), 12, '0'), 4) || '-7000-8000-'
                 || lpad(to_hex(n), 12, '0') AS id,
             (%(names)s::text[])[1 + n %% 4] AS name,
             CASE WHEN n %% 1000 = 1 THEN 'RUNNING' WHEN n %% 50 = 0 THEN 'FAILED' WHEN n %% 500 = 3 THEN 'TERMINATED'
                  ELSE 'COMPLETED' END AS status
      FROM (SELECT n, %(now)s::bigint - (%(count)s - n)::bigint * 2500 AS ms FROM generate_series(1, %(count)s) n) numbered) made
"""
_TASKS = """
INSERT INTO task (id, workflow_id, ref, path, attempt, type, name, status, iteration, input, output, retried, polls, sends,
                  priority, scheduled, first_scheduled, started, updated, ended, worker)
SELECT replace(id, '-7000-', '-7001-'), id, 'work', '', 0, 'bench.work', 'bench.work',
       CASE WHEN status = 'RUNNING' THEN 'IN_PROGRESS' WHEN status = 'TERMINATED' THEN 'CANCELED' ELSE status END, 0, input,
       output, 0, 1, 0, 0, created, created, created + 5, updated, ended, 'celery@bench'
FROM workflow
"""


@dataclass
class Line:
    """One page, and how long it took (ms)."""

    what: str
    times: list[float]
    aim: float


def fill(url: str, engine: Engine, count: int) -> None:
    """Fill a migrated, empty database with so many executions of one task each, the newest of now."""
    for name in NAMES:
        definitions.register(engine, load(workflow(name)(simple("bench.work", ref="work")).to_json()))
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT program_id FROM workflow_def LIMIT 1").fetchone()
        assert found is not None
        given = {
            "program": found[0],
            "names": list(NAMES),
            "now": int(time.time() * 1000),
            "count": count,
        }
        connection.execute(_WORKFLOWS, given)
        connection.execute(_TASKS)
        connection.execute("VACUUM ANALYZE")


def pages(engine: Engine) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every list and search, with what it is called."""
    newest = list_page(engine, Filters(), limit=200)
    middle = newest.rows[100]
    day = int(time.time() * 1000) - 86_400_000

    def listed(**filters: Any) -> Callable[[], Any]:
        return lambda: list_page(engine, Filters(**filters))

    yield "list: the newest", listed()
    yield "list: the page after", lambda: list_page(engine, Filters(), before=newest.before)
    yield "list: failed", listed(status="FAILED")
    yield "list: running", listed(status="RUNNING")
    yield "list: of a definition", listed(name="orders")
    yield "list: of a definition, failed", listed(name="orders", status="FAILED")
    yield "list: of a version that there is not", listed(name="orders", version=7)
    yield "list: of the last day", listed(created_from=day)
    yield "list: by correlation id", listed(correlation_id=middle.correlation_id)
    yield "list: by parent", listed(parent_id=middle.id)
    yield "list: a text that is found", listed(text="no stock of")
    yield "list: a text that is not found", listed(text="nowhere to be seen")
    yield "list: an id", listed(text=middle.id)
    yield "counts by status", lambda: count_by_status(engine, Filters())
    yield "counts by status, filtered", lambda: count_by_status(engine, Filters(name="orders"))
    for text in (
        "",
        "status = 'FAILED'",
        "workflowType IN (orders,parcels) AND status = FAILED",
        f"startTime > {day}",
        f"correlationId = {middle.correlation_id}",
    ):
        yield (
            f"search: {text if 'Time' not in text and 'correlation' not in text else text.split()[0] + ' …' or 'all'}",
            lambda text=text: search(engine, text, "*", start=0, size=50, sort=""),  # type: ignore[misc]
        )
    for what, conditions, text in (
        ("a text that is found", "", "no stock"),
        ("a text in few outputs", "", '"sum":777777'),
        ("a text that is not found", "", "nowhere to be seen"),
        ("a text that is not found, of failed", "status = FAILED", "nowhere to be seen"),
        (
            "three alternatives",
            f"status = RUNNING OR correlationId = {middle.correlation_id} OR priority > 5",
            "*",
        ),
        (
            "alternatives with a text",
            "status IN (FAILED,TERMINATED) AND workflowType IN (orders,parcels)",
            "nowhere",
        ),
        ("by who started it", "createdBy = nobody", "*"),
    ):
        yield (
            f"search: {what}",
            partial(search, engine, conditions, text, start=0, size=50, sort=""),
        )
    for what, conditions, text in (
        ("failed", "status = FAILED", "*"),
        ("of a worker that there is not", "workerId = nobody", "*"),
        ("a text that is not found", "", "nowhere to be seen"),
    ):
        yield (
            f"search of tasks: {what}",
            partial(search_tasks, engine, conditions, text, start=0, size=50, sort=""),
        )
    yield "python: list_executions", lambda: query.list_executions(engine, status="FAILED")
    yield "one execution", lambda: outline.get_outline(engine, middle.id, None)
    yield "queues", lambda: queues.list_queues(engine)
    yield "figures of a definition", lambda: figures.day_figures(engine, "orders")


class Site:
    """Flower in a thread of this process, whose loop is looked at all the time."""

    def __init__(self, app: Any) -> None:
        install()
        options.address = "127.0.0.1"
        self.blocked = 0.0
        ready = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(asyncio.new_event_loop())
            loop = self._loop = IOLoop.current()
            flower = Flower(capp=app, options=options, io_loop=loop, **flower_settings)
            socket, self.port = bind_unused_port()
            server = HTTPServer(flower)
            server.add_socket(socket)
            self._last = time.monotonic()
            PeriodicCallback(self._look, _LOOK_SECONDS * 1000).start()
            loop.add_callback(ready.set)
            loop.start()

        threading.Thread(target=serve, daemon=True).start()
        ready.wait(30)

    def _look(self) -> None:
        now = time.monotonic()
        self.blocked = max(self.blocked, now - self._last - _LOOK_SECONDS)
        self._last = now

    def get(self, path: str) -> None:
        """GET; it must succeed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise click.ClickException(f"{path}: {answer.status} {body[:200]!r}")


def flower_pages(site: Site, execution_id: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every address that a page of the section asks."""
    data = (
        "executions", "executions?status=FAILED", "executions?text=no%20stock", "executions?text=nowhere", "counts",
        "counts?name=orders", "definitions", "definition?name=orders", "figures?name=orders", "queues",
        f"execution/{execution_id}", f"execution/{execution_id}/payload", f"execution/{execution_id}/history",
    )  # fmt: skip
    for path in ("", "/definitions", "/queues", f"/execution/{execution_id}"):
        yield f"GET /workflows{path.replace(execution_id, '…')}", partial(site.get, f"/workflows{path}")
    for path in data:
        yield f"GET data/{path.replace(execution_id, '…')}", partial(site.get, f"/workflows/data/{path}")


def measured(what: str, page: Callable[[], Any], aim: float) -> Line:
    page()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        page()
        times.append((time.perf_counter() - began) * 1000)
    return Line(what, times, aim)


@contextmanager
def database(count: int) -> Iterator[tuple[Any, Engine, str]]:
    """A PostgreSQL with so many executions: the Celery application, the engine, the URL."""
    postgres = Postgres.start()
    try:
        with TemporaryDirectory(prefix="podium-pages-") as folder:
            url = postgres.create("pages")
            app = make_app(
                Settings(state_dir=Path(folder), broker_url="memory://", database_url=url), name="bench-pages"
            )
            app.loader.import_default_modules = lambda: None
            here = process_of(app)
            migrations.upgrade(here.store.engine)
            fill(url, here.engine, count)
            yield app, here.engine, url
            here.close()
    finally:
        postgres.stop()


def sequential_scans(url: str) -> int:
    """How often a whole table of executions or tasks was read."""
    with psycopg.connect(url, autocommit=True) as connection:
        text = "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname IN ('workflow', 'task')"
        row = connection.execute(text).fetchone()
    return 0 if row is None else int(row[0] or 0)


@click.command()
@click.option("--executions", type=click.IntRange(1_000), default=1_000_000, show_default=True)
def main(executions: int) -> None:
    """Fill a PostgreSQL with executions, and time every list, search and page of Flower."""
    console, progress = Console(width=report.WIDTH), Console(stderr=True)
    for name, value in report.machine().items():
        console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
    with progress.status(f"making {executions:,} executions"), database(executions) as (app, engine, url):
        before = sequential_scans(url)
        lines = [measured(what, page, 50) for what, page in pages(engine)]
        site = Site(app)
        newest = list_page(engine, Filters()).rows[0].id
        lines += [measured(what, page, 200) for what, page in flower_pages(site, newest)]
        # A backend of PostgreSQL tells its statistics when it has been idle for a while.
        time.sleep(1.5)
        scans = sequential_scans(url) - before
    table = Table("page", "median ms", "most ms", "aim", "", title=f"{executions:,} executions")
    for line in lines:
        met = (
            "met"
            if max(line.times) < line.aim
            else "missed"
            if median(line.times) >= line.aim
            else "median met"
        )
        table.add_row(
            line.what, f"{median(line.times):.1f}", f"{max(line.times):.1f}", f"{line.aim:.0f}", met
        )
    console.print(table)
    console.print(
        f"whole tables read: {scans}; Flower's loop was blocked for {site.blocked * 1000:.0f} ms at most"
    )


if __name__ == "__main__":
    main()
