"""Have an execution that has ended run again: retry, rerun, restart; and repair the executions that waited for it.

What ended stays as it was written down; what is done again is another attempt. Each of these begins another run, so
that messages and results of the earlier one are cut.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from app.errors import WrongState
from app.runtime import listeners, resumption
from app.runtime.execution import Execution, suffixed
from app.runtime.resumption import Table, progress_of, table_of
from app.store import compensations, executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import Position, path_of
from workflows.due import due, its_turn_has_come, undone_by
from workflows.program import Node, Path, Program
from workflows.status import TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement


def retry(settlement: Settlement, row: WorkflowRow, *, children: bool) -> None:
    """Try again what ended without success.

    children: a sub-workflow that failed is itself tried again, instead of a new one in its place.

    Raises:
        WrongState: nothing is to be tried again, or what it did is being undone.
    """
    program, table = _program_of(settlement, row), table_of(settlement.session, row.id)
    _require(_obstacle(settlement, row, program, table))
    if not due(program, progress_of(table), retry=True):
        raise WrongState(f"execution {row.id} has no task to try again; restart it to have all done anew")
    _carry_on(settlement, _reopened(settlement, row), children)
    _repair_parents(settlement, row)


def rerun(
    settlement: Settlement, row: WorkflowRow, node: Node, path: Path, given: dict[str, Any] | None
) -> list[Position]:
    """Do a task again, with this input if it is given, and all that followed from it; what was removed for that.

    Raises:
        WrongState: what it did is being undone, a TERMINATE task beside it has ended the execution, or it was passed
            over and its turn had not come.
    """
    session, program = settlement.session, _program_of(settlement, row)
    table = table_of(session, row.id)
    target = table[node.ref, path]
    if target.status == TaskStatus.SKIPPED and not its_turn_has_come(progress_of(table), node, path):
        raise WrongState(
            f"task {suffixed(node.ref, path)} of execution {row.id} was passed over before its turn had come: "
            "retry the execution, or rerun it from a task before that one"
        )
    undone = undone_by(node, path, table)
    removed = [table.pop(position) for position in undone.removed]
    _require(_obstacle(settlement, row, program, {k: v for k, v in table.items() if v is not target}))
    execution = _reopened(settlement, row, "RERAN")
    tasks.delete_positions(session, row.id, [(p.ref, p.path) for p in removed])
    for loop, outer, iteration in undone.reopened:
        resumption.reopen(settlement, execution, loop, outer, table[loop.ref, outer], iteration)
    if node.kind == "JOIN":
        resumption.reopen(settlement, execution, node, path, target, 0)
    else:
        settlement.do(lambda: settlement.reach(execution, node, path, target, given))
    _carry_on(settlement, execution, children=False)
    _repair_parents(settlement, row)
    return removed


def restart(settlement: Settlement, row: WorkflowRow) -> None:
    """Do all anew: with the program, the version, the input and the variables of `row`.

    Raises:
        WrongState: what it did is being undone at this moment.
    """
    session = settlement.session
    undoing = compensations.latest(session, row.id)
    if undoing is not None and not WorkflowStatus(undoing.status).terminal:
        raise WrongState(
            f"what execution {row.id} did is being undone by {undoing.id}: restart it when that has ended"
        )
    tasks.delete_all(session, row.id)
    settlement.begin(_reopened(settlement, row._replace(created=settlement.now), "RESTARTED"))
    _repair_parents(settlement, row)


def _reopened(settlement: Settlement, row: WorkflowRow, change: str = "RETRIED") -> Execution:
    program, now = _program_of(settlement, row), settlement.now
    executions.reopen(settlement.session, row, now, timeout_at(program, now))
    again = row._replace(status=WorkflowStatus.RUNNING, output=None, reason=None, ended=None, updated=now)
    listeners.tell(settlement, program, again, change)
    return Execution(row.id, row.run + 1, program)


def timeout_at(program: Program, now: int) -> int | None:
    """When the timeout of an execution fires that starts, or goes on, now."""
    seconds = program.definition.timeout_seconds
    return now + seconds * 1000 if seconds else None


def _carry_on(settlement: Settlement, execution: Execution, children: bool) -> None:
    instead = _child_instead if children else None
    settlement.arrive(
        functools.partial(resumption.carry_on, settlement, execution, again=True, instead=instead)
    )


def _program_of(settlement: Settlement, row: WorkflowRow) -> Program:
    program: Program = settlement.engine.programs.get(row.program_id, settlement.session)
    return program


def _require(obstacle: str | None) -> None:
    if obstacle is not None:
        raise WrongState(obstacle)


def _obstacle(settlement: Settlement, row: WorkflowRow, program: Program, table: Table) -> str | None:
    """Why what an execution has done can't be built on any more."""
    if program.compensable:
        undoing = compensations.latest(settlement.session, row.id)
        if undoing is not None and undoing.created >= (row.ended or 0):
            return f"what execution {row.id} did is undone by {undoing.id}: restart it to have all done anew"
    for position in table.values():
        status = TaskStatus(position.status)
        if program.node(position.ref).kind == "TERMINATE" and status is TaskStatus.COMPLETED:
            return (
                f"execution {row.id} was ended by its TERMINATE task {position.ref}: "
                "rerun it from a task before that one, or restart it"
            )
    return None


# the executions around it


def _child_instead(
    settlement: Settlement, execution: Execution, node: Node, path: Path, before: Position
) -> bool:
    """Try a sub-workflow again and wait for it once more; False: that is not to be had."""
    session = settlement.session
    child = executions.by_id(session, before.sub_workflow_id, lock=True) if before.sub_workflow_id else None
    if child is None or child.status == WorkflowStatus.COMPLETED:
        return False
    if WorkflowStatus(child.status).terminal:
        program, table = _program_of(settlement, child), table_of(session, child.id)
        if _obstacle(settlement, child, program, table) is not None:
            return False
        if not due(program, progress_of(table), retry=True):
            return False
        _carry_on(settlement, _reopened(settlement, child), children=True)
    _wait_again(settlement, execution, node, path, before, child.id)
    return True


def _wait_again(
    settlement: Settlement, execution: Execution, node: Node, path: Path, before: Position, child_id: str
) -> None:
    task_id = resumption.reopen(settlement, execution, node, path, before, 0, child_id)
    executions.set_parent_task(settlement.session, child_id, task_id)


def _repair_parents(settlement: Settlement, child: WorkflowRow) -> None:
    """Have the executions above wait for this one again, with what was cancelled or failed beside it tried again.

    As in Conductor (`updateAndPushParents`): not above an optional task, nor one that has another attempt by now;
    what had completed stays.
    """
    session = settlement.session
    task = tasks.by_id(session, child.parent_task_id) if child.parent_task_id else None
    if task is None or task.retried or not TaskStatus(task.status).terminal:
        return
    parent = executions.by_id(session, task.workflow_id, lock=True)
    if parent is None or not WorkflowStatus(parent.status).terminal:
        return
    program, table = _program_of(settlement, parent), table_of(session, parent.id)
    node = program.node(task.ref)
    if node.task.optional:
        return
    _require(_obstacle(settlement, parent, program, table))
    execution = _reopened(settlement, parent)
    _wait_again(
        settlement, execution, node, path_of(task.path), table[task.ref, path_of(task.path)], child.id
    )
    _carry_on(settlement, execution, children=True)
    _repair_parents(settlement, parent)
