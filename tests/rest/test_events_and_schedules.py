"""Event handlers and schedules over REST, with Conductor's paths and fields."""

from __future__ import annotations

from itertools import pairwise

from app.events.router import Router
from app.operations import schedules
from tests.rest.client import Api, workflow

WAIT = {"name": "pause", "taskReferenceName": "pause", "type": "WAIT", "inputParameters": {}}
HANDLER = {
    "name": "keep",
    "event": "conductor:paid",
    "active": True,
    "actions": [{"action": "start_workflow", "start_workflow": {"name": "kept", "input": {"n": "${n}"}}}],
}
SCHEDULE = {
    "name": "nightly",
    "cronExpression": "0 0 2 * * *",
    "zoneId": "Europe/Berlin",
    "startWorkflowRequest": {"name": "kept", "input": {"n": 1}},
}


def test_a_handler_is_registered_changed_found_by_its_event_and_removed(api: Api) -> None:
    assert api.post("/event", json=HANDLER).status_code == 200
    assert api.post("/event", json=HANDLER).status_code == 409
    assert api.put("/event", json=HANDLER | {"name": "other"}).status_code == 404
    assert api.put("/event", json=HANDLER | {"active": False}).status_code == 200

    assert [h["name"] for h in api.get("/event").json()] == ["keep"]
    assert api.get("/event/conductor%3Apaid").json() == []
    (found,) = api.get("/event/conductor:paid", params={"activeOnly": False}).json()
    assert found == HANDLER | {"active": False}

    assert api.delete("/event/keep").status_code == 200
    assert api.delete("/event/keep").status_code == 404


def test_a_handler_with_errors_is_refused_with_their_places(api: Api) -> None:
    answer = api.post("/event", json=HANDLER | {"event": "paid", "condition": "$.a >"})

    assert answer.status_code == 400
    assert [e["path"] for e in answer.json()["validationErrors"]] == ["event", "condition"]
    assert api.get("/event").json() == []


def test_an_event_is_published_acts_and_is_replayed(api: Api) -> None:
    api.post("/event", json=HANDLER)
    answer = api.post("/event/paid", params={"messageId": "m1"}, json={"n": 7})
    assert (answer.status_code, answer.text) == (200, "m1")
    Router(api.process.engine).tick()

    (failed,) = api.get("/event/executions", params={"status": "FAILED"}).json()
    assert "no workflow definition 'kept'" in failed["reason"]
    api.register(workflow("kept", WAIT))
    assert api.post(f"/event/executions/{failed['id']}/replay").status_code == 200
    Router(api.process.engine).tick()

    (done,) = api.get("/event/executions", params={"handler": "keep"}).json()
    execution = api.execution(done["output"]["workflowId"])
    assert (done["status"], execution["input"]["n"], execution["event"]) == ("COMPLETED", 7, "conductor:paid")


def test_events_that_can_not_be_published_or_found_are_refused(api: Api) -> None:
    assert api.post("/event/sqs:paid", json={}).status_code == 400
    assert api.post("/event/paid", json=[1]).status_code == 400
    assert api.post("/event/amqp_queue:paid", json={}).status_code == 503
    assert api.get("/event/executions", params={"status": "NICE"}).status_code == 400
    assert api.get("/event/messages/nix").status_code == 404
    assert api.post("/event/executions/nix/replay").status_code == 404
    assert api.post("/event/outbox/nix/resend").status_code == 404
    assert api.get("/event/outbox").json() == []


def test_a_schedule_is_saved_shown_paused_resumed_and_removed(api: Api) -> None:
    assert api.post("/scheduler/schedules", json=SCHEDULE).status_code == 200

    found = api.get("/scheduler/schedules/nightly").json()
    assert SCHEDULE.items() <= found.items()
    assert (found["paused"], found["runCatchupScheduleInstances"]) == (False, False)
    assert found["nextRunTime"] > found["createTime"]
    assert api.get("/scheduler/schedules", params={"workflowName": "other"}).json() == []

    assert api.put("/scheduler/schedules/nightly/pause", params={"reason": "why"}).status_code == 200
    found = api.get("/scheduler/schedules/nightly").json()
    assert (found["paused"], found["pausedReason"], found["nextRunTime"]) == (True, "why", None)
    assert api.get("/scheduler/schedules/search", params={"paused": True}).json()["totalHits"] == 1
    assert api.put("/scheduler/schedules/nightly/resume").status_code == 200
    assert api.put("/scheduler/schedules/nightly/resume").status_code == 404
    assert api.put("/scheduler/schedules/nix/resume").status_code == 404
    assert api.delete("/scheduler/schedules/nightly").status_code == 200
    assert api.delete("/scheduler/schedules/nightly").status_code == 200
    assert api.get("/scheduler/schedules/nightly").status_code == 404


def test_a_schedule_runs_out_of_turn_and_its_firings_are_found(api: Api) -> None:
    api.register(workflow("kept", WAIT))
    api.post("/scheduler/schedules", json=SCHEDULE)

    execution = api.post("/scheduler/schedules/nightly/run").text

    answer = api.get("/scheduler/search/executions").json()
    assert answer["totalHits"] == 1
    (firing,) = answer["results"]
    assert (firing["scheduleName"], firing["workflowId"], firing["state"]) == (
        "nightly",
        execution,
        "EXECUTED",
    )
    assert api.execution(execution)["input"]["_startedByScheduler"] == "nightly"


def test_all_schedules_are_paused_and_resumed_at_once_and_some_by_name(api: Api) -> None:
    for name in ("a", "b"):
        api.post("/scheduler/schedules", json=SCHEDULE | {"name": name})

    assert api.get("/scheduler/admin/pause").json()["bulkSuccessfulResults"] == ["a", "b"]
    assert all(row.paused for row in schedules.list_schedules(api.process.engine))
    assert api.get("/scheduler/admin/resume").json()["bulkSuccessfulResults"] == ["a", "b"]
    bulk = api.put("/scheduler/bulk/pause", json=["b", "nix"]).json()
    assert (bulk["bulkSuccessfulResults"], list(bulk["bulkErrorResults"])) == (["b"], ["nix"])
    assert api.get("/scheduler/admin/requeue").status_code == 200


def test_the_next_slots_of_an_expression(api: Api) -> None:
    start = 1_780_315_200_000
    params: dict[str, str | int] = {"cronExpression": "0 0 * * * *", "scheduleStartTime": start, "limit": 50}

    found = api.get("/scheduler/nextFewSchedules", params=params).json()

    assert len(found) == 5
    assert [b - a for a, b in pairwise(found)] == [3_600_000] * 4
    assert found[0] >= start
    assert api.get("/scheduler/nextFewSchedules", params={"cronExpression": "0 0"}).status_code == 400


def test_a_schedule_with_errors_is_refused_with_their_places(api: Api) -> None:
    answer = api.post("/scheduler/schedules", json=SCHEDULE | {"cronExpression": "0 0 25 * * *"})

    assert answer.status_code == 400
    assert [e["path"] for e in answer.json()["validationErrors"]] == ["cronExpression"]
