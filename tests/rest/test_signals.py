"""Signals, updates of the state, and what waits for what comes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.rest.client import Api, Json, simple, workflow


def wait(ref: str, **inputs: Json) -> Json:
    return {"name": ref, "taskReferenceName": ref, "type": "WAIT", "inputParameters": inputs}


def below(ref: str, name: str) -> Json:
    return {
        "name": ref,
        "taskReferenceName": ref,
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": name, "version": 1},
    }


TWO_WAITS = workflow("waits", wait("first"), wait("second"), outputParameters={"n": "${first.output.n}"})


def test_a_signal_ends_what_is_waited_at_and_answers_where_it_waits_next(api: Api) -> None:
    api.register(TWO_WAITS)
    execution = api.start("waits")

    first = api.post(
        f"/tasks/{execution}/COMPLETED/signal/sync", params={"returnStrategy": "BLOCKING_TASK"}, json={"n": 1}
    ).json()
    ended = api.post(f"/tasks/{execution}/COMPLETED/signal/sync", json={}).json()
    none = api.post(f"/tasks/{execution}/COMPLETED/signal/sync", json={})

    assert (first["responseType"], first["referenceTaskName"]) == ("BLOCKING_TASK", "second")
    assert (ended["status"], ended["output"], ended["signalTimeout"]) == ("COMPLETED", {"n": 1}, False)
    assert none.status_code == 404
    assert f"Found no blocked task in workflow {execution} to signal" in none.json()["message"]


def test_a_signal_finds_the_wait_of_a_sub_workflow(api: Api) -> None:
    api.register(TWO_WAITS, workflow("above", below("child", "waits"), simple("last")))
    execution = api.start("above")
    api.until(lambda: api.execution(execution)["tasks"][0].get("subWorkflowId"))

    api.until(lambda: api.post(f"/tasks/{execution}/COMPLETED/signal/sync", json={}).status_code == 200)
    answer = api.post(
        f"/tasks/{execution}/COMPLETED/signal/sync",
        params={"returnStrategy": "BLOCKING_WORKFLOW", "timeoutMillis": 100},
        json={},
    ).json()

    assert answer["targetWorkflowId"] == execution
    assert api.tasks(execution) == {"child": "COMPLETED", "last": "SCHEDULED"}


def test_a_signal_without_sync_does_nothing_where_nothing_waits(api: Api) -> None:
    api.register(TWO_WAITS, workflow("one", simple("scan")))
    execution, other = api.start("waits"), api.start("one")

    done = api.post(f"/tasks/{execution}/FAILED/signal", json={"why": "no"})
    nothing = api.post(f"/tasks/{other}/COMPLETED/signal", json={})

    assert (done.status_code, nothing.status_code) == (200, 200)
    assert api.execution(execution)["status"] == "FAILED"
    assert api.tasks(other) == {"scan": "SCHEDULED"}
    assert api.post("/tasks/nix/COMPLETED/signal", json={}).status_code == 404
    assert api.post(f"/tasks/{other}/DONE/signal", json={}).status_code == 400


def test_a_signal_hears_of_an_end_in_another_process(api: Api, another: Callable[[], Api]) -> None:
    api.register(workflow("mixed", wait("first"), simple("scan")))
    other, execution = another(), api.start("mixed")
    answers: list[Json] = []

    def signal() -> None:
        answers.append(api.post(f"/tasks/{execution}/COMPLETED/signal/sync", json={}).json())

    thread = threading.Thread(target=signal)
    thread.start()
    (task,) = other.batch("scan", timeout=5000)
    other.update(task, outputData={"m": 1})
    thread.join(30)

    assert [answer["status"] for answer in answers] == ["COMPLETED"]


def test_the_state_changes_in_one_go(api: Api) -> None:
    decided = simple("scan", inputParameters={"who": "${workflow.variables.who}"})
    api.register(workflow("stateful", wait("first"), decided))
    execution = api.start("stateful")

    refused = api.post(
        f"/workflow/{execution}/state",
        json={"variables": {"who": "nobody"}, "taskReferenceName": "nix", "taskResult": _result("COMPLETED")},
    )
    answer = api.post(
        f"/workflow/{execution}/state",
        params={"waitUntilTaskRef": "first", "waitForSeconds": 5, "requestId": "r"},
        json={"variables": {"who": "ann"}, "taskReferenceName": "first", "taskResult": _result("COMPLETED")},
    ).json()

    assert refused.status_code == 404
    assert (answer["variables"], answer["requestId"], answer["status"]) == ({"who": "ann"}, "r", "RUNNING")
    assert api.poll("scan")["inputData"] == {"who": "ann"}
    api.delete(f"/workflow/{execution}")
    assert api.post(f"/workflow/{execution}/state", json={"variables": {}}).status_code == 409


def _result(status: str) -> Json:
    return {"taskId": "unknown", "workflowInstanceId": "unknown", "status": status, "outputData": {}}


def test_execute_by_name_answers_the_output_alone(api: Api) -> None:
    noop = {"name": "n", "taskReferenceName": "n", "type": "NOOP"}
    api.register(workflow("echo", noop, outputParameters={"said": "${workflow.input.say}"}))

    answer = api.post("/workflow/execute/echo", json={"say": "hello"})

    assert answer.json() == {"said": "hello"}
    assert api.execution(answer.headers["x-workflow-id"])["status"] == "COMPLETED"


def test_a_queue_update_ends_a_wait_by_its_reference_or_its_id(api: Api) -> None:
    api.register(TWO_WAITS)
    execution = api.start("waits")

    by_ref = api.post(f"/queue/update/{execution}/first/COMPLETED", json={"n": 3})
    task = api.execution(execution)["tasks"][1]["taskId"]
    not_an_end = api.post(f"/queue/update/{execution}/task/{task}/IN_PROGRESS", json={})
    by_id = api.post(f"/queue/update/{execution}/task/{task}/COMPLETED", json={})

    assert (by_ref.status_code, not_an_end.status_code, by_id.status_code) == (200, 400, 200)
    assert api.execution(execution)["output"] == {"n": 3}
    assert api.post(f"/queue/update/{execution}/first/COMPLETED", json={}).status_code == 404


def test_callbacks_are_reset_so_that_who_polls_is_handed_the_task_now(api: Api) -> None:
    api.register(workflow("one", simple("scan")))
    execution = api.start("one")
    api.update(api.poll("scan"), "IN_PROGRESS", callbackAfterSeconds=3600)

    before = api.poll("scan")
    done = api.post(f"/workflow/{execution}/resetcallbacks", json={})
    began = time.monotonic()
    after = api.poll("scan")

    assert before is None
    assert done.status_code == 204
    assert after["pollCount"] == 2
    assert time.monotonic() - began < 30
    api.update(after)
    assert api.post(f"/workflow/{execution}/resetcallbacks", json={}).status_code == 409
