"""JSON Schemas that definitions name: kept by name and version, and what inputs are held against."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.client import Api, simple, workflow

NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
TEXT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}
NAMED = {"name": "order", "version": 1, "type": "JSON"}


def put(api: Api, data: Any = NUMBER, **more: Any) -> None:
    api.post("/schema", json=NAMED | {"data": data} | more).raise_for_status()


def start(api: Api, given: Any, name: str = "one") -> Any:
    return api.post(f"/workflow/{name}", json=given)


def test_schemas_are_saved_read_listed_and_deleted(api: Api) -> None:
    put(api)
    api.post("/schema?newVersion=true", json=[NAMED | {"data": TEXT}]).raise_for_status()

    latest = api.get("/schema/order").json()
    listed = [(row["name"], row["version"], row["data"]) for row in api.get("/schema").json()]
    api.delete("/schema/order/1").raise_for_status()

    assert (latest["version"], latest["type"], latest["data"]) == (2, "JSON", TEXT)
    assert latest["createTime"] <= latest["updateTime"]
    assert listed == [("order", 1, NUMBER), ("order", 2, TEXT)]
    assert api.get("/schema/order/1").status_code == 404
    assert api.get("/schema/order/2").json() == latest
    api.delete("/schema/order").raise_for_status()
    assert api.delete("/schema/order").status_code == 404
    assert api.get("/schema").json() == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"data": {"type": "nothing"}}, "It is no JSON Schema at $.type"),
        ({"data": None}, "the JSON Schema there"),
        ({"name": " ", "data": {}}, "needs a name"),
        ({"version": 0, "data": {}}, "must be between 1 and"),
    ],
)
def test_what_is_no_schema_is_refused_and_nothing_of_the_list_is_stored(
    api: Api, wrong: Any, what: str
) -> None:
    answer = api.post("/schema", json=[NAMED | {"name": "good", "data": NUMBER}, NAMED | wrong])

    assert answer.status_code == 400
    assert what in answer.json()["message"]
    assert api.get("/schema").json() == []


def test_a_workflow_is_held_against_the_schema_that_it_names(api: Api) -> None:
    put(api)
    api.register(workflow("one", simple("scan"), inputSchema=NAMED))

    refused = start(api, {"n": "text"})

    assert refused.status_code == 400
    assert "does not fit its schema at $.n: 'text' is not of type 'integer'" in refused.json()["message"]
    assert start(api, {"n": 1}).status_code == 200
    # The definition itself is as it was written.
    assert api.get("/metadata/workflow/one").json()["inputSchema"] == NAMED


def test_a_changed_schema_holds_from_the_next_start_on(api: Api) -> None:
    put(api)
    task = {"name": "scan", "retryCount": 0, "enforceSchema": True, "inputSchema": NAMED}
    api.post("/metadata/taskdefs", json=[task]).raise_for_status()
    api.register(workflow("one", simple("scan", inputParameters={"n": "${workflow.input.n}"})))
    before = start(api, {"n": 1}).text

    put(api, TEXT)
    after = start(api, {"n": 1}).text

    assert api.get(f"/workflow/{before}").json()["status"] == "RUNNING"
    ended = api.get(f"/workflow/{after}").json()
    assert ended["status"] == "FAILED"
    assert "1 is not of type 'string'" in ended["tasks"][0]["reasonForIncompletion"]
    assert api.get("/metadata/taskdefs/scan").json()["inputSchema"] == NAMED
    assert api.get("/metadata/taskdefs").json()[0]["inputSchema"] == NAMED


def test_a_definition_can_not_name_a_schema_that_there_is_not(api: Api) -> None:
    inside = {"name": "scan", "enforceSchema": True, "outputSchema": NAMED}

    whole = api.post("/metadata/workflow", json=workflow("one", simple("scan"), inputSchema=NAMED))
    task = api.post("/metadata/taskdefs", json=[inside])
    inline = api.post("/metadata/workflow", json=workflow("one", simple("scan", taskDefinition=inside)))
    unregistered = api.post(
        "/workflow", json={"name": "x", "workflowDef": workflow("x", simple("scan"), inputSchema=NAMED)}
    )

    assert [answer.status_code for answer in (whole, task, inline, unregistered)] == [400, 400, 400, 404]
    assert whole.json()["validationErrors"][0]["path"] == "inputSchema"
    assert inline.json()["validationErrors"][0]["path"] == "tasks[0].taskDefinition.outputSchema"
    assert "task definition 'scan'" in task.json()["message"]
    for answer in (whole, task, inline):
        assert "No schema 'order' version 1 is registered. Register it first" in answer.json()["message"]
    # What is not enforced is kept, as Conductor keeps it.
    kept = workflow("one", simple("scan"), inputSchema=NAMED, enforceSchema=False)
    assert api.post("/metadata/workflow", json=kept).status_code == 200


def test_a_schema_that_definitions_name_stays(api: Api) -> None:
    put(api)
    put(api, version=2)
    inline = {"name": "scan", "enforceSchema": True, "inputSchema": NAMED}
    api.register(workflow("one", simple("scan", taskDefinition=inline)))
    task = {"name": "pack", "outputSchema": NAMED}
    api.post("/metadata/taskdefs", json=[task]).raise_for_status()

    refused = [api.delete("/schema/order/1"), api.delete("/schema/order")]

    for answer in refused:
        assert answer.status_code == 409
        assert (
            "schema 'order' version 1 is used by workflow definition 'one' version 1, task definition 'pack'"
            in answer.json()["message"]
        )
    assert len(api.get("/schema").json()) == 2
    api.delete("/schema/order/2").raise_for_status()
    api.delete("/metadata/workflow/one/1").raise_for_status()
    api.delete("/metadata/taskdefs/pack").raise_for_status()
    api.delete("/schema/order/1").raise_for_status()
