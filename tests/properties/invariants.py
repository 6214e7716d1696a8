"""What must hold of the tables at any moment, whatever has happened: the invariants of docs/architecture.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from tests.properties.reference import Path, lists_in
from tests.runtime.harness import Call, Harness

Json = Any
_SUCCESSFUL = ("COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED")
_LIVE = ("SCHEDULED", "IN_PROGRESS")


@dataclass(frozen=True)
class _Place:
    """Where a task stands in its definition."""

    task: Json
    previous: Json | None
    owner: Json | None
    """The task whose list it is in."""
    siblings: list[Json]


class Watch:
    """Looks at the tables again and again, and remembers what had ended when it last looked.

    operated: people control the executions: they are paused, done again, and tasks ended by hand or passed over.
    """

    def __init__(self, harness: Harness, workflows: dict[str, Json], operated: bool = False) -> None:
        self._harness = harness
        self._operated = operated
        self._places = {name: dict(_places(d["tasks"], None)) for name, d in workflows.items()}
        self._ended: dict[str, TaskRow] = {}
        self._called: set[str] = set()
        self.unordered: set[str] = set()
        """Executions in which somebody has ended by hand what waits for others, or chooses: no order is left."""
        self.violations: list[str] = []
        harness.on_call = self._at_call

    def check(self, in_flight: set[tuple[str, str]]) -> list[str]:
        """All that does not hold now. in_flight: (worker's id, message's id) of deliveries that have not ended."""
        found, rows = self.violations, self._harness.rows()
        found += self._harness.transitions.unknown()
        executions = {row.id: row for row in self._harness.executions()}
        found += self._recorded_once(rows)
        for row in rows:
            found += self._has_a_reason(row, rows, executions, in_flight)
        for execution in executions.values():
            own = {(r.ref, path_of(r.path)): r for r in rows if r.workflow_id == execution.id}
            before = {(r.ref, path_of(r.path)) for r in rows if r.workflow_id == execution.id and _ended(r)}
            if execution.id not in self.unordered:
                found += _Order(
                    self._places[execution.name], own, before if self._operated else set()
                ).check()
            found += self._goes_on(execution, [r for r in own.values() if r.status in _LIVE])
        return found

    # a step's completion is recorded once, however often its message is delivered

    def _recorded_once(self, rows: list[TaskRow]) -> Iterator[str]:
        done: set[tuple[str, str, str]] = set()
        for row in rows:
            position = (row.workflow_id, row.ref, row.path)
            if position in done:
                yield f"{row.ref} {row.path} has another attempt after it has completed"
            if row.status in _SUCCESSFUL and not (self._operated and row.retried):
                done.add(position)
            if row.status in _LIVE:
                continue
            before = self._ended.setdefault(row.id, row)
            if before._replace(retried=row.retried) != row:
                yield f"{row.ref} {row.path} had ended and was written again: {before} {row}"

    # after recovery no completed step has run again

    def _at_call(self, call: Call) -> None:
        attempt, rows = call.attempt, self._harness.rows(call.attempt.execution_id)
        if attempt.task_id in self._called:
            self.violations.append(f"{attempt.ref} #{attempt.attempt} runs for the second time")
        self._called.add(attempt.task_id)
        found = [row for row in rows if row.id == attempt.task_id]
        if self._operated:
            # Ended by hand, or removed, it may be meanwhile: then its result is not written.
            found = [row for row in found if row.status in _LIVE]
            rows = [row for row in rows if not (row.status in _SUCCESSFUL and row.retried)]
        if self._operated and not found:
            return
        (row,) = found
        # Cancelled it may be: the execution can end between the claim and the work.
        if row.status in ("SCHEDULED", *_SUCCESSFUL):
            self.violations.append(f"{attempt.ref} runs and is {row.status}")
        others = [r for r in rows if (r.ref, r.path) == (row.ref, row.path) and r.id != row.id]
        if any(other.status in (*_LIVE, *_SUCCESSFUL) for other in others):
            self.violations.append(f"{attempt.ref} runs beside another attempt, or after it has completed")

    # at any moment each unfinished step has a live message, a live owner, or a recorded reason

    def _has_a_reason(
        self,
        row: TaskRow,
        rows: list[TaskRow],
        executions: dict[str, WorkflowRow],
        in_flight: set[tuple[str, str]],
    ) -> Iterator[str]:
        if row.status not in _LIVE or executions[row.workflow_id].status == "PAUSED":
            return
        text = f"{row.ref} {row.path} #{row.attempt} is {row.status}"
        if row.status == "SCHEDULED":
            if row.due_at is None:
                yield f"{text} and nobody will send it again"
        elif row.owner is not None:
            alive = row.owner in {owner.id for owner in self._harness.alive}
            if alive and (row.owner, row.message_id) not in in_flight:
                yield f"{text}, its worker lives, and nobody works on it"
        elif row.type == "SUB_WORKFLOW":
            child = executions.get(row.sub_workflow_id or "")
            if child is None or child.status not in ("RUNNING", "PAUSED"):
                yield f"{text} and its child is {child and child.status}"
        elif row.type == "DO_WHILE":
            inside = f"{row.path}{row.iteration + 1:08d}"
            if not any(
                r.workflow_id == row.workflow_id and r.path.startswith(inside) and r.status in _LIVE
                for r in rows
            ):
                yield f"{text} and nothing goes on in iteration {row.iteration + 1}"
        elif row.due_at is None and not (self._operated and row.type == "WAIT"):
            # Done again with another input it has no time any more, and waits for somebody.
            yield f"{text} and nobody will look at it"

    def _goes_on(self, execution: WorkflowRow, live: list[TaskRow]) -> Iterator[str]:
        if execution.status == "RUNNING" and not live:
            yield f"{execution.name} is RUNNING and none of its tasks is open"
        if execution.status not in ("RUNNING", "PAUSED") and live:
            yield f"{execution.name} is {execution.status} and {[row.ref for row in live]} are open"


@dataclass(frozen=True)
class _Order:
    """No step starts before everything that it follows is done."""

    places: dict[str, _Place]
    rows: dict[tuple[str, Path], TaskRow]
    before: set[tuple[str, Path]]
    """Where an attempt has ended: what is tried again although others have followed from it (a sub-workflow that
    was done again, a task that was permitted to fail) has no order any more."""

    def check(self) -> Iterator[str]:
        for (ref, path), row in self.rows.items():
            # What people pass over is so before its turn.
            if row.status != "SKIPPED" and not self._may_exist(self.places[ref], path):
                yield f"{ref} {path} has begun ({row.status}) before what it follows had ended"
            if row.type == "JOIN" and row.status in _SUCCESSFUL:
                for waited in self.places[ref].task["joinOn"]:
                    if not self._over(self.places[waited].task, path):
                        yield f"{ref} {path} is {row.status} before {waited}"

    def _may_exist(self, place: _Place, path: Path) -> bool:
        if place.previous is not None:
            if place.previous["type"] == "FORK_JOIN":
                return self._row_ended(place.previous, path)
            return self._over(place.previous, path)
        if place.owner is None:
            return True
        if place.owner["type"] == "DO_WHILE":
            first = path[-1] == 1
            return first or self._over(place.siblings[-1], (*path[:-1], path[-1] - 1))
        return self._row_ended(place.owner, path)

    def _row_ended(self, task: Json, path: Path) -> bool:
        row = self.rows.get((task["taskReferenceName"], path))
        if row is None:
            return False
        again = task["type"] == "SUB_WORKFLOW" or bool(task.get("permissive"))
        if again and (row.ref, path) in self.before:
            return True
        return row.status in _SUCCESSFUL or (row.status.startswith("FAILED") and bool(task.get("permissive")))

    def _over(self, task: Json, path: Path) -> bool:
        """Whether a task has ended, and in a SWITCH the case that it took."""
        ended = self._row_ended(task, path)
        if not ended or task["type"] != "SWITCH":
            return ended
        row = self.rows[task["taskReferenceName"], path]
        if row.status == "SKIPPED":
            return True
        label = row.label or ""
        case = task["decisionCases"].get(label.removeprefix("decisionCases."), task.get("defaultCase", []))
        return not case or self._over(case[-1], path)


def _ended(row: TaskRow) -> bool:
    return row.status not in _LIVE


def _places(tasks: list[Json], owner: Json | None) -> Iterator[tuple[str, _Place]]:
    for previous, task in zip([None, *tasks], tasks, strict=False):
        yield task["taskReferenceName"], _Place(task, previous, owner, tasks)
        for inner in lists_in(task):
            yield from _places(inner, task)
