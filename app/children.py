"""One child of `podium up`: started in a session of its own, its lines passed on, restarted with back-off."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
HEALTHY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a child is; `ready` is asked until it says yes, a warm stop may take `grace_seconds`."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[Child], bool]
    environment: Mapping[str, str]
    grace_seconds: float = 10.0


class Child:
    """A running command. Ctrl-C in a terminal does not reach it: the supervisor decides the order of stops.

    It inherits a locked file. As long as any process of its group lives, the lock is held; so a supervisor
    that comes after one that was killed finds what it left behind, and never mistakes a stranger for it.
    """

    def __init__(self, command: Command, run_dir: Path, write: Callable[[str], None]) -> None:
        self.command = command
        self.is_ready = self.was_ready = False
        self.deaths = 0
        self._run_dir = run_dir
        self._write = write
        self._lines: deque[str] = deque(maxlen=1000)
        self._spawn()

    def _spawn(self) -> None:
        self._lines.clear()
        self.is_ready = False
        with (self._run_dir / f"{self.command.name}.lock").open("w") as claim:
            fcntl.flock(claim, fcntl.LOCK_EX)
            self._process = subprocess.Popen(
                self.command.argv,
                env=dict(self.command.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[claim.fileno()],
            )
            claim.write(str(self.pid))
        self._started = time.monotonic()
        self._pump = threading.Thread(target=self._pass_lines_on, args=(self._process,), daemon=True)
        self._pump.start()

    def _pass_lines_on(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip("\n")
                if not self.is_ready:
                    self._lines.append(line)
                self._write(f"{self.command.name:<7}| {line}")

    @property
    def pid(self) -> int:
        """The process id, also of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def has_said(self, words: str) -> bool:
        """Say whether a line since the start, before it was ready, holds `words`."""
        return any(words in line for line in list(self._lines))

    def check_ready(self) -> bool:
        """Ask the command's own check until it says yes once."""
        if not self.is_ready and self.exit_code is None:
            self.is_ready = self.command.ready(self)
            self.was_ready |= self.is_ready
        return self.is_ready

    def restart_when_due(self) -> None:
        """Start it again if it has died, each time after a longer pause, at most 30 s."""
        code = self.exit_code
        if code is None:
            return
        lived = time.monotonic() - self._started
        pause = min(LONGEST_RESTART_SECONDS, RESTART_SECONDS * 2**self.deaths)
        if lived < pause:
            return
        self.end_group()
        self.deaths = 1 if lived > HEALTHY_SECONDS else self.deaths + 1
        self._write(f"podium | {self.command.name} exited with {code}; starting it again")
        self._spawn()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the main process, which then winds up its own children."""
        if self.exit_code is None:
            self._process.terminate()

    def wait_stopped(self, hurry: threading.Event) -> int:
        """Wait for the end within the grace, or until `hurry` is set; then kill. Returns the exit code."""
        deadline = time.monotonic() + self.command.grace_seconds
        while self.exit_code is None and time.monotonic() < deadline and not hurry.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        self.end_group()
        self._pump.join(timeout=1.0)
        return self._process.returncode

    def end_group(self) -> None:
        """Kill what is left of its process group, such as pool children of a worker that died."""
        _signal_group(self.pid, signal.SIGKILL)
        self._process.wait()


def end_leftover(run_dir: Path, name: str, grace_seconds: float) -> bool:
    """Stop what a supervisor that was killed left running under this name; says whether there was any."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / f"{name}.lock").open("a+") as claim:
        if _lock_now(claim):
            return False
        claim.seek(0)
        group = int(claim.read())
        _signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while not _lock_now(claim):
            if time.monotonic() > deadline:
                _signal_group(group, signal.SIGKILL)
            time.sleep(0.02)
    return True


def _lock_now(claim: IO[str]) -> bool:
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
