"""Large payloads are kept outside of the database, and clients may bring and fetch them themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests.rest.client import Api
from tests.rest.conftest import serving

FLOW = {
    "name": "flow",
    "version": 1,
    "tasks": [
        {"name": "elsewhere", "taskReferenceName": "a", "inputParameters": {"all": "${workflow.input.all}"}}
    ],
}
LARGE = {"all": ["x" * 100] * 50}


@pytest.fixture
def keeping(settings: Settings, tmp_path: Path) -> Iterator[Api]:
    """An API that keeps what is larger than 1,000 bytes in a folder."""
    kept = dataclasses.replace(
        settings, payload_store_url=str(tmp_path / "payloads"), payload_inline_bytes=1_000
    )
    with serving(kept) as (process, url), Api(url, process) as api:
        api.register(FLOW)
        yield api


def test_a_client_brings_its_input_and_a_worker_its_output(keeping: Api, tmp_path: Path) -> None:
    place = keeping.get(
        "/workflow/externalstoragelocation?path=&operation=WRITE&payloadType=WORKFLOW_INPUT"
    ).json()
    assert httpx.put(place["uri"], json=LARGE).status_code == 200

    started = {"name": "flow", "externalInputPayloadStoragePath": place["path"]}
    execution_id = keeping.post("/workflow", json=started).text
    task = keeping.get("/tasks/poll/elsewhere").json()
    assert task["inputData"] == LARGE

    place = keeping.get("/tasks/external-storage-location?operation=WRITE&payloadType=TASK_OUTPUT").json()
    httpx.put(place["uri"], json={"many": LARGE})
    result = {
        "workflowInstanceId": execution_id,
        "taskId": task["taskId"],
        "status": "COMPLETED",
        "externalOutputPayloadStoragePath": place["path"],
    }
    assert keeping.post("/tasks", json=result).status_code == 200

    assert keeping.get(f"/workflow/{execution_id}").json()["output"] == {"many": LARGE}
    assert len(list((tmp_path / "payloads" / execution_id).iterdir())) == 4


def test_what_was_brought_can_be_fetched(keeping: Api) -> None:
    path = keeping.get("/workflow/externalstoragelocation").json()["path"]
    place = keeping.get(f"/workflow/externalstoragelocation?path={path}&operation=READ").json()
    assert place["path"] == path
    httpx.put(place["uri"], json=LARGE)

    assert httpx.get(place["uri"]).json() == LARGE
    # Where Conductor has them that keeps them in PostgreSQL.
    assert keeping.get(f"/external/postgres/{path}").json() == LARGE


def test_nothing_is_brought_to_where_an_execution_keeps_its_own(keeping: Api, tmp_path: Path) -> None:
    execution_id = keeping.start("flow", LARGE)
    (file, *_) = (tmp_path / "payloads" / execution_id).iterdir()

    for path in (f"{execution_id}/{file.name}", "clients/mine.json", "clients/../x.json"):
        refused = keeping.put(f"/external/payload/{path}", json={"all": "lost"})
        assert refused.status_code in (400, 404, 405)
    assert keeping.execution(execution_id)["input"] == LARGE


@pytest.mark.parametrize("path", ["../podium.db", "a/b", "/etc/passwd", "clients/../../x.json", "a/b/c.json"])
def test_only_paths_of_payloads_are_taken(keeping: Api, path: str) -> None:
    refused = keeping.get("/workflow/externalstoragelocation", params={"path": path})

    assert refused.status_code == 400
    assert "is no path of a payload" in refused.json()["message"]
    started = {"name": "flow", "externalInputPayloadStoragePath": path}
    assert keeping.post("/workflow", json=started).status_code == 400


def test_what_is_not_there_can_not_be_started_with(keeping: Api) -> None:
    started = {"name": "flow", "externalInputPayloadStoragePath": "clients/none.json"}

    answer = keeping.post("/workflow", json=started)

    assert (answer.status_code, "it is not there" in answer.json()["message"]) == (404, True)


def test_without_a_store_none_is_offered(api: Api) -> None:
    refused = api.get("/tasks/externalstoragelocation")

    assert refused.status_code == 400
    assert "PODIUM_PAYLOAD_STORE_URL" in refused.json()["message"]
