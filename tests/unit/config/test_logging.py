"""Log lines for people and for machines."""

from __future__ import annotations

import json
import logging
import sys

from config.logging import JsonFormatter, TextFormatter


def a_record(message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("podium.test", logging.WARNING, __file__, 1, message, (), None)
    vars(record).update(extra)
    return record


def test_a_text_line_ends_in_the_extra_of_the_call() -> None:
    line = TextFormatter().format(a_record("step finished", event="step_finished", execution="e1"))

    assert line.endswith("WARNING podium.test: step finished event=step_finished execution=e1")


def test_a_json_line_has_the_extra_as_keys_and_text_for_what_is_no_json() -> None:
    line = json.loads(JsonFormatter().format(a_record("done", event="done", names={"a"})))

    assert (line["event"], line["names"], line["level"], line["logger"]) == (
        "done",
        "{'a'}",
        "warning",
        "podium.test",
    )


def test_an_exception_stays_in_one_json_line() -> None:
    record = a_record("failed")
    try:
        raise ValueError("no good")
    except ValueError:
        record.exc_info = sys.exc_info()

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: no good")


def test_a_password_in_a_logged_url_is_hidden() -> None:
    record = a_record("lost amqp://u:secret@h//", url="redis://:secret@h/0")

    assert "secret" not in TextFormatter().format(record)
    assert "secret" not in JsonFormatter().format(record)
