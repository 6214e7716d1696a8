"""Log lines: a sentence for people, and the `extra` of the call for machines.

Calls pass `extra={"event": "step_finished", "execution": id}`; text lines end in `event=… execution=…`, JSON
lines have them as keys. Passwords in URLs never reach a log.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

from config.settings import Settings, log_level_number
from config.urls import redact_text

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Celery passes these to its own handlers; repeated on each line they would only say what the sentence says.
_CELERYS = frozenset({"data"})


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and key not in _CELERYS}


class TextFormatter(logging.Formatter):
    """One line for people: time, level, logger, sentence, then the extra as `key=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's traceback follows it."""
        first, newline, rest = super().format(record).partition("\n")
        pairs = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        return redact_text(f"{first} {pairs}".rstrip() + newline + rest)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC, ISO 8601), `level`, `logger`, `message`, extra, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; a value that is no JSON is written as its text."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact_text(json.dumps(line, default=str, ensure_ascii=False))


def formatter(settings: Settings) -> logging.Formatter:
    """Return the formatter of the settings' format."""
    return JsonFormatter() if settings.log_format == "json" else TextFormatter()


def configure(settings: Settings, stream: IO[str] | None = None) -> None:
    """Send log lines to `stream` (not given: standard error) in the settings' format and level."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(settings))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level_number(settings))
