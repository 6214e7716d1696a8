"""The REST API as a server on loopback, on a fresh database of each kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app import embedded
from app.bootstrap import Process, connect
from app.rest.server import Server
from config.settings import Settings
from tests.rest.client import Api
from tests.store.conftest import *  # noqa: F403  databases


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker for all tests: what one is told, the others hear, and it means nothing to them."""
    server = embedded.ensure(tmp_path_factory.mktemp("broker"))
    yield server.celery_url()
    embedded.stop(server)


@pytest.fixture
def settings(engine: Engine, broker: str, tmp_path: Path) -> Settings:
    """Of one API process."""
    url = engine.url.render_as_string(hide_password=False)
    return Settings(state_dir=tmp_path, database_url=url, broker_url=broker, tick_seconds=0.05)


@contextmanager
def serving(settings: Settings, *, loopback: bool = True) -> Iterator[tuple[Process, str]]:
    """An API process in a thread of this one, and its URL."""
    process = connect(settings)
    ready, where = threading.Event(), list[str]()

    def on_ready(url: str) -> None:
        where.append(url)
        ready.set()

    server = Server(process, loopback=loopback, port=0, on_ready=on_ready)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield process, where[0]
    finally:
        server.stop()
        thread.join(30)
        process.close()


@pytest.fixture
def api(settings: Settings) -> Iterator[Api]:
    """A client of an API process."""
    with serving(settings) as (process, url), Api(url, process) as client:
        yield client


@pytest.fixture
def another(settings: Settings) -> Iterator[Callable[[], Api]]:
    """Makes clients of further API processes on the same database."""
    with ExitStack() as stack:

        def make() -> Api:
            process, url = stack.enter_context(serving(settings))
            return stack.enter_context(Api(url, process))

        yield make
