"""Keys for tokens: /token."""

from __future__ import annotations

from fastapi import Response

from app.operations.access import issue_token
from app.rest.answers import Token, User, answers
from app.rest.bodies import TokenRequest
from app.rest.context import CallerHere, Here, run
from app.rest.errors import Refused
from app.rest.replies import Json
from app.rest.route import ANYBODY, router

routes = router("token", "/token")


@routes.post("", openapi_extra=ANYBODY, **answers(Token))
async def get_token(here: Here, given: TokenRequest) -> Response:
    """A token for a key and its secret. 404 while the API is open: clients then go on without."""
    if await here.access.is_open():
        raise Refused(404, "no token is needed: this API is open, as long as no key is made")
    token = await run(issue_token, here.engine, given.key_id, given.key_secret)
    if token is None:
        raise Refused(401, "there is no such key, or this is not its secret", error="INVALID_KEY")
    return Json({"token": token})


@routes.get("/userInfo", **answers(User))
def who_am_i(caller: CallerHere) -> Response:
    """Whose token it is, and what it may do."""
    name = caller.name or "anonymous"
    return Json({"id": name, "name": name, "roles": [{"name": caller.role.upper()}], "applicationUser": True})
