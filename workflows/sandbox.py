"""Processes in which scripts run, so that no script can see, block or break the one that needs its result.

An interpreter inside this process would not do: QuickJS and jq are C code that can't be interrupted
everywhere, jq programs see the environment (`env`) and read files (`import`), and a crash would take a whole
worker with it. A sandbox process has no environment, can open no file, and is killed when it overruns
its limits. It is started at the first script (some 70 ms) and kept, so that a script costs a round trip
through a pipe (some 100 µs).
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from workflows import interpreters
from workflows.errors import ScriptError, ScriptMemory, ScriptTimeout

PROCESS_BYTES = 256 * 1024 * 1024
"""Memory of one sandbox process: its interpreters, and all that a jq program may use."""
RESULT_BYTES = 10 * 1024 * 1024
"""The largest result, as JSON."""
# All that a sandbox process is given of the environment: some builds of Python don't start without.
_LIBRARIES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
IDLE_KEPT = 2
"""So many idle sandbox processes each process keeps; it has more only while more threads run scripts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one script may use."""

    seconds: float = 4.0
    """CPU time. A script that waits for a busy machine gets twice that of the clock, and a second more."""
    memory: int = 64 * 1024 * 1024
    """Bytes of JavaScript heap; jq programs share `PROCESS_BYTES`."""


class _SandboxLost(Exception):
    """The process ended before it answered."""


class _Sandbox:
    """One sandbox process, used by one thread at a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", interpreters.__file__, str(PROCESS_BYTES), *_import_paths()]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _LIBRARIES if name in os.environ},
                cwd="/",
                bufsize=0,
            )
        except OSError as exc:
            raise ScriptError(f"no sandbox process can be started for scripts: {exc}") from exc
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input, self._output = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._readable = select.poll()
        self._readable.register(self._output, select.POLLIN)
        _alive.add(self)

    def call(self, kind: bytes, source: bytes, document: bytes, limits: Limits) -> tuple[bytes, bytes]:
        """Status and payload of the reply.

        Raises:
            _SandboxLost: the process ended instead.
            ScriptTimeout: the time is up; the process is of no use any more.
        """
        request = interpreters.REQUEST.pack(kind, len(source), len(document), limits.seconds, limits.memory)
        deadline = time.monotonic() + 2 * limits.seconds + 1
        try:
            self._write(request + source + document)
            status, size = interpreters.REPLY.unpack(self._read(interpreters.REPLY.size, deadline))
            if size > RESULT_BYTES:
                raise ScriptError(f"the result has {size:,} bytes as JSON; at most {RESULT_BYTES:,} may be")
            return status, self._read(size, deadline)
        except BrokenPipeError:
            raise _SandboxLost from None
        except TimeoutError:
            raise ScriptTimeout(limits.seconds) from None

    def close(self) -> None:
        """End the process."""
        self.let_go()
        self.process.kill()
        self.process.wait()

    def let_go(self) -> None:
        """Close the pipes, without a look at the process."""
        _alive.discard(self)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def exit_status(self) -> int:
        """How a lost process ended: a negative number is the signal."""
        status = self.process.wait()
        self.let_go()
        return status

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._input, rest) :]

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not self._readable.poll(left * 1000):
                raise TimeoutError
            part = os.read(self._output, size - len(data))
            if not part:
                raise _SandboxLost
            data += part
        return bytes(data)


_alive: set[_Sandbox] = set()
_idle: deque[_Sandbox] = deque()


def call(kind: bytes, source: str, document: bytes, limits: Limits) -> bytes:
    """Run one script in a sandbox process; its result as JSON. Safe in threads and after a fork.

    Raises:
        ScriptTimeout: it ran out of time.
        ScriptMemory: it ran out of memory.
        ScriptError: it failed, or its result is too large.
    """
    try:
        text = source.encode()
    except UnicodeEncodeError:
        raise ScriptError("the script holds half of a surrogate pair, which is no Unicode text") from None
    status, payload = _ask(kind, text, document, limits)
    if status == interpreters.TIMEOUT:
        raise ScriptTimeout(limits.seconds)
    if status == interpreters.MEMORY:
        raise ScriptMemory(limits.memory)
    if status != interpreters.OK:
        raise ScriptError(payload.decode(errors="replace"))
    return payload


def close() -> None:
    """End the idle sandbox processes of this process; the next script starts a new one."""
    with contextlib.suppress(IndexError):
        while True:
            _idle.pop().close()


def _ask(kind: bytes, source: bytes, document: bytes, limits: Limits) -> tuple[bytes, bytes]:
    sandbox, fresh = _take()
    try:
        reply = sandbox.call(kind, source, document, limits)
    except _SandboxLost:
        status = sandbox.exit_status()
        # An idle process may have been killed by anybody; scripts have no effects, so asking a new one is
        # safe. A process that was started for this script died of it.
        if not fresh and status not in (-signal.SIGPROF, -signal.SIGABRT):
            return _ask(kind, source, document, limits)
        raise _death(status, limits) from None
    except BaseException:
        # Also KeyboardInterrupt and a worker's time limit: the reply still to come must not meet the next
        # script.
        sandbox.close()
        raise
    if len(_idle) < IDLE_KEPT:
        _idle.append(sandbox)
    else:
        sandbox.close()
    return reply


def _take() -> tuple[_Sandbox, bool]:
    try:
        return _idle.pop(), False
    except IndexError:
        return _Sandbox(), True


def _death(status: int, limits: Limits) -> ScriptError:
    if status == -signal.SIGPROF:
        return ScriptTimeout(limits.seconds)
    if status in (-signal.SIGABRT, -signal.SIGKILL):
        return ScriptMemory(PROCESS_BYTES)
    if status >= 0:
        hint = "does python -c 'import quickjs, jq' work there?"
        return ScriptError(f"the sandbox process for scripts ended by itself (exit status {status}); {hint}")
    hint = "is a value nested thousands of levels deep?"
    return ScriptError(f"the script crashed its interpreter (exit status {status}); {hint}")


def _import_paths() -> list[str]:
    """Where the interpreters' modules are: `-S` leaves out site-packages, because it doubles the start."""
    specs = [importlib.util.find_spec(name) for name in ("quickjs", "jq")]
    origins = [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]
    packages = [origin.parent.parent if origin.name == "__init__.py" else origin.parent for origin in origins]
    return sorted({str(package) for package in packages})


def _forget() -> None:
    # After a fork the processes are the parent's. Their pipes must not stay open here: the end of a pipe is
    # what ends them.
    for sandbox in list(_alive):
        sandbox.let_go()
        sandbox.process.returncode = 0  # or Popen would warn that it still runs
    _idle.clear()


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
