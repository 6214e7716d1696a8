"""`podium events`."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import write, write_json
from config.logging import configure
from config.settings import current


@podium_command(
    "events",
    ("podium events", "beside worker and beat; 'podium up' runs one"),
    (
        "PODIUM_EVENT_AMQP_URL=amqp://shop:***@rabbit// podium events",
        "events of another RabbitMQ than the broker",
    ),
)
@json_option("Print one JSON document when it receives.")
def command(as_json: bool) -> None:
    """Receive events, act on them, and send what is to go out, until Ctrl-C.

    It receives what active event handlers wait for, does their actions, and sends status changes and webhooks. Any
    number of them may run; a message acts once.
    """
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopped)
    with connected() as podium:
        configure(current())
        podium.run_events(stop, ready=lambda: _say_ready(as_json))


def _say_ready(as_json: bool) -> None:
    if as_json:
        write_json({"status": "receiving"}, lines=True)
    else:
        write("events are received")
