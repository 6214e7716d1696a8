"""`podium events`: receives, acts on what was received, and sends what is to go out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from app.events.consumers import Consumers
from app.events.outbox import Outbox
from app.events.publisher import EventPublisher
from app.events.router import Router
from app.runtime.clock import id_before
from app.runtime.engine import Engine
from app.store import handlers, inbox
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)

_REFRESH_SECONDS = 1.0
_CLEAN_SECONDS = 10.0
_CLEAN_BATCHES = 50
"""Of each table at a time: messages must not wait for the deletion of old ones."""


class EventService:
    """The event-driven side of one process; any number of them may run."""

    def __init__(self, engine: Engine, sinks: EventPublisher) -> None:
        self.engine = engine
        self._router, self._outbox = Router(engine), Outbox(engine)
        self._arrived = threading.Event()
        self._consumers = Consumers(engine, sinks, self._arrived.set)
        self._refreshed = self._cleaned = 0.0

    def run(self, stop: threading.Event, ready: Callable[[], None] | None = None) -> None:
        """Go on until `stop` is set; a database that goes away is waited for.

        `ready` is called when everything has been looked at once.
        """
        sender = threading.Thread(target=self._send, args=(stop,), name="podium-outbox", daemon=True)
        sender.start()
        try:
            while not stop.is_set():
                busy = self._survives(self._look)
                if ready is not None:
                    ready()
                    ready = None
                if not busy:
                    self._arrived.wait(self.engine.settings.tick_seconds)
                    self._arrived.clear()
        finally:
            self._consumers.close()
            sender.join()
            self._outbox.close()

    def _send(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self._survives(self._outbox.tick):
                stop.wait(self.engine.settings.tick_seconds)

    def _look(self) -> int:
        now = time.monotonic()
        if now - self._refreshed > _REFRESH_SECONDS:
            self._consumers.refresh(self.engine.store.read(handlers.subscribed))
            self._refreshed = now
        if now - self._cleaned > _CLEAN_SECONDS:
            self._cleaned = now
            self.clean()
        return self._router.tick()

    def clean(self) -> None:
        """Delete what is older than `event_retention_seconds`, in batches."""
        kept_ms = int(self.engine.settings.event_retention_seconds * 1000)
        before = id_before(self.engine.clock() - kept_ms)
        for forget in (inbox.forget_messages, handlers.forget_old, inbox.forget_out):
            for _ in range(_CLEAN_BATCHES):
                if self.engine.store.transact(lambda s, work=forget: work(s, before)) < inbox.FORGET_BATCH:  # type: ignore[misc]
                    break

    def _survives(self, work: Callable[[], int]) -> bool:
        """Do it; whether there may be more at once."""
        try:
            return work() > 0
        except PodiumError as error:
            logger.warning("events have to wait: %s", error, extra={"event": "events_interrupted"})
            return False
        except Exception:  # neither thread may end while the other goes on
            logger.exception("events have to wait", extra={"event": "events_interrupted"})
            return False
