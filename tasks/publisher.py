"""Canvases as messages."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

from celery import Celery
from celery.canvas import Signature
from kombu import Exchange  # type: ignore[attr-defined]  # kombu has no types
from kombu.exceptions import OperationalError
from kombu.utils.uuid import uuid

from app.errors import BrokerUnavailable
from app.runtime.ports import Send, SendHeads, Topic
from config.urls import redact
from workflows.canvas import HEADER, batch, compile_canvas, segment
from workflows.domains import queue_of

logger = logging.getLogger(__name__)

NEWS = Exchange("podium.news", type="fanout", durable=False)  # type: ignore[no-untyped-call]
"""Where topics are told: every process that listens has a queue of its own bound to it (`tasks/news.py`)."""
_SILENT_SECONDS = 2.0
"""News is lost that long after the broker did not take any: nobody must wait for it."""
_BELIEVE_SECONDS = 1.0
"""A broker that took a message so lately is not asked whether it is there."""


class CeleryPublisher:
    """Sends canvases through a Celery app. What fails is left to the sweeper: its rows are due in some seconds."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self.chords = _counts_chords(app)
        self._answered = 0.0
        self._silent_until = 0.0
        self._queues: dict[tuple[str, str | None], Any] = {}
        self._redis = str(app.conf.broker_url).startswith(("redis", "sentinel"))

    def ready(self) -> None:
        if time.monotonic() - self._answered < _BELIEVE_SECONDS:
            return
        url = redact(str(self._app.conf.broker_url))
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=3)
        except (OperationalError, ConnectionError, OSError) as error:
            raise BrokerUnavailable(url, error) from error
        self._answered = time.monotonic()

    def publish(self, sends: Sequence[Send | SendHeads]) -> None:
        for send in sends:
            try:
                self._send(send)
                self._answered = time.monotonic()
            except (OperationalError, ConnectionError, OSError) as error:
                self._answered = 0.0
                logger.warning(
                    "not sent now, the sweeper will: execution %s: %s",
                    send.order.execution_id,
                    error,
                    extra={"event": "publish_failed", "execution": send.order.execution_id},
                )

    def tell(self, topics: Collection[Topic]) -> None:
        if time.monotonic() < self._silent_until:
            return
        try:
            with self._app.producer_or_acquire() as producer:
                body = [list(topic) for topic in topics]
                producer.publish(body, exchange=NEWS, routing_key="", declare=[NEWS], delivery_mode=1)
        except (OperationalError, ConnectionError, OSError) as error:
            self._silent_until = time.monotonic() + _SILENT_SECONDS
            logger.warning("news is not told now: %s", error, extra={"event": "tell_failed"})

    def _send(self, send: Send | SendHeads) -> None:
        if isinstance(send, SendHeads):
            for message in _divided(send):
                self._straight([message])
        elif send.branches:
            canvas = compile_canvas(send.order, send.node, send.path, send.attempt)
            self._canvas(canvas)
        else:
            self._straight(segment(send.order, send.node, send.path, send.attempt), send.domain)

    def _straight(self, steps: list[Signature], domain: str | None = None) -> None:
        # What chain(*steps).apply_async() does, without its copies of every step: it is on the hot path.
        first, rest = steps[0], [dict(s) for s in reversed(steps[1:])]
        name, amqp = first["task"], self._app.amqp
        queue, priority = self._queue(name, domain), first["options"].get("priority")
        message = amqp.as_task_v2(
            uuid(),
            name,
            args=(),
            kwargs={},
            # Given, so that Celery need not find out how to print them.
            argsrepr="()",
            kwargsrepr="{}",
            chain=rest or None,
            root_id=first["options"]["headers"][HEADER]["w"],
            ignore_result=True,
        )
        with self._app.producer_or_acquire() as producer, producer.connection._reraise_as_library_errors():
            amqp.send_task_message(
                producer,
                name,
                message,
                headers=first["options"]["headers"],
                queue=queue,
                **({"priority": priority} if priority else {}),
                # Redis needs no declaration of a queue; elsewhere an undeclared one loses the message.
                declare=[] if self._redis else None,
            )

    def _queue(self, name: str, domain: str | None) -> Any:
        found = self._queues.get((name, domain))
        if found is None:
            task = self._app.tasks.get(name)
            own = {"queue": task.queue} if task is not None and getattr(task, "queue", None) else {}
            found = self._app.amqp.router.route(own, name)["queue"]
            if domain is not None:
                found = self._app.amqp.router.route({"queue": queue_of(found.name, domain)}, name)["queue"]
            self._queues[name, domain] = found
        return found

    def _canvas(self, canvas: Signature) -> None:
        backend = self._app.backend
        # Nobody waits for Celery's results. Left to itself, a chord subscribes to each of its parts' on Redis, and
        # unsubscribes whenever Python collects them: from a server that has stopped since, that takes 20 s for each.
        # The backend is this thread's own.
        backend.add_pending_result = _unwatched
        try:
            Signature.from_dict(dict(canvas), app=self._app).apply_async()
        finally:
            del backend.add_pending_result


def _unwatched(result: Any, **_: Any) -> Any:
    return result


def _divided(send: SendHeads) -> list[Signature]:
    heads = list(send.heads)
    size = max(1, -(-len(heads) // max(1, send.parts)))
    some = [heads[i : i + size] for i in range(0, len(heads), size)]
    return [batch(send.order, part, send.path, None) for part in some]


def _counts_chords(app: Celery) -> bool:
    """Redis counts a chord's parts as they end. Other backends poll once a second with a message each."""
    backend: Any = app.conf.result_backend
    return str(backend or "").startswith(("redis", "rediss", "sentinel"))
