"""What operators may do: each action one operation of the engine, with a reason, recorded under their name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import tornado.web

from app.flower.handler import Json, to_json
from app.flower.safety import authorize_of
from app.operations import query, signal
from app.operations import start as starting
from app.operations.query import ExecutionState
from app.runtime.engine import Engine
from workflows.status import WorkflowStatus

Act = Callable[[Engine, str, dict[str, Any], str], Any]
_OPEN = (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Action:
    """One verb, in which states it makes sense, and the operation that it calls."""

    act: Act
    """(engine, execution id, what was sent, the operator's name)."""
    states: tuple[WorkflowStatus, ...]
    reason: bool = True
    """A reason has to be given."""


def _terminate(engine: Engine, execution_id: str, given: dict[str, Any], actor: str) -> None:
    signal.terminate(engine, execution_id, given["reason"], actor=actor)


def _complete(engine: Engine, execution_id: str, given: dict[str, Any], actor: str) -> None:
    signal.complete_task(engine, execution_id, str(given.get("ref")), given.get("output"), actor=actor)


def _fail(engine: Engine, execution_id: str, given: dict[str, Any], actor: str) -> None:
    signal.fail_task(
        engine,
        execution_id,
        str(given.get("ref")),
        given["reason"],
        terminal=bool(given.get("terminal")),
        actor=actor,
    )


ACTIONS: dict[str, Action] = {
    "terminate": Action(_terminate, _OPEN),
    "complete-task": Action(_complete, _OPEN, reason=False),
    "fail-task": Action(_fail, _OPEN),
}


def offered(engine: Engine, user: str, execution_id: str) -> list[str]:
    """The verbs that make sense in an execution's state and that this operator may use."""
    state = query.get_execution(engine, execution_id)
    allowed = authorize_of(engine.settings)
    return [
        verb
        for verb, action in ACTIONS.items()
        if state.status in action.states and allowed(user, verb, state)
    ]


class _Action(Json):
    """Base of what changes something: refused in read-only mode and without authentication."""

    def prepare(self) -> Any:
        """Refuse whoever may not act, and whatever is no JSON."""
        waiting = super().prepare()
        reason = self.why_not()
        if reason is not None:
            raise tornado.web.HTTPError(403, reason)
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise tornado.web.HTTPError(415, "send JSON: Content-Type must be application/json")
        return waiting

    def given(self) -> dict[str, Any]:
        """The JSON object that was sent.

        Raises:
            HTTPError: 400, it is none.
        """
        try:
            given = orjson.loads(self.request.body)
        except orjson.JSONDecodeError as error:
            raise tornado.web.HTTPError(400, f"this is no JSON: {error}") from None
        if not isinstance(given, dict):
            raise tornado.web.HTTPError(400, "send a JSON object")
        return given


def _required_reason(action: Action, given: dict[str, Any]) -> None:
    reason = given.get("reason")
    if action.reason and not (isinstance(reason, str) and reason.strip()):
        raise tornado.web.HTTPError(400, "say why: `reason` is what the history will show")


def _known(verb: str) -> Action:
    if verb not in ACTIONS:
        raise tornado.web.HTTPError(404, f"there is no action {verb!r}; known: {', '.join(ACTIONS)}")
    return ACTIONS[verb]


def _may(engine: Engine, user: str, verb: str, execution: ExecutionState | None) -> None:
    if not authorize_of(engine.settings)(user, verb, execution):
        what = "this" if execution is None else execution.name
        raise tornado.web.HTTPError(403, f"{user} may not {verb} {what}")


class ActOnExecution(_Action):
    """`POST /workflows/actions/execution/<id>/<verb>`."""

    async def post(self, execution_id: str, verb: str) -> None:
        """Do it; 409 where the execution's state does not allow it (any more)."""
        action, given, user = _known(verb), self.given(), self.user_name
        _required_reason(action, given)

        def work(engine: Engine) -> dict[str, Any]:
            _may(engine, user, verb, query.get_execution(engine, execution_id))
            return {"result": action.act(engine, execution_id, given, user)}

        await self.answer(work)


class StartExecution(_Action):
    """`POST /workflows/actions/start`."""

    async def post(self) -> None:
        """`name`, `version`, `input`, `correlationId`, `idempotencyKey`, `priority`."""
        given, user = self.given(), self.user_name

        def work(engine: Engine) -> bytes:
            _may(engine, user, "start", None)
            execution_id = starting.start(
                engine,
                str(given.get("name") or ""),
                given.get("input"),
                version=given.get("version"),
                correlation_id=given.get("correlationId") or None,
                idempotency_key=given.get("idempotencyKey") or None,
                priority=int(given.get("priority") or 0),
                created_by=user,
            )
            return to_json({"id": execution_id})

        self.send(await self.run(work))
