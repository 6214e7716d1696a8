"""The hand that holds the flow: what a process has claimed, and what it may do without asking the broker."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from app.runtime.execution import Execution
from app.runtime.ports import Owner, Send, SendHeads, Topic
from app.store.tasks import TaskRow
from workflows.program import Node, Path


@dataclass(slots=True)
class Held:
    """A claimed attempt: its row as it was when it was claimed, its input parsed."""

    execution: Execution
    node: Node
    path: Path
    row: TaskRow
    claim: int
    input: dict[str, Any]
    iteration: int = 0
    output: Any = None
    began: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Hand:
    """One message's worth of work, or one call's from outside of a worker."""

    owner: Owner | None = None
    """Who claims. None: nothing is claimed here; what is next goes to the broker (the API, the sweeper)."""
    message_id: str | None = None
    queue: str | None = None
    until: float = 0.0
    """`time.monotonic()` after which the rest goes to the broker."""
    fork: tuple[str, str, Path] | None = None
    """(execution id, reference of the fork, path) of the chord whose part this message is: Celery tells the
    chord that the part has ended, and its body asks the JOIN."""

    waited_for: bool = False
    """Somebody waits for an answer meanwhile: slow operators are left to the workers."""
    heads: deque[Any] = field(default_factory=deque)
    """Branches of a batch that wait for their turn (`straight.Head`)."""

    def is_part_of(self, execution: Execution, fork: Node, path: Path) -> bool:
        return self.fork == (execution.id, fork.ref, path)

    @property
    def has_time(self) -> bool:
        return self.owner is not None and time.monotonic() < self.until


@dataclass(slots=True)
class Moves:
    """What a transaction decided: what runs here next, and what is sent after the commit."""

    claimed: Held | None = None
    sends: list[Send | SendHeads] = field(default_factory=list)
    stale: bool = False
    """The claim was gone: somebody else has decided, and nothing was written."""
    decided: list[tuple[str, str, str]] = field(default_factory=list)
    """(Celery name, task id, reference) of the operators that were decided on the way."""
    ended: list[str] = field(default_factory=list)
    """Executions that ended."""
    attempts: list[str] = field(default_factory=list)
    """Ids of the attempts that ended."""
    told: set[Topic] = field(default_factory=set)
    """What is told to those who listen (`Publisher.tell`) after the commit."""
