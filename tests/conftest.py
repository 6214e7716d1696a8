"""Servers for every test that asks: PostgreSQL, SQLite, Valkey, and pytest-celery's nodes."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from app import embedded
from tests.brokers import start_kafka, start_nats
from tests.e2e.platforms import PLATFORMS
from tests.localcelery import docker_available
from tests.localcelery.process import LocalProcess
from tests.servers import Postgres

if not docker_available():
    from tests.localcelery.fixtures import *  # noqa: F403  the one line that switches the runtime

_numbers = itertools.count(1)

# A shell without job control starts what is to run in the background with SIGINT ignored, and children inherit that:
# Ctrl-C would then end none of the processes that tests start. One that is handled here has its default in them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByPlatform(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Runs the tests of a file in one process; of those with a cluster, the tests of a platform, which share it."""

    def _split_scope(self, nodeid: str) -> str:
        in_brackets = nodeid.rpartition("[")[2]
        names = [str(platform) for platform in PLATFORMS if str(platform) in in_brackets]
        return (
            max(names, key=len) if names and nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)
        )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Who runs what with `--dist loadfile`."""
    return _ByPlatform(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL cluster for this test process; each process of xdist has its own."""
    server = Postgres.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a fresh SQLite database; the file is made at the first use."""
    return f"sqlite:///{tmp_path / 'podium.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database; the test runs on both kinds."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[embedded.Server]:
    """An embedded Valkey of its own, stopped with the test."""
    server = embedded.ensure(tmp_path / "valkey")
    yield server
    embedded.stop(server)


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalProcess]:
    """A Kafka for this test process; each test has topics of its own."""
    process = start_kafka()
    yield process
    process.remove(force=True)


@pytest.fixture(scope="session")
def nats() -> Iterator[LocalProcess]:
    """A NATS with JetStream for this test process; each test has subjects of its own."""
    process = start_nats()
    yield process
    process.remove(force=True)
