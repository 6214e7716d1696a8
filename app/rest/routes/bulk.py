"""One operation on many executions, and their removal: /workflow/bulk, /workflow/{workflowId}/remove."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.errors import OperationError, WrongState
from app.operations import control, retention
from app.operations.bulk import MOST, bulk
from app.operations.conductor import get_workflow
from app.rest.answers import NOTHING, BulkResponse, answers
from app.rest.bodies import InPath
from app.rest.context import CallerHere, EngineHere
from app.rest.errors import Refused
from app.rest.replies import Json, nothing
from app.rest.route import ADMIN, VIEWER, router
from app.runtime.engine import Engine

routes = router("bulk", "/workflow")
Ids = Annotated[list[str], Body()]
Reason = Annotated[str | None, Query(max_length=2_000)]


@routes.put("/bulk/pause", **answers(BulkResponse))
def pause_many(engine: EngineHere, caller: CallerHere, ids: Ids) -> Response:
    """Pause executions, each by itself, with what became of it."""
    return _done(engine, "pause", ids, actor=caller.name)


@routes.put("/bulk/resume", **answers(BulkResponse))
def resume_many(engine: EngineHere, caller: CallerHere, ids: Ids) -> Response:
    """Resume executions, each by itself, with what became of it."""
    return _done(engine, "resume", ids, actor=caller.name)


@routes.post("/bulk/restart", **answers(BulkResponse))
def restart_many(
    engine: EngineHere, caller: CallerHere, ids: Ids, useLatestDefinitions: bool = False
) -> Response:
    """Restart executions that have ended, each by itself, with what became of it."""
    return _done(engine, "restart", ids, latest_definition=useLatestDefinitions, actor=caller.name)


@routes.post("/bulk/retry", **answers(BulkResponse))
def retry_many(engine: EngineHere, caller: CallerHere, ids: Ids) -> Response:
    """Retry executions that have failed, each by itself, with what became of it."""
    return _done(engine, "retry", ids, actor=caller.name)


@routes.post("/bulk/terminate", **answers(BulkResponse))
def terminate_many(engine: EngineHere, caller: CallerHere, ids: Ids, reason: Reason = None) -> Response:
    """Terminate executions, each by itself, with what became of it."""
    return _done(engine, "terminate", ids, reason=reason or "", actor=caller.name)


@routes.delete("/bulk/remove", openapi_extra=ADMIN, **answers(BulkResponse))
def remove_many(engine: EngineHere, caller: CallerHere, ids: Ids, archiveWorkflow: bool = True) -> Response:
    """Remove executions that have ended, each by itself, with what became of it."""
    return _done(engine, "remove", ids, archive=archiveWorkflow, actor=caller.name)


@routes.delete("/bulk/terminate-remove", openapi_extra=ADMIN, **answers(BulkResponse))
def terminate_and_remove_many(
    engine: EngineHere, caller: CallerHere, ids: Ids, archiveWorkflow: bool = True, reason: Reason = None
) -> Response:
    """Terminate executions and remove them, each by itself, with what became of it."""
    _check(ids)
    errors: dict[str, str] = {}
    for execution_id in dict.fromkeys(ids):
        try:
            _terminate_and_remove(engine, execution_id, reason, archiveWorkflow, caller.name)
        except OperationError as error:
            errors[execution_id] = str(error)
    return _told([each for each in dict.fromkeys(ids) if each not in errors], errors)


@routes.post("/bulk/search", openapi_extra=VIEWER, **answers(BulkResponse))
def get_many(engine: EngineHere, ids: Ids, includeTasks: bool = True) -> Response:
    """Executions by their ids."""
    _check(ids)
    found: list[Any] = []
    errors: dict[str, str] = {}
    for execution_id in dict.fromkeys(ids):
        try:
            found.append(get_workflow(engine, execution_id, includeTasks))
        except OperationError as error:
            errors[execution_id] = str(error)
    return _told(found, errors)


@routes.delete("/{workflow_id}/remove", openapi_extra=ADMIN, **NOTHING)
def remove(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, archiveWorkflow: bool = True
) -> Response:
    """Remove an execution that has ended, with its sub-workflows; into the archive first, unless told otherwise."""
    retention.remove(engine, workflow_id, archive=archiveWorkflow, actor=caller.name)
    return nothing()


@routes.delete("/{workflow_id}/terminate-remove", openapi_extra=ADMIN, **NOTHING)
def terminate_and_remove(
    engine: EngineHere,
    caller: CallerHere,
    workflow_id: InPath,
    archiveWorkflow: bool = True,
    reason: Reason = None,
) -> Response:
    """Terminate an execution unless it has ended, and remove it."""
    _terminate_and_remove(engine, workflow_id, reason, archiveWorkflow, caller.name)
    return nothing()


def _terminate_and_remove(
    engine: Engine, execution_id: str, reason: str | None, archive: bool, actor: str | None
) -> None:
    # Where it has ended: whether it can be removed is found out next.
    with contextlib.suppress(WrongState):
        control.terminate(engine, execution_id, reason or "", actor=actor)
    retention.remove(engine, execution_id, archive=archive, actor=actor)


def _check(ids: list[str]) -> None:
    if not 0 < len(ids) <= MOST:
        raise Refused(
            400, f"Cannot process {len(ids)} workflows, but 1 to {MOST}. Please use multiple requests."
        )


def _done(engine: Engine, operation: str, ids: list[str], **options: Any) -> Response:
    _check(ids)
    result = bulk(engine, operation, ids, **options)
    return _told(result.successful, result.errors)


def _told(successful: list[Any], errors: dict[str, str]) -> Response:
    return Json({"bulkErrorResults": errors, "bulkSuccessfulResults": successful})
