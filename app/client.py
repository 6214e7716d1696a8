"""The Python API: register definitions, start executions, follow them.

from app.client import Podium

podium = Podium()                                   # from the environment's settings
podium.register("workflows/definitions/order_fulfillment.json")
execution = podium.start("order_fulfillment", {"order_id": "42"}, correlation_id="42")
print(execution.wait(timeout=30).output)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from app.bootstrap import Process, connect
from app.errors import TaskNotFound, WrongState
from app.events.service import EventService
from app.operations import control, definitions, events, query, retention, schedules, schemas, signal, workers
from app.operations import start as starting
from app.operations.bulk import BulkResult, bulk
from app.operations.definitions import Registered
from app.operations.diff import Difference, diff
from app.operations.history import Transition, history
from app.operations.outside import ResultStatus
from app.operations.query import ExecutionState, TaskExecution
from app.operations.retention import Pruned
from app.operations.search import search, search_by_tasks, search_tasks
from app.operations.tree import ExecutionTree, get_tree
from app.operations.workers import Worker
from app.store.handlers import EventExecutionRow
from app.store.inbox import OutboxRow
from app.store.schedules import FiringRow, ScheduleRow
from app.store.schemas import SchemaRow
from config.settings import Settings, current
from workflows.errors import PodiumError
from workflows.events import EventHandler
from workflows.loading import Definitions, load
from workflows.model import IdempotencyStrategy, SchemaDef, TaskDef, WorkflowDef
from workflows.operator import Finding
from workflows.schedules import WorkflowSchedule
from workflows.status import WorkflowStatus

Source = str | Path | Mapping[str, Any] | list[Any] | Definitions
"""Definitions: a file, a document (a JSON object or list), or what `workflows.loading.load` has read."""


class WaitTimeout(PodiumError):
    """The execution has not ended in the time given; it goes on."""


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A task has changed, or the whole execution has (`task` is None then)."""

    execution_id: str
    status: WorkflowStatus
    """The execution's, at that time."""
    task: TaskExecution | None


class Execution:
    """One execution. Every property asks the database; nothing is kept but the id."""

    def __init__(self, podium: Podium, execution_id: str) -> None:
        self._podium = podium
        self.id = execution_id

    @property
    def state(self) -> ExecutionState:
        """All fields of the execution at once."""
        return query.get_execution(self._podium.engine, self.id)

    @property
    def status(self) -> WorkflowStatus:
        return self.state.status

    @property
    def output(self) -> Any:
        """The execution's output; `{}` while it runs."""
        return self.state.output

    @property
    def reason(self) -> str | None:
        """Why it did not complete; None while it runs or when it did."""
        return self.state.reason

    @property
    def tasks(self) -> list[TaskExecution]:
        """All attempts of all tasks, in the order of their scheduling."""
        return query.get_tasks(self._podium.engine, self.id)

    @property
    def tree(self) -> ExecutionTree:
        """The tasks where the definition has them: inside loops, branches, cases and sub-workflows."""
        return get_tree(self._podium.engine, self.id)

    @property
    def compensation(self) -> Execution | None:
        """The execution that undoes this one; None while it runs, or when there was nothing to undo."""
        undoing = query.get_compensation(self._podium.engine, self.id)
        return None if undoing is None else Execution(self._podium, undoing.id)

    def get(self, ref: str) -> TaskExecution:
        """The latest attempt of a task by its reference; in a loop `ref__2`, or `ref` for the latest iteration.

        Raises:
            TaskNotFound: it has not begun, or there is none.
        """
        found = [task for task in self.tasks if ref in (task.ref, task.ref.split("__")[0])]
        if not found:
            raise TaskNotFound(self.id, ref, sorted({task.ref for task in self.tasks}))
        return max(found, key=lambda task: (task.path, task.attempt))

    def explain(self) -> str:
        """What it waits for, or how it ended, in a sentence."""
        return query.explain(self._podium.engine, self.id)

    def wait(self, timeout: float | None = None) -> ExecutionState:
        """Wait until it has ended; its state then.

        timeout: seconds; None: as long as it takes.

        Raises:
            WaitTimeout: it still runs; the message says what it waits for.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.005
        while True:
            state = self.state
            if state.status.terminal:
                return state
            if deadline is not None and time.monotonic() > deadline:
                raise WaitTimeout(f"execution {self.id} has not ended after {timeout} s: {self.explain()}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    def follow(self, timeout: float | None = None) -> Iterator[TaskEvent]:
        """Yield each change of a task as it is seen, and at last the end of the execution.

        Raises:
            WaitTimeout: it has not ended after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        seen: dict[str, tuple[str, int]] = {}
        pause = 0.01
        while True:
            state, news = self.state, False
            for task in sorted(self.tasks, key=lambda task: task.ended or task.started or task.scheduled):
                mark = (task.status, task.iteration)
                if seen.get(task.id) != mark:
                    seen[task.id], news = mark, True
                    yield TaskEvent(self.id, state.status, task)
            if state.status.terminal:
                yield TaskEvent(self.id, state.status, None)
                return
            if deadline is not None and time.monotonic() > deadline:
                raise WaitTimeout(f"execution {self.id} has not ended after {timeout} s: {self.explain()}")
            pause = 0.01 if news else min(pause * 1.5, 0.25)
            time.sleep(pause)

    def complete(
        self, ref: str, output: Mapping[str, Any] | None = None, *, actor: str | None = None
    ) -> None:
        """Complete a task that waits: `Podium.complete_task` of this execution."""
        self._podium.complete_task(self.id, ref, output, actor=actor)

    def terminate(self, reason: str = "", *, actor: str | None = None) -> None:
        """End it: `Podium.terminate` of this execution."""
        self._podium.terminate(self.id, reason, actor=actor)

    def __repr__(self) -> str:
        return f"<Execution {self.id}>"


class Podium:
    """A connection to Podium: the database, and the broker that its workers listen to. Safe between threads."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        broker_url: str | None = None,
        database_url: str | None = None,
    ) -> None:
        """From the environment's settings unless given; `broker_url` and `database_url` replace single ones."""
        chosen = settings or current()
        if broker_url is not None:
            chosen = replace(chosen, broker_url=broker_url)
        if database_url is not None:
            chosen = replace(chosen, database_url=database_url)
        self._process: Process = connect(chosen)
        self.engine = self._process.engine

    def register(self, source: Source | WorkflowDef) -> Registered:
        """Register all definitions of a file (JSON, YAML), a document, a `WorkflowDef`, or what `load` has read.

        Raises:
            UnreadableDefinition, InvalidDefinition: nothing is stored; all problems are in the message.
            DefinitionConflict: a version exists with another content.
        """
        document: Any = source.to_json() if isinstance(source, WorkflowDef) else source
        return definitions.register(self.engine, _read(document))

    def validate(self, source: Source) -> list[tuple[str, Finding]]:
        """All findings of the static checks, (workflow name, finding); nothing is stored.

        Raises:
            UnreadableDefinition: it can't be read.
        """
        return definitions.check(self.engine, _read(source))

    def start(
        self,
        name: str,
        input: Mapping[str, Any] | None = None,  # Conductor's name
        *,
        version: int | None = None,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
        idempotency_strategy: IdempotencyStrategy | str = IdempotencyStrategy.RETURN_EXISTING,
        priority: int = 0,
        task_to_domain: Mapping[str, str] | None = None,
    ) -> Execution:
        """Start an execution: `app.operations.start.start`, which says what each argument means."""
        execution_id = starting.start(
            self.engine,
            name,
            input,
            version=version,
            correlation_id=correlation_id,
            idempotency_key=idempotency_key,
            idempotency_strategy=idempotency_strategy,
            priority=priority,
            task_to_domain=task_to_domain,
        )
        return Execution(self, execution_id)

    def execution(self, execution_id: str) -> Execution:
        """An execution by its id; whether it exists is seen when it is asked for something."""
        return Execution(self, execution_id)

    def executions(self, **filters: Any) -> list[ExecutionState]:
        """The newest executions: `app.operations.query.list_executions`, which names the filters."""
        return query.list_executions(self.engine, **filters)

    def search(self, query: str = "", text: str = "*", **options: Any) -> dict[str, Any]:
        """Executions that fulfil conditions and have a text: `app.operations.search.search`, which names the options."""
        return search(self.engine, query, text, **options)

    def search_tasks(self, query: str = "", text: str = "*", **options: Any) -> dict[str, Any]:
        """Tasks that do: `app.operations.search.search_tasks`."""
        return search_tasks(self.engine, query, text, **options)

    def search_by_tasks(self, query: str = "", text: str = "*", **options: Any) -> dict[str, Any]:
        """Executions with a task that does: `app.operations.search.search_by_tasks`."""
        return search_by_tasks(self.engine, query, text, **options)

    def definitions(self) -> list[dict[str, Any]]:
        """All registered versions of all workflow definitions."""
        return definitions.list_definitions(self.engine)

    def definition(self, name: str, version: int | None = None) -> WorkflowDef:
        """A registered workflow definition; its latest version when `version` is not given.

        Raises:
            WorkflowNotFound: there is none.
        """
        return definitions.get_definition(self.engine, name, version)

    def task_definitions(self) -> list[TaskDef]:
        """All registered task definitions, by name."""
        return definitions.list_task_definitions(self.engine)

    def workers(self) -> list[Worker]:
        """All workers that live."""
        return workers.list_workers(self.engine)

    def complete_task(
        self,
        execution_id: str,
        ref: str,
        output: Mapping[str, Any] | None = None,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Complete a task that waits: `app.operations.signal.complete_task`."""
        signal.complete_task(self.engine, execution_id, ref, output, actor=actor, reason=reason)

    def fail_task(
        self, execution_id: str, ref: str, reason: str, *, terminal: bool = False, actor: str | None = None
    ) -> None:
        """Fail a task that is open: `app.operations.signal.fail_task`."""
        signal.fail_task(self.engine, execution_id, ref, reason, terminal=terminal, actor=actor)

    def terminate(self, execution_id: str, reason: str = "", *, actor: str | None = None) -> None:
        """End an execution: `app.operations.control.terminate`."""
        control.terminate(self.engine, execution_id, reason, actor=actor)

    def signal(
        self, execution_id: str, status: str, output: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """End the first WAIT that is open, also in sub-workflows: `app.operations.signal.signal`.

        Raises:
            WrongState: nothing waits.
        """
        if signal.signal(self.engine, execution_id, ResultStatus(status), output, **options) is None:
            raise WrongState(f"nothing in execution {execution_id} waits for a signal")

    def send_message(self, execution_id: str, message: Mapping[str, Any], *, actor: str | None = None) -> str:
        """Send a message to an execution; the message's id: `app.operations.signal.send_message`."""
        return signal.send_message(self.engine, execution_id, message, actor=actor)

    def reset_callbacks(self, execution_id: str, **options: Any) -> None:
        """Have tasks that asked to be called later called now: `app.operations.control.reset_callbacks`."""
        control.reset_callbacks(self.engine, execution_id, **options)

    def pause(self, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Have nothing new begin: `app.operations.control.pause`."""
        control.pause(self.engine, execution_id, actor=actor, reason=reason)

    def resume(self, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Go on where it was paused: `app.operations.control.resume`."""
        control.resume(self.engine, execution_id, actor=actor, reason=reason)

    def retry(self, execution_id: str, **options: Any) -> None:
        """Try again what failed: `app.operations.control.retry`, which names the options."""
        control.retry(self.engine, execution_id, **options)

    def rerun(self, execution_id: str, task: str | None = None, **options: Any) -> None:
        """Do it again from a task on: `app.operations.control.rerun`, which names the options."""
        control.rerun(self.engine, execution_id, task, **options)

    def restart(self, execution_id: str, **options: Any) -> None:
        """Do it all anew: `app.operations.control.restart`, which names the options."""
        control.restart(self.engine, execution_id, **options)

    def skip_task(self, execution_id: str, ref: str, **options: Any) -> None:
        """Have a task passed over: `app.operations.control.skip_task`, which names the options."""
        control.skip_task(self.engine, execution_id, ref, **options)

    def update_variables(self, execution_id: str, variables: Mapping[str, Any], **options: Any) -> None:
        """Set variables: `app.operations.control.update_variables`, which names the options."""
        control.update_variables(self.engine, execution_id, variables, **options)

    def explain(self, execution_id: str) -> str:
        """What an execution waits for, or how it ended, in a sentence."""
        return query.explain(self.engine, execution_id)

    def history(self, execution_id: str, *, after: int = 0, limit: int = 1_000) -> list[Transition]:
        """Every transition with its time and who made it: `app.operations.history.history`."""
        return history(self.engine, execution_id, after=after, limit=limit)

    def diff(self, before: str, after: str) -> Difference:
        """Compare two executions task by task: `app.operations.diff.diff`."""
        return diff(self.engine, before, after)

    def archive(self, execution_id: str, *, actor: str | None = None, reason: str | None = None) -> str:
        """Write one that has ended into the archive; the file's URL: `app.operations.retention.archive`."""
        return retention.archive(self.engine, execution_id, actor=actor, reason=reason)

    def remove(
        self, execution_id: str, *, archive: bool = False, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Delete one that has ended: `app.operations.retention.remove`."""
        retention.remove(self.engine, execution_id, archive=archive, actor=actor, reason=reason)

    def prune(self, older_than: float, **options: Any) -> Pruned:
        """Delete those that ended long ago: `app.operations.retention.prune`, which names the options."""
        return retention.prune(self.engine, older_than, **options)

    def bulk(self, operation: str, execution_ids: list[str], **options: Any) -> BulkResult:
        """One operation on many executions, with a result for each: `app.operations.bulk.bulk`."""
        return bulk(self.engine, operation, execution_ids, **options)

    def publish(self, event: str, payload: Mapping[str, Any], *, message_id: str | None = None) -> str:
        """Publish an event; the id of its message: `app.operations.events.publish`."""
        return events.publish(self.engine, event, payload, message_id=message_id)

    def event_handlers(self, *, event: str | None = None, active_only: bool = False) -> list[EventHandler]:
        """Event handlers by name: all, those of an event, those that are active."""
        return events.list_handlers(self.engine, event=event, active_only=active_only)

    def put_event_handler(
        self, handler: EventHandler | Mapping[str, Any], *, actor: str | None = None
    ) -> EventHandler:
        """Register an event handler, or replace the one of its name.

        Raises:
            InvalidDocument: it has errors.
        """
        document = handler.to_json() if isinstance(handler, EventHandler) else handler
        return events.put_handler(self.engine, document, actor=actor)

    def remove_event_handler(self, name: str, *, actor: str | None = None) -> None:
        """Delete an event handler: `app.operations.events.remove_handler`."""
        events.remove_handler(self.engine, name, actor=actor)

    def event_executions(self, **filters: Any) -> list[EventExecutionRow]:
        """What was done with messages: `app.operations.events.list_event_executions`."""
        return events.list_event_executions(self.engine, **filters)

    def replay_event(self, id: str, *, actor: str | None = None) -> None:
        """Do again what has failed with a message: `app.operations.events.replay`."""
        events.replay(self.engine, id, actor=actor)

    def event_outbox(self, **filters: Any) -> list[OutboxRow]:
        """Events that have not gone out: `app.operations.events.list_outbox`."""
        return events.list_outbox(self.engine, **filters)

    def resend_event(self, id: str, *, actor: str | None = None) -> None:
        """Send an event that was given up: `app.operations.events.send_again`."""
        events.send_again(self.engine, id, actor=actor)

    def run_events(self, stop: threading.Event, ready: Callable[[], None] | None = None) -> None:
        """Receive events and act on them until `stop` is set: what `podium events` does."""
        EventService(self.engine, self._process.sinks).run(stop, ready)

    def put_schedule(
        self, schedule: WorkflowSchedule | Mapping[str, Any], *, actor: str | None = None
    ) -> WorkflowSchedule:
        """Register a schedule, or replace the one of its name.

        Raises:
            InvalidDocument: it has errors.
        """
        document = schedule.to_json() if isinstance(schedule, WorkflowSchedule) else schedule
        return schedules.save(self.engine, document, actor=actor)

    def schedules(self, *, workflow_name: str | None = None) -> list[ScheduleRow]:
        """All schedules by name, or those of a workflow, with their next slots."""
        return schedules.list_schedules(self.engine, workflow_name=workflow_name)

    def pause_schedule(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Fire no slot until it is resumed: `app.operations.schedules.pause`."""
        schedules.pause(self.engine, name, actor=actor, reason=reason)

    def resume_schedule(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Fire slots again: `app.operations.schedules.resume`."""
        schedules.resume(self.engine, name, actor=actor, reason=reason)

    def run_schedule(self, name: str, *, actor: str | None = None) -> Execution:
        """Start a schedule's workflow out of turn: `app.operations.schedules.run_now`."""
        return Execution(self, schedules.run_now(self.engine, name, actor=actor))

    def remove_schedule(self, name: str, *, actor: str | None = None) -> None:
        """Delete a schedule: `app.operations.schedules.remove`."""
        schedules.remove(self.engine, name, actor=actor)

    def preview_schedule(self, expression: str, **options: Any) -> list[int]:
        """The next slots of a cron expression: `app.operations.schedules.preview`, which names the options."""
        return schedules.preview(self.engine, expression, **options)

    def schedule_executions(self, **filters: Any) -> list[FiringRow]:
        """What schedules have fired: `app.operations.schedules.list_firings`, which names the filters."""
        return schedules.list_firings(self.engine, **filters)

    def put_schema(
        self,
        schema: SchemaDef | Mapping[str, Any],
        *,
        new_version: bool = False,
        actor: str | None = None,
    ) -> SchemaRow:
        """Register a schema that definitions name, or change it: `app.operations.schemas.save`.

        Raises:
            InvalidDocument: it has errors.
        """
        document = schema.to_json() if isinstance(schema, SchemaDef) else schema
        (saved,) = schemas.save(self.engine, [document], new_version=new_version, actor=actor)
        return saved

    def schema(self, name: str, version: int | None = None) -> SchemaRow:
        """A registered schema; its latest version when `version` is not given.

        Raises:
            SchemaNotFound: there is none.
        """
        return schemas.get(self.engine, name, version)

    def schemas(self) -> list[SchemaRow]:
        """All versions of all schemas, by name."""
        return schemas.list_schemas(self.engine)

    def remove_schema(self, name: str, version: int | None = None, *, actor: str | None = None) -> None:
        """Delete a version of a schema, or all of them: `app.operations.schemas.remove`."""
        schemas.remove(self.engine, name, version, actor=actor)

    def log(self, task_id: str) -> list[tuple[int, str, str]]:
        """What a worker task has logged: (ms since the epoch, level, message)."""
        return query.get_task_log(self.engine, task_id)

    def close(self) -> None:
        """Give back connections. The object can't be used afterwards."""
        self._process.close()

    def __enter__(self) -> Podium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(source: Any) -> Definitions:
    return source if isinstance(source, Definitions) else load(source)
