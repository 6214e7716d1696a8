"""What nobody sends who means well: it is refused with a 4xx, and leaves no trace in any table."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.rest.application import api_document
from app.store.tables import metadata
from tests.rest.client import Api, simple, workflow

DEEP = "[" * 3_000 + "]" * 3_000
SCRIPT = "<script>alert(1)</script>"
BODIES: dict[str, bytes] = {
    "too deep": DEEP.encode(),
    "deep inside an object": b'{"name": "one", "input": {"a": ' + DEEP.encode() + b"}}",
    "half a surrogate": rb'{"name": "\ud800"}',
    "the character NUL": rb'{"name": "one", "input": {"a": "x\u0000y"}}',
    "not a number": b'{"name": "one", "priority": NaN}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "no JSON": b"name=one",
    "a list": b"[1, 2, 3]",
    "a number": b"17",
    "wrong types": b'{"name": 17, "version": "x", "input": [1], "priority": {}, "taskToDomain": 3}',
    "a huge number": b'{"name": "one", "version": 99999999999999999999}',
    "a negative priority": b'{"name": "one", "priority": -1}',
    "a huge name": b'{"name": "' + b"x" * 100_000 + b'"}',
    "a name that is a script": f'{{"name": "{SCRIPT}"}}'.encode(),
    "an empty name": b'{"name": ""}',
}
PATHS = (
    "/workflow/../../etc/passwd",
    "/workflow/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/workflow/..%5c..%5cwindows",
    f"/workflow/{'x' * 300}",
    f"/workflow/{SCRIPT.replace('/', '%2F')}",
    "/workflow/%00",
    "/tasks/poll/%00",
    "/workflow/'%20OR%201=1%20--",
    "/metadata/workflow/%F0%9F%92%A9",
    "/workflow/search?query=status%3D%00",
    "/workflow/search?start=-1",
    "/workflow/search?size=99999999999",
    "/workflow/search?sort=;DROP%20TABLE%20workflow",
    "/workflow/running/one?startTime=99999999999999999999",
    "/tasks/poll/batch/scan?count=-1",
    "/tasks/poll/batch/scan?timeout=999999",
)


def rows(api: Api) -> dict[str, list[str]]:
    """All rows of all tables, but for the signs of life of this process."""
    with api.process.store.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table.name}").all()))
            for table in metadata.sorted_tables
            if table.name not in ("worker", "poll_data")
        }


@pytest.fixture
def untouched(api: Api) -> Iterator[Api]:
    """An API whose tables are the same afterwards."""
    api.register(workflow("one", simple("scan")))
    before = rows(api)
    yield api
    assert rows(api) == before


def test_bodies_that_are_of_no_use_leave_no_trace(untouched: Api) -> None:
    wrong = []
    for name, body in BODIES.items():
        for method, path in (
            ("POST", "/workflow"),
            ("POST", "/workflow/execute/none/1"),
            ("POST", "/workflow/test"),
            ("POST", "/metadata/workflow"),
            ("PUT", "/metadata/workflow"),
            ("POST", "/metadata/taskdefs"),
            ("POST", "/tasks"),
            ("POST", "/tasks/update-v2"),
            ("POST", "/event"),
            ("POST", "/scheduler/schedules"),
        ):
            answer = untouched.request(
                method, path, content=body, headers={"content-type": "application/json"}
            )
            if not 400 <= answer.status_code < 500 or SCRIPT in answer.headers.get("content-type", ""):
                wrong.append((name, method, path, answer.status_code, answer.text[:200]))

    assert wrong == []


def test_addresses_that_are_of_no_use_leave_no_trace(untouched: Api) -> None:
    wrong = []
    for path in PATHS:
        answer = httpx.get(f"{untouched.base_url}".rstrip("/") + path)
        if not 400 <= answer.status_code < 500 or "json" not in answer.headers["content-type"]:
            wrong.append((path, answer.status_code, answer.text[:200]))

    assert wrong == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(untouched: Api) -> None:
    limit = untouched.process.engine.payload_limit
    largest = untouched.post("/workflow", json={"name": "one", "input": {"a": "x" * (limit + 1)}})
    endless = untouched.post("/workflow", content=(b"x" * 65536 for _ in range(10_000)))

    assert largest.status_code == 400
    assert "input" in largest.json()["message"]
    assert endless.status_code == 413


def test_every_operation_with_a_body_refuses_one_that_is_no_json(untouched: Api) -> None:
    wrong = []
    for path, operations in api_document()["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            url = str(untouched.base_url).removesuffix("/api/") + path.replace("{", "").replace("}", "")
            for body in (b'{"a": ', rb'{"a": "\u0000"}', DEEP.encode()):
                answer = httpx.request(
                    method, url, content=body, headers={"content-type": "application/json"}
                )
                if not 400 <= answer.status_code < 500:
                    wrong.append((method, path, body[:10], answer.status_code))

    assert wrong == []


def test_scripts_in_names_are_data_and_answers_say_that_they_are_json(api: Api) -> None:
    name = f"{SCRIPT}"[:200]
    refused = api.put("/metadata/workflow", json=[workflow(name.replace("/", ""), simple("scan"))])
    api.register(workflow("one", simple("scan")))
    execution = api.start("one", correlationId=SCRIPT)

    answer = api.get(f"/workflow/{execution}")

    assert refused.status_code in (200, 400)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["correlationId"] == SCRIPT
    assert api.get("/workflow/search", params={"query": f"correlationId='{SCRIPT}'"}).status_code in (
        200,
        400,
    )


def test_a_start_of_a_strange_name_is_not_found_and_not_kept(untouched: Api) -> None:
    for name in ("../../x", "a'; DROP TABLE workflow; --", SCRIPT, "\u202e", "x" * 255):
        assert untouched.post("/workflow", json={"name": name}).status_code == 404
