"""Who may do what: each operation with no token, a token that is over, and each role's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fastapi.routing import APIRoute

from app.bootstrap import connect
from app.operations.access import Role, create_key
from app.rest.application import ROUTERS, podium_routes
from app.rest.route import PodiumRoute
from app.rest.routes import admin
from app.rest.server import ApiAddressError, serve
from config.settings import Settings
from tests.rest.client import Api
from tests.rest.conftest import serving

OPERATIONS = [
    (method, route.path, route.role) for route in podium_routes() for method in sorted(route.methods or ())
]


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> object:
    """On one kind of database: who may do what is no matter of SQL."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(settings: Settings) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of an API with keys, and a token of each role, `expired` and `unknown`."""
    process = connect(settings)
    keys = {role: create_key(process.engine, role, role) for role in Role}
    process.close()
    with serving(settings) as (process, url):

        def token(role: Role) -> str:
            body = {"keyId": keys[role].id, "keySecret": keys[role].secret}
            found: str = httpx.post(f"{url}/api/token", json=body).raise_for_status().json()["token"]
            return found

        found = {role.value: token(role) for role in Role}
        process.engine.settings = replace(settings, api_token_seconds=1)
        at = process.engine.clock
        process.engine.clock = lambda: at() - 5_000
        found["expired"] = token(Role.ADMIN)
        process.engine.clock = at
        yield url, found | {"unknown": "nix"}


def test_each_operation_asks_for_its_role(tokens: tuple[str, dict[str, str]]) -> None:
    url, given = tokens
    wrong = []
    with httpx.Client(base_url=url) as client:
        for method, path, role in OPERATIONS:
            for who in ("nobody", "expired", "unknown", *Role):
                headers = {} if who == "nobody" else {"X-Authorization": given[who]}
                status = client.request(
                    method, path.replace("{", "").replace("}", ""), headers=headers
                ).status_code
                allowed = role is None or (who in list(Role) and Role(who).rank >= role.rank)
                refused = 403 if who in list(Role) else 401
                if (status == refused) == allowed:
                    wrong.append((method, path, role, who, status))

    assert wrong == []
    assert len(OPERATIONS) > 60


def test_a_bearer_token_is_as_good_and_tells_who_it_is(tokens: tuple[str, dict[str, str]]) -> None:
    url, given = tokens
    headers = {"Authorization": f"Bearer {given['operator']}"}

    me = httpx.get(f"{url}/api/token/userInfo", headers=headers).json()

    assert (me["name"], me["roles"]) == ("operator", [{"name": "OPERATOR"}])


def test_a_token_that_is_over_says_so_and_a_wrong_secret_gets_none(
    tokens: tuple[str, dict[str, str]],
) -> None:
    url, given = tokens

    over = httpx.get(f"{url}/api/metadata/workflow", headers={"X-Authorization": given["expired"]})
    wrong = httpx.post(f"{url}/api/token", json={"keyId": "x", "keySecret": "y"})

    assert (over.status_code, over.json()["error"]) == (401, "EXPIRED_TOKEN")
    assert wrong.status_code == 401


def test_an_open_api_gives_no_token_and_answers_to_its_own_name_alone(api: Api) -> None:
    port = api.base_url.port

    assert api.post("/token", json={"keyId": "x", "keySecret": "y"}).status_code == 404
    assert api.get("/metadata/workflow", headers={"host": f"localhost:{port}"}).status_code == 200
    assert api.get("/metadata/workflow", headers={"host": "evil.example"}).status_code == 403
    assert api.get("/metadata/workflow", headers={"host": "["}).status_code in (400, 403)
    assert api.post("/workflow", json={}, headers={"origin": "http://evil.example"}).status_code == 403


def test_without_a_key_it_is_not_served_to_the_network(settings: Settings) -> None:
    said: list[str] = []
    with pytest.raises(ApiAddressError, match=r"would be open to everybody who reaches 0\.0\.0\.0"):
        serve(replace(settings, api_address="0.0.0.0", api_port=18999), said.append)
    assert said == []


def test_every_route_is_one_that_asks() -> None:
    routes = [route for router in (*ROUTERS, admin.outer) for route in router.routes]
    assert [
        route for route in routes if isinstance(route, APIRoute) and not isinstance(route, PodiumRoute)
    ] == []
