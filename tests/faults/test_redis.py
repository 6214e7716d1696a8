"""What Redis as a broker does to a worker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from app import embedded
from config.celery import celery_config
from config.settings import Settings
from tests.faults.conftest import Client, StartWorker, lines, wait_for

VISIBILITY_SECONDS = 3
DEFAULT_SWEEP_SECONDS = 100


def lose(server: embedded.Server) -> None:
    """Kill the server and start it again on its files."""
    os.kill(server.pid, signal.SIGKILL)
    wait_for("the server has gone", lambda: not embedded.running(server.state_dir))
    embedded.ensure(server.state_dir)


def test_a_worker_that_holds_a_message_survives_the_loss_of_redis(
    valkey: embedded.Server, start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out, release = tmp_path / "out", tmp_path / "release"
    worker = start_worker(concurrency=2)
    client.send(client.task("hold", str(out), str(release)))
    wait_for("the message is held", lambda: lines(out) == ["held"])

    lose(valkey)
    wait_for("the worker has seen it", lambda: b"Connection to broker lost" in worker.logs())
    release.touch()
    client.send(client.task("note", str(out), "after"))

    wait_for("the worker works again", lambda: "after" in lines(out))
    assert worker.status == "running"


def test_without_the_guard_such_a_worker_exits(
    valkey: embedded.Server, start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out, release = tmp_path / "out", tmp_path / "release"
    worker = start_worker(concurrency=2, guard=False)
    client.send(client.task("hold", str(out), str(release)))
    wait_for("the message is held", lambda: lines(out) == ["held"])

    lose(valkey)
    wait_for("the worker gives up", lambda: b"Unrecoverable error" in worker.logs())
    release.touch()

    wait_for("the worker has exited", lambda: worker.status == "exited")
    assert worker.process.returncode == 1
    assert b"'NoneType' object has no attribute 'hostname'" in worker.logs()


def test_a_killed_workers_message_is_back_soon_after_the_visibility_timeout(
    start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    options = celery_config(Settings(visibility_timeout_seconds=VISIBILITY_SECONDS))[
        "broker_transport_options"
    ]
    out, release = tmp_path / "out", tmp_path / "release"
    first = start_worker(options)
    client.send(client.task("hold", str(out), str(release)))
    wait_for("the message is held", lambda: lines(out) == ["held"])

    first.kill()
    killed = time.monotonic()
    # Its own sweep at the start comes too early; only the interval of the settings brings the message back in time.
    start_worker(options)
    wait_for(
        "the message is delivered again", lambda: lines(out) == ["held", "held"], DEFAULT_SWEEP_SECONDS / 2
    )
    release.touch()

    assert time.monotonic() - killed < VISIBILITY_SECONDS + 5
