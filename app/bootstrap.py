"""The one place that puts a process together: engine, store, Celery application, and the worker's sign of life."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery, signals

from app.events.publisher import EventPublisher
from app.runtime.clock import new_id, now_ms
from app.runtime.engine import Engine
from app.runtime.ports import Owner
from app.store import workers
from app.store.unit_of_work import Session, Store
from app.store.workers import WorkerRow
from config.database import create_engine
from config.settings import Settings
from tasks.calls import CeleryWorkers
from tasks.events import StepEvents
from tasks.log import TaskLog
from tasks.publisher import CeleryPublisher
from tasks.traces import Traces
from workflows import sandbox, scripts
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)

Description = tuple[int, list[str], list[str]]
"""How many tasks a process runs at once, the queues that it listens on, the worker tasks that it has."""
_OWNER = "PODIUM_ENV_WORKER_ID"
"""Carries the worker's id to its pool processes, however they are started."""


class Process:
    """Everything that this operating system process has of Podium."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self.app = app
        self.store = Store(create_engine(settings))
        self.workers = CeleryWorkers(app, TaskLog(self.store))
        self.sinks = EventPublisher(self.store, settings)
        self.engine = Engine(self.store, settings, self.workers, CeleryPublisher(app), self.sinks)
        self.traces = Traces(self.store, settings) if settings.traces_url else None
        self.engine.traces = self.traces
        self.events = StepEvents(app, _identity.hostname, _identity.events)
        self.engine.observe = self.events.ran
        scripts.limit(sandbox.Limits(settings.script_seconds, settings.script_memory_bytes))

    def owner(self) -> Owner:
        """Who claims here."""
        return _identity.owner()

    def close(self) -> None:
        """Give back the connections to the database and the broker."""
        self.sinks.close()
        if self.traces is not None:
            self.traces.close()
        self.store.engine.dispose()
        self.app.close()


def connect(settings: Settings) -> Process:
    """A Podium of its own for these settings, apart from the process's (for `Podium(...)`).

    In embedded mode the database is brought to the current schema.
    """
    from app import celery as application
    from app.store import migrations

    own = settings == application.app.podium_settings
    app = application.app if own else application.make_app(settings)
    application.import_tasks(settings)
    made = Process(app, settings)
    if settings.embedded:
        migrations.upgrade(made.store.engine)
    else:
        migrations.check(made.store.engine)
    return made


class _Identity:
    """The worker that this process is, or belongs to."""

    def __init__(self) -> None:
        self.hostname = socket.gethostname()
        self.events = False

    def owner(self) -> Owner:
        return Owner(os.environ.get(_OWNER) or f"process-{os.getpid()}", self.hostname)


_identity = _Identity()
_process: tuple[int, Process] | None = None
_lock = threading.Lock()


def process() -> Process:
    """This process's Podium, made at first use; a forked child makes its own."""
    global _process
    with _lock:
        if _process is None or _process[0] != os.getpid():
            from app.celery import app

            _process = (os.getpid(), Process(app, app.podium_settings))
        return _process[1]


_others = WeakKeyDictionary[Celery, Process]()


def process_of(app: Celery) -> Process:
    """The Podium of a Celery application: this process's own, or another's, made at first use."""
    from app.celery import app as own

    if app is own:
        return process()
    with _lock:
        if app not in _others:
            _others[app] = Process(app, app.podium_settings)
        return _others[app]


class Heartbeat:
    """Registers a process that claims, and gives its sign of life from a thread of its own."""

    def __init__(self, here: Process, owner: Owner, describe: Callable[[], Description]) -> None:
        self._here = here
        self._owner = owner
        self._describe = describe
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="podium-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The process has ended in order: what it might still hold is given up at once."""
        self._stop.set()
        self._thread.join(5)
        worker_id = self._owner.id
        try:
            self._here.store.transact(lambda s: workers.set_state(s, worker_id, "alive", "stopped"))
        except PodiumError as error:
            logger.warning("the worker's end was not recorded: %s", error)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._here.store.transact(self._beat)
            except PodiumError as error:
                logger.warning(
                    "no sign of life could be given: %s", error, extra={"event": "heartbeat_failed"}
                )
            self._stop.wait(self._here.engine.settings.heartbeat_seconds)

    def _beat(self, session: Session) -> None:
        now = now_ms()
        if workers.heartbeat(session, self._owner.id, now):
            return
        concurrency, queues, tasks = self._describe()
        row = WorkerRow(
            id=self._owner.id,
            hostname=self._owner.hostname,
            pid=os.getpid(),
            concurrency=concurrency,
            queues=json.dumps(sorted(queues)),
            tasks=json.dumps(tasks),
            started=now,
            heartbeat=now,
            state="alive",
        )
        workers.register(session, row)


_heartbeat: Heartbeat | None = None


def _on_worker_init(sender: Any, instance: Any, options: Any = None, conf: Any = None, **_: Any) -> None:
    os.environ[_OWNER] = new_id()
    _identity.hostname = str(sender)
    wanted = (options or {}).get("task_events")
    _identity.events = bool(wanted or conf.worker_send_task_events)


def _on_worker_start(sender: Any, **_: Any) -> None:
    global _heartbeat
    here = process()

    def describe() -> Description:
        queues = [queue.name for queue in here.app.amqp.queues.consume_from.values()]
        return int(sender.concurrency or 1), queues, here.workers.names()

    _heartbeat = Heartbeat(here, here.owner(), describe)
    _heartbeat.start()


def _on_worker_shutdown(**_: Any) -> None:
    if _heartbeat is not None:
        _heartbeat.stop()


def _on_child(**_: Any) -> None:
    # A connection must not be shared with the parent: the child's own are made at its first step.
    global _process, _lock
    _lock = threading.Lock()
    if _process is not None:
        _process[1].store.engine.dispose(close=False)
        _process = None


def _on_child_end(**_: Any) -> None:
    sandbox.close()
    if _process is not None and _process[1].traces is not None:
        _process[1].traces.close()


def connect_signals() -> None:
    """Make this process, should it become a worker, register itself and give signs of life."""
    signals.celeryd_init.connect(_on_worker_init, weak=False)
    signals.worker_init.connect(_on_worker_start, weak=False)
    signals.worker_shutdown.connect(_on_worker_shutdown, weak=False)
    signals.worker_process_init.connect(_on_child, weak=False)
    signals.worker_process_shutdown.connect(_on_child_end, weak=False)
