"""Publish an event: into Podium's own inbox, or to a broker."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from app.errors import EventNotPublished, InvalidInput
from app.events.provider import Provider, ProviderMissing
from app.runtime.clock import now_ms
from app.runtime.events import receive
from app.store.unit_of_work import Store
from config.settings import Settings
from config.urls import redact_text
from workflows.events import SINKS, EventName, event_problem

MODULES: Mapping[str, str] = {
    "amqp_queue": "amqp",
    "amqp_exchange": "amqp",
    "redis": "redis_streams",
    "kafka": "kafka",
    "nats": "nats",
    "jsm": "nats",
    "webhook": "webhook",
}
"""Which module of this package makes a provider; it is imported at the first use."""


class _Module(Protocol):
    def connect(self, settings: Settings) -> Provider: ...


class EventPublisher:
    """The sinks of one process; implements `app.runtime.ports.Events`."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._providers: dict[str, Provider] = {}

    def publish(self, sink: str, payload: Mapping[str, Any], message_id: str) -> None:
        """Hand an event to a sink: see `app.runtime.ports.Events.publish`."""
        problem = event_problem(sink, SINKS)
        if problem:
            raise InvalidInput(problem)
        name, body = EventName.parse(sink), orjson.dumps(dict(payload))
        if name.provider == "conductor":
            self._store.transact(lambda s: receive(s, sink, message_id, body.decode(), self._clock()))
            return
        try:
            self.provider(name.provider).publish(name, body, message_id)
        except Exception as error:
            # Each broker's library has errors of its own; whoever publishes needs one to catch.
            raise EventNotPublished(sink, redact_text(str(error) or type(error).__name__)) from error

    def provider(self, name: str) -> Provider:
        """The provider of a kind of event, connected when it is first used.

        Raises:
            ProviderMissing: it has no address, or its library is not installed.
        """
        module = MODULES[name]
        with self._lock:
            if module not in self._providers:
                found = _import(module)
                self._providers[module] = found.connect(self._settings)
            return self._providers[module]

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for provider in self._providers.values():
                provider.close()
            self._providers.clear()


def _import(module: str) -> _Module:
    try:
        found: _Module = importlib.import_module(f"app.events.{module}")
    except ModuleNotFoundError as error:
        # The extra has the module's name.
        raise ProviderMissing(
            f"{module} events need {error.name}, which is not installed: pip install 'podium[{module}]'"
        ) from error
    return found
