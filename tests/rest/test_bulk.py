"""One call for many executions, and executions that are removed."""

from __future__ import annotations

from typing import Any

from tests.rest.client import Api, Json, simple, workflow

ONE = workflow("one", simple("scan"))


def bulk(api: Api, method: str, what: str, ids: list[str], **params: Any) -> Json:
    return api.request(method, f"/workflow/bulk/{what}", json=ids, params=params).raise_for_status().json()


def test_each_execution_is_done_by_itself_and_tells_why_it_could_not_be(api: Api) -> None:
    api.register(ONE)
    first, second = api.start("one"), api.start("one")

    paused = bulk(api, "PUT", "pause", [first, "nix", first])
    resumed = bulk(api, "PUT", "resume", [first, second])
    ended = bulk(api, "POST", "terminate", [first, second], reason="enough")
    again = bulk(api, "POST", "restart", [first])
    retried = bulk(api, "POST", "retry", [second])
    found = bulk(api, "POST", "search", [first, "nix"], includeTasks=False)

    assert paused["bulkSuccessfulResults"] == [first]
    assert list(paused["bulkErrorResults"]) == ["nix"]
    assert (resumed["bulkSuccessfulResults"], list(resumed["bulkErrorResults"])) == ([first], [second])
    assert ended["bulkSuccessfulResults"] == [first, second]
    assert again["bulkSuccessfulResults"] == [first]
    assert retried["bulkSuccessfulResults"] == [second]
    assert [(e["workflowId"], e["status"], e["tasks"]) for e in found["bulkSuccessfulResults"]] == [
        (first, "RUNNING", [])
    ]


def test_too_many_and_none_are_refused(api: Api) -> None:
    for method, what in (
        ("PUT", "pause"),
        ("POST", "terminate"),
        ("POST", "search"),
        ("DELETE", "terminate-remove"),
    ):
        for ids in ([], [str(n) for n in range(1001)]):
            assert api.request(method, f"/workflow/bulk/{what}", json=ids).status_code == 400


def test_an_execution_is_removed_once_it_has_ended(api: Api) -> None:
    api.register(ONE)
    first, second, third = (api.start("one") for _ in range(3))

    running = api.delete(f"/workflow/{first}/remove")
    api.update(api.poll("scan"))
    api.delete(f"/workflow/{first}/remove", params={"archiveWorkflow": False}).raise_for_status()
    api.delete(f"/workflow/{second}/terminate-remove", params={"reason": "no"}).raise_for_status()
    gone = bulk(api, "DELETE", "terminate-remove", [third, "nix"])
    none = bulk(api, "DELETE", "remove", [first])

    assert running.status_code == 409
    assert (gone["bulkSuccessfulResults"], list(gone["bulkErrorResults"])) == ([third], ["nix"])
    assert list(none["bulkErrorResults"]) == [first]
    for execution in (first, second, third):
        assert api.get(f"/workflow/{execution}").status_code == 404
