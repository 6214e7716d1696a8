"""POST /workflow/test: a definition is run with made-up results, and nothing is left of it."""

from __future__ import annotations

import pytest

from app.operations import simulation
from app.store.tables import metadata
from tests.rest.client import Api, Json, simple, workflow
from tests.rest.test_signals import below, wait


def run(api: Api, name: str, **more: Json) -> Json:
    answer = api.post("/workflow/test", json={"name": name, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(execution: Json) -> list[tuple[str, str]]:
    return [(task["referenceTaskName"], task["status"]) for task in execution["tasks"]]


def mock(output: Json | None = None, status: str = "COMPLETED", **more: Json) -> Json:
    return {"output": output or {}, "status": status, **more}


def rows(api: Api) -> dict[str, int]:
    """How many rows each table has."""
    with api.process.store.engine.connect() as connection:
        return {
            table.name: connection.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar_one()
            for table in metadata.sorted_tables
        }


def test_made_up_results_take_a_definition_to_its_end_and_leave_no_trace(api: Api) -> None:
    script = {"evaluatorType": "javascript", "expression": "$.n * 2", "n": "${scan.output.n}"}
    inline = {"name": "i", "taskReferenceName": "i", "type": "INLINE", "inputParameters": script}
    http = {
        "name": "h",
        "taskReferenceName": "h",
        "type": "HTTP",
        "inputParameters": {"http_request": {"uri": "http://127.0.0.1:9/"}},
    }
    steps = (simple("scan"), inline, http, wait("approve"))
    api.register(workflow("four", *steps, outputParameters={"twice": "${i.output.result}"}))
    before = rows(api)

    ended = run(
        api,
        "four",
        taskRefToMockOutput={
            "scan": [mock(status="FAILED"), mock({"n": 21}, executionTime=5000, queueWaitTime=1000)],
            "h": [mock({"response": {"statusCode": 200}})],
            "approve": [mock()],
        },
    )

    assert (ended["status"], ended["output"]) == ("COMPLETED", {"twice": 42})
    assert told(ended) == [
        ("scan", "FAILED"),
        ("scan", "COMPLETED"),
        ("i", "COMPLETED"),
        ("h", "COMPLETED"),
        ("approve", "COMPLETED"),
    ]
    assert ended["endTime"] - ended["startTime"] >= 6000
    assert api.poll("scan") is None
    after = rows(api)
    # What polls is noted, whoever polls.
    assert after | {"poll_data": 0, "worker": 0} == before | {"poll_data": 0, "worker": 0}


def test_it_stops_before_a_task_that_has_no_result_and_calls_nobody(api: Api) -> None:
    http = {
        "name": "h",
        "taskReferenceName": "h",
        "type": "HTTP",
        "inputParameters": {"http_request": {"uri": "http://127.0.0.1:9/"}},
    }
    api.register(workflow("two", simple("scan"), http))

    at_worker = run(api, "two")
    at_call = run(api, "two", taskRefToMockOutput={"scan": [mock()]})

    assert (at_worker["status"], told(at_worker)) == ("RUNNING", [("scan", "SCHEDULED")])
    assert told(at_call) == [("scan", "COMPLETED"), ("h", "SCHEDULED")]


def test_forks_loops_switches_and_sub_workflows_are_the_real_ones(api: Api) -> None:
    loop = {
        "name": "loop",
        "taskReferenceName": "loop",
        "type": "DO_WHILE",
        "loopCondition": "$.loop['iteration'] < 3",
        "loopOver": [simple("each")],
    }
    switch = {
        "name": "which",
        "taskReferenceName": "which",
        "type": "SWITCH",
        "evaluatorType": "value-param",
        "expression": "kind",
        "inputParameters": {"kind": "${left.output.kind}"},
        "decisionCases": {"gift": [simple("wrap")]},
    }
    fork = {
        "name": "both",
        "taskReferenceName": "both",
        "type": "FORK_JOIN",
        "forkTasks": [[simple("left")], [below("child", "inner")]],
    }
    join = {"name": "done", "taskReferenceName": "done", "type": "JOIN", "joinOn": ["left", "child"]}
    api.register(workflow("inner", simple("within")), workflow("big", fork, join, switch, loop))

    ended = run(
        api,
        "big",
        taskRefToMockOutput={
            "left": [mock({"kind": "gift"})],
            "wrap": [mock()],
            "each": [mock({"i": 1}), mock({"i": 2})],
            "each__3": [mock({"i": 3})],
        },
        subWorkflowTestRequest={
            "child": {"name": "inner", "taskRefToMockOutput": {"within": [mock({"deep": True})]}}
        },
    )

    assert ended["status"] == "COMPLETED", told(ended)
    outputs = {task["referenceTaskName"]: task["outputData"] for task in ended["tasks"]}
    assert outputs["child"]["deep"] is True
    assert outputs["each__3"] == {"i": 3}
    assert ("wrap", "COMPLETED") in told(ended)


def test_a_definition_that_is_sent_along_need_not_be_registered_and_a_bad_one_is_refused(api: Api) -> None:
    sent = workflow("sent", simple("scan"))

    ended = run(api, "sent", workflowDef=sent, taskRefToMockOutput={"scan": [mock({"n": 1})]})
    unknown = api.post("/workflow/test", json={"name": "nix"})
    bad = api.post("/workflow/test", json={"name": "bad", "workflowDef": workflow("bad")})

    assert (ended["status"], ended["output"]) == ("COMPLETED", {"n": 1})
    assert api.get("/metadata/workflow/sent").status_code == 404
    assert (unknown.status_code, bad.status_code) == (404, 400)


def test_a_loop_of_operators_without_end_is_answered_all_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "MOST_MOVES", 20)
    loop = {
        "name": "loop",
        "taskReferenceName": "loop",
        "type": "DO_WHILE",
        "loopCondition": "true",
        "loopOver": [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}],
    }
    api.register(workflow("endless", loop))

    assert run(api, "endless")["status"] == "RUNNING"
