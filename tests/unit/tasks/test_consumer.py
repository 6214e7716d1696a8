"""How soon a worker is back after its broker."""

from __future__ import annotations

from typing import Any

from app.celery import make_app
from config.settings import Settings
from tasks.consumer import LONGEST_SECONDS, Consumer


class Connection:
    """Answers at once, and remembers how it was to be tried."""

    asked: dict[str, Any]

    def ensure_connection(self, _errback: Any, _max_retries: Any, **asked: Any) -> Connection:
        self.asked = asked
        return self


def test_a_worker_tries_to_reach_its_broker_at_least_every_two_seconds() -> None:
    app = make_app(Settings(broker_url="redis://localhost:1"))
    consumer = Consumer.__new__(Consumer)
    consumer.app, consumer.first_connection_attempt = app, False
    connection = Connection()

    consumer.ensure_connected(connection)

    assert app.conf.worker_consumer == "tasks.consumer:Consumer"
    assert connection.asked["interval_max"] == LONGEST_SECONDS == 2
    assert connection.asked["interval_start"] < 1
