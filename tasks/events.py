"""Celery's task events for steps that run in place, so that Flower shows each under its own name.

The events of one message's steps are published together when the message ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.events import Event, get_exchange

logger = logging.getLogger(__name__)
_MANY = 200


class StepEvents:
    """Collects and publishes the events of this process's steps."""

    def __init__(self, app: Celery, hostname: str, enabled: bool) -> None:
        self._app = app
        self._hostname = hostname
        self.enabled = enabled
        self._pending: list[dict[str, Any]] = []
        self._skip = False

    @contextmanager
    def message(self, names_first: bool) -> Iterator[None]:
        """A message is being worked on. `names_first`: its first step has Celery's own events already."""
        self._skip = names_first
        try:
            yield
        finally:
            self.flush()

    def ran(self, name: str, task_id: str, ref: str, began: float, ended: float, failure: str | None) -> None:
        """A step has run here; times in seconds since the epoch."""
        skip, self._skip = self._skip, False
        if skip or not self.enabled:
            return
        common = {"uuid": task_id, "hostname": self._hostname, "pid": 0, "clock": self._app.clock.forward()}
        self._pending.append(
            Event(
                "task-received",
                name=name,
                args="()",
                kwargs=f"{{'ref': {ref!r}}}",
                retries=0,
                timestamp=began,
                **common,
            )
        )
        self._pending.append(Event("task-started", timestamp=began, **common))
        if failure is None:
            self._pending.append(
                Event("task-succeeded", result="None", runtime=ended - began, timestamp=ended, **common)
            )
        else:
            self._pending.append(
                Event("task-failed", exception=failure, traceback="", timestamp=ended, **common)
            )
        if len(self._pending) >= _MANY:
            self.flush()

    def flush(self) -> None:
        """Publish what is pending. Events are for people: what can't be sent is dropped."""
        if not self._pending:
            return
        events, self._pending = self._pending, []
        try:
            with self._app.amqp.producer_pool.acquire(block=True) as producer:
                exchange = get_exchange(producer.connection, name=self._app.conf.event_exchange)
                producer.publish(
                    events,
                    exchange=exchange.name,
                    routing_key="task.multi",
                    serializer=self._app.conf.event_serializer,
                    headers={"hostname": self._hostname},
                    delivery_mode="transient",
                    declare=[exchange],
                    retry=False,
                )
        except Exception as error:  # noqa: BLE001  # whatever the transport raises; the work itself is done
            logger.debug("task events were not sent: %s", error)
