"""What a worker task may know and say of the workflow that it runs in."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import EffectImpossible
from app.runtime.ports import Attempt

if TYPE_CHECKING:
    from tasks.effects import Effect, Transaction


@dataclass(frozen=True, slots=True)
class InProgress:
    """What `TaskContext.in_progress` gives to return: the attempt is handed out again later."""

    callback_after: float
    output: Any = None


class TaskContext:
    """The running attempt. Everything in it is the same for every attempt but `attempt` and `task_id`."""

    def __init__(
        self,
        attempt: Attempt,
        write: Callable[[Attempt, str, str], None],
        output_of: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        """`output_of`: the output that a task's result becomes."""
        self._attempt = attempt
        self._write = write
        self._output_of = output_of
        self.execution_id = attempt.execution_id
        self.workflow = attempt.workflow
        self.version = attempt.version
        self.ref = attempt.ref
        """taskReferenceName, in a loop with its iteration: `charge__2`."""
        self.iteration = attempt.iteration
        self.attempt = attempt.attempt
        """0 for the first (Conductor's retryCount)."""
        self.task_id = attempt.task_id
        self.idempotency_key = attempt.idempotency_key
        """The same for all attempts of this task: hand it to services that must not act twice."""
        self.previous_output = attempt.output
        """What this attempt handed to `in_progress` the last time; None at first."""
        self.polls = attempt.polls
        """How often this attempt was handed out: more than 1 after `in_progress`."""

    @functools.cached_property
    def correlation_id(self) -> str | None:
        """The caller's name for the execution, given at its start."""
        return self._attempt.correlation_id()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this attempt any more: its execution was terminated, or it has timed out.

        Each time one look into the database. A task that takes long asks now and then, and stops: its result is not
        written in any case.
        """
        return self._attempt.cancelled()

    def log(self, message: str, level: str = "INFO") -> None:
        """Write a line to the task's log, to be seen at once in `podium show` and Flower."""
        hide = self._attempt.hide
        self._write(self._attempt, level.upper(), message if hide is None else hide(message))

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines go to the task's log too."""
        return _TaskLogger(self)

    def effect(self, transaction: Transaction) -> AbstractContextManager[Effect]:
        """Commit the task's own rows and its completion in one transaction, and whatever follows from it.

        transaction: a Session or Connection of SQLAlchemy (not the asynchronous ones) on Podium's own database. It
            is committed at the end of the block, and rolled back when the block raises.

        The task has completed with the block; what its function returns afterwards, or raises, changes nothing.

        Raises:
            EffectImpossible: the database is another one, or the output can't be stored; the task fails for good.
            EffectTooLate: the attempt has lost its task. In both cases nothing is committed.
        """
        # Tasks that have no use for it need not wait for SQLAlchemy's ORM.
        from tasks.effects import Effect, effect_in

        completion = self._attempt.completion
        if completion is None:
            raise EffectImpossible("effect() belongs to a step of a workflow that a worker runs")
        return effect_in(transaction, completion, Effect(self.idempotency_key), self._output_of)

    def in_progress(self, callback_after: float, output: Any = None) -> InProgress:
        """Return this from the task: it has not finished and is to be called again.

        callback_after: seconds until then; no worker is held meanwhile.
        output: JSON that the next call finds in `previous_output`.
        """
        return InProgress(callback_after, output)


class _TaskLogger(logging.LoggerAdapter[logging.Logger]):
    def __init__(self, context: TaskContext) -> None:
        super().__init__(
            logging.getLogger("podium.task"), {"execution": context.execution_id, "ref": context.ref}
        )
        self._context = context

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            self._context.log(text, logging.getLevelName(level))
            hide = self._context._attempt.hide
            if hide is not None:
                msg, args = hide(text), ()
        super().log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


_current: ContextVar[TaskContext | None] = ContextVar("podium_context", default=None)


def podium_context() -> TaskContext | None:
    """The attempt that runs in this thread; None when the task was called as plain Celery."""
    return _current.get()


@contextmanager
def entered(context: TaskContext) -> Iterator[None]:
    """Make `podium_context()` answer this."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
