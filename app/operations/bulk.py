"""One operation on many executions, with a result for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.errors import InvalidInput, OperationError
from app.operations import control, retention
from app.runtime.engine import Engine

MOST = 1_000
"""Ids of one call: each is a transaction of its own, and somebody waits for all."""
OPERATIONS: dict[str, Callable[..., Any]] = {
    "pause": control.pause,
    "resume": control.resume,
    "terminate": control.terminate,
    "retry": control.retry,
    "restart": control.restart,
    "archive": retention.archive,
    "remove": retention.remove,
}
"""What can be done to many at once, by the operation's name."""


@dataclass(slots=True)
class BulkResult:
    """Conductor's BulkResponse."""

    successful: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """Why it could not be done, by the id of the execution."""


def bulk(engine: Engine, operation: str, execution_ids: Sequence[str], **options: Any) -> BulkResult:
    """Do an operation to each of these executions; one that can't be done leaves the others alone.

    options: the operation's own, the same for all.
    Conductor: /workflow/bulk/pause, resume, restart, retry, terminate, remove.

    Raises:
        InvalidInput: there is no such operation; there are no ids, or more than `MOST`.
    """
    if operation not in OPERATIONS:
        raise InvalidInput(f"{operation!r} can't be done to many executions at once: {', '.join(OPERATIONS)}")
    if not 0 < len(execution_ids) <= MOST:
        raise InvalidInput(
            f"{len(execution_ids)} executions were named: at least 1 and at most {MOST:,} can be"
        )
    done, act = BulkResult(), OPERATIONS[operation]
    for execution_id in dict.fromkeys(execution_ids):
        try:
            act(engine, execution_id, **options)
        except OperationError as error:
            done.errors[execution_id] = str(error)
        else:
            done.successful.append(execution_id)
    return done
