"""Statements on limits: who has a slot, who waits for one, and when the next start is allowed.

A task that waits stands in line (`wake = 'slot'`, `queue`: the limit's name). Once it may run it has a slot until it
ends: `slot` names the limit, and whatever ends the row frees it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, func, literal_column, select, text, update

from app.store.executions import WorkflowRow
from app.store.statements import Statement
from app.store.tables import LIVE, task, workflow
from app.store.tasks import TaskRow, each_queue
from app.store.unit_of_work import Session

_COLUMNS = [task.c[name] for name in TaskRow._fields]


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


# SQLite has one writer at a time.
_LOCK = Statement(
    "decide alone who gets the slots of a limit",
    text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))").bindparams(_p("key")),
)

_IN_LINE = and_(text("wake = 'slot'"), task.c.queue == _p("key"))
_WAITING = Statement(
    "tasks that wait for a slot, the most urgent and then the oldest first",
    select(*_COLUMNS)
    .where(_IN_LINE)
    .order_by(task.c.priority.desc(), task.c.id)
    .limit(_p("limit", Integer))
    # What somebody ends at this moment is passed over: he comes here next.
    .with_for_update(skip_locked=True),
)
_WAITS = Statement(
    "whether a task waits for a slot",
    select(literal_column("1")).select_from(task).where(_IN_LINE).limit(literal_column("1")),
)
_HELD = Statement(
    "how many slots of a limit are taken",
    select(func.count()).select_from(task).where(task.c.slot == _p("key"), text(LIVE)),
)
_NOT_STARTED = Statement(
    "how many that have a slot have not started",
    select(func.count())
    .select_from(task)
    .where(task.c.slot == _p("key"), text(LIVE), task.c.started.is_(None)),
)
_LATEST_STARTS = Statement(
    "the latest starts under a limit, newest first",
    select(task.c.started)
    .where(task.c.slot == _p("key"), task.c.started > _p("since", BigInteger))
    .order_by(task.c.started.desc())
    .limit(_p("limit", Integer)),
)
_GIVE = Statement(
    "give a slot to a task that waits",
    update(task)
    .where(task.c.id == _p("id"), text("wake = 'slot'"))
    .values(
        slot=_p("slot"),
        queue=_p("queue"),
        lease=_p("lease", BigInteger),
        reason=_p("reason"),
        due_at=_p("due_at", BigInteger),
        wake=_p("wake"),
    ),
)
_LINE_UP = Statement(
    "let a task wait for a slot",
    update(task)
    .where(task.c.id == _p("id"), text("status = 'SCHEDULED'"), task.c.slot.is_(None))
    .values(
        queue=_p("key"),
        priority=_p("priority", Integer),
        due_at=_p("due_at", BigInteger),
        wake=text("'slot'"),
    ),
)
_RELEASE = Statement(
    "take what has not begun out of line, and its slots back",
    update(task)
    .where(
        task.c.workflow_id == _p("workflow_id"),
        text(LIVE),
        text("status = 'SCHEDULED' AND (slot IS NOT NULL OR wake = 'slot')"),
    )
    .values(slot=None, queue=None, due_at=None, wake=text("'send'"))
    .returning(task.c.name),
)
_LEAVE = Statement(
    "take a task out of line",
    update(task)
    .where(task.c.id == _p("id"), text("status = 'SCHEDULED'"))
    .values(slot=None, queue=None, due_at=None, wake=text("'send'")),
)
_LINES = each_queue("limits for whose slots tasks wait", "slot")

_OPEN = "rate_limit_key IS NOT NULL AND ended IS NULL"
_OF_KEY = and_(workflow.c.rate_limit_key == _p("key"), text(_OPEN))
_RUNNING = Statement(
    "how many executions of a key run",
    select(func.count()).select_from(workflow).where(_OF_KEY, workflow.c.rate_limited == text("0")),
)
_HELD_BACK = Statement(
    "the executions of a key that wait for their turn, the oldest first",
    select(*[workflow.c[name] for name in WorkflowRow._fields])
    .where(_OF_KEY, workflow.c.rate_limited == text("1"), text("status = 'RUNNING'"))
    .order_by(workflow.c.id)
    .limit(_p("limit", Integer))
    .with_for_update(skip_locked=True),
)
_BEGIN = Statement(
    "an execution's turn has come",
    update(workflow)
    .where(workflow.c.id == _p("id"))
    .values(rate_limited=text("0"), updated=_p("now", BigInteger), due_at=_p("due_at", BigInteger)),
)
_KEYS = Statement(
    "keys for which executions wait",
    text(
        """
        WITH RECURSIVE found (name) AS (
            SELECT min(rate_limit_key) FROM workflow
            WHERE rate_limit_key IS NOT NULL AND ended IS NULL AND rate_limited = 1
            UNION ALL
            SELECT (
                SELECT min(workflow.rate_limit_key) FROM workflow
                WHERE workflow.rate_limit_key IS NOT NULL AND workflow.ended IS NULL AND workflow.rate_limited = 1
                AND workflow.rate_limit_key > found.name
            )
            FROM found
            WHERE found.name IS NOT NULL
        )
        SELECT name FROM found WHERE name IS NOT NULL
        """
    ),
)


def lock(session: Session, key: str) -> None:
    """Decide alone about a limit until this transaction ends."""
    if session.dialect.name == "postgresql":
        session.one(_LOCK, key=key)


def waiting(session: Session, key: str, limit: int) -> list[TaskRow]:
    """Tasks in line, in the order in which they get their slots."""
    rows = [TaskRow._make(row) for row in session.all(_WAITING, key=key, limit=limit)]
    return sorted(rows, key=lambda row: (-row.priority, row.id))


def anybody_waits(session: Session, key: str) -> bool:
    return session.one(_WAITS, key=key) is not None


def held(session: Session, key: str) -> int:
    """How many slots are taken."""
    row = session.one(_HELD, key=key)
    return int(row[0]) if row else 0


def not_started(session: Session, key: str) -> int:
    """How many that have a slot have not started."""
    row = session.one(_NOT_STARTED, key=key)
    return int(row[0]) if row else 0


def latest_starts(session: Session, key: str, since: int, limit: int) -> list[int]:
    """When the latest started, after `since`, newest first."""
    return [row[0] for row in session.all(_LATEST_STARTS, key=key, since=since, limit=limit)]


def give(session: Session, row: TaskRow) -> bool:
    """Let a task have its slot, and be found as `row` says; False: it is not in line."""
    names = ("id", "slot", "queue", "lease", "reason", "due_at", "wake")
    return session.run(_GIVE, **{name: getattr(row, name) for name in names}) == 1


def line_up(session: Session, row: TaskRow) -> bool:
    """Let a task that has no slot wait for one; `row` as it waits."""
    return session.run(_LINE_UP, id=row.id, key=row.queue, priority=row.priority, due_at=row.due_at) == 1


def release(session: Session, workflow_id: str) -> list[str]:
    """Take what has not begun of an execution out of line; the names of the limits that this concerns."""
    return [row[0] for row in session.all(_RELEASE, workflow_id=workflow_id)]


def leave(session: Session, task_id: str) -> None:
    """Take a task that has not begun out of line, and its slot back."""
    session.run(_LEAVE, id=task_id)


def lines(session: Session) -> list[str]:
    """The limits for whose slots tasks wait."""
    return [row[0] for row in session.all(_LINES)]


def running(session: Session, key: str) -> int:
    """How many executions of a key run."""
    row = session.one(_RUNNING, key=key)
    return int(row[0]) if row else 0


def held_back(session: Session, key: str, limit: int) -> list[WorkflowRow]:
    """Executions of a key that wait for their turn, the oldest first."""
    return [WorkflowRow._make(row) for row in session.all(_HELD_BACK, key=key, limit=limit)]


def begin(session: Session, workflow_id: str, now: int, due_at: int | None) -> None:
    session.run(_BEGIN, id=workflow_id, now=now, due_at=due_at)


def keys(session: Session) -> list[str]:
    """The keys for which executions wait."""
    return [row[0] for row in session.all(_KEYS)]
