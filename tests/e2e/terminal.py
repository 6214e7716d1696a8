"""What somebody in a terminal does: run commands, and keep `podium up` running beside them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

_BIN = Path(sys.executable).parent
PODIUM = (str(_BIN / "podium"),)
CELERY = (str(_BIN / "celery"), "-A", "app", "workflow")
SECONDS = 120.0
"""More than anything here takes on a busy machine."""


class Terminal:
    """A shell in a directory of its own, with settings of its own and none of the test run's."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        # COLUMNS: processes of xdist have one, and lines would be as long as it says.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PODIUM_") and k != "COLUMNS"}
        own = {f"PODIUM_{name.upper()}": value for name, value in settings.items()}
        self.environment = {**inherited, "PODIUM_STATE_DIR": str(self.state_dir), **own}

    def run(
        self, *words: str, program: Sequence[str] = PODIUM, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=SECONDS,
        )

    def json(self, *words: str) -> Any:
        """What a command that ends well prints with `--json`."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def open(self, *words: str) -> Running:
        """Start a command that goes on."""
        return Running([*PODIUM, *words], self.folder, self.environment)

    def left(self) -> list[psutil.Process]:
        """The processes that have this terminal's settings, and the server in its state directory."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("PODIUM_STATE_DIR") == str(self.state_dir)
                if ours or process.cwd() == str(self.state_dir):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


class Running:
    """A command that runs, and the lines that it has written so far."""

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
            # A terminal sends Ctrl-C to the group, in which the test is not to be.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str) -> str:
        """Wait for a line that holds `words`; the line."""
        deadline = time.monotonic() + SECONDS
        with self._news:
            while True:
                found = [line for line in self.lines if words in line]
                if found:
                    return found[0]
                assert self._reader.is_alive(), f"it ended without {words!r}: {self.lines}"
                assert self._news.wait(deadline - time.monotonic()), f"no {words!r} in time: {self.lines}"

    def ctrl_c(self) -> int:
        """Press Ctrl-C and wait for the end; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.terminate()
        self.end()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


def wait_until(what: str, condition: Callable[[], bool]) -> None:
    """Ask again and again until it is so."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
