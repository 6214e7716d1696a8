"""A Podium of the demonstration's own: its processes run in the background for as long as a block lasts."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.supervisor import Addresses, run_up
from config.settings import Settings
from workflows.errors import PodiumError

READY_SECONDS = 45.0
STOP_SECONDS = 30.0


class DemoError(PodiumError):
    """The demonstration's processes did not come up, or went away."""


def private_settings(state_dir: Path, log_level: str = "warning") -> Settings:
    """Settings for a Podium in `state_dir` that shares nothing with any other on this machine."""
    return Settings(state_dir=state_dir, flower_port=_free_port(), log_level=log_level)


class Stage:
    """The processes in the background, and what they have written."""

    def __init__(self, settings: Settings, workers: int) -> None:
        self.lines: deque[str] = deque(maxlen=200)
        self.addresses: Addresses | None = None
        self._settings, self._workers = settings, workers
        self._changed, self._stop = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="podium up", daemon=True)

    def _run(self) -> None:
        try:
            run_up(
                self._settings,
                worker_concurrency=self._workers,
                api=False,
                on_ready=self._ready,
                stop_event=self._stop,
                write=self.lines.append,
            )
        except Exception as exc:  # noqa: BLE001 - handed to the thread that waits for it
            self._failure = exc
        finally:
            self._changed.set()

    def _ready(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._changed.set()

    def start(self) -> Addresses:
        """Start the processes and wait until all are ready.

        Raises:
            DemoError: they are not ready in time, or one of them failed.
        """
        self._thread.start()
        self._changed.wait(READY_SECONDS)
        self.check()
        assert self.addresses is not None
        return self.addresses

    def check(self) -> None:
        """Do nothing as long as the processes run.

        Raises:
            DemoError: they do not; with the last lines that they wrote.
        """
        if self.addresses is None or not self._thread.is_alive():
            last = "".join(f"\n  {line}" for line in list(self.lines)[-20:])
            raise DemoError(
                f"Podium did not come up: {self._failure or 'not ready in time'}{last}"
            ) from self._failure

    def stop(self) -> None:
        """Stop the processes and wait until they are gone."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)


@contextmanager
def on_stage(settings: Settings, workers: int = 2) -> Iterator[Stage]:
    """A started stage, stopped at the end of the block."""
    stage = Stage(settings, workers)
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
