"""The section's pages and answers, in Flower's layout, below its prefix."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.operations.listing import Filters, list_page
from tests.flower.conftest import Site

SiteWith = Callable[..., Site]


def _first(site: Site) -> str:
    return list_page(site.engine, Filters()).rows[0].id


@pytest.mark.parametrize("path", ["/workers", "/tasks", "/workflows"])
def test_all_pages_have_the_tab_once(site: Site, path: str) -> None:
    page = site.get(path)

    assert page.status == 200
    assert page.text.count(">Workflows</a>") == 1
    assert ('active" aria-current="page" href="/workflows"' in page.text) == (path == "/workflows")


def test_all_addresses_stand_below_the_prefix(site_with: SiteWith) -> None:
    site = site_with(url_prefix="ops/flower")

    page = site.get("/workflows")

    assert page.status == 200
    assert 'data-root="/ops/flower/workflows"' in page.text
    assert 'src="/ops/flower/workflows/static/executions.js"' in page.text
    assert site.get("/workflows/static/executions.js").status == 200
    assert site.get("/workflows/data/executions").status == 200


def test_lists_filter_by_what_was_written(site: Site) -> None:
    found = site.get("/workflows/data/executions?correlation=c%261").json

    assert [row["correlation_id"] for row in found["page"]["rows"]] == ["c&1"]


@pytest.mark.parametrize("query", ["version=x", "limit=7", "from=1e9", "version=99999999999999999999"])
def test_a_filter_that_is_of_no_use_is_refused(site: Site, query: str) -> None:
    answer = site.get(f"/workflows/data/executions?{query}")

    assert answer.status == 400
    assert answer.json["error"]


def test_an_execution_is_shown_with_what_may_be_done(site: Site) -> None:
    found = site.get(f"/workflows/data/execution/{_first(site)}").json

    assert found["execution"]["tasks"][0]["ref"] == "nap"
    assert {"pause", "terminate", "complete-task"} <= set(found["verbs"])
    assert "retry" not in found["verbs"]
    graph = site.get(f"/workflows/data/graph/{found['execution']['program']}")
    assert "immutable" in graph.headers["Cache-Control"]
    assert [node["id"] for node in graph.json["nodes"]] == ["@start", "nap", "@end"]


def test_a_task_is_shown_with_its_input(site: Site) -> None:
    execution = _first(site)
    task = site.get(f"/workflows/data/execution/{execution}").json["execution"]["tasks"][0]

    found = site.get(f"/workflows/data/execution/{execution}/task/{task['id']}").json

    assert found["detail"]["task"]["input"] == {"duration": "1 day"}
    assert found["celeryId"] is None


@pytest.mark.parametrize("path", ["execution/nothing", "execution/nothing/payload", "graph/nothing"])
def test_what_is_not_there_is_said_as_json(site: Site, path: str) -> None:
    answer = site.get(f"/workflows/data/{path}")

    assert answer.status == 404
    assert answer.json["error"]


def test_a_state_that_does_not_allow_it_is_said(site: Site) -> None:
    answer = site.post(f"/workflows/actions/execution/{_first(site)}/resume", {"reason": "x"})

    assert answer.status == 409
    assert "not PAUSED" in answer.json["error"]


def test_an_action_without_a_reason_is_refused(site: Site) -> None:
    answer = site.post(f"/workflows/actions/execution/{_first(site)}/terminate", {"reason": "  "})

    assert answer.status == 400


def test_a_workflow_is_started_under_the_operators_name(site: Site) -> None:
    answer = site.post("/workflows/actions/start", {"name": "patient", "input": {"n": 1}})

    started = site.get(f"/workflows/data/execution/{answer.json['id']}").json["execution"]
    assert started["created_by"].startswith("somebody at 127.0.0.1")


def test_an_unknown_definition_is_said(site: Site) -> None:
    answer = site.post("/workflows/actions/start", {"name": "patiemt"})

    assert answer.status == 404
    assert "patient" in answer.json["error"]


def test_a_download_is_a_file_with_everything(site: Site) -> None:
    execution = _first(site)

    answer = site.get(f"/workflows/data/execution/{execution}/download")

    assert f'filename="execution-{execution}.json"' in answer.headers["Content-Disposition"]
    assert set(answer.json) == {"execution", "tasks"}


def test_the_page_of_an_execution_carries_nothing_that_runs(site: Site) -> None:
    page = site.get("/workflows/execution/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert page.status == 200
    assert "<script>alert" not in page.text


def test_many_are_acted_on_with_a_result_for_each(site: Site) -> None:
    ids = [row.id for row in list_page(site.engine, Filters()).rows[:2]]

    paused = site.post("/workflows/actions/bulk/pause", {"ids": [*ids, "nothing"], "reason": "look"}).json
    again = site.post("/workflows/actions/bulk/resume", {"ids": ids, "reason": "looked"}).json

    assert paused["done"] == ids
    assert list(paused["failed"]) == ["nothing"]
    assert again == {"done": ids, "failed": {}}


@pytest.mark.parametrize(
    ("verb", "ids", "status"),
    [("pause", "all", 400), ("pause", ["x"] * 51, 400), ("pause", [1], 400), ("skip-task", ["x"], 404)],
)
def test_many_that_are_of_no_use_are_refused(site: Site, verb: str, ids: object, status: int) -> None:
    assert (
        site.post(f"/workflows/actions/bulk/{verb}", {"ids": ids, "reason": "x", "ref": "a"}).status == status
    )


def test_definitions_are_listed_with_their_last_day(site: Site) -> None:
    found = site.get("/workflows/data/definitions").json

    one = next(row for row in found["workflows"] if row["name"] == "patient")
    assert one["versions"] == [1]
    assert one["day"]["runs"] >= 3
    assert {"tasks", "handlers", "schedules"} < set(found)


def test_a_definition_is_shown_with_its_graph_and_figures(site: Site) -> None:
    found = site.get("/workflows/data/definition?name=patient").json
    day = site.get("/workflows/data/figures?name=patient").json

    assert found["versions"] == [1]
    assert [node["id"] for node in found["graph"]["nodes"]] == ["@start", "nap", "@end"]
    assert len(day["hours"]) == 24
    assert sum(hour["other"] for hour in day["hours"]) == day["runs"] >= 3
    assert [task["ref"] for task in day["tasks"]] == ["nap"]


def test_a_definition_that_is_not_there_is_said(site: Site) -> None:
    assert site.get("/workflows/data/definition?name=nothing").status == 404
    assert site.get("/workflows/data/definition").status == 400


def test_queues_are_shown_without_a_broker(site: Site) -> None:
    found = site.get("/workflows/data/queues").json

    assert found["overview"]["open_tasks"] >= 3
    assert found["overview"]["queues"] == []


@pytest.mark.parametrize("path", ["definitions", "definition/patient", "queues"])
def test_every_page_is_there(site: Site, path: str) -> None:
    assert site.get(f"/workflows/{path}").status == 200
