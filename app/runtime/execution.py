"""An execution in the hands of a process: its program, its fields, and the outputs that were read or made here.

What has ended never changes within a run, so it is kept; what is open is read each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from app.runtime.payload import load
from app.runtime.ports import Topic
from app.store import executions, tasks
from app.store.executions import EACH_STEP, WorkflowRow
from app.store.tasks import TaskRow, path_of, path_text
from app.store.unit_of_work import Session
from workflows.jsonpaths import ANY_ROOT
from workflows.program import Node, Path, Program, merged
from workflows.status import TaskStatus

Reader = Callable[[Callable[[Session], Any]], Any]


def topic_of(awaited: str) -> Topic:
    """What the changes of an execution are told under that somebody waits for."""
    return ("execution", awaited.removesuffix(EACH_STEP))


class Execution:
    """One execution, as far as this process has had to look at it."""

    __slots__ = ("_fields", "_row", "_views", "awaited", "id", "priority", "program", "routed", "run")

    def __init__(
        self,
        execution_id: str,
        run: int,
        program: Program,
        row: WorkflowRow | None = None,
        awaited: str | None = None,
        priority: int = 0,
        routed: bool = False,
    ) -> None:
        self.id = execution_id
        self.run = run
        self.program = program
        self.awaited = awaited if row is None else row.awaited
        """Somebody waits for it: its changes are told under this id, each step with `EACH_STEP` behind it. None: nobody
        is known to."""
        self.priority = priority if row is None else row.priority
        """0-99; each message of the execution has it."""
        self.routed = routed if row is None else row.task_to_domain is not None
        """Its tasks have domains (`taskToDomain`)."""
        self._row = row
        self._fields: tuple[WorkflowRow, dict[str, Any]] | None = None
        self._views: dict[tuple[str, Path], dict[str, Any]] = {}

    def row(self, session: Session) -> WorkflowRow:
        """The execution's row; fields that can change (status, variables, output) may be old."""
        if self._row is None:
            self._row = executions.by_id(session, self.id)
        assert self._row is not None
        return self._row

    def known_row(self) -> WorkflowRow | None:
        return self._row

    def forget_row(self) -> None:
        """Read the row again when it is next asked for."""
        self._row = None

    def keep(self, node: Node, path: Path, view: dict[str, Any]) -> None:
        """Remember a task that has ended here."""
        self._views[node.ref, path] = view

    def kept(self) -> dict[tuple[str, Path], dict[str, Any]]:
        """What is remembered of tasks that have ended."""
        return dict(self._views)

    def restore(self, kept: dict[tuple[str, Path], dict[str, Any]]) -> None:
        """Remember what was remembered then, and nothing of a transaction since that was not committed."""
        self._views = kept
        self.forget_row()

    def has_all(self, node: Node, path: Path) -> bool:
        """Whether the input of a task can be resolved without reading the database."""
        for root, field in node.reads:
            if root == "workflow":
                if self._row is None or field not in _FIXED:
                    return False
            elif root == ANY_ROOT or (self._row is None and field in _OF_EXECUTION):
                return False
            elif root in self.program.nodes:
                read = self.program.nodes[root]
                # A path means another iteration in a loop that is not around both.
                if read.depth != _shared(read, node) or (root, path[: read.depth]) not in self._views:
                    return False
        return True

    def resolve(self, session: Session | None, node: Node, path: Path, task_id: str) -> dict[str, Any]:
        """The input of a task, expressions evaluated, as it is at this moment."""
        if node.template.constant:
            given: dict[str, Any] = node.template.resolve({})
        else:
            given = node.template.resolve(self.context(session, node.reads, node, path, task_id))
        if node.task.input_expression is not None:
            if node.task.sub_workflow_param is None:
                given = merged(given)
            else:
                given["workflowInput"] = merged(given["workflowInput"])
        if node.task.sub_workflow_param is not None:
            inline = node.task.sub_workflow_param.workflow_definition
            if isinstance(inline, dict):
                given["subWorkflowDefinition"] = inline
        return given

    def context(
        self,
        session: Session | None,
        reads: Iterable[tuple[str, str | None]],
        node: Node | None,
        path: Path,
        task_id: str | None = None,
    ) -> dict[str, Any]:
        """The context for a template that reads `reads`, as seen from a task (None: from the whole execution)."""
        context: dict[str, Any] = {"CPEWF_TASK_ID": task_id}
        roots = {root for root, _ in reads}
        if ANY_ROOT in roots:
            roots = {"workflow", *self.program.nodes}
        fields = {field for root, field in reads if root in ("workflow", ANY_ROOT)}
        for root in roots:
            if root == "workflow":
                context[root] = self._workflow(session, fields)
            elif root in self.program.nodes:
                view = self._view(session, self.program.nodes[root], node, path)
                if view is not None:
                    context[root] = view
                    if (root, "correlationId") in reads or (root, None) in reads:
                        row = self._row if session is None else self.row(session)
                        context[root] = {**view, "correlationId": row and row.correlation_id}
        return context

    def _workflow(self, session: Session | None, fields: set[str | None]) -> dict[str, Any]:
        if session is not None and not fields <= _FIXED:
            self._row = executions.by_id(session, self.id)
        row = self._row if session is None else self.row(session)
        assert row is not None
        if self._fields is None or self._fields[0] is not row:
            self._fields = (row, _fields_of(row))
        return self._fields[1]

    def _view(
        self, session: Session | None, read: Node, reader: Node | None, path: Path
    ) -> dict[str, Any] | None:
        shared = _shared(read, reader)
        if read.depth == shared:
            found = self._views.get((read.ref, path[:shared]))
            if found is not None:
                return found
        if session is None:
            return None
        row = tasks.latest(session, self.id, read.ref, *_span(read, shared, path))
        if row is None:
            return None
        view = view_of(row)
        if TaskStatus(row.status).successful:
            self._views[read.ref, path_of(row.path)] = view
        return view


def _fields_of(row: WorkflowRow) -> dict[str, Any]:
    """The execution as expressions see it (Conductor's names)."""
    return {
        "input": load(row.input),
        "output": load(row.output),
        "variables": orjson.loads(row.variables),
        "status": row.status,
        "workflowId": row.id,
        "parentWorkflowId": row.parent_id,
        "parentWorkflowTaskId": row.parent_task_id,
        "workflowType": row.name,
        "version": row.version,
        "correlationId": row.correlation_id,
        "reasonForIncompletion": row.reason,
        "schemaVersion": 2,
    }


_FIXED: set[str | None] = {
    "input",
    "workflowId",
    "parentWorkflowId",
    "parentWorkflowTaskId",
    "workflowType",
    "version",
    "correlationId",
    "schemaVersion",
}
"""Fields of `workflow` that never change within a run."""
_OF_EXECUTION = ("correlationId", None)
"""Fields of a task that are its execution's; None: all fields."""


def _shared(read: Node, reader: Node | None) -> int:
    """How many loops are around both."""
    if reader is None:
        return 0
    count = 0
    for one, other in zip(read.loops, reader.loops, strict=False):
        if one != other:
            break
        count += 1
    return count


def _span(read: Node, shared: int, path: Path) -> tuple[str, str]:
    """The paths at which the value that a reader sees may be: its own iteration's, else an earlier one's."""
    prefix = path_text(path[:shared])
    if read.depth > shared:
        deeper = read.depth - shared
        return prefix + "0" * 8 * deeper, prefix + "9" * 8 * deeper
    if shared == 0:
        return "", ""
    return path_text(path[: shared - 1]) + "0" * 8, prefix


def view_of(row: TaskRow) -> dict[str, Any]:
    """A task as expressions see it (Conductor's names)."""
    return {
        "input": load(row.input),
        "output": load(row.output),
        "taskType": row.type,
        "status": row.status,
        "referenceTaskName": suffixed(row.ref, path_of(row.path)),
        "retryCount": row.attempt,
        "pollCount": row.polls,
        "taskDefName": row.name,
        "scheduledTime": row.scheduled,
        "startTime": row.started,
        "endTime": row.ended,
        "workflowInstanceId": row.workflow_id,
        "taskId": row.id,
        "reasonForIncompletion": row.reason,
        "workerId": row.worker,
        "iteration": path_of(row.path)[-1] if row.path else 0,
    }


def suffixed(ref: str, path: Path) -> str:
    """Conductor's referenceTaskName: the reference and its loop iterations (`charge__2`)."""
    return "".join([ref, *(f"__{n}" for n in path)])
