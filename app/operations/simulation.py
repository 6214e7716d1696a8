"""Run a definition with made-up results of its tasks: by the real engine, on tables that nobody else sees.

No worker gets a task, no call leaves the process, and nothing is left behind. Time does not pass: a task ends at the
time that its made-up result says, and what waits for its retry does not wait.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.operations.conductor import Document, get_workflow
from app.operations.outside import ResultStatus, TaskResult, update
from app.operations.start import start
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed
from app.runtime.hand import Hand
from app.runtime.ports import Attempt, Owner, Send, SendHeads, Topic
from app.store import definitions, tasks
from app.store.scratch import scratch
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session, Store
from workflows.model import TaskDef, WorkflowDef
from workflows.operator import Failed, Outcome
from workflows.program import Node, Program
from workflows.status import TaskStatus

MOST_MOVES = 20_000
"""Conductor's limit: a loop without end is shown as far as it got."""
LONGEST_SECONDS = 20.0
_FLOW = {"JOIN", "EXCLUSIVE_JOIN", "SET_VARIABLE", "TERMINATE"}
"""Types without tasks inside whose result nobody makes up: they are what is being tried."""


@dataclass(frozen=True, slots=True)
class MockResult:
    """One made-up result; times in milliseconds."""

    status: ResultStatus = ResultStatus.COMPLETED
    output: Mapping[str, Any] = field(default_factory=dict)
    execution_ms: int = 0
    queue_wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the tasks of an execution are said to answer, and those of its sub-workflows."""

    results: Mapping[str, Sequence[MockResult]] = field(default_factory=dict)
    """By reference (in a loop with the iteration, `charge__2`, or without: for all of them, one after the other);
    each attempt takes the next one."""
    children: Mapping[str, Scenario] = field(default_factory=dict)
    """By the reference of the SUB_WORKFLOW task."""


def simulate(
    engine: Engine,
    name: str,
    given: Mapping[str, Any] | None = None,
    scenario: Scenario | None = None,
    *,
    version: int | None = None,
    definition: WorkflowDef | None = None,
    correlation_id: str | None = None,
    priority: int = 0,
) -> Document:
    """Conductor's Workflow as it is when it has ended, or comes to a task that nobody has made up a result for.

    definition: what is run instead of a registered definition.

    Raises:
        WorkflowNotFound, InvalidDefinition, InvalidInput: as for a real start.
    """
    with scratch() as store:
        stage = _Stage(engine, store)
        execution_id = start(
            stage,
            name,
            given,
            version=version,
            definition=definition,
            correlation_id=correlation_id,
            priority=priority,
        )
        _Play(stage).run(execution_id, scenario or Scenario())
        return get_workflow(stage, execution_id)


class _Nobody:
    """The workers and the broker of a simulation: there are none."""

    chords = False

    def knows(self, name: str) -> bool:
        return False

    def queue(self, name: str) -> str:
        return "none"

    def in_place(self, name: str) -> bool:
        return False

    def call(self, name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        return Failed(f"{name} is not run in a test")

    def ready(self) -> None:
        pass

    def publish(self, sends: Sequence[Send | SendHeads]) -> None:
        pass

    def tell(self, topics: Collection[Topic]) -> None:
        pass


class _NoSinks:
    """Events of a simulation stay in its tables."""

    def publish(self, sink: str, payload: Mapping[str, Any], message_id: str) -> None:
        pass


class _Stage(Engine):
    """The engine on tables of its own; definitions are those of the real one."""

    def __init__(self, real: Engine, store: Store) -> None:
        super().__init__(store, real.settings, _Nobody(), _Nobody(), _NoSinks(), clock=self._time)
        self._real = real
        self.now = real.clock()

    def _time(self) -> int:
        return self.now

    def registered(self, session: Session, name: str, version: int | None) -> Program:
        program = self._real.store.read(lambda s: self._real.registered(s, name, version))
        definitions.store_program(session, program.id, program.content().decode(), self.now)
        return self.programs.put(program)

    def known_task_defs(self, session: Session) -> dict[str, TaskDef]:
        return self._real.store.read(self._real.known_task_defs)

    def may_run(self, hand: Hand, node: Node) -> bool:
        # Whether a task is run, or has a made-up result, is decided for each by itself.
        return False


class _Play:
    """Takes the part of everybody outside of the engine."""

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage
        self._owner = Owner(new_id(), "test")
        self._used: dict[tuple[str, str], int] = {}

    def run(self, execution_id: str, scenario: Scenario) -> None:
        """Go on until it has ended, or nothing can be done."""
        ends = time.monotonic() + LONGEST_SECONDS
        for _ in range(MOST_MOVES):
            if time.monotonic() > ends or not self._move(execution_id, scenario):
                return

    def _move(self, execution_id: str, scenario: Scenario) -> bool:
        """End one task, or run one operator; False: there is none for which that can be done."""
        stage = self._stage

        def read(session: Session) -> tuple[Execution | None, list[TaskRow]]:
            return stage.execution(session, execution_id), tasks.live(session, execution_id)

        execution, rows = stage.store.read(read)
        return execution is not None and any(self._move_task(execution, row, scenario) for row in rows)

    def _move_task(self, execution: Execution, row: TaskRow, scenario: Scenario) -> bool:
        node, ref = execution.program.node(row.ref), suffixed(row.ref, path_of(row.path))
        below = scenario.children.get(ref, scenario.children.get(row.ref))
        if row.sub_workflow_id is not None and below is not None:
            return self._move(row.sub_workflow_id, below)
        if not _is_flow(node):
            result = self._next_result(execution.id, scenario, ref, row.ref)
            if result is not None:
                self._apply(row, result)
                return True
        if row.sub_workflow_id is not None:
            return self._move(row.sub_workflow_id, Scenario())
        operator = node.operator
        if operator is not None and operator.repeatable and row.status == TaskStatus.SCHEDULED:
            return self._run(execution, node, row)
        return False

    def _next_result(
        self, execution_id: str, scenario: Scenario, ref: str, plain_ref: str
    ) -> MockResult | None:
        for name in dict.fromkeys((ref, plain_ref)):
            results = scenario.results.get(name, ())
            used = self._used.get((execution_id, name), 0)
            if used < len(results):
                self._used[execution_id, name] = used + 1
                return results[used]
        return None

    def _apply(self, row: TaskRow, result: MockResult) -> None:
        ended = row.scheduled + result.queue_wait_ms + result.execution_ms
        self._stage.now = max(self._stage.now, ended)
        update(
            self._stage,
            TaskResult(
                row.id,
                result.status,
                dict(result.output),
                reason=None if result.status is ResultStatus.COMPLETED else "failed as the test says",
                worker=self._owner.hostname,
            ),
        )

    def _run(self, execution: Execution, node: Node, row: TaskRow) -> bool:
        hand = Hand(owner=self._owner, message_id=new_id())
        held = self._stage.claim(hand, execution, node, path_of(row.path), row.attempt)
        if held is None:
            return False
        self._stage.carry(hand, held)
        return True


def _is_flow(node: Node) -> bool:
    return node.kind in _FLOW or bool(node.operator is not None and node.children)


__all__ = ["MockResult", "Scenario", "simulate"]
