"""Tags of definitions and schedules."""

from __future__ import annotations

import pytest

from tests.rest.client import Api, Json, simple, workflow

ONE = {"key": "team", "value": "payments", "type": "METADATA"}
TWO = {"key": "tier", "value": "1", "type": "METADATA"}


def prepare(api: Api) -> None:
    api.register(workflow("one", simple("scan")))
    api.post("/metadata/taskdefs", json=[{"name": "one"}]).raise_for_status()
    start = {"name": "one", "version": 1}
    schedule = {"name": "one", "cronExpression": "0 0 0 1 1 *", "startWorkflowRequest": start}
    api.post("/scheduler/schedules", json=schedule).raise_for_status()


@pytest.mark.parametrize("of", ["/metadata/workflow", "/metadata/task", "/scheduler/schedules"])
def test_tags_are_added_listed_and_taken_away(api: Api, of: str) -> None:
    prepare(api)
    path = f"{of}/one/tags"
    add = api.put if of.startswith("/scheduler") else api.post

    def remove(body: Json) -> None:
        api.request("DELETE", path, json=body).raise_for_status()

    add(path, json=[ONE]).raise_for_status()
    add(path, json=TWO).raise_for_status()
    add(path, json=TWO).raise_for_status()
    both = api.get(path).json()
    remove(ONE)
    remove([ONE])

    assert both == [ONE, TWO]
    assert api.get(path).json() == [TWO]
    assert api.get("/metadata/tags").json() == [TWO]
    assert api.get(f"{of}/nix/tags").status_code == 404
    assert add(f"{of}/nix/tags", json=[ONE]).status_code == 404
    assert add(path, json={"value": "without a key"}).status_code == 400


def test_tags_are_replaced_and_go_with_what_had_them(api: Api) -> None:
    prepare(api)
    api.put("/metadata/workflow/one/tags", json=[ONE]).raise_for_status()
    api.put("/metadata/workflow/one/tags", json=[TWO]).raise_for_status()
    api.put("/metadata/task/one/tags", json=[ONE]).raise_for_status()
    replaced = api.get("/metadata/workflow/one/tags").json()

    api.delete("/metadata/taskdefs/one").raise_for_status()
    api.delete("/metadata/workflow/one/1").raise_for_status()

    assert replaced == [TWO]
    assert api.get("/metadata/tags").json() == []


def test_the_names_of_secrets_can_be_tagged(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SECRET_BANK", "hush")

    api.put("/secrets/BANK/tags", json=[ONE, TWO]).raise_for_status()
    api.request("DELETE", "/secrets/BANK/tags", json=[TWO]).raise_for_status()

    assert api.get("/secrets/BANK/tags").json() == [ONE]
    assert {"name": "BANK", "tags": [ONE]} in api.get("/secrets-v2").json()
    assert "hush" not in api.get("/secrets-v2").text
    assert api.get("/secrets/NIX/tags").status_code == 404
    assert api.put("/secrets/NIX/tags", json=[ONE]).status_code == 404


def test_a_rate_limit_of_a_workflow_holds_until_it_is_taken_away(api: Api) -> None:
    prepare(api)
    path = "/metadata/tags/workflow/one"
    before = api.get(path).json()

    api.post(path, json={"rateLimit": {"concurrentExecLimit": 1}}).raise_for_status()
    first, second = api.start("one"), api.start("one")
    limited = api.get(path).json()
    waiting = api.get(f"/workflow/{second}").json()["tasks"]
    api.delete(path).raise_for_status()
    third = api.start("one")

    assert (before, api.get(path).json()) == ({}, {})
    assert limited["rateLimit"]["concurrentExecLimit"] == 1
    assert waiting == []
    assert [len(api.get(f"/workflow/{each}").json()["tasks"]) for each in (first, third)] == [1, 1]
    assert api.get("/metadata/tags/workflow/nix").status_code == 404
    assert api.post(path, json={}).status_code == 400
