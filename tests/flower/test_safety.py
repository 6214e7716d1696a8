"""Who may see and do what, and what a browser is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.operations.listing import Filters, list_page
from app.store.tables import audit
from tests.flower.conftest import Answer, Site

TERMINATE = "/workflows/actions/execution/{}/terminate"
SiteWith = Callable[..., Site]


def _first(site: Site) -> str:
    return list_page(site.engine, Filters()).rows[0].id


def _pause(site: Site, **headers: str) -> Answer:
    return site.post(f"/workflows/actions/execution/{_first(site)}/pause", {"reason": "look"}, **headers)


@pytest.fixture(autouse=True)
def resumed(celery_app: Any) -> Iterator[None]:
    """Each test finds the executions running."""
    from app.bootstrap import process_of
    from app.operations.control import resume

    yield
    engine = process_of(celery_app).engine
    for row in list_page(engine, Filters(status="PAUSED")).rows:
        resume(engine, row.id)


def _token(site: Site) -> str:
    page = site.get("/workflows")
    cookie = re.search(r"_xsrf=([^;]+)", page.headers["Set-Cookie"])
    token = re.search(r'data-xsrf="([^"]+)"', page.text)
    assert cookie is not None
    assert token is not None
    site.cookies["_xsrf"] = cookie[1]
    return token[1]


def test_pages_may_load_only_what_is_ours_and_are_told_to_nobody(site: Site) -> None:
    headers = site.get("/workflows").headers

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_other_sites_read_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_UNAUTHENTICATED_API", "true")

    answer = site.get("/workflows/data/executions", Origin="http://evil.example")

    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_acts_not(site: Site, headers: dict[str, str]) -> None:
    assert _pause(site, **headers).status == 403


def test_a_browser_needs_the_token_of_our_page(site: Site) -> None:
    origin = f"http://127.0.0.1:{site.port}"
    token = _token(site)

    without = _pause(site, Origin=origin)
    wrong = _pause(site, Origin=origin, X_XSRFToken="2|00000000|00|0")
    right = _pause(site, Origin=origin, X_XSRFToken=token)

    assert (without.status, wrong.status, right.status) == (403, 403, 200)


def test_what_is_no_json_is_refused(site: Site) -> None:
    path = f"/workflows/actions/execution/{_first(site)}/pause"

    form = site.request("POST", path, "reason=x", {"Content-Type": "application/x-www-form-urlencoded"})
    broken = site.request("POST", path, "{", {"Content-Type": "application/json"})

    assert form.status == 415
    assert broken.status == 400
    assert "no JSON" in broken.json["error"]


def test_reading_changes_nothing(site: Site) -> None:
    execution = _first(site)

    answer = site.get(f"/workflows/actions/execution/{execution}/pause", Content_Type="application/json")

    assert answer.status == 405


def test_without_authentication_nobody_acts_through_an_open_address(site_with: SiteWith) -> None:
    site = site_with(address="")

    answer = _pause(site)

    assert answer.status == 403
    assert "FLOWER_BASIC_AUTH" in answer.json["error"]
    assert site.get("/workflows/data/executions").status == 200


def test_a_name_that_was_made_to_point_here_is_not_this_machine(site: Site) -> None:
    assert _pause(site, Host="rebound.example").status == 403
    assert _pause(site, Host=f"localhost:{site.port}").status == 200


def test_read_only_shows_and_refuses(site_with: SiteWith) -> None:
    site = site_with(read_only=True)
    execution = _first(site)

    shown = site.get(f"/workflows/data/execution/{execution}").json

    assert shown["verbs"] == []
    assert _pause(site).status == 403


def test_basic_authentication_asks_and_its_name_is_recorded(site_with: SiteWith) -> None:
    site = site_with(basic_auth=["ann:secret", "bob:other"])

    nobody = site.get("/workflows/data/executions")
    site.credentials = "ann:wrong"
    wrong = site.get("/workflows")
    site.credentials = "ann:secret"
    right = _pause(site)

    assert nobody.status == 401
    assert nobody.headers["Www-Authenticate"].startswith("Basic")
    assert wrong.status == 401
    assert right.status == 200
    with site.engine.store.engine.connect() as connection:
        rows = connection.execute(audit.select().order_by(audit.c.id.desc())).mappings().first()
    assert rows is not None
    assert (rows["actor"], rows["operation"], rows["reason"]) == ("ann", "pause", "look")


def test_a_session_that_has_ended_is_told_so_and_not_sent_away(site_with: SiteWith) -> None:
    site = site_with(auth=".*@example.com")

    data = site.get("/workflows/data/executions")
    page = site.get("/workflows")

    assert data.status == 401
    assert "Www-Authenticate" not in data.headers
    assert page.status == 302
    assert page.headers["Location"].startswith("/login")


def only_ann(user: str, verb: str, execution: object) -> bool:
    """Ann may do everything, others may pause."""
    return user == "ann" or verb == "pause"


def test_the_hook_of_the_settings_decides(site_with: SiteWith) -> None:
    site = site_with(basic_auth=["ann:a", "bob:b"], url_prefix="ops")
    engine = site.engine
    before = engine.settings
    engine.settings = replace(before, flower_authorize=f"{__name__}:only_ann")
    try:
        execution = _first(site)
        site.credentials = "bob:b"
        offered = site.get(f"/workflows/data/execution/{execution}").json["verbs"]
        refused = site.post(TERMINATE.format(execution), {"reason": "no"})
        allowed = _pause(site)
    finally:
        engine.settings = before

    assert offered == ["pause"]
    assert (refused.status, allowed.status) == (403, 200)
    assert "bob may not terminate patient" in refused.json["error"]
