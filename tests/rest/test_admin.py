"""Health, metrics, the page of what there is, and queues for operators of the installation."""

from __future__ import annotations

import httpx

from tests.rest.client import Api, simple, workflow


def _outside(api: Api, path: str) -> httpx.Response:
    return httpx.get(str(api.base_url.copy_with(path=path)))


def test_a_slash_at_the_end_of_what_is_outside_of_api_is_led_back(api: Api) -> None:
    answer = _outside(api, "/health/")

    assert (answer.status_code, answer.headers["location"]) == (
        307,
        str(api.base_url.copy_with(path="/health")),
    )


def test_it_is_well_and_says_what_it_has_asked(api: Api) -> None:
    answer = _outside(api, "/health")

    assert answer.status_code == 200
    assert {found["name"]: found["healthy"] for found in answer.json()["healthResults"]} == {
        "database": True,
        "broker": True,
    }
    assert api.get("/health").json()["healthy"] is True


def test_metrics_count_calls_by_route_and_tasks_by_queue(api: Api) -> None:
    api.register(workflow("one", simple("scan")))
    execution = api.start("one")
    api.execution(execution)
    api.start("one")
    api.update(api.poll("scan"))

    found = _outside(api, "/metrics").text

    assert 'podium_task_queue_depth{queue="scan"} 1.0' in found
    assert 'podium_workflow_open{status="RUNNING"} 1.0' in found
    assert 'route="/api/workflow/{workflow_id}"' in found
    assert "podium_workflow_start_total 2.0" in found
    assert 'podium_task_update_total{status="COMPLETED"} 1.0' in found
    assert 'podium_event_queue_depth{queue="inbox"} 0.0' in found
    assert execution not in found


def test_the_page_of_operations_loads_nothing_from_elsewhere(api: Api) -> None:
    page = _outside(api, "/api-docs").text
    document = _outside(api, "/api-docs.json").json()

    assert "/api/workflow/execute/{name}/{version}" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert document["paths"]["/api/tasks/poll/{tasktype}"]["get"]["x-podium-role"] == "operator"


def test_queues_and_what_waits_in_them(api: Api) -> None:
    api.register(workflow("one", simple("scan")))
    execution = api.start("one")

    assert [task["workflowInstanceId"] for task in api.get("/admin/task/scan").json()] == [execution]
    assert api.get("/admin/queues").json() == {"scan": 1}
    assert api.get("/queue/size").json() == {"scan": 1}
    assert api.post(f"/admin/sweep/requeue/{execution}").text == "true"
    assert set(api.get("/admin/config").json()) == {"version", "settings", "variables"}
    assert api.get("/version").text
