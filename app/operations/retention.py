"""Remove and archive executions that have ended: one, many by age, or as they are told by the settings."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import orjson

from app.errors import ExecutionNotFound, InvalidInput, WrongState
from app.operations import payloads
from app.operations.audit import locked_row, recorded
from app.operations.conductor import Document, workflow_document
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.settle import Settlement
from app.store import cache, executions, logs, retention, tasks
from app.store.executions import WorkflowRow
from app.store.ids import first_id
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

BATCH = 50
"""Executions, with all below them, that one transaction removes: others that write wait for it."""
ENDED = tuple(status for status in WorkflowStatus if status.terminal)


@dataclass(slots=True)
class Pruned:
    """What `prune` has done."""

    executions: int = 0
    """How many were removed, sub-workflows among them; with `dry_run`: would be, without those below them."""
    files: list[str] = field(default_factory=list)
    """URLs of archive files, if they were archived."""
    payloads: int = 0
    """How many that clients had brought were deleted; with `dry_run`: would be."""


def remove(
    engine: Engine,
    execution_id: str,
    *,
    archive: bool = False,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Delete an execution that has ended, with its sub-workflows, tasks and logs; its idempotency key is free again.

    archive: write it into the archive first, as `archive` does.
    Conductor: DELETE /workflow/{workflowId}/remove.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it, or the execution that it is a part of, has not ended.
        InvalidInput: the archive can't be written.
    """
    if archive:
        _written(engine, [engine.store.read(lambda s: _removable(s, execution_id))])

    gone: list[str] = []

    def work(settlement: Settlement) -> Any:
        locked_row(settlement, execution_id)
        row = _removable(settlement.session, execution_id)
        rows = list(_with_children(settlement.session, [row]))
        retention.delete_executions(settlement.session, rows)
        gone[:] = [one.id for one in rows]
        return {"name": row.name, "status": row.status, "removed": len(rows), "archived": archive}

    recorded(engine, "remove", execution_id, work, actor=actor, reason=reason)
    engine.payloads.remove(gone)


def archive(engine: Engine, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> str:
    """Write an execution that has ended, with its sub-workflows, into the archive; the URL of the file.

    A line of the file is one execution, as Conductor's JSON with the log of each task; gzip.

    Raises:
        ExecutionNotFound, WrongState, InvalidInput: as `remove`.
    """
    row = engine.store.read(lambda s: _removable(s, execution_id))
    url = _written(engine, [row])
    recorded(engine, "archive", execution_id, lambda _: {"file": url}, actor=actor, reason=reason)
    return url


def prune(
    engine: Engine,
    older_than: float,
    *,
    statuses: Sequence[str] = ENDED,
    name: str | None = None,
    archive: bool = False,
    dry_run: bool = False,
    limit: int | None = None,
    actor: str | None = None,
) -> Pruned:
    """Remove executions that ended more than `older_than` seconds ago, in batches of one short transaction each.

    Sub-workflows go with the execution that they are a part of, and only then. Unless it is of one definition alone,
    payloads that clients brought go as well, once they are as old as the settings say.
    statuses: of these alone; name: of this definition alone; limit: so many at most, without those below them.
    archive: each batch is written into a file of the archive first. dry_run: only count.

    Raises:
        InvalidInput: `older_than` is negative, a status is none in which an execution has ended, or the archive can't
            be written.
        PayloadUnavailable: the store of payloads can't be read.
    """
    done = _prune(engine, older_than, statuses, name, archive, dry_run, limit, actor)
    if name is None:
        outdated = payloads.outdated(engine)
        done.payloads = len(outdated)
        if not dry_run:
            payloads.delete(engine, outdated)
    return done


def _prune(
    engine: Engine,
    older_than: float,
    statuses: Sequence[str],
    name: str | None,
    archive: bool,
    dry_run: bool,
    limit: int | None,
    actor: str | None,
) -> Pruned:
    if older_than < 0:
        raise InvalidInput("older_than must not be negative")
    for status in statuses:
        if status not in ENDED:
            raise InvalidInput(f"{status!r} is no status of an execution that has ended: {', '.join(ENDED)}")
    ended, done = engine.clock() - int(older_than * 1000), Pruned()
    left = limit
    for status in statuses:
        for ids in _batches(engine, status, name, ended, left):
            removed = len(ids) if dry_run else _pruned(engine, ids, archive, done)
            done.executions += removed
            left = None if left is None else left - len(ids)
    if done.executions and not dry_run:
        detail = {"executions": done.executions, "older_than": older_than, "files": done.files}
        recorded(engine, "prune", None, lambda _: detail, actor=actor, subject=name)
    return done


def _batches(
    engine: Engine, status: str, name: str | None, ended: int, limit: int | None
) -> Iterator[list[str]]:
    after, until = "", first_id(ended)
    while limit is None or limit > 0:
        size = BATCH if limit is None else min(BATCH, limit)

        def work(session: Session, after: str = after, size: int = size) -> list[str]:
            return retention.old(
                session, status=status, name=name, after=after, until=until, ended=ended, limit=size
            )

        ids = engine.store.read(work)
        if not ids:
            return
        yield ids
        after = ids[-1]
        limit = None if limit is None else limit - len(ids)


def _pruned(engine: Engine, ids: list[str], archive: bool, done: Pruned) -> int:
    found = engine.store.read(lambda s: [executions.by_id(s, each) for each in ids])
    rows = [row for row in found if row is not None]
    if archive and rows:
        done.files.append(_written(engine, rows))

    def work(session: Session) -> list[str]:
        locked = [executions.by_id(session, row.id, lock=True) for row in rows]
        # Somebody may have had one run again in between.
        still = [row for row in locked if row is not None and WorkflowStatus(row.status).terminal]
        gone = list(_with_children(session, still))
        retention.delete_executions(session, gone)
        return [row.id for row in gone]

    removed = engine.store.transact(work)
    engine.payloads.remove(removed)
    return len(removed)


def _removable(session: Session, execution_id: str) -> WorkflowRow:
    row = executions.by_id(session, execution_id)
    if row is None:
        raise ExecutionNotFound(execution_id)
    if not WorkflowStatus(row.status).terminal:
        raise WrongState(f"execution {row.id} is {row.status}: it has not ended; terminate it first")
    above = executions.by_id(session, row.parent_id) if row.parent_id else None
    if above is not None and not WorkflowStatus(above.status).terminal:
        raise WrongState(
            f"execution {row.id} is a part of {above.id}, which is {above.status}: it can't be removed before that"
        )
    return row


def _with_children(session: Session, rows: Sequence[WorkflowRow]) -> Iterator[WorkflowRow]:
    while rows:
        yield from rows
        rows = retention.children(session, [row.id for row in rows])


def _written(engine: Engine, rows: Sequence[WorkflowRow]) -> str:
    """The URL of a new file of the archive with these executions and those below them."""
    folder = engine.settings.resolved_archive_url.rstrip("/")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(engine.clock() / 1000))
    url = f"{folder}/executions-{stamp}-{new_id()}.jsonl.gz"
    everything = engine.store.read(lambda s: list(_with_children(s, rows)))
    lines = [orjson.dumps(_document(engine, row), option=orjson.OPT_APPEND_NEWLINE) for row in everything]
    try:
        system, path = fsspec.core.url_to_fs(url)
        system.makedirs(system._parent(path), exist_ok=True)
        with system.open(path, "wb") as file:
            file.write(gzip.compress(b"".join(lines)))
    except (OSError, ValueError, ImportError) as error:
        raise InvalidInput(f"the archive {folder} can't be written: {error}") from error
    return url


def _document(engine: Engine, row: WorkflowRow) -> Document:
    rows = engine.store.read(lambda s: tasks.of_workflow(s, row.id))
    document = workflow_document(engine, row, rows)
    for task in document["tasks"]:
        lines = engine.store.read(lambda s, task=task: logs.of_task(s, task["taskId"]))  # type: ignore[misc]
        if lines:
            task["logs"] = [{"createdTime": created, "log": line} for created, _, line in lines]
    return document


class Keeper:
    """Prunes by the settings, and forgets outputs and clients' payloads that were kept long enough, a batch at a time:
    what beat does beside everything else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = 0
        self._forget_at = 0
        self._outdated: list[str] = []
        self._list_at = 0

    def tick(self) -> bool:
        """Remove one batch if it is time; True: there may be more at once."""
        settings, now = self._engine.settings, self._engine.clock()
        if now >= self._forget_at:
            more = self._engine.store.transact(lambda s: cache.forget(s, now)) == cache.FORGET_BATCH
            self._forget_at = now if more else now + _PAUSE_MS
        if not self._outdated and now >= self._list_at:
            # A store that does not answer is tried again after the pause.
            self._list_at = now + _LIST_MS
            self._outdated = payloads.outdated(self._engine)
        payloads.delete(self._engine, self._outdated[:BATCH])
        del self._outdated[:BATCH]
        if settings.retention_seconds is None or now < self._next:
            return False
        # An archive that can't be written is tried again after the pause, not at once.
        self._next = now + _PAUSE_MS
        done = _prune(
            self._engine,
            settings.retention_seconds,
            statuses=ENDED,
            name=None,
            archive=settings.retention_archive,
            dry_run=False,
            limit=BATCH,
            actor="retention",
        )
        if done.executions:
            self._next = now
        return bool(done.executions)


_PAUSE_MS = 60_000
_LIST_MS = 600_000
"""So often the folder of what clients brought is listed."""
