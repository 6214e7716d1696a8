"""An execution as a tree: what each task contains, iteration by iteration and branch by branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.errors import ExecutionNotFound
from app.operations.query import ExecutionState, TaskExecution, state_of, task_of
from app.runtime.engine import Engine
from app.store import compensations, executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import path_of
from app.store.unit_of_work import Session
from workflows.program import Container, Node, Path

Key = tuple[str, Path]


@dataclass(frozen=True, slots=True)
class ExecutionTree:
    """An execution and its tasks in the order of the definition; those that were not reached are absent."""

    execution: ExecutionState
    tasks: tuple[TaskTree, ...]
    compensation: ExecutionTree | None = None
    """What undoes it; of a sub-workflow whose parent is undone as well it is found there, below the parent's."""

    @property
    def inside(self) -> tuple[TaskTree | ExecutionTree, ...]:
        """Its tasks and its compensation."""
        return self.tasks if self.compensation is None else (*self.tasks, self.compensation)


@dataclass(frozen=True, slots=True)
class TaskTree:
    """One task: its attempts, first to last, and what it contains."""

    attempts: tuple[TaskExecution, ...]
    groups: tuple[TaskGroup, ...] = ()
    children: tuple[ExecutionTree, ...] = ()
    """The sub-workflows that it has started, one for each attempt that did."""


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """One list of tasks inside a task: a case, a branch, or an iteration of a loop."""

    kind: Literal["root", "cases", "branches", "loop"]
    label: str
    """Its place below the task in the definition: `decisionCases.gift`, `forkTasks[0]`, `loopOver`."""
    iteration: int | None
    """Of a loop; None: of a case or a branch."""
    tasks: tuple[TaskTree, ...]


def get_tree(engine: Engine, execution_id: str) -> ExecutionTree:
    """An execution with its tasks, those of its sub-workflows included, as they are at one moment.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> ExecutionTree:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return _tree(engine, session, row)

    return engine.store.read(work)


def _tree(engine: Engine, session: Session, row: WorkflowRow, top: bool = True) -> ExecutionTree:
    program = engine.programs.get(row.program_id, session)
    attempts = defaultdict[Key, list[TaskExecution]](list)
    for task in tasks.of_workflow(session, row.id):
        attempts[task.ref, path_of(task.path)].append(task_of(program, task))
    grown = tuple(_Grower(engine, session, attempts).tasks(program.root, ()))
    undoing = compensations.latest(session, row.id) if program.compensable else None
    if undoing is None or (undoing.parent_id is not None and not top):
        return ExecutionTree(state_of(program, row), grown)
    return ExecutionTree(state_of(program, row), grown, _tree(engine, session, undoing))


class _Grower:
    """Puts the tasks of one execution where the definition has them."""

    def __init__(self, engine: Engine, session: Session, attempts: dict[Key, list[TaskExecution]]) -> None:
        self._engine, self._session = engine, session
        self._attempts = attempts
        self._iterations = defaultdict[Key, list[int]](list)
        for ref, path in attempts:
            if path:
                self._iterations[ref, path[:-1]].append(path[-1])

    def tasks(self, container: Container, path: Path) -> Iterator[TaskTree]:
        for node in container.nodes:
            attempts = self._attempts.get((node.ref, path))
            if attempts:
                attempts.sort(key=lambda task: task.attempt)
                yield TaskTree(
                    tuple(attempts), tuple(self._groups(node, path)), tuple(self._children(attempts))
                )

    def _groups(self, node: Node, path: Path) -> Iterator[TaskGroup]:
        for label, child in node.children.items():
            if child.kind == "loop":
                for iteration in self._iterations_of(child, path):
                    inside = tuple(self.tasks(child, (*path, iteration)))
                    yield TaskGroup(child.kind, label, iteration, inside)
            elif inside := tuple(self.tasks(child, path)):
                yield TaskGroup(child.kind, label, None, inside)

    def _iterations_of(self, body: Container, path: Path) -> list[int]:
        # Each iteration begins with the first task of the body.
        return sorted(self._iterations[body.nodes[0].ref, path]) if body.nodes else []

    def _children(self, attempts: list[TaskExecution]) -> Iterator[ExecutionTree]:
        for task in attempts:
            if task.sub_workflow_id is not None:
                row = executions.by_id(self._session, task.sub_workflow_id)
                if row is not None:
                    yield _tree(self._engine, self._session, row, top=False)
