"""The threads that receive: one for each broker that an active handler waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.events import intake
from app.events.provider import Incoming, Provider
from app.events.publisher import MODULES, EventPublisher
from app.runtime.engine import Engine
from config.urls import redact_text
from workflows.events import EventName

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_JOIN_SECONDS = 10.0


@dataclass(slots=True)
class _Receiver:
    events: frozenset[str]
    stop: threading.Event
    thread: threading.Thread


class Consumers:
    """Receives what handlers wait for. A broker that goes away is tried again, less and less often."""

    def __init__(self, engine: Engine, sinks: EventPublisher, arrived: Callable[[], None]) -> None:
        """`arrived` is called when a message has been stored."""
        self._engine = engine
        self._sinks = sinks
        self._arrived = arrived
        self._receivers: dict[str, _Receiver] = {}

    def refresh(self, events: Iterable[str]) -> None:
        """Receive exactly these events from now on."""
        wanted: dict[str, frozenset[str]] = {}
        for event in events:
            provider = EventName.parse(event).provider
            if provider in MODULES:
                module = MODULES[provider]
                wanted[module] = wanted.get(module, frozenset()) | {event}
        for module in [m for m, r in self._receivers.items() if r.events != wanted.get(m)]:
            self._end(self._receivers.pop(module))
        for module, names in wanted.items():
            if module not in self._receivers:
                self._receivers[module] = self._begin(module, names)

    def close(self) -> None:
        """Stop receiving; what was not stored stays with its broker."""
        for receiver in self._receivers.values():
            receiver.stop.set()
        for receiver in self._receivers.values():
            self._end(receiver)
        self._receivers.clear()

    def _begin(self, module: str, events: frozenset[str]) -> _Receiver:
        stop = threading.Event()
        thread = threading.Thread(
            target=self._receive, args=(sorted(events), stop), name=f"podium-events-{module}", daemon=True
        )
        thread.start()
        logger.info("receiving %s", ", ".join(sorted(events)), extra={"event": "events_receiving"})
        return _Receiver(events, stop, thread)

    def _end(self, receiver: _Receiver) -> None:
        receiver.stop.set()
        receiver.thread.join(_JOIN_SECONDS)

    def _receive(self, events: list[str], stop: threading.Event) -> None:
        pause = _FIRST_PAUSE

        def take(incoming: Incoming) -> None:
            nonlocal pause
            intake.take(self._engine, incoming)
            pause = _FIRST_PAUSE
            self._arrived()

        while not stop.is_set():
            try:
                self._provider(events).receive(events, take, stop)
            except Exception as error:  # each broker's library has its own; none of them may end the thread
                if stop.is_set():
                    return
                logger.warning(
                    "no events of %s for %g s: %s",
                    ", ".join(events),
                    pause,
                    redact_text(str(error) or type(error).__name__),
                    exc_info=logger.isEnabledFor(logging.DEBUG),
                    extra={"event": "events_interrupted"},
                )
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _provider(self, events: list[str]) -> Provider:
        return self._sinks.provider(EventName.parse(events[0]).provider)
