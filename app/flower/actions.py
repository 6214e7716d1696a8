"""What operators may do: each action one operation of the engine, with a reason, recorded under their name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import tornado.web

from app.errors import OperationError
from app.flower.handler import Json
from app.flower.safety import authorize_of
from app.operations import control, query, signal
from app.operations import start as starting
from app.operations.query import ExecutionState
from app.runtime.engine import Engine
from workflows.status import WorkflowStatus as Status

Given = dict[str, Any]
_OPEN = (Status.RUNNING, Status.PAUSED)
_UNSUCCESSFUL = (Status.FAILED, Status.TIMED_OUT, Status.TERMINATED)
_ENDED = (Status.COMPLETED, *_UNSUCCESSFUL)


@dataclass(frozen=True, slots=True)
class Action:
    """One verb, in which states it makes sense, and the operation that it calls."""

    act: Callable[..., Any]
    """(engine, execution id, keyword arguments of `takes`, actor, reason)."""
    states: tuple[Status, ...]
    takes: Callable[[Given], Given] = lambda _given: {}
    """What of the document that was sent is given to the operation."""
    reason: bool = True
    """A reason has to be given."""


def _task_output(given: Given) -> Given:
    return {"ref": _text(given, "ref"), "output": given.get("output")}


def _task_failure(given: Given) -> Given:
    return {"ref": _text(given, "ref"), "terminal": bool(given.get("terminal"))}


def _task_skipped(given: Given) -> Given:
    return {"ref": _text(given, "ref"), "output": given.get("output")}


def _rerun_from(given: Given) -> Given:
    return {"task": given.get("task") or None, "input": given.get("input")}


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise tornado.web.HTTPError(400, f"{name} must be a text")
    return value


ACTIONS: dict[str, Action] = {
    "pause": Action(control.pause, (Status.RUNNING,)),
    "resume": Action(control.resume, (Status.PAUSED,)),
    "terminate": Action(control.terminate, _OPEN),
    "retry": Action(
        control.retry, _UNSUCCESSFUL, lambda given: {"resume_sub_workflows": bool(given.get("subWorkflows"))}
    ),
    "restart": Action(
        control.restart, _ENDED, lambda given: {"latest_definition": bool(given.get("latest"))}
    ),
    "rerun": Action(control.rerun, _ENDED, _rerun_from),
    "skip-task": Action(control.skip_task, _OPEN, _task_skipped),
    "update-variables": Action(
        control.update_variables, _OPEN, lambda given: {"variables": given.get("variables")}
    ),
    "complete-task": Action(signal.complete_task, _OPEN, _task_output, reason=False),
    "fail-task": Action(signal.fail_task, _OPEN, _task_failure),
}
IN_BULK = ("pause", "resume", "terminate", "retry", "restart")
MOST_AT_ONCE = 50
"""Executions in one request, which must end before a proxy gives up; a page sends several."""


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

    def given(self) -> Given:
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


class ActOnExecution(_Action):
    """`POST /workflows/actions/execution/<id>/<verb>`."""

    async def post(self, execution_id: str, verb: str) -> None:
        """Do it; 409 where the execution's state does not allow it (any more)."""
        action, given, user = _known(verb, ACTIONS), self.given(), self.user_name
        reason, taken = _reason(action, given), action.takes(given)

        def work(engine: Engine) -> Given:
            _may(engine, user, verb, query.get_execution(engine, execution_id))
            action.act(engine, execution_id, **taken, actor=user, reason=reason)
            return {"id": execution_id}

        await self.answer(work)


class ActOnMany(_Action):
    """`POST /workflows/actions/bulk/<verb>`."""

    async def post(self, verb: str) -> None:
        """`ids`, and what the action takes; answers which were `done`, and why others `failed`."""
        action, given, user = _known(verb, IN_BULK), self.given(), self.user_name
        reason, taken, ids = _reason(action, given), action.takes(given), given.get("ids")
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise tornado.web.HTTPError(400, "ids must be a list of texts")
        if len(ids) > MOST_AT_ONCE:
            raise tornado.web.HTTPError(400, f"at most {MOST_AT_ONCE} executions at once, not {len(ids)}")

        def work(engine: Engine) -> Given:
            done, failed = list[str](), dict[str, str]()
            for one in dict.fromkeys(ids):
                try:
                    _may(engine, user, verb, query.get_execution(engine, one))
                    action.act(engine, one, **taken, actor=user, reason=reason)
                    done.append(one)
                except OperationError as error:
                    failed[one] = str(error)
                except tornado.web.HTTPError as error:
                    failed[one] = error.get_message() or error.reason or "refused"
            return {"done": done, "failed": failed}

        await self.answer(work)


class StartExecution(_Action):
    """`POST /workflows/actions/start`."""

    async def post(self) -> None:
        """`name`, `version`, `input`, `correlationId`, `idempotencyKey`, `priority`."""
        given, user = self.given(), self.user_name
        name = _text(given, "name")

        def work(engine: Engine) -> Given:
            _may(engine, user, "start", None)
            execution_id = starting.start(
                engine,
                name,
                given.get("input"),
                version=given.get("version"),
                correlation_id=given.get("correlationId") or None,
                idempotency_key=given.get("idempotencyKey") or None,
                priority=int(given.get("priority") or 0),
                created_by=user,
            )
            return {"id": execution_id}

        await self.answer(work)


def _known(verb: str, verbs: Any) -> Action:
    if verb not in verbs:
        raise tornado.web.HTTPError(404, f"there is no action {verb!r}; known: {', '.join(verbs)}")
    return ACTIONS[verb]


def _reason(action: Action, given: Given) -> str | None:
    reason = str(given.get("reason") or "").strip() or None
    if action.reason and reason is None:
        raise tornado.web.HTTPError(400, "say why: the reason is what the history will show")
    return reason


def _may(engine: Engine, user: str, verb: str, execution: ExecutionState | None) -> None:
    if not authorize_of(engine.settings)(user, verb, execution):
        what = "workflows" if execution is None else execution.name
        raise tornado.web.HTTPError(403, f"{user} may not {verb} {what}")
