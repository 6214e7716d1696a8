"""The protocol with people who do anything to any execution, at any moment between two effects.

What they do changes what is done again, never how it ends: an execution that they have taken up again ends as it
would have ended, unless they gave it other inputs, ended its tasks by hand or passed them over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.errors import InvalidInput, TaskNotFound, WrongState
from app.operations import control
from app.operations.outside import ResultStatus, TaskResult, update
from app.operations.signal import complete_task, fail_task, signal
from app.runtime.execution import suffixed
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Store
from tests.properties.definitions import Drawn
from tests.properties.protocol import Protocol
from tests.properties.reference import Result
from tests.runtime.delivery import Killed

_any = st.integers(0, 999)
_MOST_OPERATED = 12
_REFUSED = (WrongState, TaskNotFound, InvalidInput)

Act = Callable[["Operated", WorkflowRow, int], Any]


def _pick(rows: list[Any], index: int) -> Any:
    if not rows:
        raise WrongState("there is nothing to choose from")
    return rows[index % len(rows)]


def _task(machine: Operated, row: WorkflowRow, index: int) -> TaskRow:
    found: TaskRow = _pick(machine.harness.rows(row.id), index)
    return found


def _name(task: TaskRow) -> str:
    return suffixed(task.ref, path_of(task.path))


def _rerun(machine: Operated, row: WorkflowRow, index: int, given: dict[str, Any] | None = None) -> None:
    task = _task(machine, row, index)
    # By the id of the attempt, or by its reference.
    control.rerun(machine.harness.engine, row.id, _name(task) if index % 2 else task.id, input=given)


def _skip(machine: Operated, row: WorkflowRow, index: int) -> None:
    definition = machine.drawn_now.workflows[row.name]
    refs = sorted(_refs(definition["tasks"]))
    control.skip_task(machine.harness.engine, row.id, _pick(refs, index), output={"n": 1, "case": "a"})


def _by_hand(machine: Operated, row: WorkflowRow, index: int) -> str:
    """The reference of a task that is about to be ended by hand."""
    task = _task(machine, row, index)
    if task.type in ("JOIN", "DO_WHILE", "SWITCH", "FORK_JOIN", "SUB_WORKFLOW"):
        machine.watch.unordered.add(row.id)
    return _name(task)


def _result(machine: Operated, row: WorkflowRow, index: int) -> None:
    task: TaskRow = _pick([task for task in machine.harness.live() if task.workflow_id == row.id], index)
    machine.watch.unordered.add(row.id)
    statuses = [ResultStatus.COMPLETED, ResultStatus.FAILED, ResultStatus.FAILED_WITH_TERMINAL_ERROR]
    update(machine.harness.engine, TaskResult(task.id, statuses[index % 3], {"n": 2}))


def _refs(tasks: list[dict[str, Any]]) -> set[str]:
    found = {task["taskReferenceName"] for task in tasks}
    for task in tasks:
        for inner in (
            *task.get("decisionCases", {}).values(),
            task.get("defaultCase", []),
            *task.get("forkTasks", []),
            task.get("loopOver", []),
        ):
            found |= _refs(inner)
    return found


NEUTRAL: dict[str, Act] = {
    "pause": lambda m, row, _: control.pause(m.harness.engine, row.id),
    "resume": lambda m, row, _: control.resume(m.harness.engine, row.id),
    "terminate": lambda m, row, _: control.terminate(m.harness.engine, row.id),
    "retry": lambda m, row, _: control.retry(m.harness.engine, row.id),
    "retry in sub-workflows": lambda m, row, _: control.retry(
        m.harness.engine, row.id, resume_sub_workflows=True
    ),
    "rerun": lambda m, row, _: control.rerun(m.harness.engine, row.id),
    "rerun from a task": _rerun,
    "restart": lambda m, row, _: control.restart(m.harness.engine, row.id),
    "restart, latest": lambda m, row, _: control.restart(m.harness.engine, row.id, latest_definition=True),
}
"""After these an execution ends as it would have ended."""
CHANGING: dict[str, Act] = {
    "rerun with input": lambda m, row, index: _rerun(m, row, index, {"p0": index, "x": index}),
    "skip": _skip,
    "complete": lambda m, row, i: complete_task(m.harness.engine, row.id, _by_hand(m, row, i), {"n": 3}),
    "fail": lambda m, row, i: fail_task(
        m.harness.engine, row.id, _by_hand(m, row, i), "x", terminal=i % 2 > 0
    ),
    "result by id": _result,
    "signal": lambda m, row, _: signal(m.harness.engine, row.id, ResultStatus.COMPLETED, {"n": 4}),
    "update variables": lambda m, row, i: control.update_variables(m.harness.engine, row.id, {"v_other": i}),
}
"""After these it is only said that it ends."""
ACTS = NEUTRAL | CHANGING


class Operated(Protocol):
    """One execution after the other, two workers, every fault, and people."""

    operated = True
    acts: tuple[str, ...] = tuple(ACTS)

    def __init__(self) -> None:
        super().__init__()
        self.acted = 0
        self.changed: set[str] = set()

    def terminate(self) -> None:
        """Is an act like the others."""

    @precondition(lambda self: self.acted < _MOST_OPERATED)
    @rule(
        what=st.sampled_from(range(1000)),
        whom=_any,
        index=_any,
        survives=st.sampled_from([None, None, None, 0, 1, 2]),
    )
    def act(self, what: int, whom: int, index: int, survives: int | None) -> None:
        """Somebody does something; their process may be killed after so many effects."""
        name = self.acts[what % len(self.acts)]
        rows = self.harness.executions()
        row = rows[whom % len(rows)]
        self.acted += 1
        effects = 0

        def point(at: str) -> None:
            nonlocal effects
            effects += at != "before commit"
            if survives is not None and at != "before commit" and effects > survives:
                raise Killed

        try:
            with self.harness.points(point):
                self._guarded(lambda: ACTS[name](self, row, index), but=_REFUSED)
        except _REFUSED:
            event(f"refused: {name}")
            return
        except Killed:
            pass
        event(f"done: {name}")
        # Variables stay when tasks are done again, and these then read what a later one has set.
        keeps = name == "rerun from a task" and "SET_VARIABLE" in repr(self.drawn_now.document)
        # Above a sub-workflow that is ended the flow may go on: it may be optional.
        below = name == "terminate" and row.parent_id is not None
        if name in CHANGING or keeps or below:
            # From here on it is not said how the execution, and those above it, end.
            self.changed.add(self._root(row))

    def _root(self, row: WorkflowRow) -> str:
        while row.parent_id is not None:
            row = self.harness.execution(row.parent_id)
        return row.id

    def determined(self) -> list[tuple[str, Result]]:
        return [(id, expected) for id, expected in self.started.items() if id not in self.changed]

    def settle(self) -> None:
        """Take up again all that people have stopped, and let everything end."""
        engine = self.harness.engine
        for _ in range(4):
            for row in self.harness.open_executions():
                if row.status == "PAUSED":
                    self._guarded(lambda id=row.id: control.resume(engine, id))
            self._answer()
            self.harness.drain()
            stopped = [
                id for id, expected in self.determined() if not self._as_expected(id, expected.statuses)
            ]
            if not stopped:
                return
            for id in stopped:
                self._take_up(id)

    def _answer(self) -> None:
        """Complete what waits for somebody, which may lead to more of that."""
        while True:
            while self.harness.wire.queue:
                self._guarded(lambda: self.harness.deliver(self.harness.wire.take(0), self.harness.alive[0]))
            waiting = [r for r in self.harness.live() if r.type == "WAIT" and r.due_at is None]
            if not waiting:
                return
            for task in waiting:
                update(self.harness.engine, TaskResult(task.id, ResultStatus.COMPLETED, {}))

    def _as_expected(self, execution_id: str, statuses: set[str]) -> bool:
        return self.harness.execution(execution_id).status in statuses

    def _take_up(self, execution_id: str) -> None:
        engine = self.harness.engine
        try:
            self._guarded(
                lambda: control.retry(engine, execution_id, resume_sub_workflows=True), but=_REFUSED
            )
        except _REFUSED:
            self._guarded(lambda: control.restart(engine, execution_id))


def operated(
    store: Store, drawn: st.SearchStrategy[Drawn] | None = None, acts: tuple[str, ...] = tuple(ACTS)
) -> type[Operated]:
    """The machine on a store, for definitions of a strategy and these acts."""
    strategy = Protocol.drawn if drawn is None else drawn
    return type("Operated", (Operated,), {"store": store, "drawn": strategy, "acts": acts})
