"""Control executions: pause, resume, terminate, retry, rerun, restart, skip a task, change variables, call tasks now.

Each is one transaction, leaves a row of `audit`, and does what `app/runtime/resumption.py` finds due in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import InvalidInput, TaskNotFound, WorkflowNotFound, WrongState
from app.operations.audit import locked_execution, locked_row, recorded
from app.operations.values import json_object, position_of, task_of_execution
from app.runtime import ending, limits, listeners, resumption, revival
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed
from app.runtime.payload import dump, load, too_large
from app.runtime.settle import Settlement
from app.store import definitions, executions, outside, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import path_of, path_text
from workflows import states
from workflows.program import Node, Path, Program
from workflows.status import TaskStatus, WorkflowStatus

RUNNING, PAUSED = WorkflowStatus.RUNNING, WorkflowStatus.PAUSED


def pause(engine: Engine, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
    """Have nothing new begin; what runs may end, and is written down. Its timeout stands still.

    Sub-workflows go on. An execution that is paused already stays so.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it has ended.
    """

    def work(settlement: Settlement) -> None:
        row = locked_row(settlement, execution_id)
        if row.status != PAUSED:
            _require(row, states.PAUSE)
            executions.set_status(settlement.session, row.id, RUNNING, PAUSED, settlement.now, None)
            limits.release(settlement, row.id)
            program = engine.programs.get(row.program_id, settlement.session)
            listeners.tell(settlement, program, row._replace(status=PAUSED), "PAUSED")

    recorded(engine, "pause", execution_id, work, actor=actor, reason=reason)


def resume(engine: Engine, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
    """Go on where it was paused, with all that has become due meanwhile. Its timeout counts from now.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it is not paused.
    """

    def work(settlement: Settlement) -> None:
        execution = locked_execution(engine, settlement, execution_id)
        now = settlement.now
        _require(execution.row(settlement.session), states.RESUME)
        due_at = revival.timeout_at(execution.program, now)
        executions.set_status(settlement.session, execution_id, PAUSED, RUNNING, now, due_at)
        execution.forget_row()
        listeners.tell(settlement, execution.program, execution.row(settlement.session), "RESUMED")
        if (key := execution.row(settlement.session).rate_limit_key) is not None:
            settlement.limits.add(("key", key))
        resumption.wind_up(settlement, execution)
        resumption.carry_on(settlement, execution)

    recorded(engine, "resume", execution_id, work, actor=actor, reason=reason)


def terminate(engine: Engine, execution_id: str, reason: str = "", *, actor: str | None = None) -> None:
    """End an execution and its children; open tasks are cancelled, no failure workflow is started.

    A worker task that runs is told by `TaskContext.cancelled`; its result is not written.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it has ended already.
    """

    def work(settlement: Settlement) -> None:
        execution = locked_execution(engine, settlement, execution_id)
        _require(execution.row(settlement.session), states.TERMINATE)
        ending.terminated(settlement, execution, reason or "terminated on request")

    recorded(engine, "terminate", execution_id, work, actor=actor, reason=reason)


def retry(
    engine: Engine,
    execution_id: str,
    *,
    resume_sub_workflows: bool = False,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Try again what failed, timed out or was cancelled in an execution that did not complete.

    Inputs are resolved anew. Executions above that ended because of it run again, too.
    resume_sub_workflows: a sub-workflow that failed is tried again where it failed; else a new one is started.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it has not ended, or completed; nothing can be tried again; what it did is being undone.
    """

    def work(settlement: Settlement) -> None:
        row = locked_row(settlement, execution_id)
        _require(row, states.RETRY)
        revival.retry(settlement, row, children=resume_sub_workflows)

    recorded(engine, "retry", execution_id, work, actor=actor, reason=reason)


def rerun(
    engine: Engine,
    execution_id: str,
    task: str | None = None,
    *,
    input: Mapping[str, Any] | None = None,  # Conductor's name
    correlation_id: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Do an execution again from a task on: the task and all that followed from it, and what did not succeed.

    task: the id of one of its attempts, here or in a sub-workflow, or its reference (in a loop with the iteration,
        `charge__2`; without: the latest). None: from the start.
    input: of the task (None: resolved from the definition anew), or without a task of the execution (None: as it was).
    correlation_id: a new one, without a task only.

    Raises:
        ExecutionNotFound, TaskNotFound: there is none.
        InvalidInput: the input is no JSON object or too large; `correlation_id` beside a task.
        WrongState: it has not ended; a TERMINATE task that is not done again has ended it; it is being undone.
    """
    given = None if input is None else json_object(input, "the input", engine.payload_limit)
    if task is not None and correlation_id is not None:
        raise InvalidInput(
            "a new correlation id can only be given when the execution is rerun from its start"
        )

    def work(settlement: Settlement) -> Any:
        row = locked_row(settlement, execution_id)
        if task is None:
            _require(row, states.RERUN)
            changed = row._replace(correlation_id=correlation_id or row.correlation_id)
            if given is not None:
                program = _execution(engine, settlement, row).program
                restored = _restored(program, given, row.input)
                changed = changed._replace(
                    input=engine.payloads.put(row.id, dump(program.definition.input_template | restored))
                )
            return _all_anew(engine, settlement, changed)
        owner, found = task_of_execution(settlement.session, row, task)
        _require(owner, states.RERUN)
        execution = _execution(engine, settlement, owner)
        if found is None:
            node, path = position_of(execution, settlement.session, task)
        else:
            node, path = execution.program.node(found.ref), path_of(found.path)
        before = tasks.latest(settlement.session, owner.id, node.ref, path_text(path), path_text(path))
        real = (
            None if given is None else _restored(execution.program, given, before.input if before else "{}")
        )
        removed = revival.rerun(settlement, owner, node, path, real)
        return {"removed": [[p.ref, p.path, p.attempt, p.status] for p in removed[:_MOST]]}

    recorded(engine, "rerun", execution_id, work, actor=actor, reason=reason, subject=task)


def restart(
    engine: Engine,
    execution_id: str,
    *,
    latest_definition: bool = False,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Do an execution that has ended all anew: same id and input, the definition's variables.

    latest_definition: with the latest version of its definition; else with the one that it had.

    Raises:
        ExecutionNotFound, WorkflowNotFound: there is none.
        WrongState: it has not ended; it completed and its definition is not `restartable`; it is being undone.
    """

    def work(settlement: Settlement) -> Any:
        row = locked_row(settlement, execution_id)
        _require(row, states.RESTART)
        definition = _execution(engine, settlement, row).program.definition
        if row.status == WorkflowStatus.COMPLETED and not definition.restartable:
            raise WrongState(f"execution {execution_id} is COMPLETED, and {row.name} is not restartable")
        if latest_definition:
            found = definitions.find_program(settlement.session, row.name, None)
            if found is None:
                raise WorkflowNotFound(row.name, None, definitions.names(settlement.session))
            program = engine.programs.get(found, settlement.session)
            row = row._replace(program_id=found, version=program.definition.version)
        return _all_anew(engine, settlement, row)

    recorded(engine, "restart", execution_id, work, actor=actor, reason=reason)


def skip_task(
    engine: Engine,
    execution_id: str,
    ref: str,
    *,
    input: Mapping[str, Any] | None = None,  # Conductor's name
    output: Mapping[str, Any] | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Have a task that was not reached yet passed over, with this output, when the flow comes to it.

    ref: the reference; in a loop with the iteration (`charge__2`), without: of the iteration that runs.

    Raises:
        ExecutionNotFound, TaskNotFound: there is none.
        InvalidInput: the input or output is no JSON object, or too large; the task is a FORK or a JOIN.
        WrongState: the execution has ended, or the task was reached already.
    """
    given = json_object(input, "the input", engine.payload_limit)
    put_out = json_object(output, "the output", engine.payload_limit)

    def work(settlement: Settlement) -> None:
        execution = locked_execution(engine, settlement, execution_id)
        _require(execution.row(settlement.session), states.CHANGE)
        node, path = _to_be_reached(settlement, execution, ref)
        now = settlement.now
        row = settlement.new_row(execution, node, path, given)._replace(
            status=TaskStatus.SKIPPED,
            output=settlement.stored(execution, put_out),
            reason=reason,
            started=now,
            ended=now,
        )
        if not tasks.put_task(settlement.session, row):
            raise WrongState(
                f"task {ref} of execution {execution_id} was reached already: it can't be skipped"
            )
        settlement.ended(execution, row.id)

    recorded(engine, "skip_task", execution_id, work, actor=actor, reason=reason, subject=ref)


def update_variables(
    engine: Engine,
    execution_id: str,
    variables: Mapping[str, Any],
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Set variables of an execution; others stay. Inputs that are resolved from now on see them.

    Raises:
        ExecutionNotFound: there is none.
        InvalidInput: they are no JSON object, or would be too large.
        WrongState: it has ended.
    """
    changes = json_object(variables, "the variables", engine.payload_limit)

    def work(settlement: Settlement) -> Any:
        execution = locked_execution(engine, settlement, execution_id)
        _require(execution.row(settlement.session), states.CHANGE)
        problem = settlement.set_variables(execution, changes)
        if problem:
            raise InvalidInput(f"the variables of execution {execution_id} {problem}")
        return sorted(changes)

    recorded(engine, "update_variables", execution_id, work, actor=actor, reason=reason)


def reset_callbacks(
    engine: Engine, execution_id: str, *, actor: str | None = None, reason: str | None = None
) -> None:
    """Have worker tasks that asked to be called again later (`callbackAfterSeconds`) called now.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it has ended.
    """

    def work(settlement: Settlement) -> Any:
        execution = locked_execution(engine, settlement, execution_id)
        _require(execution.row(settlement.session), states.CHANGE)
        session, now = settlement.session, settlement.now
        due = [
            row
            for row in tasks.live(session, execution_id)
            if row.status == TaskStatus.SCHEDULED and row.polls and row.wake == "send"
        ]
        for row in due:
            node = execution.program.node(row.ref)
            if settlement.is_outside(node):
                outside.offer(session, settlement.offered(execution, node, row), now)
            else:
                tasks.change_due(session, row.id, now, "send")
        return [row.ref for row in due]

    recorded(engine, "reset_callbacks", execution_id, work, actor=actor, reason=reason)


def _restored(program: Program, given: dict[str, Any], real: str) -> dict[str, Any]:
    """An input that somebody was shown with masked fields, and has changed."""
    if program.mask is None:
        return given
    restored: dict[str, Any] = program.mask.restored(given, load(real))
    return restored


_MOST = 1_000
"""Of the tasks that a rerun removes, so many are named in its record."""


def _all_anew(engine: Engine, settlement: Settlement, row: WorkflowRow) -> Any:
    """Restart with what the row says; what becomes the detail of the record."""
    definition = engine.programs.get(row.program_id, settlement.session).definition
    problem = too_large(load(row.input), engine.payload_limit)
    if problem:
        raise InvalidInput(f"the input of {row.name} {problem}")
    revival.restart(settlement, row._replace(variables=dump(definition.variables)))
    return {"version": row.version, "run": row.run + 1}


def _to_be_reached(settlement: Settlement, execution: Execution, ref: str) -> tuple[Node, Path]:
    """The position that a reference names, at which nothing is yet."""
    name, *numbers = ref.split("__")
    node = execution.program.nodes.get(name)
    if node is None or not all(n.isdigit() for n in numbers) or len(numbers) not in (0, node.depth):
        raise TaskNotFound(execution.id, ref, sorted(execution.program.nodes))
    if node.kind == "JOIN" or (node.operator is not None and node.operator.contains == "branches"):
        raise InvalidInput(
            f"{ref} is a {node.kind}: a fork and its JOIN can't be skipped; skip tasks in its branches"
        )
    path = tuple(int(n) for n in numbers)
    if not numbers:
        for loop in node.loops:
            running = tasks.latest(settlement.session, execution.id, loop, path_text(path), path_text(path))
            path = (*path, running.iteration + 1 if running else 1)
    if tasks.latest(settlement.session, execution.id, name, path_text(path), path_text(path)) is not None:
        where = suffixed(name, path)
        raise WrongState(f"task {where} of execution {execution.id} was reached already: it can't be skipped")
    return node, path


def _execution(engine: Engine, settlement: Settlement, row: WorkflowRow) -> Execution:
    return Execution(row.id, row.run, engine.programs.get(row.program_id, settlement.session), row)


def _require(row: WorkflowRow, act: states.Act) -> None:
    why = states.refusal(act, row.status)
    if why is not None:
        raise WrongState(f"execution {row.id} {why}")
