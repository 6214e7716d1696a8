"""An engine that a test moves by hand, on a migrated database of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from app.runtime.clock import new_id
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """The store of that database."""
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def harness(store: Store) -> Harness:
    """An engine whose broker is a list, and whose clock stands still."""
    return Harness(store)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an empty bucket of S3, on a server of its own."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket-{new_id()}"
    s3fs.S3FileSystem().mkdir(name)
    yield name
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
