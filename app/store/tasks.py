"""Statements on `task`. A status changes only where the row still is what the caller believes it to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from app.store.statements import Among, Statement
from app.store.tables import LIVE, task, workflow
from app.store.unit_of_work import Session

PATH_DIGITS = 8


def path_text(path: tuple[int, ...]) -> str:
    """A path as it is stored: sorts like the numbers in it."""
    return "".join(f"{n:08d}" for n in path)


def path_of(stored: str) -> tuple[int, ...]:
    """The path that `path_text` wrote."""
    return tuple(int(stored[i : i + PATH_DIGITS]) for i in range(0, len(stored), PATH_DIGITS))


class TaskRow(NamedTuple):
    """One attempt of a task; the columns of `tables.task`, times in milliseconds."""

    id: str
    workflow_id: str
    ref: str
    path: str
    attempt: int
    type: str
    name: str
    status: str
    iteration: int
    label: str | None
    input: str
    output: str | None
    reason: str | None
    owner: str | None
    claim: int | None
    message_id: str | None
    worker: str | None
    retried_id: str | None
    retried: int
    polls: int
    sends: int
    sub_workflow_id: str | None
    domain: str | None
    queue: str | None
    priority: int
    lease: int | None
    scheduled: int
    first_scheduled: int
    started: int | None
    updated: int
    ended: int | None
    due_at: int | None
    wake: str | None
    slot: str | None = None


_COLUMNS = [task.c[name] for name in TaskRow._fields]


class Position(NamedTuple):
    """A task's place and state, without its payload."""

    id: str
    ref: str
    path: str
    attempt: int
    status: str
    iteration: int
    label: str | None
    owner: str | None
    wake: str | None
    sub_workflow_id: str | None
    sends: int
    due_at: int | None


_POSITION = [task.c[name] for name in Position._fields]


def each_queue(name: str, wake: str) -> Statement:
    """A statement that names each queue in which tasks wait for what `wake` says."""
    # Not DISTINCT, which would read each task that waits: this goes from one queue to the next by the index.
    return Statement(
        name,
        text(
            f"""
            WITH RECURSIVE found (queue) AS (
                SELECT min(queue) FROM task WHERE wake = '{wake}'
                UNION ALL
                SELECT (SELECT min(task.queue) FROM task WHERE task.wake = '{wake}' AND task.queue > found.queue)
                FROM found
                WHERE found.queue IS NOT NULL
            )
            SELECT queue FROM found WHERE queue IS NOT NULL
            """
        ),
    )


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_INTEGERS = {"attempt", "iteration", "retried", "polls", "sends", "priority"}
_BIG = {"claim", "lease", "scheduled", "first_scheduled", "started", "updated", "ended", "due_at"}


def _type(name: str) -> Any:
    return Integer if name in _INTEGERS else BigInteger if name in _BIG else Text


_RUNNING = exists(
    select(literal_column("1"))
    .select_from(workflow)
    .where(
        workflow.c.id == _p("workflow_id"),
        workflow.c.status == text("'RUNNING'"),
        workflow.c.run == _p("run", Integer),
    )
)

_KEY = ["workflow_id", "ref", "path", "attempt"]


def _insert_unless_there(row: Any) -> Any:
    # SQLite's dialect compiles PostgreSQL's clause as its own.
    return (
        postgresql.insert(task)
        .from_select(list(TaskRow._fields), row)
        .on_conflict_do_nothing(index_elements=_KEY)
    )


_ROW = select(*[_p(name, _type(name)).label(name) for name in TaskRow._fields])
_INSERT = Statement(
    "insert a task while its execution runs, unless the position is taken",
    _insert_unless_there(_ROW.where(_RUNNING)),
)
_PUT = Statement(
    "insert a task by hand, unless the position is taken", _insert_unless_there(_ROW.where(text("true")))
)

_CLAIM_VALUES: dict[str, Any] = {
    "status": text("'IN_PROGRESS'"),
    "owner": _p("owner"),
    "claim": _p("claim", BigInteger),
    "message_id": _p("message_id"),
    "worker": _p("worker"),
    "started": func.coalesce(task.c.started, _p("now", BigInteger)),
    "updated": _p("now", BigInteger),
    "due_at": _p("due_at", BigInteger),
    "wake": _p("wake"),
    "polls": task.c.polls + text("1"),
}

# A parameter, so that no index of live tasks fits: of a fork of thousands each claim would read all of them.
_IS_SCHEDULED = and_(
    task.c.status == bindparam("is_scheduled", "SCHEDULED", type_=Text),
    # A message that was sent before it lost its slot does not begin it.
    task.c.wake.is_distinct_from(text("'slot'")),
)

_CLAIM = Statement(
    "claim a scheduled task",
    update(task)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        task.c.ref == _p("ref"),
        task.c.path == _p("path"),
        task.c.attempt == _p("attempt", Integer),
        _IS_SCHEDULED,
        _RUNNING,
    )
    .values(_CLAIM_VALUES)
    .returning(*_COLUMNS),
)

_CLAIM_LOOP = Statement(
    "claim a loop whose iteration has ended",
    update(task)
    .where(
        task.c.id == _p("id"),
        task.c.status == text("'IN_PROGRESS'"),
        task.c.owner.is_(None),
        task.c.iteration == _p("iteration", Integer),
        _RUNNING,
    )
    .values(_CLAIM_VALUES | {"iteration": task.c.iteration + text("1")}),
)

_SCHEDULE_LOOP = Statement(
    "hand a loop whose iteration has ended to the broker",
    update(task)
    .where(
        task.c.id == _p("id"),
        task.c.status == text("'IN_PROGRESS'"),
        task.c.owner.is_(None),
        task.c.iteration == _p("iteration", Integer),
        _RUNNING,
    )
    .values(
        status=text("'SCHEDULED'"),
        iteration=task.c.iteration + text("1"),
        updated=_p("now", BigInteger),
        due_at=_p("due_at", BigInteger),
        wake=text("'send'"),
    ),
)

_MINE = and_(
    task.c.id == _p("id"), task.c.status == text("'IN_PROGRESS'"), task.c.claim == _p("claim", BigInteger)
)

_END_VALUES: dict[str, Any] = {
    "status": _p("status"),
    "output": _p("output"),
    "reason": _p("reason"),
    "updated": _p("now", BigInteger),
    "ended": _p("now", BigInteger),
    "owner": None,
    "due_at": None,
    "wake": None,
}

_END = Statement("end a claimed task", update(task).where(_MINE).values(_END_VALUES))

_END_CHOICE = Statement(
    "end a claimed task that chose what follows",
    update(task).where(_MINE).values(_END_VALUES | {"label": _p("label"), "input": _p("input")}),
)

_END_OPEN = Statement(
    "end a task that nobody works on (waiting, or not begun), or whoever works on it",
    update(task)
    .where(task.c.id == _p("id"), text(LIVE))
    .values(_END_VALUES | {"claim": _p("claim", BigInteger)}),
)


def _end_held(*also: Any) -> Any:
    """The update that ends a claimed task, with parameters of its own names (for use beside another statement)."""
    return (
        update(task)
        .where(
            task.c.id == _p("end_id"),
            task.c.status == text("'IN_PROGRESS'"),
            task.c.claim == _p("end_claim", BigInteger),
            *also,
        )
        .values(
            status=_p("end_status"),
            output=_p("end_output"),
            reason=None,
            updated=_p("now", BigInteger),
            ended=_p("now", BigInteger),
            owner=None,
            due_at=None,
            wake=None,
        )
    )


def _end_prefixed(*also: Any) -> Any:
    return _end_held(*also).returning(task.c.id).cte("ended")


def _end_and_insert() -> Any:
    # Not ended without what follows: whoever finds the execution paused must look at it again, under its lock.
    ended = _end_prefixed(_RUNNING)
    row = select(*[_p(name, _type(name)).label(name) for name in TaskRow._fields])
    inserted = (
        insert(task)
        .from_select(list(TaskRow._fields), row.select_from(ended))
        .returning(task.c.id)
        .cte("inserted")
    )
    return select(
        select(ended.c.id).scalar_subquery().label("ended"),
        select(inserted.c.id).scalar_subquery().label("next"),
    )


def _end_and_claim() -> Any:
    ended = _end_prefixed()
    claimed = (
        update(task)
        .where(
            task.c.workflow_id == _p("workflow_id"),
            task.c.ref == _p("ref"),
            task.c.path == _p("path"),
            task.c.attempt == _p("attempt", Integer),
            _IS_SCHEDULED,
            _RUNNING,
            exists(select(ended.c.id)),
        )
        .values(_CLAIM_VALUES)
        .returning(*_COLUMNS)
        .cte("claimed")
    )
    return select(select(ended.c.id).scalar_subquery().label("ended_id"), *claimed.c).select_from(
        select(literal_column("1").label("one")).subquery().outerjoin(claimed, text("true"))
    )


# PostgreSQL does both in one statement, which is its own transaction: one round trip and one commit for a step.
_END_AND_INSERT = Statement("end a claimed task and insert the next, claimed", _end_and_insert())
# SQLite lets no other writer come between two.
_END_RUNNING = Statement("end a claimed task while its execution runs", _end_held(_RUNNING))
_INSERT_NEXT = Statement("insert a task", insert(task).values({n: _p(n, _type(n)) for n in TaskRow._fields}))
_END_AND_CLAIM = Statement("end a claimed task and claim a scheduled one", _end_and_claim())

_PARK = Statement(
    "let a claimed task wait",
    update(task)
    .where(_MINE)
    .values(
        status=_p("status"),
        output=func.coalesce(_p("output"), task.c.output),
        reason=_p("reason"),
        iteration=_p("iteration", Integer),
        sub_workflow_id=_p("sub_workflow_id"),
        owner=None,
        updated=_p("now", BigInteger),
        due_at=_p("due_at", BigInteger),
        wake=_p("wake"),
    ),
)

_BY_ID = Statement("a task by id", select(*_COLUMNS).where(task.c.id == _p("id")))
_LOCK_BY_ID = Statement(
    "a task by id, locked", select(*_COLUMNS).where(task.c.id == _p("id")).with_for_update()
)

_LATEST = Statement(
    "a reference's latest attempt up to a path",
    select(*_COLUMNS)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        task.c.ref == _p("ref"),
        task.c.path >= _p("low"),
        task.c.path <= _p("high"),
    )
    .order_by(task.c.path.desc(), task.c.attempt.desc())
    .limit(1),
)

_LOCK_LATEST = Statement(
    "a reference's latest attempt at a path, locked",
    select(*_COLUMNS)
    .where(task.c.workflow_id == _p("workflow_id"), task.c.ref == _p("ref"), task.c.path == _p("path"))
    .order_by(task.c.attempt.desc())
    .limit(1)
    .with_for_update(),
)

_BY_REFS = Statement(
    "all attempts of some references at a path",
    select(*_COLUMNS)
    .where(task.c.workflow_id == _p("workflow_id"), Among(task.c.ref, "refs"), task.c.path == _p("path"))
    .order_by(task.c.ref, task.c.attempt),
)

_OF_ITERATIONS = Statement(
    "outputs of a loop's body",
    select(task.c.ref, task.c.path, task.c.attempt, task.c.output)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        Among(task.c.ref, "refs"),
        task.c.path >= _p("low"),
        task.c.path <= _p("high"),
    )
    .order_by(task.c.id),
)

_OF_WORKFLOW = Statement(
    "all tasks of an execution, in the order of their scheduling",
    select(*_COLUMNS).where(task.c.workflow_id == _p("workflow_id")).order_by(task.c.id),
)

_POSITIONS = Statement(
    "all positions of an execution",
    select(*_POSITION).where(task.c.workflow_id == _p("workflow_id")).order_by(task.c.id),
)

_LIVE_IN = Statement(
    "whether one of these references is live at or below a path",
    select(literal_column("1"))
    .select_from(task)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        text(LIVE),
        Among(task.c.ref, "refs"),
        task.c.path >= _p("low"),
        task.c.path <= _p("high"),
    )
    .limit(1),
)

_LIVE_REFS = Statement(
    "references and reasons of live tasks",
    select(*_COLUMNS).where(task.c.workflow_id == _p("workflow_id"), text(LIVE)).order_by(task.c.id),
)

_CANCEL = (
    update(task)
    .where(task.c.workflow_id == _p("workflow_id"), text(LIVE))
    .values(
        status=text("'CANCELED'"),
        reason=_p("reason"),
        updated=_p("now", BigInteger),
        ended=_p("now", BigInteger),
        owner=None,
        due_at=None,
        wake=None,
    )
    .returning(task.c.id, task.c.type, task.c.sub_workflow_id, task.c.slot)
)
_CANCEL_LIVE = Statement("cancel what is still open", _CANCEL)
_CANCEL_LIVE_IN = Statement(
    "cancel what is still open of these references at or below a path",
    _CANCEL.where(Among(task.c.ref, "refs"), task.c.path >= _p("low"), task.c.path <= _p("high")),
)

_ANY_OPEN = Statement(
    "whether anything of an execution is open",
    select(literal_column("1"))
    .select_from(task)
    .where(task.c.workflow_id == _p("workflow_id"), text(LIVE))
    .limit(1),
)

_DELETE = Statement(
    "delete the attempts at a position",
    delete(task).where(
        task.c.workflow_id == _p("workflow_id"), task.c.ref == _p("ref"), task.c.path == _p("path")
    ),
)
_DELETE_ITERATION = Statement(
    "delete an iteration of a loop",
    delete(task).where(
        task.c.workflow_id == _p("workflow_id"),
        Among(task.c.ref, "refs"),
        task.c.path >= _p("low"),
        task.c.path <= _p("high"),
    ),
)
_DELETE_ALL = Statement(
    "delete the tasks of an execution", delete(task).where(task.c.workflow_id == _p("workflow_id"))
)

_CHANGE_DUE = Statement(
    "look again later",
    update(task)
    .where(task.c.id == _p("id"), text(LIVE))
    .values(due_at=_p("due_at", BigInteger), wake=_p("wake"), sends=task.c.sends + _p("sends", Integer)),
)

_MARK_RETRIED = Statement(
    "a later attempt exists", update(task).where(task.c.id == _p("id")).values(retried=text("1"))
)

_DUE = Statement(
    "tasks that are due",
    select(*_COLUMNS)
    # Not by status: the index of live tasks would fit, and all that wait would be read to find those that are due.
    .where(task.c.due_at.isnot(None), task.c.due_at <= _p("now", BigInteger), task.c.ended.is_(None))
    .order_by(task.c.due_at)
    .limit(_p("limit", Integer)),
)

_NEXT_DUE = Statement(
    "when the next task is due",
    select(func.min(task.c.due_at)).where(task.c.due_at.isnot(None), task.c.due_at > _p("now", BigInteger)),
)

_RESERVE_DUE = Statement(
    "take a due task's turn",
    update(task)
    .where(task.c.id == _p("id"), text(LIVE), task.c.due_at == _p("seen", BigInteger))
    .values(due_at=_p("due_at", BigInteger), sends=task.c.sends + text("1")),
)

_OF_OWNER = Statement(
    "claims of a worker",
    select(*_COLUMNS)
    .where(task.c.owner == _p("owner"), task.c.status == text("'IN_PROGRESS'"))
    .order_by(task.c.id),
)

_OF_MESSAGE = Statement(
    "claims of a message",
    select(*_COLUMNS)
    .where(
        task.c.owner == _p("owner"),
        task.c.status == text("'IN_PROGRESS'"),
        task.c.message_id == _p("message_id"),
    )
    .order_by(task.c.id),
)

_RESCHEDULE = Statement(
    "give a lost claim back",
    update(task)
    .where(_MINE)
    .values(
        status=text("'SCHEDULED'"),
        owner=None,
        # As text: None would become a parameter of the name that the condition's has.
        claim=text("NULL"),
        updated=_p("now", BigInteger),
        due_at=_p("due_at", BigInteger),
        wake=text("'send'"),
        reason=_p("reason"),
    ),
)

_SET_REASON = Statement(
    "why a task waits", update(task).where(task.c.id == _p("id"), text(LIVE)).values(reason=_p("reason"))
)

_SET_CHILD = Statement(
    "tie a task to the execution that it started",
    update(task).where(task.c.id == _p("id")).values(sub_workflow_id=_p("sub_workflow_id")),
)

_WAITING_FOR = Statement(
    "tasks that wait for an execution",
    select(task.c.id)
    # Not by status: of an execution that many share there may be few that wait, and none of them is live elsewhere.
    .where(task.c.sub_workflow_id == _p("sub_workflow_id"), task.c.ended.is_(None))
    .order_by(task.c.id),
)

_UNSUCCESSFUL = Statement(
    "attempts that failed",
    select(*_COLUMNS)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        text("status IN ('FAILED', 'FAILED_WITH_TERMINAL_ERROR', 'TIMED_OUT')"),
    )
    .order_by(task.c.id),
)

_EXTEND = Statement(
    "a sign of life of a claimed task",
    update(task).where(_MINE).values(updated=_p("now", BigInteger), due_at=_p("due_at", BigInteger)),
)


def insert_task(session: Session, row: TaskRow, run: int) -> bool:
    """Insert unless the execution is not running, or in another run, or the position is taken; False then."""
    return session.run(_INSERT, run=run, **row._asdict()) == 1


def insert_tasks(session: Session, rows: Iterable[TaskRow], run: int) -> int:
    """Insert many; how many were inserted: positions that are taken, and executions that do not run, are left."""
    return session.run_many(_INSERT, [{"run": run, **row._asdict()} for row in rows])


def put_task(session: Session, row: TaskRow) -> bool:
    """Insert whatever the status of its execution, which the caller has locked; False: the position is taken."""
    return session.run(_PUT, **row._asdict()) == 1


def claim_task(session: Session, **params: Any) -> TaskRow | None:
    """SCHEDULED → IN_PROGRESS for the delivery in `params`; None: not scheduled, or the execution doesn't run."""
    row = session.one(_CLAIM, **params)
    return None if row is None else TaskRow._make(row)


def claim_loop(session: Session, **params: Any) -> bool:
    return session.run(_CLAIM_LOOP, **params) == 1


def schedule_loop(session: Session, **params: Any) -> bool:
    return session.run(_SCHEDULE_LOOP, **params) == 1


def end_task(session: Session, **params: Any) -> bool:
    """End the task that this claim holds; False: the claim is gone, and nothing is written."""
    return session.run(_END, **params) == 1


def end_and_insert(session: Session, ended: dict[str, Any], row: TaskRow, run: int) -> bool:
    """End a claimed task and insert the next; both, or neither: the claim is gone, or the execution does not run.

    Raises:
        Exception: one of `TAKEN`, the position is taken.
    """
    if session.dialect.name == "postgresql":
        found = session.one(_END_AND_INSERT, **_prefixed(ended), run=run, **row._asdict())
        assert found is not None
        return found[0] is not None
    if session.run(_END_RUNNING, **_prefixed(ended), workflow_id=row.workflow_id, run=run) != 1:
        return False
    session.run(_INSERT_NEXT, **row._asdict())
    return True


def end_and_claim(
    session: Session, ended: dict[str, Any], claim: dict[str, Any]
) -> tuple[bool, TaskRow | None]:
    """End a claimed task and claim a scheduled one. The second never without the first."""
    if session.dialect.name == "postgresql":
        found = session.one(_END_AND_CLAIM, **claim | _prefixed(ended))
        assert found is not None
        return found[0] is not None, None if found[1] is None else TaskRow._make(found[1:])
    if not end_task(session, **ended):
        return False, None
    return True, claim_task(session, **claim)


def _prefixed(ended: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "claim", "status", "output")
    return {f"end_{name}": ended[name] for name in names} | {"now": ended["now"]}


def end_choice(session: Session, **params: Any) -> bool:
    return session.run(_END_CHOICE, **params) == 1


def end_open(session: Session, **params: Any) -> bool:
    """End a task from outside, whoever works on it; False: it has ended already."""
    return session.run(_END_OPEN, **params) == 1


def park_task(session: Session, **params: Any) -> bool:
    return session.run(_PARK, **params) == 1


def reschedule(session: Session, **params: Any) -> bool:
    return session.run(_RESCHEDULE, **params) == 1


def extend(session: Session, **params: Any) -> bool:
    return session.run(_EXTEND, **params) == 1


def by_id(session: Session, task_id: str, lock: bool = False) -> TaskRow | None:
    row = session.one(_LOCK_BY_ID if lock else _BY_ID, id=task_id)
    return None if row is None else TaskRow._make(row)


def latest(session: Session, workflow_id: str, ref: str, low: str, high: str) -> TaskRow | None:
    """The latest attempt of the latest iteration whose path is between `low` and `high`."""
    row = session.one(_LATEST, workflow_id=workflow_id, ref=ref, low=low, high=high)
    return None if row is None else TaskRow._make(row)


def lock_latest(session: Session, workflow_id: str, ref: str, path: str) -> TaskRow | None:
    row = session.one(_LOCK_LATEST, workflow_id=workflow_id, ref=ref, path=path)
    return None if row is None else TaskRow._make(row)


def by_refs(session: Session, workflow_id: str, refs: Iterable[str], path: str) -> dict[str, TaskRow]:
    """The latest attempt of each reference at a path."""
    rows = session.all(_BY_REFS, workflow_id=workflow_id, refs=orjson.dumps(list(refs)).decode(), path=path)
    return {row.ref: row for row in map(TaskRow._make, rows)}


def of_iterations(
    session: Session, workflow_id: str, refs: Iterable[str], low: str, high: str
) -> list[tuple[str, str, int, str | None]]:
    """(ref, path, attempt, output) of the tasks in a loop's body, in the order of their scheduling."""
    names = orjson.dumps(list(refs)).decode()
    return [
        tuple(r) for r in session.all(_OF_ITERATIONS, workflow_id=workflow_id, refs=names, low=low, high=high)
    ]


def of_workflow(session: Session, workflow_id: str) -> list[TaskRow]:
    return [TaskRow._make(row) for row in session.all(_OF_WORKFLOW, workflow_id=workflow_id)]


def positions(session: Session, workflow_id: str) -> list[Position]:
    return [Position._make(row) for row in session.all(_POSITIONS, workflow_id=workflow_id)]


def any_live(session: Session, workflow_id: str, refs: Iterable[str], low: str, high: str) -> bool:
    names = orjson.dumps(list(refs)).decode()
    return session.one(_LIVE_IN, workflow_id=workflow_id, refs=names, low=low, high=high) is not None


def live(session: Session, workflow_id: str) -> list[TaskRow]:
    return [TaskRow._make(row) for row in session.all(_LIVE_REFS, workflow_id=workflow_id)]


Canceled = tuple[str, str, str | None, str | None]
"""(id, type, sub-workflow id, the limit of which it had a slot) of a task."""


def cancel_live(session: Session, workflow_id: str, reason: str | None, now: int) -> list[Canceled]:
    """Cancel all that is open."""
    return [tuple(r) for r in session.all(_CANCEL_LIVE, workflow_id=workflow_id, reason=reason, now=now)]


def cancel_live_in(
    session: Session, workflow_id: str, refs: Iterable[str], low: str, high: str, now: int
) -> list[Canceled]:
    """Cancel what is open of these references, at or below a path."""
    names = orjson.dumps(list(refs)).decode()
    found = session.all(
        _CANCEL_LIVE_IN, workflow_id=workflow_id, refs=names, low=low, high=high, reason=None, now=now
    )
    return [tuple(row) for row in found]


def any_open(session: Session, workflow_id: str) -> bool:
    return session.one(_ANY_OPEN, workflow_id=workflow_id) is not None


def delete_positions(session: Session, workflow_id: str, positions: Iterable[tuple[str, str]]) -> None:
    """Delete all attempts at these (ref, path)."""
    session.run_many(
        _DELETE, [{"workflow_id": workflow_id, "ref": ref, "path": path} for ref, path in positions]
    )


def delete_iteration(session: Session, workflow_id: str, refs: Iterable[str], low: str, high: str) -> None:
    """Delete all attempts at these references whose path is between `low` and `high`."""
    names = orjson.dumps(list(refs)).decode()
    session.run(_DELETE_ITERATION, workflow_id=workflow_id, refs=names, low=low, high=high)


def delete_all(session: Session, workflow_id: str) -> None:
    session.run(_DELETE_ALL, workflow_id=workflow_id)


def change_due(session: Session, task_id: str, due_at: int | None, wake: str | None, sends: int = 0) -> None:
    session.run(_CHANGE_DUE, id=task_id, due_at=due_at, wake=wake, sends=sends)


def mark_retried(session: Session, task_id: str) -> None:
    session.run(_MARK_RETRIED, id=task_id)


def set_reason(session: Session, task_id: str, reason: str | None) -> None:
    session.run(_SET_REASON, id=task_id, reason=reason)


def set_child(session: Session, task_id: str, sub_workflow_id: str) -> None:
    session.run(_SET_CHILD, id=task_id, sub_workflow_id=sub_workflow_id)


def waiting_for(session: Session, workflow_id: str) -> list[str]:
    """The ids of the open tasks that wait for an execution."""
    return [row[0] for row in session.all(_WAITING_FOR, sub_workflow_id=workflow_id)]


def unsuccessful(session: Session, workflow_id: str) -> list[TaskRow]:
    """Attempts that failed or timed out, retried ones too, in the order of their scheduling."""
    return [TaskRow._make(row) for row in session.all(_UNSUCCESSFUL, workflow_id=workflow_id)]


def due(session: Session, now: int, limit: int) -> list[TaskRow]:
    return [TaskRow._make(row) for row in session.all(_DUE, now=now, limit=limit)]


def next_due(session: Session, now: int) -> int | None:
    """When the next one is due after `now`; None: none is."""
    row = session.one(_NEXT_DUE, now=now)
    return None if row is None else row[0]


def reserve_due(session: Session, task_id: str, seen: int, due_at: int | None) -> bool:
    """Move a due task's time on, so that of several sweepers one acts; False: another did."""
    return session.run(_RESERVE_DUE, id=task_id, seen=seen, due_at=due_at) == 1


def of_owner(session: Session, owner: str) -> list[TaskRow]:
    return [TaskRow._make(row) for row in session.all(_OF_OWNER, owner=owner)]


def of_message(session: Session, owner: str, message_id: str) -> list[TaskRow]:
    return [TaskRow._make(row) for row in session.all(_OF_MESSAGE, owner=owner, message_id=message_id)]
