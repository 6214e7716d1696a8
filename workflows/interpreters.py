"""The program of a sandbox process: runs JavaScript (QuickJS) and jq for the process that started it.

It is started by `workflows/sandbox.py`, by path, and imports nothing of Podium, so that it is small and
starts fast. Requests arrive on standard input and replies leave on standard output, one at a time; end of
input ends it.

A request is `kind, source length, document length, CPU seconds, memory bytes` (`REQUEST`) followed by the
source and the JSON document; a reply is `status, length` (`REPLY`) followed by JSON (status `OK`) or a
message.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

REQUEST = struct.Struct("!cIIdQ")
REPLY = struct.Struct("!cI")
JAVASCRIPT, JAVASCRIPT_SYNTAX, JQ, JQ_SYNTAX = b"j", b"s", b"q", b"y"
OK, ERROR, TIMEOUT, MEMORY = b"o", b"e", b"t", b"m"

STACK_BYTES = 512 * 1024
# QuickJS checks its clock between steps of a script, but some of its built-in functions (a `join` of four
# thousand million holes) take no such steps. Then the kernel ends this process, this much later.
KILL_AFTER = 0.25
JQ_PROGRAMS_KEPT = 256

# The functions that it uses are taken before any script can replace them. `eval` gives the completion value,
# which is what Conductor's expressions rely on: `if (…) { true; } else { false; }`.
_PRELUDE = """
(function (run, stringify, Pending, Wrong) {
  return function (source) {
    const value = run(source);
    const kind = typeof value;
    if (kind === "undefined") return "null";
    if (kind === "function" || kind === "symbol" || kind === "bigint")
      throw new Wrong("the result is a " + kind + ", which is no JSON value");
    if (value instanceof Pending)
      throw new Wrong("the result is a Promise; scripts can't be asynchronous");
    return stringify(value);
  };
})(eval, JSON.stringify, Promise, TypeError)
"""
# Scripts are parsed to their end before they begin: one that begins with this is parsed, and does nothing.
_THROW = "throw 'parsed';"

_PLACE = re.compile(r"<input>:(\d+):(\d+)")

Reply = tuple[bytes, bytes]


class JavaScript:
    """Evaluates each script in a fresh global state, prepared while nobody waits."""

    def __init__(self) -> None:
        from quickjs import Context, JSException

        self._context, self._exception = Context, JSException
        self.prepare()

    def prepare(self) -> None:
        """Throw away the last script's state and make a new one."""
        self._fresh = self._context()
        self._fresh.set_max_stack_size(STACK_BYTES)
        self._run = self._fresh.eval(_PRELUDE)

    def evaluate(self, source: str, document: str, seconds: float, memory: int) -> Reply:
        """The completion value of `source` with the document as `$`."""
        context = self._fresh
        context.set_memory_limit(memory)
        context.set_time_limit(seconds)
        try:
            context.set("$", context.parse_json(document))
            return OK, self._run(source).encode()
        except self._exception as exc:
            return _failure(str(exc))
        except UnicodeError:
            return ERROR, b"the result holds half of a surrogate pair, which is no Unicode text"

    def syntax(self, source: str, _document: str, seconds: float, memory: int) -> Reply:
        """Whether `source` parses; nothing of it is run."""
        self._fresh.set_memory_limit(memory)
        self._fresh.set_time_limit(seconds)
        try:
            self._run(_THROW + source)
        except self._exception as exc:
            text = str(exc)
            return (OK, b"null") if text.startswith("parsed\n") else _failure(text, len(_THROW))
        return ERROR, b"the script was not parsed"


def _failure(text: str, shift: int = 0) -> Reply:
    """The reply for a JavaScript exception; `shift` columns of line 1 are not the author's."""
    message, *stack = text.rstrip().split("\n")
    if message == "InternalError: interrupted":
        return TIMEOUT, b""
    # QuickJS throws a bare null where there is no memory left for an error object.
    if message in ("InternalError: out of memory", "null"):
        return MEMORY, b""
    for frame in stack[:-1]:  # the last one is the prelude's
        place = _PLACE.search(frame)
        if place:
            line, column = int(place[1]), int(place[2])
            message += f" (line {line}, column {column - shift if line == 1 else column})"
            break
    return ERROR, message.encode(errors="replace")


class Jq:
    """Runs jq programs; compiled ones are kept, because compiling costs far more than running."""

    def __init__(self) -> None:
        import jq

        self._compile = jq.compile
        self._programs: dict[str, Any] = {}

    def transform(self, source: str, document: str, _seconds: float, _memory: int) -> Reply:
        """All results of the program for the document, as a JSON array."""
        try:
            results = list(self._program(source).input_text(document))
        except ValueError as exc:
            return ERROR, _jq_message(exc)
        try:
            return OK, json.dumps(results, allow_nan=False).encode()
        except ValueError:
            return OK, json.dumps(_finite(results)).encode()

    def syntax(self, source: str, _document: str, _seconds: float, _memory: int) -> Reply:
        """Whether the program compiles."""
        try:
            self._program(source)
        except ValueError as exc:
            return ERROR, _jq_message(exc)
        return OK, b"null"

    def _program(self, source: str) -> Any:
        program = self._programs.pop(source, None) or self._compile(source)
        self._programs[source] = program  # last used last: the first is the one to forget
        if len(self._programs) > JQ_PROGRAMS_KEPT:
            del self._programs[next(iter(self._programs))]
        return program


def _jq_message(exc: ValueError) -> bytes:
    """jq's own words, without its count of compile errors."""
    return str(exc).rsplit("\njq: ", 1)[0].strip().encode(errors="replace")


def _finite(value: Any) -> Any:
    """As jq prints them: NaN is null, the infinities are the largest numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else math.copysign(sys.float_info.max, value)
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def _confine(memory: int) -> None:
    """Give up what scripts have no use for, after everything is imported."""
    limits = [(resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    # Beyond what QuickJS counts itself: jq has no limit of its own.
    limits.append((resource.RLIMIT_DATA, memory))
    for kind, limit in limits:
        resource.setrlimit(kind, (limit, limit))


def _read(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def main(process_memory: int) -> None:
    """Answer requests until the input ends."""
    # Ctrl-C and a stop signal go to the whole process group; work in flight still needs its answer. The end
    # of the parent closes the input.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    javascript, jq = JavaScript(), Jq()
    answer: dict[bytes, Callable[[str, str, float, int], Reply]] = {
        JAVASCRIPT: javascript.evaluate,
        JAVASCRIPT_SYNTAX: javascript.syntax,
        JQ: jq.transform,
        JQ_SYNTAX: jq.syntax,
    }
    jq.syntax(".", "", 0, 0)
    _confine(process_memory)
    while True:
        kind, source_size, document_size, seconds, memory = REQUEST.unpack(_read(REQUEST.size))
        source, document = _read(source_size).decode(), _read(document_size).decode()
        # Nobody handles SIGPROF: its default is the end of the process, also inside of C code.
        signal.setitimer(signal.ITIMER_PROF, seconds + KILL_AFTER)
        try:
            status, payload = answer[kind](source, document, seconds, memory)
        except MemoryError:
            status, payload = MEMORY, b""
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(REPLY.pack(status, len(payload)) + payload)
        if kind in (JAVASCRIPT, JAVASCRIPT_SYNTAX):
            javascript.prepare()


if __name__ == "__main__":
    sys.path.extend(sys.argv[2:])
    main(int(sys.argv[1]))
