"""What a provider of events must be able to do: one module for each kind of broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from workflows.events import EventName


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came from a broker."""

    event: str
    """The name that a handler waits for, options included."""
    message_id: str
    """The sender's, or the broker's own: a message that is delivered again has the same."""
    body: bytes


Take = Callable[[Incoming], None]
"""Stores a message; when it returns, the broker may forget it."""


class Provider(Protocol):
    """A kind of broker. Safe between threads."""

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        """Hand over a message; the broker has it when this returns.

        Raises:
            Exception: the broker's own error; nobody knows whether it has the message.
        """
        ...

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        """Hand every message of these events to `take`, acknowledge it afterwards; until `stop` is set.

        Raises:
            Exception: the broker's own error, or `take`'s; what was not acknowledged comes again.
        """
        ...

    def close(self) -> None:
        """Give back the connections for publishing."""
        ...


class ProviderMissing(Exception):
    """A provider has no address, or its library is not installed; the message says what to do."""
