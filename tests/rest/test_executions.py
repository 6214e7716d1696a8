"""Starts, executions that somebody waits for, lists and searches."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.store import find
from tests.rest.client import Api, simple, workflow

ONE = workflow("one", simple("scan", inputParameters={"n": "${workflow.input.n}"}))
NOOP = {"name": "nothing", "taskReferenceName": "nothing", "type": "NOOP"}
WAIT = {"name": "pause", "taskReferenceName": "pause", "type": "WAIT", "inputParameters": {}}


def test_a_start_answers_the_id_as_text(api: Api) -> None:
    api.register(ONE)

    by_body = api.post("/workflow", json={"name": "one", "input": {"n": 1}, "correlationId": "c"})
    by_path = api.post("/workflow/one", params={"correlationId": "d", "priority": 3}, json={"n": 2})

    assert by_body.headers["content-type"].startswith("text/plain")
    first, second = api.execution(by_body.text), api.execution(by_path.text)
    assert (first["input"], first["correlationId"], first["workflowName"]) == ({"n": 1}, "c", "one")
    assert (second["input"], second["correlationId"], second["priority"]) == ({"n": 2}, "d", 3)


def test_a_definition_in_the_start_need_not_be_registered(api: Api) -> None:
    execution = api.start("inline", workflowDef=workflow("inline", NOOP))

    assert api.execution(execution)["status"] == "COMPLETED"
    assert api.get("/metadata/workflow/inline").status_code == 404


def test_a_key_that_was_used_is_refused_or_answered_as_its_strategy_says(api: Api) -> None:
    api.register(ONE)
    first = api.start("one", idempotencyKey="k", idempotencyStrategy="FAIL")

    again = api.post("/workflow", json={"name": "one", "idempotencyKey": "k", "idempotencyStrategy": "FAIL"})
    same = api.start("one", idempotencyKey="k", idempotencyStrategy="RETURN_EXISTING")

    assert again.status_code == 409
    assert same == first


def test_what_is_not_there_is_named(api: Api) -> None:
    for answer in (
        api.post("/workflow", json={"name": "nix"}),
        api.get("/workflow/nix"),
        api.get("/workflow/nix/status"),
        api.get("/tasks/nix"),
        api.get("/metadata/workflow/nix"),
        api.get("/metadata/taskdefs/nix"),
        api.delete("/metadata/workflow/nix/1"),
        api.put("/workflow/nix/pause"),
    ):
        assert answer.status_code == 404
        assert "'nix'" in answer.json()["message"]


def test_execute_answers_as_soon_as_a_worker_has_ended_it(api: Api) -> None:
    api.register(ONE)
    with ThreadPoolExecutor() as pool:
        began = time.monotonic()
        waiting = pool.submit(api.post, "/workflow/execute/one/1", json={"input": {"n": 4}})
        (task,) = api.batch("scan", timeout=5000)
        api.update(task, outputData={"m": 5})
        answer = waiting.result().json()

    assert time.monotonic() - began < 5
    assert (answer["status"], answer["output"], answer["signalTimeout"]) == ("COMPLETED", {"m": 5}, False)
    assert (answer["responseType"], answer["targetWorkflowStatus"]) == ("TARGET_WORKFLOW", "COMPLETED")
    assert [task["status"] for task in answer["tasks"]] == ["COMPLETED"]


def test_execute_hears_of_an_end_in_another_process(api: Api, another: Callable[[], Api]) -> None:
    api.register(ONE)
    other = another()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(api.post, "/workflow/execute/one/1", json={})
        (task,) = other.batch("scan", timeout=5000)
        began = time.monotonic()
        other.update(task)
        answer = waiting.result().json()

    assert answer["status"] == "COMPLETED"
    assert time.monotonic() - began < 0.9


def test_execute_stops_at_a_task_that_was_asked_for_at_a_wait_and_at_its_time(api: Api) -> None:
    api.register(workflow("two", simple("first"), simple("last")), workflow("waits", NOOP, WAIT))
    with ThreadPoolExecutor() as pool:
        params = {"waitUntilTaskRef": "first", "returnStrategy": "TARGET_WORKFLOW"}
        waiting = pool.submit(api.post, "/workflow/execute/two/1", params=params, json={})
        (task,) = api.batch("first", timeout=5000)
        api.update(task)
        at_task = waiting.result().json()

    at_wait = api.post(
        "/workflow/execute/waits/0", params={"returnStrategy": "BLOCKING_TASK"}, json={}
    ).json()
    in_vain = api.post("/workflow/execute/two/1", params={"waitForSeconds": 1}, json={}).json()

    assert (at_task["status"], at_task["signalTimeout"]) == ("RUNNING", False)
    assert (at_wait["responseType"], at_wait["referenceTaskName"]) == ("BLOCKING_TASK", "pause")
    assert (in_vain["status"], in_vain["signalTimeout"]) == ("RUNNING", True)


def test_executions_are_found_by_conditions(api: Api) -> None:
    api.register(ONE, workflow("done", NOOP))
    running = api.start("one", correlationId="order-x1")
    done = api.start("done", correlationId="order-x2")

    def found(query: str, **params: str) -> list[str]:
        answer = api.get("/workflow/search", params={"query": query, **params}).json()
        assert answer["totalHits"] == len(answer["results"])
        return [row["workflowId"] for row in answer["results"]]

    assert found("") == [done, running]
    assert found("", sort="startTime:ASC") == [running, done]
    assert found("status = 'RUNNING' AND workflowType=one") == [running]
    assert found("status IN (COMPLETED, FAILED)") == [done]
    assert found("correlationId = 'order-x*' AND startTime > 1700000000000") == [done, running]
    assert found("", freeText="order-x2") == [done]
    assert found("status = FAILED OR (workflowType = one AND status != COMPLETED)") == [running]
    assert found("", topLevelOnly="true") == [done, running]
    tasks = api.get("/tasks/search", params={"query": "taskType = 'scan'"}).json()["results"]
    assert [(task["workflowId"], task["status"]) for task in tasks] == [(running, "SCHEDULED")]
    by_tasks = api.get("/workflow/search-by-tasks", params={"query": "taskDefName = scan"}).json()["results"]
    assert [row["workflowId"] for row in by_tasks] == [running]


def test_a_text_is_found_in_inputs_of_executions_and_tasks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.register(ONE)
    wanted = api.start("one", input={"order": "ORD-7712"})
    api.start("one", input={"order": "ORD-1"})

    answer = api.get("/workflow/search", params={"freeText": "ord-77*2"}).json()
    assert ([row["workflowId"] for row in answer["results"]], answer.get("searchedBackTo")) == (
        [wanted],
        None,
    )
    assert api.get("/tasks/search", params={"freeText": "nowhere"}).json() == {"totalHits": 0, "results": []}

    monkeypatch.setattr(find, "SCAN", 1)
    monkeypatch.setattr(find, "_shapes", {})
    answer = api.get("/workflow/search", params={"freeText": "nowhere"}).json()
    assert answer["totalHits"] == 0
    assert abs(answer["searchedBackTo"] - time.time() * 1000) < 60_000


def test_a_search_that_can_not_be_read_is_refused_with_the_place(api: Api) -> None:
    for query, words in (
        ("status ~ x", "'status ~ x'"),
        ("colour = red", "'colour'"),
        ("startTime > now", "'now'"),
    ):
        answer = api.get("/workflow/search", params={"query": query})
        assert answer.status_code == 400
        assert words in answer.json()["message"]
    assert api.get("/workflow/search", params={"size": 5001}).status_code == 400


def test_empty_parameters_of_sdks_are_their_defaults(api: Api) -> None:
    params = {"start": "", "size": "", "freeText": "", "query": "", "queryId": ""}
    assert api.get("/workflow/search", params=params).status_code == 200


def test_correlated_running_and_a_page_of_tasks(api: Api) -> None:
    api.register(ONE, workflow("done", NOOP))
    running, done = api.start("one", correlationId="c"), api.start("done", correlationId="c")

    assert api.get("/workflow/running/one").json() == [running]
    assert [w["workflowId"] for w in api.get("/workflow/one/correlated/c").json()] == [running]
    by_key = api.post("/workflow/done/correlated", params={"includeClosed": True}, json=["c", "d"]).json()
    assert {key: [w["workflowId"] for w in found] for key, found in by_key.items()} == {"c": [done], "d": []}
    names = {"workflowNames": ["one", "done"], "correlationIds": ["c"]}
    batch = api.post("/workflow/correlated/batch", params={"includeClosed": True}, json=names).json()
    assert [w["workflowId"] for w in batch["c"]] == [running, done]
    page = api.get(f"/workflow/{running}/tasks", params={"status": "SCHEDULED"}).json()
    assert (page["totalHits"], page["results"][0]["referenceTaskName"]) == (1, "scan")


def test_executions_are_paused_resumed_terminated_retried_and_rerun(api: Api) -> None:
    api.register(workflow("two", simple("first"), simple("last")))
    execution = api.start("two")

    assert api.put(f"/workflow/{execution}/pause").status_code == 200
    api.update(api.poll("first"))
    assert api.tasks(execution) == {"first": "COMPLETED"}
    assert api.put(f"/workflow/{execution}/resume").status_code == 200
    assert api.tasks(execution) == {"first": "COMPLETED", "last": "SCHEDULED"}
    assert api.post(f"/workflow/{execution}/restart").status_code == 409
    assert api.delete(f"/workflow/{execution}", params={"reason": "enough"}).status_code == 200
    assert api.execution(execution)["reasonForIncompletion"] == "enough"
    assert api.post(f"/workflow/{execution}/retry").status_code == 204
    assert api.poll("last")["retryCount"] == 1
    api.delete(f"/workflow/{execution}")
    rerun = api.post(f"/workflow/{execution}/rerun", json={})
    assert (rerun.status_code, rerun.text) == (200, execution)
    assert api.poll("first") is not None


def test_a_definition_can_be_changed_and_taken_away(api: Api) -> None:
    one, other = workflow("w", NOOP), workflow("w", simple("scan"))
    assert api.post("/metadata/workflow", json=one).status_code == 200
    assert api.post("/metadata/workflow", json=other).status_code == 409
    assert api.post("/metadata/workflow", params={"overwrite": True}, json=other).status_code == 200
    assert api.get("/metadata/workflow/w").json()["tasks"][0]["name"] == "scan"
    assert api.get("/metadata/workflow/names-and-versions").json()["w"][0]["version"] == 1
    assert api.delete("/metadata/workflow/w/1").status_code == 200
    assert api.get("/metadata/workflow").json() == []


def test_findings_come_with_their_places(api: Api) -> None:
    answer = api.post("/metadata/workflow", json=workflow("w", simple("a", ref="x"), simple("b", ref="x")))

    assert answer.status_code == 400
    assert [found["path"] for found in answer.json()["validationErrors"]] == ["tasks[1].taskReferenceName"]


def test_task_definitions_are_registered_changed_and_taken_away(api: Api) -> None:
    assert api.post("/metadata/taskdefs", json=[{"name": "t"}]).status_code == 200
    assert api.put("/metadata/taskdefs", json={"name": "t", "retryCount": 9}).status_code == 200
    assert api.put("/metadata/taskdefs", json={"name": "nix"}).status_code == 404
    assert api.get("/metadata/taskdefs/t").json()["retryCount"] == 9
    assert [t["name"] for t in api.get("/metadata/taskdefs").json()] == ["t"]
    assert api.delete("/metadata/taskdefs/t").status_code == 200
    assert api.get("/metadata/taskdefs/t").status_code == 404
