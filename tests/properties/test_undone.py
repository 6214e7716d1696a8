"""Whatever an execution that does not complete had done is undone once, the last first; nothing else is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from app.operations.control import terminate
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Store
from tests.properties.definitions import Drawn, documents
from tests.properties.profile import examples
from tests.properties.test_against_reference import shapes
from tests.runtime.harness import Harness, Shape
from workflows.compensation import at
from workflows.status import TaskStatus, WorkflowStatus

Json = dict[str, Any]
COMPLETED, FAILED = WorkflowStatus.COMPLETED, WorkflowStatus.FAILED


def lists_of(task: Json) -> Iterator[list[Json]]:
    yield from task.get("decisionCases", {}).values()
    yield from task.get("forkTasks", [])
    yield from (task[name] for name in ("defaultCase", "loopOver") if name in task)


def give_compensations(tasks: list[Json]) -> None:
    """Have each worker task undone by one that reads it."""
    for task in tasks:
        ref = task["taskReferenceName"]
        if task.get("type", "SIMPLE") == "SIMPLE":
            undo = {
                "name": "work",
                "taskReferenceName": f"undo_{ref}",
                "inputParameters": {"n": f"${{{ref}.output.n}}"},
            }
            task["compensation"] = [undo]
        for inner in lists_of(task):
            give_compensations(inner)


class Seen:
    """All executions and their tasks when nothing goes on any more."""

    def __init__(self, harness: Harness) -> None:
        self.executions = {row.id: row for row in harness.executions()}
        self.rows: dict[str, list[TaskRow]] = {}
        for row in harness.rows():
            self.rows.setdefault(row.workflow_id, []).append(row)
        self.compensations: dict[str, list[WorkflowRow]] = {}
        for execution in self.executions.values():
            if execution.compensates is not None:
                self.compensations.setdefault(execution.compensates, []).append(execution)

    def is_undone(self, execution: WorkflowRow) -> bool:
        """Whether it has to be: it ended unsuccessfully, or with a parent that has to be."""
        if execution.parent_id is None:
            return execution.status != COMPLETED
        # A child that was terminated was so with its parent.
        return execution.status == FAILED or self.is_undone(self.executions[execution.parent_id])

    def problems(self) -> Iterator[str]:
        for execution in self.executions.values():
            if execution.compensates is not None:
                if execution.status != COMPLETED:
                    yield f"compensation {execution.id} is {execution.status}"
                continue
            rows = [r for r in self.rows.get(execution.id, []) if r.status == TaskStatus.COMPLETED]
            done = [row for row in rows if row.type in ("work", "far", "limited", "flaky", "later")]
            done.sort(key=lambda row: (row.ended or 0, row.id), reverse=True)
            wanted = (
                [at(f"undo_{row.ref}", path_of(row.path)) for row in done]
                if self.is_undone(execution)
                else []
            )
            made = self.compensations.get(execution.id, [])
            tasks = [row for one in made for row in self.rows[one.id] if row.ref.startswith("undo_")]
            found = [row.ref for row in sorted(tasks, key=lambda row: row.id)]
            if found != wanted or len(made) > 1:
                yield f"{execution.name} {execution.id[-6:]} {execution.status}: {found}, wanted {wanted}"


def is_undone_once(store: Store, drawn: Drawn, shape: Shape, seed: int, delivered: int | None) -> None:
    for definition in drawn.workflows.values():
        give_compensations(definition["tasks"])
    drawn.workflows["main"]["tasks"].append({"name": "fatal", "taskReferenceName": "the_end"})
    harness, pick = Harness(store, shape), random.Random(seed)
    harness.register(drawn.document)

    execution_id = harness.start("main", drawn.given)
    for _ in range(delivered or 0):
        if harness.wire.queue:
            harness.deliver(harness.wire.take(pick.randrange(len(harness.wire.queue))), harness.alive[0])
    if delivered is not None and not WorkflowStatus(harness.execution(execution_id).status).terminal:
        terminate(harness.engine, execution_id, "enough")
    harness.drain(pick)

    seen = Seen(harness)
    event(f"{harness.execution(execution_id).status}, {min(3, len(seen.compensations))} compensations")
    problems = list(seen.problems())
    assert not problems, "\n".join([*problems, harness.picture()])


moments = st.none() | st.integers(0, 12)


@examples(200)
@given(drawn=documents(), shape=shapes, seed=st.integers(0, 2**16), delivered=moments)
def test_on_sqlite_what_was_done_is_undone_once(
    sqlite_store: Store, drawn: Drawn, shape: Shape, seed: int, delivered: int | None
) -> None:
    is_undone_once(sqlite_store, drawn, shape, seed, delivered)


@examples(40)
@given(drawn=documents(), shape=shapes, seed=st.integers(0, 2**16), delivered=moments)
def test_on_postgresql_what_was_done_is_undone_once(
    postgres_store: Store, drawn: Drawn, shape: Shape, seed: int, delivered: int | None
) -> None:
    is_undone_once(postgres_store, drawn, shape, seed, delivered)
