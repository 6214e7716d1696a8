"""A Flower on a free port of this process, whose options a test chooses, and a database with three executions."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flower.app import Flower
from flower.urls import settings as flower_settings
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.options import options
from tornado.testing import bind_unused_port

from app.bootstrap import process_of
from app.celery import make_app
from app.flower import install
from app.operations import definitions
from app.operations.start import start
from app.runtime.engine import Engine
from app.store import migrations
from config.settings import Settings
from workflows.builder import wait, workflow
from workflows.loading import load


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Site:
    """Flower in a thread of its own, as its users see it."""

    port: int
    engine: Engine
    prefix: str = ""
    credentials: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """GET below the prefix."""
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST of JSON as no browser does it: with neither origin nor fetch metadata."""
        return self.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})

    def request(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        """Any request; an underscore in a header's name is a hyphen."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.credentials is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, self.prefix + path, body, sent)
            answer = connection.getresponse()
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()
        return found


@pytest.fixture(scope="module")
def celery_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Celery application of Podium's with a database of its own, and no broker."""
    state = tmp_path_factory.mktemp("state")
    made = make_app(Settings(state_dir=Path(state), broker_url="memory://"), name="flower-tests")
    made.loader.import_default_modules = lambda: None
    here = process_of(made)
    migrations.upgrade(here.store.engine)
    definitions.register(here.engine, load(workflow("patient")(wait(duration="1 day", ref="nap")).to_json()))
    for number in range(3):
        start(here.engine, "patient", {"number": number}, correlation_id=f"c&{number}")
    yield made
    here.close()


@pytest.fixture
def site_with(celery_app: Any) -> Iterator[Callable[..., Site]]:
    """Make a Flower with these of its options."""
    install()
    stops: list[Callable[[], None]] = []
    before = dict(options.items())

    def make(**chosen: Any) -> Site:
        for name, value in {"address": "127.0.0.1", **chosen}.items():
            setattr(options, name, value)
        ready = threading.Event()
        found: list[Any] = []

        def serve() -> None:
            asyncio.set_event_loop(asyncio.new_event_loop())
            loop = IOLoop.current()
            application = Flower(capp=celery_app, options=options, io_loop=loop, **flower_settings)
            socket, port = bind_unused_port()
            server = HTTPServer(application)
            server.add_socket(socket)
            found.extend((port, loop))
            loop.add_callback(ready.set)
            loop.start()
            server.stop()
            application.executor.shutdown(wait=True)
            loop.close(all_fds=True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert ready.wait(30)
        port, loop = found
        stops.append(_stop(loop, thread))
        prefix = f"/{chosen['url_prefix']}" if chosen.get("url_prefix") else ""
        return Site(port, process_of(celery_app).engine, prefix)

    yield make
    for stop in stops:
        stop()
    for name, value in before.items():
        if name != "help":
            setattr(options, name, value)


def _stop(loop: Any, thread: threading.Thread) -> Callable[[], None]:
    def stop() -> None:
        loop.add_callback(loop.stop)
        thread.join(30)

    return stop


@pytest.fixture
def site(site_with: Callable[..., Site]) -> Site:
    """A Flower on loopback without authentication."""
    return site_with()
