"""Schedules: kept, paused, looked ahead, and fired when their time has come."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from app.errors import InvalidInput, ScheduleNotFound, StoreError, WrongState
from app.operations.audit import note
from app.operations.start import start_within
from app.runtime.clock import id_before, new_id
from app.runtime.engine import Engine
from app.runtime.settle import Settlement
from app.store import schedules, tags
from app.store.schedules import FiringRow, ScheduleRow
from app.store.unit_of_work import TAKEN, Session
from workflows.cron import cron
from workflows.errors import PodiumError
from workflows.schedules import WorkflowSchedule, read_schedule

logger = logging.getLogger(__name__)

BATCH = 50
LATE_MS = 60_000
"""Without catch-up a slot that nobody was there for is fired within this time, and left out after it."""
LAST = "~"
"""Sorts after every id."""

Change = Callable[[WorkflowSchedule], WorkflowSchedule]


def save(engine: Engine, document: Any, *, actor: str | None = None) -> WorkflowSchedule:
    """Register a schedule, or replace the one of its name. Its slots count from now.

    Raises:
        InvalidDocument: it has errors.
    """
    schedule = read_schedule(document)

    def work(session: Session) -> None:
        old = schedules.by_name(session, schedule.name, lock=True)
        row = _row(engine, schedule, engine.clock() if old is None else old.created)
        schedules.add(session, row) if old is None else schedules.change(session, row)
        note(engine, session, "save_schedule", schedule.name, actor, None)

    try:
        engine.store.transact(work)
    except TAKEN:
        # Somebody has registered it in between.
        engine.store.transact(work)
    return schedule


def remove(engine: Engine, name: str, *, actor: str | None = None) -> None:
    """Delete a schedule; its firings stay recorded.

    Raises:
        ScheduleNotFound: there is none of this name.
    """

    def work(session: Session) -> None:
        if not schedules.remove(session, name):
            raise ScheduleNotFound(name, schedules.names(session))
        tags.clear(session, "schedule", name)
        note(engine, session, "remove_schedule", name, actor, None)

    engine.store.transact(work)


def get(engine: Engine, name: str) -> ScheduleRow:
    """A schedule.

    Raises:
        ScheduleNotFound: there is none of this name.
    """
    return engine.store.read(lambda s: _found(s, name))


def list_schedules(engine: Engine, *, workflow_name: str | None = None) -> list[ScheduleRow]:
    """All schedules by name, or those of a workflow."""
    if workflow_name is None:
        return engine.store.read(schedules.all_schedules)
    return engine.store.read(lambda s: schedules.of_workflow(s, workflow_name))


def pause(engine: Engine, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
    """Fire no slot until it is resumed. A schedule that is paused already stays so.

    Raises:
        ScheduleNotFound: there is none of this name.
    """
    change: dict[str, Any] = {"paused": True, "paused_reason": reason}
    _change(engine, name, "pause_schedule", actor, reason, lambda s: s.model_copy(update=change))


def resume(engine: Engine, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
    """Fire slots again, those that come from now on.

    Raises:
        ScheduleNotFound: there is none of this name.
        WrongState: it is not paused.
    """

    def change(schedule: WorkflowSchedule) -> WorkflowSchedule:
        if not schedule.paused:
            raise WrongState(f"schedule {name!r} is not paused")
        return schedule.model_copy(update={"paused": False, "paused_reason": None})

    _change(engine, name, "resume_schedule", actor, reason, change)


def run_now(engine: Engine, name: str, *, actor: str | None = None) -> str:
    """Start its workflow out of turn, paused or not; the execution's id. Its slots are what they were.

    Raises:
        ScheduleNotFound: there is none of this name.
        WorkflowNotFound, InvalidInput: its workflow can't be started.
    """
    answer: list[str] = []
    firing_id = new_id()

    def work(settlement: Settlement) -> None:
        session = settlement.session
        schedule = WorkflowSchedule.model_validate_json(_found(session, name).content)
        answer[:] = [_start(settlement, schedule, firing_id, None, None)]
        note(engine, session, "run_schedule", name, actor, None)

    engine.from_outside(work, witness=lambda s: schedules.firing(s, firing_id) is not None)
    return answer[0]


def preview(
    engine: Engine,
    expression: str,
    *,
    zone: str = "UTC",
    start: int | None = None,
    end: int | None = None,
    limit: int = 5,
) -> list[int]:
    """The next slots of a cron expression, in milliseconds since the epoch.

    start, end: between these times; `start` not given: from now on.

    Raises:
        InvalidInput: the expression or the time zone can't be read.
    """
    try:
        made = cron(expression, zone)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    found: list[int] = []
    at: int | None = max(engine.clock(), (start or 0) - 1)
    while at is not None and len(found) < limit:
        at = made.after(at)
        if at is None or (end is not None and at > end):
            break
        found.append(at)
    return found


def list_firings(
    engine: Engine, *, schedule: str | None = None, before: str | None = None, limit: int = 20
) -> list[FiringRow]:
    """What was fired, the newest first; of one schedule, or of all."""
    return engine.store.read(lambda s: schedules.firings(s, schedule, before or LAST, limit))


def fire_due(engine: Engine) -> int:
    """Fire what is due; how many schedules were looked at. Beat calls it; two beats do no harm.

    Raises:
        StoreError: the database does not answer; the slot is fired later.
    """
    now = engine.clock()
    due = engine.store.read(lambda s: schedules.due(s, now, BATCH))
    for row in due:
        _fire(engine, row)
    return len(due)


def _fire(engine: Engine, row: ScheduleRow) -> None:
    """Start the workflow, record the firing and take the slot: one transaction, and nobody else can do the same."""
    schedule = WorkflowSchedule.model_validate_json(row.content)
    due, seen = row.next_at or 0, row.next_at or 0
    slot, following = _slots(schedule, due, engine.clock())
    firing_id = new_id()

    def work(settlement: Settlement) -> None:
        if schedules.advance(settlement.session, row.name, seen, following) and slot is not None:
            _start(settlement, schedule, firing_id, *slot)

    def failed(session: Session, reason: str) -> None:
        if schedules.advance(session, row.name, seen, following) and slot is not None:
            _record(engine, session, schedule, firing_id, slot[0], None, reason)

    try:
        engine.from_outside(work, witness=lambda s: schedules.firing(s, firing_id) is not None)
    except StoreError:
        raise
    except PodiumError as error:
        reason = str(error)
        logger.warning(
            "schedule %s could not start %s: %s",
            row.name,
            row.workflow_name,
            reason,
            extra={"event": "schedule_failed"},
        )
        engine.store.transact(lambda s: failed(s, reason))


def _slots(schedule: WorkflowSchedule, due: int, now: int) -> tuple[tuple[int, str] | None, int | None]:
    """The slot that is to be fired (None: none is), with its expression, and the one that comes next."""
    before = due - 1
    if not schedule.run_catchup_schedule_instances:
        before = max(before, now - LATE_MS - 1)
    slot = schedule.after(before)
    if slot is None or slot[0] > now:
        return None, None if slot is None else slot[0]
    following = schedule.after(slot[0])
    while not schedule.run_catchup_schedule_instances and following is not None and following[0] <= now:
        slot, following = following, schedule.after(following[0])
    return slot, None if following is None else following[0]


def _start(
    settlement: Settlement,
    schedule: WorkflowSchedule,
    firing_id: str,
    slot: int | None,
    expression: str | None,
) -> str:
    request, now = schedule.start_workflow_request, settlement.now
    given = {
        **request.input,
        "_startedByScheduler": schedule.name,
        "_scheduledTime": now if slot is None else slot,
        "_executedTime": now,
        "_executionId": firing_id,
        "_schedulerCron": expression,
    }
    execution_id = start_within(
        settlement,
        request.name,
        given,
        version=request.version,
        correlation_id=request.correlation_id,
        priority=request.priority,
        task_to_domain=request.task_to_domain,
        created_by=f"schedule {schedule.name}",
    )
    _record(settlement.engine, settlement.session, schedule, firing_id, slot, execution_id, None)
    return execution_id


def _record(
    engine: Engine,
    session: Session,
    schedule: WorkflowSchedule,
    firing_id: str,
    slot: int | None,
    execution_id: str | None,
    reason: str | None,
) -> None:
    now = engine.clock()
    row = FiringRow(
        id=firing_id,
        schedule=schedule.name,
        slot=slot,
        workflow_name=schedule.start_workflow_request.name,
        workflow_id=execution_id,
        status="EXECUTED" if execution_id else "FAILED",
        reason=reason,
        created=now,
    )
    kept_ms = int(engine.settings.event_retention_seconds * 1000)
    schedules.fire(session, row, id_before(now - kept_ms))


def _change(
    engine: Engine, name: str, operation: str, actor: str | None, reason: str | None, change: Change
) -> None:
    def work(session: Session) -> None:
        row = _found(session, name, lock=True)
        schedule = change(WorkflowSchedule.model_validate_json(row.content))
        schedules.change(session, _row(engine, schedule, row.created))
        note(engine, session, operation, name, actor, reason)

    engine.store.transact(work)


def _row(engine: Engine, schedule: WorkflowSchedule, created: int) -> ScheduleRow:
    now = engine.clock()
    following = None if schedule.paused else schedule.after(now)
    return ScheduleRow(
        name=schedule.name,
        workflow_name=schedule.start_workflow_request.name,
        content=orjson.dumps(schedule.to_json()).decode(),
        paused=int(schedule.paused),
        reason=schedule.paused_reason,
        next_at=None if following is None else following[0],
        created=created,
        updated=now,
    )


def _found(session: Session, name: str, lock: bool = False) -> ScheduleRow:
    row = schedules.by_name(session, name, lock)
    if row is None:
        raise ScheduleNotFound(name, schedules.names(session))
    return row
