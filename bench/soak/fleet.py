"""The processes of the soak: started, killed and started again, and the memory of each over time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from app import embedded
from app.processes import commands
from config.settings import Settings

STEADY = ("worker 1", "beat 1")
"""Are never killed, so that their memory can be followed from the beginning to the end."""
KILLED = ("worker 2", "beat 2")


@dataclass
class Memory:
    """Resident memory of one process, MiB, by seconds since the start of the soak."""

    samples: list[tuple[float, float]] = field(default_factory=list)

    def at(self, seconds: float) -> float:
        """The sample that is nearest to a time."""
        return min(self.samples, key=lambda sample: abs(sample[0] - seconds))[1]

    def slope(self, since: float) -> float:
        """MiB a minute, by least squares over the samples since a time."""
        kept = [sample for sample in self.samples if sample[0] >= since]
        if len(kept) < 2:
            return 0.0
        mean_x = sum(x for x, _ in kept) / len(kept)
        mean_y = sum(y for _, y in kept) / len(kept)
        above = sum((x - mean_x) * (y - mean_y) for x, y in kept)
        return 60 * above / (sum((x - mean_x) ** 2 for x, _ in kept) or 1.0)


class Fleet:
    """A Valkey, two workers with two processes each, two beats."""

    def __init__(self, settings: Settings, pick: random.Random) -> None:
        self._settings, self._pick = settings, pick
        self._folder = settings.state_dir
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}
        self.kills: Counter[str] = Counter()
        self.memory: dict[str, Memory] = {}
        self._began = time.monotonic()
        self.server = embedded.ensure(self._folder)

    def start(self) -> None:
        """Start all processes."""
        for name in (*STEADY, *KILLED):
            self._spawn(name)
        self._began = time.monotonic()

    def _spawn(self, name: str) -> None:
        kind, number = name.split()
        command = next(one for one in commands(self._settings, 2, events=False) if one.name == kind)
        argv = [f"{word}-{number}" if word.startswith("--hostname=") else word for word in command.argv]
        with (self._folder / "processes.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                argv,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._folder if kind == "beat" else None,
            )

    def disturb(self) -> str:
        """Kill something with SIGKILL; what it was. It is started again after at most three seconds."""
        what = self._pick.choice(["child", "child", "child", "worker", "worker", "beat", "broker"])
        if what == "broker":
            os.kill(self.server.pid, signal.SIGKILL)
            self._due["broker"] = time.monotonic() + self._pick.uniform(0.0, 3.0)
        else:
            name = "beat 2" if what == "beat" else "worker 2"
            process = self._processes.get(name)
            if process is None or name in self._due:
                return "nothing"
            if what == "child":
                children = psutil.Process(process.pid).children()
                if not children:
                    return "nothing"
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pick.choice(children).pid, signal.SIGKILL)
            else:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self._due[name] = time.monotonic() + self._pick.uniform(0.0, 3.0)
        self.kills[what] += 1
        return what

    def repair(self, *, at_once: bool = False) -> None:
        """Start again what was killed and is due."""
        for name in [name for name, due in self._due.items() if at_once or due <= time.monotonic()]:
            del self._due[name]
            if name == "broker":
                self.server = embedded.ensure(self._folder)
            else:
                self._spawn(name)

    def ended(self) -> list[str]:
        """Processes that have ended although nobody killed them, or theirs.

        A worker whose pool process is killed while it comes up ends: that is Celery's way. It is started again, as a
        supervisor would.
        """
        found = [n for n, p in self._processes.items() if n not in self._due and p.poll() is not None]
        for name in KILLED:
            if name in found:
                found.remove(name)
                self.kills[f"{name.split()[0]} that ended by itself as it came up"] += 1
                self._due[name] = time.monotonic()
        return [f"{name} has ended with {self._processes[name].returncode}" for name in found]

    def measure(self) -> None:
        """Take a sample of each process's memory."""
        now = time.monotonic() - self._began
        for name, process in self._watched():
            with contextlib.suppress(psutil.Error):
                size = process.memory_info().rss / 1024**2
                self.memory.setdefault(name, Memory()).samples.append((now, size))

    def _watched(self) -> Iterator[tuple[str, psutil.Process]]:
        yield "the starting client", psutil.Process()
        if psutil.pid_exists(self.server.pid) and "broker" not in self._due:
            yield "Valkey (killed at times)", psutil.Process(self.server.pid)
        for name in STEADY:
            process = psutil.Process(self._processes[name].pid)
            yield f"{name}, main process" if name.startswith("worker") else name, process
            for number, child in enumerate(sorted(process.children(), key=lambda child: child.pid), 1):
                yield f"{name}, pool process {number}", child

    def stop(self) -> None:
        """End everything."""
        self.repair(at_once=True)
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        embedded.stop(self.server)


def settings_for(folder: Path, database_url: str | None) -> Settings:
    """Settings of the soak's processes."""
    given = Settings(state_dir=folder, imports=("bench.soak.work",), log_level="warning")
    return replace(given, database_url=database_url) if database_url else given
