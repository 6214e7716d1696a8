"""A worker task's completion inside a transaction of its own: its rows and the step's are committed together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.errors import EffectImpossible, EffectTooLate
from app.runtime.execution import suffixed
from app.runtime.hand import Hand, Held, Moves
from app.runtime.settle import Settlement
from app.store import tasks
from app.store.borrowed import MISSING, Borrowed
from app.store.unit_of_work import Session
from workflows.operator import Done, Failed
from workflows.program import Path
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.engine import Engine


class TaskCompletion:
    """`ports.Completion` of a held attempt."""

    __slots__ = ("_engine", "_hand", "_held", "_kept", "_session", "_settled", "hide", "moves")

    def __init__(self, engine: Engine, hand: Hand, held: Held) -> None:
        self._engine, self._hand, self._held = engine, hand, held
        self._session: Borrowed | None = None
        self._kept: dict[tuple[str, Path], dict[str, Any]] = {}
        self._settled: Moves | None = None
        self.moves: Moves | None = None
        """What follows, once it is committed."""
        self.hide: Callable[[Any], Any] | None = None
        """Hides the values of secrets in the output."""

    def begin(self, connection: Any) -> None:
        if self._session is not None:
            raise EffectImpossible(f"{self._ref} has had its effect: one transaction completes a task")
        session = Borrowed(self._engine.store, connection)
        try:
            row = tasks.by_id(session, self._held.row.id)
        except MISSING:
            row = None
        if row is None:
            raise EffectImpossible(
                f"the session's database does not know the task that runs ({self._ref}): it must be Podium's own, "
                f"{self._engine.store.url} (with PostgreSQL in the same schema)"
            )
        if row.claim != self._held.claim or row.status != TaskStatus.IN_PROGRESS:
            raise self._too_late()
        self._session = session

    def settle(self, output: Any) -> None:
        assert self._session is not None
        held = self._held
        if self.hide is not None:
            output = self.hide(output)
        self._kept = held.execution.kept()
        settlement = Settlement(self._engine, self._session, self._hand, self._engine.clock())
        outcome = settlement.checked(held.execution, held.node, held.path, Done(output))
        if isinstance(outcome, Failed):
            raise EffectImpossible(outcome.reason)
        settlement.outcome(held, outcome)
        self._settled = settlement.finish()
        if self._settled.stale:
            raise self._too_late()

    def commit(self, commit: Callable[[], None], rollback: Callable[[], None]) -> None:
        store = self._engine.store
        try:
            store.fault("before commit")
            commit()
            store.fault("after commit")
        except Exception:
            # Its locks must not be in the way of the look.
            with contextlib.suppress(Exception):
                rollback()
            execution = self._held.execution
            since = execution.kept()
            execution.restore(self._kept)
            if not store.transact(self._was_committed, patience=None):
                raise
            execution.restore(since)
        self.moves = self._settled

    def _was_committed(self, session: Session) -> bool:
        # Locked: a commit that is still on its way holds the row.
        row = tasks.by_id(session, self._held.row.id, lock=True)
        return row is not None and row.claim == self._held.claim and row.status == TaskStatus.COMPLETED

    @property
    def _ref(self) -> str:
        return suffixed(self._held.node.ref, self._held.path)

    def _too_late(self) -> EffectTooLate:
        return EffectTooLate(self._ref, self._held.row.attempt)
