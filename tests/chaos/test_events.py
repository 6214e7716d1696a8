"""`podium events` that is killed, and a RabbitMQ that is restarted, while messages come: each acts once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.client import Podium
from app.events.amqp import AmqpProvider
from app.store import migrations
from config.database import create_engine
from config.settings import Settings
from tests.localcelery.process import HOST, LocalProcess
from tests.localcelery.vendors import LocalRabbitMQContainer, rabbitmq_spec, wait_ready
from workflows.builder import wait, workflow
from workflows.events import EventName

MESSAGES = 300
PATIENCE_SECONDS = 120.0
HANDLER = {
    "name": "keep",
    "event": "amqp_queue:orders?durable=true",
    "active": True,
    "actions": [
        {"action": "start_workflow", "start_workflow": {"name": "kept", "correlationId": "${order}"}},
        {"action": "start_workflow", "start_workflow": {"name": "kept", "correlationId": "${order}-b"}},
    ],
}


class Receiver:
    """A process `podium events`."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._environment = {**os.environ, **settings.environment()}
        self._log = log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "app.cli", "events"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, and another in its place."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def stop(self) -> None:
        """SIGTERM."""
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def rabbitmq() -> Iterator[LocalProcess]:
    process = LocalProcess(rabbitmq_spec({}, {"5672/tcp": None}), "rabbitmq-events")
    process.start()
    wait_ready(LocalRabbitMQContainer(process))
    yield process
    process.remove(force=True)


@pytest.fixture
def settings(rabbitmq: LocalProcess, database_url: str, tmp_path: Path) -> Settings:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    engine.dispose()
    amqp = f"amqp://guest:guest@{HOST}:{rabbitmq.port('5672/tcp')}//"
    return Settings(state_dir=tmp_path, broker_url=amqp, database_url=database_url)


def _wait_for(what: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _ids(podium: Podium) -> list[str]:
    with podium.engine.store.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT correlation_id FROM workflow")]


def test_each_message_acts_once_whoever_dies(
    settings: Settings, rabbitmq: LocalProcess, tmp_path: Path
) -> None:
    provider = AmqpProvider(settings.resolved_event_amqp_url or "")
    name = EventName.parse(str(HANDLER["event"]))
    halfway = threading.Event()

    def publish() -> None:
        for n in range(MESSAGES):
            body = f'{{"order": "{n}"}}'.encode()
            while True:
                try:
                    # Some are sent twice, as by a sender that is not sure.
                    for _ in range(1 + n % 3 // 2):
                        provider.publish(name, body, f"m{n}")
                    break
                except OSError:
                    wait_ready(LocalRabbitMQContainer(rabbitmq))
            if n == MESSAGES // 2:
                halfway.set()

    with Podium(settings) as podium:
        podium.register({"workflows": [workflow("kept")(wait(ref="open")).to_json()]})
        podium.put_event_handler(HANDLER)
        receivers = [Receiver(settings, tmp_path / f"events{n}.log") for n in range(2)]
        sender = threading.Thread(target=publish)
        sender.start()
        try:
            for round_ in (0, 1):
                begun = len(_ids(podium))
                _wait_for(
                    "messages act",
                    lambda begun=begun: len(_ids(podium)) > begun + 20,  # type: ignore[misc]
                )
                receivers[round_].kill()
            assert halfway.wait(PATIENCE_SECONDS)
            rabbitmq.restart()
            wait_ready(LocalRabbitMQContainer(rabbitmq))
            sender.join(PATIENCE_SECONDS)
            _wait_for("all messages have acted", lambda: len(_ids(podium)) >= 2 * MESSAGES)
        finally:
            for receiver in receivers:
                receiver.stop()
            provider.close()

        found = Counter(_ids(podium))
        assert {count for count in found.values()} == {1}
        assert set(found) == {f"{n}{suffix}" for n in range(MESSAGES) for suffix in ("", "-b")}
        assert podium.event_executions(status="FAILED") == []
