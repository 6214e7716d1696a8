"""Hears what other processes tell: which queues have tasks for outside workers, which awaited executions moved on.

Told over a fanout exchange of the broker: Redis' pub/sub, or an exclusive queue for each listener on RabbitMQ.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery
from kombu import Queue  # type: ignore[attr-defined]  # kombu has no types
from kombu.exceptions import OperationalError

from app.runtime.ports import Topic
from tasks.publisher import NEWS

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 1.0
_AGAIN_SECONDS = 1.0


class NewsListener:
    """A thread that calls `heard` with the topics of each message, until it is stopped.

    heard: called in that thread. None: the connection was lost, or made (again), so anything may have been missed.
    """

    def __init__(self, app: Celery, heard: Callable[[Sequence[Topic] | None], None]) -> None:
        self._app = app
        self._heard = heard
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="podium-news", daemon=True)
        self.connected = threading.Event()
        """Set while the broker delivers."""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; returns when the thread has ended."""
        self._stop.set()
        self._thread.join(2 * _DRAIN_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (OperationalError, ConnectionError, OSError) as error:
                logger.warning("no news from the broker: %s", error, extra={"event": "news_lost"})
            if self.connected.is_set():
                self.connected.clear()
                self._heard(None)
            self._stop.wait(_AGAIN_SECONDS)

    def _listen(self) -> None:
        name = f"podium.news.{socket.gethostname()}.{os.getpid()}"
        queue = Queue(name, NEWS, durable=False, exclusive=True, auto_delete=True)  # type: ignore[no-untyped-call]
        with self._app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=3)
            with connection.Consumer(queue, callbacks=[self._receive], no_ack=True, accept=["json"]):
                self.connected.set()
                self._heard(None)
                while not self._stop.is_set():
                    try:
                        connection.drain_events(timeout=_DRAIN_SECONDS)
                    except TimeoutError:
                        continue

    def _receive(self, body: Any, _message: Any) -> None:
        if isinstance(body, list):
            self._heard([tuple(map(str, topic)) for topic in body if isinstance(topic, list)])
