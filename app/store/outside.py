"""Statements for outside workers: what they are handed, what waits for them, and when they last asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, func, literal_column, select, text, update

from app.store.statements import Among, Statement
from app.store.tables import LIVE, poll_data, task, workflow
from app.store.tasks import TaskRow, each_queue
from app.store.unit_of_work import Session

_COLUMNS = [task.c[name] for name in TaskRow._fields]
COUNTED = 10_000
"""Queues are counted up to this size: counting costs time."""


class PollRow(NamedTuple):
    """The last poll for tasks of a name in a domain ('': in none); time in milliseconds."""

    type: str
    domain: str
    worker: str
    polled: int


class Origin(NamedTuple):
    """What a task that is handed out tells of its execution."""

    id: str
    name: str
    version: int
    program_id: str
    correlation_id: str | None


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_IN_QUEUE = and_(text("wake = 'poll'"), task.c.queue == _p("queue"))

# In a CTE: a subquery with LIMIT could be run again for each row.
_picked = (
    select(task.c.id)
    .where(_IN_QUEUE)
    .order_by(task.c.priority.desc(), task.c.id)
    .limit(_p("count", Integer))
    .with_for_update(skip_locked=True)
    .cte("picked")
)
_HAND_OUT = Statement(
    "hand tasks to an outside worker",
    update(task)
    .where(task.c.id == _picked.c.id)
    .values(
        status=text("'IN_PROGRESS'"),
        owner=_p("owner"),
        claim=_p("claim", BigInteger),
        worker=_p("worker"),
        reason=None,
        started=func.coalesce(task.c.started, _p("now", BigInteger)),
        updated=_p("now", BigInteger),
        due_at=_p("now", BigInteger) + task.c.lease,
        wake=text("'timeout'"),
        polls=task.c.polls + text("1"),
    )
    .returning(*_COLUMNS),
)
_ORIGINS = Statement(
    "what tasks tell of their executions",
    select(*[workflow.c[name] for name in Origin._fields]).where(Among(workflow.c.id, "ids")),
)
_OFFER_VALUES: dict[str, Any] = {
    "status": text("'SCHEDULED'"),
    "owner": None,
    "claim": text("NULL"),
    "queue": _p("queue"),
    "priority": _p("priority", Integer),
    "lease": _p("lease", BigInteger),
    "output": _p("output"),
    "reason": _p("reason"),
    "updated": _p("now", BigInteger),
    "due_at": _p("due_at", BigInteger),
    "wake": _p("wake"),
}
_OFFER = Statement(
    "offer a task to outside workers, or offer it later",
    update(task).where(task.c.id == _p("id"), text(LIVE)).values(_OFFER_VALUES),
)
_SIGN_OF_LIFE = Statement(
    "whoever works on a task goes on with it",
    update(task)
    .where(task.c.id == _p("id"), task.c.status == text("'IN_PROGRESS'"))
    .values(
        output=_p("output"),
        reason=_p("reason"),
        updated=_p("now", BigInteger),
        due_at=_p("due_at", BigInteger),
        wake=_p("wake"),
    ),
)
_RECALL = Statement(
    "take back tasks that a Celery worker knows",
    update(task)
    .where(
        task.c.id.in_(
            select(task.c.id).where(_IN_QUEUE).limit(_p("limit", Integer)).with_for_update(skip_locked=True)
        )
    )
    .values(due_at=_p("now", BigInteger), wake=text("'send'")),
)
_SIZE = Statement(
    "how many tasks wait for outside workers",
    select(func.count()).select_from(
        select(task.c.id).where(_IN_QUEUE).limit(literal_column(str(COUNTED))).subquery()
    ),
)
_OLDEST = Statement(
    "since when tasks wait for outside workers",
    select(task.c.scheduled)
    .where(_IN_QUEUE)
    .order_by(task.c.priority.desc(), task.c.id)
    .limit(literal_column("1")),
)
_PENDING = Statement(
    "tasks that wait for outside workers",
    select(*_COLUMNS)
    .where(_IN_QUEUE)
    .order_by(task.c.priority.desc(), task.c.id)
    .limit(_p("limit", Integer))
    .offset(_p("offset", Integer)),
)
_QUEUES = each_queue("queues in which tasks wait for outside workers", "poll")
_POLLED = Statement(
    "somebody polled",
    text(
        """
        INSERT INTO poll_data (type, domain, worker, polled)
        VALUES (:type, :domain, :worker, :polled)
        ON CONFLICT (type, domain) DO UPDATE SET worker = excluded.worker, polled = excluded.polled
        WHERE poll_data.polled < excluded.polled
        """
    ).bindparams(_p("type"), _p("domain"), _p("worker"), _p("polled", BigInteger)),
)
_POLLS = [poll_data.c[name] for name in PollRow._fields]
_POLLS_OF = Statement(
    "polls for tasks of a name",
    select(*_POLLS).where(poll_data.c.type == _p("type")).order_by(poll_data.c.domain),
)
_ALL_POLLS = Statement("all polls", select(*_POLLS).order_by(poll_data.c.type, poll_data.c.domain))


def hand_out(session: Session, **params: Any) -> list[TaskRow]:
    """SCHEDULED → IN_PROGRESS for at most `count` tasks of a queue: the most urgent and then the oldest first."""
    rows = [TaskRow._make(row) for row in session.all(_HAND_OUT, **params)]
    return sorted(rows, key=lambda row: (-row.priority, row.id))


def origins(session: Session, ids: Iterable[str]) -> dict[str, Origin]:
    """What is told of these executions, by id."""
    found = session.all(_ORIGINS, ids=orjson.dumps(list(ids)).decode())
    return {row[0]: Origin._make(row) for row in found}


def offer(session: Session, row: TaskRow, now: int) -> bool:
    """Write an open task as it is to be found by who polls; False: it has ended."""
    names = ("id", "queue", "priority", "lease", "output", "reason", "due_at", "wake")
    return session.run(_OFFER, now=now, **{name: getattr(row, name) for name in names}) == 1


def sign_of_life(session: Session, **params: Any) -> bool:
    """False: nobody works on it."""
    return session.run(_SIGN_OF_LIFE, **params) == 1


def recall(session: Session, queue: str, now: int, limit: int) -> int:
    """Make tasks of a queue due to be sent to Celery; how many, at most `limit`."""
    return session.run(_RECALL, queue=queue, now=now, limit=limit)


def size(session: Session, queue: str) -> int:
    """How many tasks wait in a queue, up to `COUNTED`."""
    row = session.one(_SIZE, queue=queue)
    return int(row[0]) if row else 0


def oldest(session: Session, queue: str) -> int | None:
    """When the task that is handed out next was scheduled; None: there is none."""
    row = session.one(_OLDEST, queue=queue)
    return None if row is None else int(row[0])


def pending(session: Session, queue: str, limit: int, offset: int = 0) -> list[TaskRow]:
    """Tasks of a queue, in the order in which they are handed out."""
    rows = session.all(_PENDING, queue=queue, limit=limit, offset=offset)
    return [TaskRow._make(row) for row in rows]


def queues(session: Session) -> list[str]:
    """All queues in which tasks wait."""
    return [row[0] for row in session.all(_QUEUES)]


def polled(session: Session, rows: Iterable[PollRow]) -> None:
    """Record polls; what is recorded never goes back in time."""
    session.run_many(_POLLED, [row._asdict() for row in rows])


def polls(session: Session, name: str | None = None) -> list[PollRow]:
    """The last polls by domain, for tasks of a name (None: of all)."""
    rows = session.all(_ALL_POLLS) if name is None else session.all(_POLLS_OF, type=name)
    return [PollRow._make(row) for row in rows]
