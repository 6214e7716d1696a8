"""A subprocess that answers like `docker.models.containers.Container`, as far as pytest-celery asks."""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

HOST = "127.0.0.1"


class ExecResult(NamedTuple):
    """What a command run beside the process gave."""

    exit_code: int
    output: bytes


def free_port() -> int:
    """Return a port of the loopback that was free a moment ago.

    It is none of those that a system gives to clients: a server that is started again finds its own still free.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise OSError("no free port between 20000 and 32000")


@dataclass(kw_only=True)
class ProcessSpec:
    """What `docker run` would be told; `/app` in the environment becomes the work directory."""

    command: Callable[[LocalProcess], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    on_stop: Callable[[LocalProcess], None] | None = None


class LocalProcess:
    """One node: a process group, a work directory, a port of the host for each of its own."""

    def __init__(self, spec: ProcessSpec, name: str) -> None:
        self.spec = spec
        self.id = secrets.token_hex(32)
        self.name = f"{name}-{self.id[:6]}"
        self.workdir = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.host_ports = {port: free_port() for port in spec.ports}
        self._log = self.workdir / ".log"
        self._process: subprocess.Popen[bytes] | None = None
        for relative, content in spec.files.items():
            path = self.workdir / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the latest start."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def pid(self) -> int:
        """The process id, also of the group."""
        return self.process.pid

    @property
    def env(self) -> dict[str, str]:
        """The environment of the process."""
        return {
            **os.environ,
            **{name: self._here(value) for name, value in self.spec.environment.items()},
        }

    def _here(self, value: str) -> str:
        # Of a list of paths only what is in the container's directory: a checkout may lie in /home/me/app.
        parts = value.split(os.pathsep)
        return os.pathsep.join(re.sub(r"^/app(?=/|$)", str(self.workdir), part) for part in parts)

    def port(self, container_port: str) -> int:
        """Return the host's port for one such as `6379/tcp`."""
        return self.host_ports[container_port]

    def open_ports(self) -> list[str]:
        """Return the container's port numbers that accept connections on the host."""
        return [port.split("/")[0] for port, on_host in self.host_ports.items() if _accepts(on_host)]

    def start(self) -> LocalProcess:
        """Start it; the log goes to a file in the work directory."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.spec.command(self),
                cwd=self.workdir,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def status(self) -> str:
        """`running` or `exited`."""
        return "running" if self._process is not None and self._process.poll() is None else "exited"

    @property
    def attrs(self) -> dict[str, Any]:
        """Docker's inspection of it, as far as it is read."""
        ports = {port: [{"HostIp": HOST, "HostPort": str(own)}] for port, own in self.host_ports.items()}
        return {
            "Id": self.id,
            "State": {"Status": self.status, "Pid": self.pid, "ExitCode": self.process.returncode or 0},
            "Config": {
                "Hostname": "localhost",
                "Env": [f"{name}={value}" for name, value in self.spec.environment.items()],
            },
            "HostConfig": {"PortBindings": ports},
            "NetworkSettings": {"Networks": {"local": {"IPAddress": HOST}}, "Ports": ports},
        }

    def reload(self) -> None:
        """Nothing is cached."""

    def logs(self, **_: Any) -> bytes:
        """Return what it has written since its latest start."""
        return self._log.read_bytes()

    def kill(self, signal_: str | int | None = None) -> None:
        """Signal the main process; SIGKILL ends the whole group, as a container ends with its first."""
        number = (
            signal.Signals[signal_] if isinstance(signal_, str) else signal.Signals(signal_ or signal.SIGKILL)
        )
        if number == signal.SIGKILL:
            self._kill_group()
            self.process.wait()
        else:
            os.kill(self.pid, number)

    def stop(self, timeout: float = 10) -> None:
        """Send SIGTERM, wait `timeout` seconds, kill what is left."""
        if self._process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self._kill_group()
        self.process.wait()
        if self.spec.on_stop is not None:
            self.spec.on_stop(self)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def restart(self, timeout: float = 10) -> None:
        """Stop and start it; the log begins anew, so that readiness is the new process's."""
        self.stop(timeout)
        self._log.rename(self._log.with_suffix(f".{time.time_ns()}"))
        self.start()

    def remove(self, force: bool = False, **_: Any) -> bool:
        """End it and delete its work directory."""
        if force and self._process is not None and self.spec.on_stop is None:
            self._kill_group()
        self.stop()
        shutil.rmtree(self.workdir, ignore_errors=True)
        return True

    def wait(self, timeout: float | None = None, **_: Any) -> dict[str, int]:
        """Wait for its end."""
        return {"StatusCode": self.process.wait(timeout)}

    def exec_run(self, cmd: str | list[str], **_: Any) -> ExecResult:
        """Run a command in its work directory and environment."""
        words = shlex.split(cmd) if isinstance(cmd, str) else cmd
        done = subprocess.run(
            words,
            cwd=self.workdir,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return ExecResult(done.returncode, done.stdout)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0
