"""The embedded broker: one server for a state directory, whoever asks and whatever died."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import redis

from app import embedded


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose server, if any, is stopped with the test."""
    yield tmp_path / "state"
    embedded.stop(embedded.Server(0, tmp_path / "state", started=False))


def push(server: embedded.Server, count: int) -> None:
    """Queue messages."""
    with redis.Redis.from_url(server.redis_url()) as client:
        client.rpush("celery", *range(count))


def length(server: embedded.Server) -> int:
    """Count queued messages."""
    with redis.Redis.from_url(server.redis_url()) as client:
        return int(client.llen("celery"))


def test_processes_that_ask_at_once_get_one_server(state_dir: Path) -> None:
    with ProcessPoolExecutor(6, mp_context=get_context("spawn")) as pool:
        servers = list(pool.map(embedded.ensure, [state_dir] * 6))

    assert len({server.pid for server in servers}) == 1
    assert [server.started for server in servers].count(True) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_queued_messages_survive_the_end_of_the_server(state_dir: Path, how: str) -> None:
    first = embedded.ensure(state_dir)
    push(first, 500)

    if how == "stop":
        embedded.stop(first)
        assert not embedded.running(state_dir)
    else:
        os.kill(first.pid, signal.SIGKILL)
    second = embedded.ensure(state_dir)

    assert second.started
    assert length(second) == 500


def test_a_server_that_was_started_again_is_stopped_by_its_old_handle(state_dir: Path) -> None:
    first = embedded.ensure(state_dir)
    os.kill(first.pid, signal.SIGKILL)
    embedded.ensure(state_dir)

    embedded.stop(first)

    assert not embedded.running(state_dir)


def test_a_long_state_directory_has_its_socket_elsewhere_and_private(tmp_path: Path) -> None:
    server = embedded.ensure(tmp_path / ("long" * 30))
    folder = server.socket.parent
    mode = folder.stat().st_mode & 0o777
    embedded.stop(server)
    folder.rmdir()

    assert folder != server.state_dir
    assert mode == 0o700


def test_without_any_server_binary_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(embedded.EmbeddedUnavailable, match="PODIUM_BROKER_URL"):
        embedded.find_binary()
