"""How an execution ends, and whom that concerns: its open tasks, its children, its parent, its failure workflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app.runtime import caching, compensation, limits, listeners
from app.runtime.execution import Execution, suffixed, topic_of
from app.runtime.payload import dump, load, too_large
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of, path_text
from workflows.operator import Done, Failed
from workflows.program import WORKFLOW_END, Container, LoopEnd, Node, Path, walk
from workflows.status import TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement

_STATUS_OF = {
    TaskStatus.CANCELED: WorkflowStatus.TERMINATED,
    TaskStatus.TIMED_OUT: WorkflowStatus.TIMED_OUT,
}
_FAILED_ROWS = (TaskStatus.FAILED, TaskStatus.FAILED_WITH_TERMINAL_ERROR)


def reached(settlement: Settlement, execution: Execution) -> None:
    """The workflow's own list has ended."""
    session = settlement.session
    settlement.engine.refresh(session, execution)
    if execution.program.loose or execution.run > 1:
        executions.by_id(session, execution.id, lock=True)
        if tasks.any_open(session, execution.id):
            return
    status, reason = WorkflowStatus.COMPLETED, None
    if execution.program.permissive:
        reason = _permitted_failures(settlement, execution)
        status = WorkflowStatus.FAILED if reason else status
    output = _output(settlement, execution, None)
    if reason is None and execution.program.fits_output is not None:
        problem = execution.program.fits_output.problem(output)
        if problem:
            status, reason = (
                WorkflowStatus.FAILED,
                f"the output of {execution.program.definition.name} {problem}",
            )
    _end(settlement, execution, status, reason, output, paused=False)


def reused(settlement: Settlement, execution: Execution, output: Any) -> None:
    """It completes before it has begun, with the output that another has left (`cacheConfig`)."""
    _end(settlement, execution, WorkflowStatus.COMPLETED, None, output, kept=False)


def failed(
    settlement: Settlement, execution: Execution, row: TaskRow, status: TaskStatus, reason: str | None
) -> None:
    """A task has failed for good, and with it the execution."""
    ended = _STATUS_OF.get(status, WorkflowStatus.FAILED)
    why = f"Task {_named(row)} failed with status: {ended} and reason: '{reason}'"
    _end(settlement, execution, ended, why, _output(settlement, execution, row), row, paused=False)


def finished(
    settlement: Settlement,
    execution: Execution,
    row: TaskRow,
    status: WorkflowStatus,
    output: Any,
    reason: str | None,
) -> None:
    """A TERMINATE task has ended the execution."""
    why = reason or f"Workflow is {status} by TERMINATE task: {_named(row)}"
    _end(settlement, execution, status, why, output if output is not None else {}, row)


def timed_out(settlement: Settlement, execution: Execution, seconds: int, limit: int, policy: str) -> None:
    """The execution has run longer than its timeoutSeconds."""
    why = (
        f"Workflow timed out after {seconds} seconds. Timeout configured as {limit} seconds. "
        f"Timeout policy configured to {policy}"
    )
    _end(settlement, execution, WorkflowStatus.TIMED_OUT, why, _output(settlement, execution, None))


def terminated(settlement: Settlement, execution: Execution, reason: str, *, by_parent: bool = False) -> bool:
    """Somebody, or the parent, ends the execution; no failure workflow is started. False: it has ended already.

    by_parent: what it has done is undone in its turn among what the parent has done, or not at all.
    """
    output, status = _output(settlement, execution, None), WorkflowStatus.TERMINATED
    return _end(
        settlement, execution, status, reason, output, failure_workflow=False, compensated=not by_parent
    )


def stray(settlement: Settlement, execution: Execution, fork: Node, path: Path) -> None:
    """A branch that no JOIN waits for has ended: it may be the last of what is around it."""
    container = fork.container
    while container.kind == "cases" and container.owner is not None:
        container = container.owner.container
    owner, session = container.owner, settlement.session
    if owner is None:
        executions.by_id(session, execution.id, lock=True)
        if _list_ended(settlement, execution, container, ()):
            settlement.follow(execution, WORKFLOW_END, ())
    elif container.kind == "branches":
        if owner.join is not None and owner.join.whole:
            settlement.ask(execution, owner.join, path)
        else:
            stray(settlement, execution, owner, path)
    else:
        at = path[: owner.depth + 1]
        tasks.lock_latest(session, execution.id, owner.ref, path_text(at[:-1]))
        if _list_ended(settlement, execution, container, at):
            settlement.follow(execution, LoopEnd(owner), at)


def iteration_is_open(settlement: Settlement, execution: Execution, loop: Node, path: Path) -> bool:
    """Whether a branch that no JOIN waits for still runs in this iteration."""
    tasks.lock_latest(settlement.session, execution.id, loop.ref, path_text(path[:-1]))
    refs = [node.ref for node in loop.below()]
    low = path_text(path)
    return tasks.any_live(settlement.session, execution.id, refs, low, low + "9" * 64)


def _list_ended(settlement: Settlement, execution: Execution, container: Container, path: Path) -> bool:
    # Not locked: who has ended it asks for the lock that is held here while it holds that row.
    at = path_text(path)
    last = tasks.latest(settlement.session, execution.id, container.nodes[-1].ref, at, at)
    return last is not None and TaskStatus(last.status).terminal


def _end(
    settlement: Settlement,
    execution: Execution,
    status: WorkflowStatus,
    reason: str | None,
    output: Any,
    row: TaskRow | None = None,
    failure_workflow: bool = True,
    compensated: bool = True,
    paused: bool = True,
    kept: bool = True,
) -> bool:
    """End it; False: it has ended already.

    paused: even while it is paused, when nothing may follow from a step.
    kept: where its definition says so, its output is kept for others if it completes.
    """
    session, now = settlement.session, settlement.now
    refs = (
        [r.ref for r in tasks.unsuccessful(session, execution.id) if r.status in _FAILED_ROWS]
        if row or reason
        else []
    )
    problem = too_large(output, settlement.engine.payload_limit)
    if problem and status is WorkflowStatus.COMPLETED:
        status, reason, output = WorkflowStatus.FAILED, f"the output of the execution {problem}", {}
    ended = executions.end_workflow(
        session,
        paused=paused,
        id=execution.id,
        status=status,
        output=settlement.stored(execution, {} if problem else output),
        reason=reason,
        failed_refs=dump(list(dict.fromkeys(refs))) if refs else None,
        failed_task_id=row.id if row and not status.successful else None,
        now=now,
    )
    if not ended:
        if not paused:
            settlement.refused(execution)
        return False
    settlement.moves.ended.append(execution.id)
    execution.forget_row()
    if row is not None or status is not WorkflowStatus.COMPLETED:
        _close_tasks(settlement, execution, status, reason)
    if kept and status is WorkflowStatus.COMPLETED:
        caching.keep_of_execution(settlement, execution, output)
    this = execution.row(session)
    limits.free_key(settlement, this)
    if this.awaited is not None:
        settlement.moves.told.add(topic_of(this.awaited))
    undoing = compensation.start(settlement, execution) if compensated and not status.successful else None
    if undoing is not None:
        _add_output(settlement, this, compensation.OUTPUT, undoing)
        execution.forget_row()
        this = execution.row(session)
    listeners.tell(settlement, execution.program, this, status)
    if failure_workflow and status in (
        WorkflowStatus.FAILED,
        WorkflowStatus.TIMED_OUT,
        WorkflowStatus.TERMINATED,
    ):
        _start_failure_workflow(settlement, execution, this)
    if undoing is None:
        for task_id in _who_waits(settlement, this):
            _tell(settlement, this, task_id, status, output, reason)
    if this.compensates is not None:
        _tell_parent_of_undone(settlement, this.compensates)
    return True


def _close_tasks(
    settlement: Settlement, execution: Execution, status: WorkflowStatus, reason: str | None
) -> None:
    """Cancel what is open, and the executions that open SUB_WORKFLOW tasks started."""
    session, now = settlement.session, settlement.now
    while True:
        found = tasks.cancel_live(session, execution.id, None, now)
        _closed(settlement, execution, found, reason)
        # On PostgreSQL this has waited for steps that were just ending; what they began in the same breath, it can't
        # have seen. No step can begin another one without one of its own being seen here.
        if session.dialect.name == "sqlite" or not tasks.any_open(session, execution.id):
            return


def close_inside(settlement: Settlement, execution: Execution, node: Node, path: Path) -> None:
    """Cancel what is still open in a loop's body, or in branches that a JOIN waits for, when that ends before them."""
    refs = list(_inside(node))
    if not refs:
        return
    session, low = settlement.session, path_text(path)
    while True:
        found = tasks.cancel_live_in(session, execution.id, refs, low, low + "9" * 64, settlement.now)
        _closed(settlement, execution, found, f"{suffixed(node.ref, path)} has ended before it")
        # As above.
        if session.dialect.name == "sqlite" or not tasks.any_live(
            session, execution.id, refs, low, low + "9" * 64
        ):
            return


def _inside(node: Node) -> Iterator[str]:
    if node.kind == "DO_WHILE":
        yield from (inner.ref for inner in node.below())
    elif node.kind == "JOIN":
        yield from node.inside
        fork = node.container.nodes[node.index - 1] if node.index else None
        for branch in fork.children.values() if fork is not None and fork.join is node else ():
            refs = [inner.ref for inner in walk(branch.nodes)]
            if not set(refs).isdisjoint(node.task.join_on):
                yield from refs


def _closed(
    settlement: Settlement, execution: Execution, found: list[tasks.Canceled], reason: str | None
) -> None:
    """What follows when tasks have been cancelled: slots are free, and executions that they started are terminated."""
    session = settlement.session
    why = f"Parent workflow has been terminated with reason: {reason}"
    settlement.limits.update(("task", slot) for _id, _type, _child, slot in found if slot)
    for task_id, _type, _child, _slot in found:
        settlement.ended(execution, task_id)
    for child_id in (child_id for _id, _type, child_id, _slot in found if child_id):
        child = executions.by_id(session, child_id, lock=True)
        # One that it only found by its idempotency key is somebody else's.
        own = child is not None and child.parent_id == execution.id
        if child is not None and own and not WorkflowStatus(child.status).terminal:
            program = settlement.engine.programs.get(child.program_id, session)
            terminated(settlement, Execution(child.id, child.run, program, child), why, by_parent=True)


def _tell_parent_of_undone(settlement: Settlement, execution_id: str) -> None:
    """What has waited until a sub-workflow that failed was undone goes on: another attempt, or the failure."""
    undone = executions.by_id(settlement.session, execution_id)
    if undone is not None and WorkflowStatus(undone.status).terminal:
        for task_id in _who_waits(settlement, undone):
            tell(settlement, undone, task_id)


def _who_waits(settlement: Settlement, child: WorkflowRow) -> list[str]:
    """The tasks that wait for an execution: its parent's, and those that found it by its idempotency key."""
    if child.idempotency_key is not None:
        return tasks.waiting_for(settlement.session, child.id)
    return [] if child.parent_task_id is None else [child.parent_task_id]


def tell(settlement: Settlement, child: WorkflowRow, task_id: str) -> None:
    """End a task that waits for an execution which has ended."""
    output = load(child.output)
    _tell(settlement, child, task_id, WorkflowStatus(child.status), output, child.reason)


def _tell(
    settlement: Settlement,
    child: WorkflowRow,
    task_id: str,
    status: WorkflowStatus,
    output: Any,
    reason: str | None,
) -> None:
    session = settlement.session
    row = tasks.by_id(session, task_id, lock=True)
    if row is None or TaskStatus(row.status).terminal or row.sub_workflow_id != child.id:
        return
    parent = executions.by_id(session, row.workflow_id)
    if parent is None or WorkflowStatus(parent.status).terminal:
        return
    program = settlement.engine.programs.get(parent.program_id, session)
    execution = Execution(parent.id, parent.run, program, parent)
    given = {**(output if isinstance(output, dict) else {"output": output}), "subWorkflowId": child.id}
    if status is WorkflowStatus.COMPLETED:
        settlement.outcome_of_open(execution, row, Done(given))
        return
    ended = {
        WorkflowStatus.TERMINATED: TaskStatus.CANCELED,
        WorkflowStatus.TIMED_OUT: TaskStatus.TIMED_OUT,
    }.get(status, TaskStatus.FAILED)
    why = f"Sub workflow {child.name}.{child.version} failure reason: {reason}"
    settlement.outcome_of_open(execution, row, Failed(why, output=given, status=ended))


def _named(row: TaskRow) -> str:
    """The reference, by which people know a task, and the id that Conductor names alone."""
    return f"{suffixed(row.ref, path_of(row.path))} ({row.id})"


def _start_failure_workflow(settlement: Settlement, execution: Execution, row: WorkflowRow) -> None:
    name = execution.program.definition.failure_workflow
    if not name:
        return
    given = load(row.input)
    if name.startswith("$"):
        # Conductor's form: $workflow.input.<key> names the input that holds the name.
        parts = name.split(".")
        name = str(given.get(parts[2], "")) if len(parts) > 2 else ""
    output = load(row.output)
    started = settlement.engine.start_failure_workflow(settlement, execution, row, name, given, output)
    _add_output(settlement, row, "conductor.failure_workflow", started)


def _add_output(settlement: Settlement, row: WorkflowRow, key: str, value: str) -> None:
    output = load(row.output)
    output = output if isinstance(output, dict) else {"output": output}
    text = settlement.engine.payloads.put(row.id, dump({**output, key: value}))
    executions.set_output(settlement.session, row.id, text)


def _permitted_failures(settlement: Settlement, execution: Execution) -> str | None:
    reasons = [
        f"Task {_named(row)} failed with status: {row.status} and reason: '{row.reason}'"
        for row in tasks.unsuccessful(settlement.session, execution.id)
        if not row.retried
    ]
    return ". ".join(reasons) or None


def _output(settlement: Settlement, execution: Execution, row: TaskRow | None) -> Any:
    """outputParameters as they are now; without any, the output of the last task (of the one that failed)."""
    program = execution.program
    if program.definition.output_parameters:
        context = execution.context(settlement.session, program.output.roots, None, ())
        return program.output.resolve(context)
    if row is not None:
        found = tasks.by_id(settlement.session, row.id)
        return load(found and found.output)
    return _last_output(settlement, execution, program.root)


def _last_output(settlement: Settlement, execution: Execution, container: Container) -> Any:
    for node in reversed(container.nodes):
        found = tasks.latest(settlement.session, execution.id, node.ref, "", "")
        if found is None:
            continue
        chosen = node.children.get(found.label) if found.label else None
        if chosen is not None and chosen.nodes:
            return _last_output(settlement, execution, chosen)
        return load(found.output)
    return {}
