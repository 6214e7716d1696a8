"""The table of statuses, and the body of an error."""

from __future__ import annotations

from app.rest.errors import STATUS, error_body, status_of
from tests.rest.client import Api
from tests.unit.cli.test_exit_codes import _below, _import_all
from workflows.errors import PodiumError

NOT_OF_CALLS = {"ApiAddressError", "ApiPortError", "FlowerAddressError", "UpError", "AlreadyUp", "DemoError"}
"""Errors of processes that start, which no call can meet."""


def test_every_error_of_podium_has_a_status_and_every_name_in_the_table_is_an_error() -> None:
    _import_all()
    errors = list(_below(PodiumError))

    without = {error.__name__ for error in errors if status_of(error) is None}
    assert without <= NOT_OF_CALLS | {"WaitTimeout", "EmbeddedUnavailable"}
    assert set(STATUS) - {error.__name__ for error in errors} == set()


def test_only_what_may_work_later_is_retryable() -> None:
    assert error_body(503, "later")["retryable"] is True
    assert error_body(409, "never")["retryable"] is False


def test_an_unknown_path_is_answered_in_json(api: Api) -> None:
    answer = api.get("/nix")

    assert answer.status_code == 404
    assert answer.json()["message"] == "there is no /api/nix; /api-docs lists what there is"


def test_a_body_that_is_no_json_is_named(api: Api) -> None:
    answer = api.post("/workflow", content="{", headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("the body is no JSON")
