"""`podium up`: broker, worker, beat, events, REST API and Flower as one command, ready and stopped in order.

The order of the stop matters: Flower, events and beat first, then the worker, which finishes what it holds, and the
embedded server last, because a worker whose broker has gone only tries to reach it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app import embedded
from app.children import Child, Command, end_leftover
from app.processes import choose_api_port, choose_flower_port, commands, reach_broker
from app.store.migrations import upgrade
from config.database import create_engine
from config.settings import Settings
from config.urls import redact
from workflows.errors import PodiumError

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
DEATHS_BEFORE_READY = 3

Write = Callable[[str], None]


class UpError(PodiumError):
    """`podium up` can't start or can't go on."""


class AlreadyUp(UpError):
    """Another `podium up` runs on this state directory."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to find what `podium up` runs, passwords left out."""

    broker: str
    database: str
    api: str | None
    """None: the REST API was not asked for."""
    flower: str | None
    """None: Flower was not asked for."""


def run_up(
    settings: Settings,
    *,
    worker_concurrency: int = 2,
    flower: bool = True,
    api: bool = True,
    beat: bool = True,
    events: bool = True,
    on_ready: Callable[[Addresses], None] | None = None,
    stop_event: threading.Event | None = None,
    write: Write | None = None,
) -> int:
    """Run all processes until Ctrl-C, SIGTERM or `stop_event`; returns 0 after a clean stop.

    `write` gets each line without its newline (not given: standard output). Signals are handled when this is
    the main thread; a second Ctrl-C kills what has not stopped yet.

    Raises:
        AlreadyUp: it runs on this state directory.
        UpError: a process does not come up.
        ApiPortError: the REST API's port is taken.
        FlowerAddressError: Flower's port is taken, or it would be open to the network.
        EmbeddedUnavailable: the embedded broker can't be started.
        BrokerUnavailable, StoreUnavailable: the broker or the database of the settings does not answer.
    """
    write = write or _print
    stopping, hurry = stop_event or threading.Event(), threading.Event()
    with _only_one(settings.state_dir), _signals(stopping, hurry):
        run_dir = settings.state_dir / "run"
        for name in ("flower", "api", "events", "beat", "worker"):
            if end_leftover(run_dir, name, grace_seconds=10.0):
                write(f"podium | stopped a {name} that an earlier podium up had left behind")
        api_port = choose_api_port(settings) if api else None
        flower_port = choose_flower_port(settings) if flower else None
        server = embedded.ensure(settings.state_dir) if settings.embedded else None
        try:
            reach_broker(settings)
            _migrate(settings)
            todo = commands(
                settings,
                worker_concurrency,
                beat=beat,
                events=events,
                api_port=api_port,
                flower_port=flower_port,
            )
            with _children(todo, run_dir, write, hurry) as children:
                _supervise(
                    settings, children, _addresses(settings, api_port, flower_port), on_ready, stopping, write
                )
        finally:
            if server is not None:
                embedded.stop(server)
        write("podium | stopped")
    return 0


def _supervise(
    settings: Settings,
    children: Sequence[Child],
    addresses: Addresses,
    on_ready: Callable[[Addresses], None] | None,
    stopping: threading.Event,
    write: Write,
) -> None:
    deadline = time.monotonic() + READY_SECONDS
    announced = False
    while not stopping.wait(POLL_SECONDS):
        if settings.embedded and not embedded.running(settings.state_dir):
            write("podium | the embedded broker has gone; starting it again")
            embedded.ensure(settings.state_dir)
        for child in children:
            child.check_ready()
            child.restart_when_due()
        if announced:
            continue
        if all(child.is_ready for child in children):
            announced = True
            write(f"podium | ready: {_sentence(addresses)}; Ctrl-C stops")
            if on_ready is not None:
                on_ready(addresses)
        else:
            _check_progress(children, deadline)


def _check_progress(children: Sequence[Child], deadline: float) -> None:
    for child in children:
        if not child.was_ready and child.deaths >= DEATHS_BEFORE_READY:
            name = child.command.name
            raise UpError(f"the {name} ended {child.deaths} times before it was ready; its lines say why")
    if time.monotonic() > deadline:
        late = ", ".join(child.command.name for child in children if not child.is_ready)
        raise UpError(f"not ready within {READY_SECONDS:g} s: {late}; the lines above say why")


@contextlib.contextmanager
def _children(
    todo: Sequence[Command], run_dir: Path, write: Write, hurry: threading.Event
) -> Iterator[list[Child]]:
    started = list[Child]()
    try:
        for command in todo:
            started.append(Child(command, run_dir, write))
        yield started
    finally:
        for child in reversed(started):
            child.ask_to_stop()
            code = child.wait_stopped(hurry)
            write(f"podium | {child.command.name} stopped ({code})")


def _migrate(settings: Settings) -> None:
    engine = create_engine(settings)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (state_dir / "up.lock").open("a+")
    except OSError as exc:
        raise UpError(f"can't write to the state directory {state_dir}: {exc.strerror}") from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyUp(
                f"podium up already runs on {state_dir} (process {file.read() or 'unknown'}); "
                "stop it, or set PODIUM_STATE_DIR to another directory"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def _signals(stopping: threading.Event, hurry: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        (hurry if stopping.is_set() else stopping).set()

    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _addresses(settings: Settings, api_port: int | None, flower_port: int | None) -> Addresses:
    return Addresses(
        broker=redact(settings.resolved_broker_url),
        database=redact(settings.resolved_database_url),
        api=None if api_port is None else f"http://{settings.api_address}:{api_port}/api",
        flower=None if flower_port is None else f"http://{settings.flower_address}:{flower_port}",
    )


def _sentence(addresses: Addresses) -> str:
    shown = {
        "API": addresses.api,
        "Flower": addresses.flower,
        "database": addresses.database,
        "broker": addresses.broker,
    }
    return ", ".join(f"{name} {address}" for name, address in shown.items() if address)


def _print(line: str) -> None:
    # One write a line: children's lines come from several threads.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
