"""An engine whose broker is a list, whose clock stands still, and whose workers take messages when they are told to."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.events.publisher import EventPublisher
from app.operations import definitions
from app.operations.start import start
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.hand import Hand
from app.runtime.payload import Payloads
from app.runtime.ports import Attempt, Owner
from app.runtime.recovery import Sweeper
from app.store import executions, tables, tasks, workers
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Store
from app.store.workers import WorkerRow
from config.settings import Settings
from tasks.step import hand_for, work_on
from tests.runtime.transitions import Transitions
from tests.runtime.wire import Message, Wire
from tests.runtime.work import NAMES, outcome_of
from workflows.loading import load
from workflows.operator import Outcome
from workflows.status import WorkflowStatus

BEGIN_MS = 1_700_000_000_000
FOREVER = float("inf")
_BURIED_MS = 20_000
"""So soon a dead worker has been found."""
_LONGEST_MS = 7_200_000


class Stuck(AssertionError):
    """Nothing goes on any more, and executions have not ended."""


@dataclass(frozen=True)
class Shape:
    """How canvases are cut, and how long a worker goes on in place."""

    segment_length: int = 16
    fan_batches: int = 8
    chords: bool = True
    steps_in_place: int = 1000
    """Worker tasks that one message may run."""


@dataclass
class Call:
    """One call of a worker task."""

    name: str
    attempt: Attempt
    owner: str


@dataclass
class _Here(threading.local):
    """What the thread that runs now works on."""

    hand: Hand | None = None
    calls_left: int = 0
    point: Any = None


@dataclass
class Harness:
    """The engine, and everything around it that a test moves by hand."""

    store: Store
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        self.now = BEGIN_MS
        self.here = _Here()
        self.calls: list[Call] = []
        self.on_call: Callable[[Call], None] | None = None
        self.wire = Wire(self.shape.chords, self.queue, self.point)
        settings = Settings(
            state_dir=Path("unused"),
            segment_length=self.shape.segment_length,
            fan_batches=self.shape.fan_batches,
            # Into how many messages a batch divides what it has not come to depends on the time that it took:
            # so each branch is a message of its own, or all are one.
            in_place_seconds=0 if self.shape.steps_in_place == 0 else 1_000_000,
        )
        events = EventPublisher(self.store, settings, clock=lambda: self.now)
        self.engine = Engine(self.store, settings, self, self.wire, events, clock=lambda: self.now)
        self.sweeper = Sweeper(self.engine, monotonic=lambda: self.now / 1000)
        self.store.fault = self.point
        self.alive: list[Owner] = []
        self.transitions = Transitions(self.store.engine)
        self._wipe()
        self.new_worker()
        self.new_worker()

    def point(self, name: str) -> None:
        """An effect is about to happen, or has just happened, in this thread."""
        if self.here.point is not None:
            self.here.point(name)

    # the worker tasks, as the engine sees them

    def knows(self, name: str) -> bool:
        return name in NAMES

    def queue(self, name: str) -> str:
        return "far" if name == "far" else "celery"

    def in_place(self, name: str) -> bool:
        return name != "limited"

    def call(self, name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        hand = self.here.hand
        assert hand is not None
        assert hand.owner is not None
        self.calls.append(Call(name, attempt, hand.owner.id))
        if self.on_call is not None:
            self.on_call(self.calls[-1])
        self.point("work")
        self.here.calls_left -= 1
        if self.here.calls_left <= 0:
            hand.until = 0
        return outcome_of(name, given, attempt.attempt)

    # what happens

    def register(self, document: dict[str, Any]) -> None:
        """Register definitions."""
        definitions.register(self.engine, load(document))

    def start(self, name: str, given: Mapping[str, Any] | None = None) -> str:
        """Start an execution; its id."""
        return start(self.engine, name, given)

    def keep_payloads(self, url: str | None, inline_bytes: int = 65_536) -> Harness:
        """From now on payloads of more than so many bytes, and files, are kept below `url`."""
        engine = self.engine
        engine.settings = dataclasses.replace(
            engine.settings, payload_store_url=url, payload_inline_bytes=inline_bytes
        )
        engine.payloads = Payloads(url, inline_bytes, new_id)
        return self

    def new_worker(self) -> Owner:
        """A worker that registers itself and lives."""
        owner = Owner(new_id(), f"worker-{len(self.alive)}")
        row = WorkerRow(owner.id, owner.hostname, 1, 1, "[]", "[]", self.now, self.now, "alive")
        self.store.transact(lambda s: workers.register(s, row))
        self.alive.append(owner)
        return owner

    def deliver(self, message: Message, owner: Owner, steps_in_place: int | None = None) -> None:
        """All that a worker does with a message, and Celery when its task has returned."""
        hand = hand_for(self.engine, owner, message, message.header)
        steps = self.shape.steps_in_place if steps_in_place is None else steps_in_place
        hand.until = FOREVER if steps else 0
        self.here.hand, self.here.calls_left = hand, steps
        with self.store.held():
            work_on(self.engine, hand, message, message.header)
        self.wire.ended(message)

    def deliver_all(self) -> None:
        """Hand over all messages in their order, to one worker; the clock stands still, and nothing is swept."""
        while self.wire.queue:
            self.deliver(self.wire.take(0), self.alive[0])

    def advance(self, milliseconds: int) -> None:
        """Let time pass, then run the sweeper; workers that live give their signs of life meanwhile."""
        self.now += milliseconds
        for owner in self.alive:
            self.store.transact(lambda s, o=owner: workers.heartbeat(s, o.id, self.now))  # type: ignore[misc]
        self.sweeper.tick()

    def drain(self, pick: Any = None) -> None:
        """Deliver all messages, in the order that `pick` (a Random) gives, and let time pass until all has ended.

        Raises:
            Stuck: hours pass and executions have not ended.
        """
        began = self.now
        while True:
            while self.wire.queue:
                index = pick.randrange(len(self.wire.queue)) if pick else 0
                self.deliver(self.wire.take(index), self.alive[index % len(self.alive)])
            if not self.open_executions():
                assert not self.transitions.unknown()
                return
            if self.now - began > _LONGEST_MS:
                raise Stuck(f"after {(self.now - began) // 1000} s:\n{self.picture()}")
            self.advance(self.until_due(self.now - began))

    def until_due(self, waited: int = _BURIED_MS) -> int:
        """Milliseconds until something is due; short steps while dead workers are to be found.

        waited: milliseconds since the last of them may have died.
        """
        rows = self.live()
        if waited < _BURIED_MS and {row.owner for row in rows} - {None, *(owner.id for owner in self.alive)}:
            return 1_000
        # What is overdue after a tick, nobody has cared for.
        due = [row.due_at for row in rows if row.due_at is not None and row.due_at > self.now]
        return min(60_000, min(due, default=self.now + 60_000) - self.now)

    # what is to be seen

    def open_executions(self) -> list[WorkflowRow]:
        """Executions that have not ended."""
        return [row for row in self.executions() if not WorkflowStatus(row.status).terminal]

    def executions(self) -> list[WorkflowRow]:
        """All executions, children too."""
        text = f"SELECT {', '.join(WorkflowRow._fields)} FROM workflow ORDER BY id"
        return [WorkflowRow._make(row) for row in self._rows(text)]

    def execution(self, execution_id: str) -> WorkflowRow:
        """One execution."""
        row = self.store.read(lambda s: executions.by_id(s, execution_id))
        assert row is not None
        assert not self.transitions.unknown()
        return row

    def rows(self, execution_id: str | None = None) -> list[TaskRow]:
        """All attempts of all tasks of an execution (None: of all), in the order of their scheduling."""
        if execution_id is not None:
            wanted = execution_id
            return self.store.read(lambda s: tasks.of_workflow(s, wanted))
        return [
            TaskRow._make(row)
            for row in self._rows(f"SELECT {', '.join(TaskRow._fields)} FROM task ORDER BY id")
        ]

    def live(self) -> list[TaskRow]:
        """Tasks that have not ended."""
        return [row for row in self.rows() if row.status in ("SCHEDULED", "IN_PROGRESS")]

    def picture(self) -> str:
        """Everything, for people who look at a failure."""
        lines = [repr(message) for message in self.wire.queue]
        for execution in self.executions():
            lines.append(f"{execution.id[-6:]} {execution.name} {execution.status} {execution.reason or ''}")
            for row in self.rows(execution.id):
                fields = (
                    f"{row.ref} {row.path} #{row.attempt} {row.type} {row.status} {row.wake} {row.due_at}"
                )
                lines.append(
                    f"    {fields} {row.owner and row.owner[-6:]} {row.message_id} {row.reason or ''}"
                )
        return "\n".join(lines)

    def _rows(self, text: str) -> list[Any]:
        with self.store.engine.connect() as connection:
            return list(connection.exec_driver_sql(text))

    def _wipe(self) -> None:
        with self.store.engine.connect() as connection:
            for table in tables.metadata.sorted_tables:
                connection.exec_driver_sql(f"DELETE FROM {table.name}")
        self.transitions.forget()

    @contextlib.contextmanager
    def points(self, point: Any) -> Iterator[None]:
        """Call `point` at each effect of this thread."""
        self.here.point = point
        try:
            yield
        finally:
            self.here.point = None
