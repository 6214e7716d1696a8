"""JSON values and times as arguments."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from app.cli.arguments import JsonValue, Moment


def test_json_is_read_from_the_text_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "given.json"
    file.write_text('\ufeff{"from": "file"}', encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"from": "stdin"}'))
    json = JsonValue()

    assert json.convert('{"from": ["text", 1.5, null]}', None, None) == {"from": ["text", 1.5, None]}
    assert json.convert(f"@{file}", None, None) == {"from": "file"}
    assert json.convert("-", None, None) == {"from": "stdin"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            "{'a': 1}",
            "the text is no JSON: Expecting property name enclosed in double quotes: line 1 column 2",
        ),
        ("", "the text is no JSON"),
        ("NaN", "the text is no JSON: NaN is not a value of JSON"),
        ("[" * 100_000, "the text is nested too deep"),
        ("@/no/such/file.json", "/no/such/file.json: No such file or directory"),
        ("@/", "/: Is a directory"),
    ],
)
def test_what_is_no_json_is_a_usage_error_that_says_where(given: str, problem: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        JsonValue().convert(given, None, None)

    assert caught.value.message.startswith(problem)


def test_a_file_in_another_encoding_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "latin.json"
    file.write_bytes('{"a": "é"}'.encode("latin-1"))

    with pytest.raises(click.BadParameter, match="byte 7 is no UTF-8"):
        JsonValue().convert(f"@{file}", None, None)


@pytest.mark.parametrize(
    ("given", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1 w", 604_800)]
)
def test_a_span_is_a_time_that_long_ago(given: str, seconds: int) -> None:
    before = time.time()
    moment = Moment().convert(given, None, None) / 1000
    after = time.time()

    assert before - seconds - 0.001 <= moment <= after - seconds


def test_a_date_is_of_its_zone_or_of_the_local_one() -> None:
    moment = Moment()

    assert moment.convert("2026-01-31T18:00+01:00", None, None) == 1_769_878_800_000
    assert moment.convert("2026-01-31T17:00Z", None, None) == 1_769_878_800_000
    local = datetime.fromtimestamp(1_769_878_800, UTC).astimezone().replace(tzinfo=None)
    assert moment.convert(local.isoformat(), None, None) == 1_769_878_800_000


@pytest.mark.parametrize("given", ["yesterday", "2h30m", "-2h", "2026-13-01", ""])
def test_what_is_no_time_is_a_usage_error_with_examples(given: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time; write 30m, 2h, 7d or 2026-01-31T18:00"):
        Moment().convert(given, None, None)
