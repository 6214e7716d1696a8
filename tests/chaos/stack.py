"""A whole Podium of real processes, each of which a test can kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from app import embedded
from app.client import Podium
from app.store import migrations, workers
from config.database import create_engine
from config.settings import Settings

ROOT = Path(__file__).parents[2]


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until the condition holds; its answer.

    Raises:
        AssertionError: it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


class Stack:
    """Broker, workers and beat of one state directory."""

    def __init__(self, folder: Path, database_url: str | None, imports: tuple[str, ...]) -> None:
        self.folder = folder
        self.settings = Settings(state_dir=folder, database_url=database_url, imports=imports)
        self.server = embedded.ensure(folder)
        engine = create_engine(self.settings)
        migrations.upgrade(engine)
        engine.dispose()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.podium = Podium(self.settings)

    def worker(self, name: str, concurrency: int = 2, more: Mapping[str, str] | None = None) -> None:
        """Start a worker and wait until it is registered."""
        options = ["-n", f"{name}@localhost", "-c", str(concurrency), "-l", "WARNING", "--without-mingle"]
        self._start(name, ["worker", *options], more)
        wait_for(f"worker {name} registers", lambda: f"{name}@localhost" in self._alive())

    def beat(self, name: str = "beat") -> None:
        """Start beat."""
        self._start(name, ["beat", "-l", "WARNING", "-s", str(self.folder / f"{name}.schedule")], None)

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all that it has started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pool_children(self, name: str) -> list[int]:
        """Pool processes of a worker."""
        return [child.pid for child in psutil.Process(self.processes[name].pid).children()]

    def lose_broker(self) -> None:
        """SIGKILL the broker, and start it again with nothing in it."""
        os.kill(self.server.pid, signal.SIGKILL)
        wait_for("the broker is gone", lambda: not psutil.pid_exists(self.server.pid) or self._is_zombie())
        for left in self.folder.glob("appendonlydir"):
            shutil.rmtree(left)
        self.server = embedded.ensure(self.folder)

    def running(self) -> int:
        """How many executions have not ended."""
        from app.operations import query

        counts = query.count_executions(self.podium.engine)
        return counts.get("RUNNING", 0)

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.podium.close()
        embedded.stop(self.server)

    def _start(self, name: str, command: list[str], more: Mapping[str, str] | None) -> None:
        environment = {**os.environ, **self.settings.environment(), **(more or {}), "PYTHONPATH": str(ROOT)}
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "app", *command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _alive(self) -> set[str]:
        return {row.hostname for row in self.podium.engine.store.read(workers.alive)}

    def _is_zombie(self) -> bool:
        try:
            return bool(psutil.Process(self.server.pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True
