"""The engine of one process: its store, its clock, its worker tasks and its publisher, put together."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import InvalidInput, WorkflowNotFound
from app.runtime import caching, changes, ending, limits, listeners, retry, straight
from app.runtime.clock import new_id, now_ms
from app.runtime.completion import TaskCompletion
from app.runtime.execution import Execution, suffixed, topic_of
from app.runtime.hand import Hand, Held, Moves
from app.runtime.payload import Payloads, dump, load, too_large
from app.runtime.ports import Attempt, Events, Owner, Publisher, Send, SendHeads, Traces, Workers
from app.runtime.programs import Programs
from app.runtime.schemas import with_schemas
from app.runtime.secrets import Secrets, hidden
from app.runtime.settle import Settlement
from app.runtime.starting import NewExecution
from app.runtime.views import step_of
from app.store import definitions, executions, outside, tasks, workers
from app.store.executions import EACH_STEP, WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session, Store
from config.settings import Settings
from workflows.canvas import Order, celery_name
from workflows.changes import Change
from workflows.domains import queue_of
from workflows.errors import PodiumError
from workflows.model import TaskDef, WorkflowDef, WorkflowTask
from workflows.operator import Failed, Outcome, Start
from workflows.program import Node, Path, Program
from workflows.status import TaskStatus, WorkflowStatus

logger = logging.getLogger(__name__)

ACTIVE_POLLER_MS = 10_000
"""An outside worker that polled that lately is there."""

Observe = Callable[[str, str, str, float, float, str | None], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals in milliseconds."""

    resend_ms: int
    """A message without an answer is sent again."""
    ask_ms: int
    """A JOIN is asked by the sweeper when nobody else has."""


class Engine:
    """Everything that moves executions. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        workers: Workers,
        publisher: Publisher,
        events: Events,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.store = store
        self.settings = settings
        self.workers = workers
        self.publisher = publisher
        self.events = events
        self.clock = clock
        self.programs = Programs(store)
        self.secrets = Secrets(settings)
        self.payloads = Payloads(settings.payload_store_url, settings.payload_inline_bytes, new_id)
        self.payload_limit = settings.payload_limit_bytes
        self.timing = Timing(int(settings.resend_seconds * 1000), int(settings.resend_seconds * 1000))
        self.believed: dict[tuple[str, int | None], Program] = {}
        """Programs of definitions (None: of the latest version) when they were last looked up here."""
        self.observe: Observe | None = None
        """Called for each step that ran here: (Celery name, task id, reference, began, ended, failure)."""
        self.traces: Traces | None = None
        """Told of each attempt and execution that ended here; None: nobody wants to know."""
        self.resident: Owner | None = None
        """Who this process claims operators as when it is no worker; None: it claims nothing."""
        self._fleet: tuple[float, frozenset[str]] = (0.0, frozenset())

    # transactions

    def settle(
        self,
        hand: Hand,
        work: Callable[[Settlement], None],
        *,
        witness: Callable[[Session], bool] | None = None,
        patience: float | None = 3.0,
    ) -> Moves:
        """Run `work` and what follows from it in one transaction; nothing is sent yet.

        witness: as `Store.transact`; not given: `work` may run twice, but what it claimed here is not lost.
        """
        moves = Moves()

        def transaction(session: Session) -> Moves:
            nonlocal moves
            settlement = Settlement(self, session, hand, self.clock())
            work(settlement)
            moves = settlement.finish()
            return moves

        def claimed_here(session: Session) -> bool:
            held = moves.claimed
            row = None if held is None else tasks.by_id(session, held.row.id)
            return held is not None and row is not None and row.claim == held.claim

        done = self.store.transact(transaction, witness=witness or claimed_here, patience=patience)
        if done.told:
            self.publisher.tell(done.told)
        self._trace(done.attempts, done.ended)
        return done

    def trace_start(self, execution_id: str, route: str, began_ms: int, caller: str | None) -> None:
        """A call has started an execution; `caller`: its own `traceparent`."""
        if self.traces is not None:
            try:
                self.traces.started(execution_id, route, began_ms, self.clock(), caller)
            except Exception:  # as below
                logger.warning("a trace was not sent", exc_info=True, extra={"event": "trace_failed"})

    def _trace(self, task_ids: Sequence[str], execution_ids: Sequence[str]) -> None:
        if self.traces is not None:
            try:
                self.traces.ended(task_ids, execution_ids)
            except Exception:  # what is told of the work must not stop it
                logger.warning("a trace was not sent", exc_info=True, extra={"event": "trace_failed"})

    def from_outside(
        self, work: Callable[[Settlement], None], witness: Callable[[Session], bool] | None = None
    ) -> Moves:
        """`settle` for somebody who is no worker: what is next is sent to the broker at once.

        A process that can claim (`resident`) first runs operators itself, so that what follows them is there when
        this returns.
        """
        hand = self._outside_hand()
        moves = self.settle(hand, work, witness=witness)
        self.publisher.publish(moves.sends)
        if moves.claimed is not None:
            self._carry_outside(hand, moves.claimed)
        return moves

    def _carry_outside(self, hand: Hand, held: Held) -> None:
        # recovery is made of this module
        from app.runtime.recovery import lost_message

        assert hand.owner is not None
        assert hand.message_id is not None
        try:
            self.publisher.publish(self.carry(hand, held))
        except Exception as error:
            # A fault of our own must not leave a claim that nobody works on.
            lost_message(self, hand.owner.id, hand.message_id, f"Podium failed here: {error}")
            raise

    def _outside_hand(self) -> Hand:
        if self.resident is None:
            return Hand()
        # Named like a message, so that what it holds is found should this process fail in the middle.
        until = time.monotonic() + self.settings.in_place_seconds
        return Hand(owner=self.resident, message_id=new_id(), until=until, waited_for=True)

    # a message in the hands of a worker

    def claim(self, hand: Hand, execution: Execution, node: Node, path: Path, attempt: int) -> Held | None:
        """Claim a scheduled position; None: it is not scheduled, or the execution does not run."""
        params = straight.claim_params(hand, execution, node, path, attempt, self.clock())
        claim: int = params["claim"]

        def work(session: Session) -> TaskRow | None:
            row = tasks.claim_task(session, **params)
            if row is not None:
                if node.changes:
                    changes.send(session, execution, row, Change.START, params["now"])
                return row
            # A commit whose answer was lost may have been ours.
            found = tasks.lock_latest(session, execution.id, node.ref, params["path"])
            mine = found is not None and found.claim == claim and found.status == TaskStatus.IN_PROGRESS
            return found if mine else None

        row = self.store.transact_once(work, patience=None)
        if row is None:
            return None
        overdue = retry.claimed_again(node, row, params["now"])
        if overdue is not None and overdue != row.due_at:
            self.store.read(lambda s: tasks.change_due(s, row.id, overdue, "timeout"), patience=None)
        given = load(row.input)
        if row.iteration:
            # A loop's input may read its body, and was written before that had run.
            given = self.store.read(lambda s: execution.resolve(s, node, path, row.id), patience=None)
        return Held(execution, node, path, row, claim, given, row.iteration)

    def carry(self, hand: Hand, held: Held | None) -> list[Send | SendHeads]:
        """Run a claimed step and what follows it, as long as it may run here; what is left goes to the broker."""
        sends: list[Send | SendHeads] = []
        while held is not None:
            began = time.time()
            completion = TaskCompletion(self, hand, held)
            outcome = self.perform(held, completion)
            if self.observe is not None:
                failed = completion.moves is None
                failure = outcome.reason if failed and isinstance(outcome, Failed) else None
                self.observe(celery_name(held.node), held.row.id, held.node.ref, began, time.time(), failure)
            moves = completion.moves or self.complete(hand, held, outcome)
            if completion.moves is not None:
                self._trace(moves.attempts, moves.ended)
            if self.observe is not None:
                for name, task_id, ref in moves.decided:
                    self.observe(name, task_id, ref, began, began, None)
            if moves.claimed is not None and moves.sends:
                self.publisher.publish(moves.sends)
            elif moves.sends:
                sends = moves.sends
            held = moves.claimed
        return sends

    def perform(self, held: Held, completion: TaskCompletion) -> Outcome:
        """Run the work of a claimed step: an operator's decision, or a worker task. Never raises."""
        if not held.node.secrets:
            return self._perform(held, completion)
        try:
            given, hide = self.secrets.reveal(held.node, held.input)
        except PodiumError as error:
            return Failed(str(error), terminal=True)
        completion.hide = hide
        return hidden(self._perform(dataclasses.replace(held, input=given), completion), hide)

    def _perform(self, held: Held, completion: TaskCompletion) -> Outcome:
        node = held.node
        if node.operator is not None:
            try:
                step = self.store.read(lambda session: step_of(session, held, self.clock()), patience=None)
                return node.operator.run(step)
            except PodiumError as error:
                return Failed(f"{node.kind} {node.ref}: {error}", terminal=True)
            except Exception as error:  # an operator's fault must not stop the worker
                logger.error(
                    "operator %s failed: %s",
                    node.kind,
                    type(error).__name__,
                    exc_info=not node.secrets,
                    extra={"event": "operator_error"},
                )
                return Failed(f"{node.kind} {node.ref}: {type(error).__name__}: {error}", terminal=True)
        attempt = self.attempt_of(held, completion)
        if self.traces is None:
            outcome = self.workers.call(node.worker, held.input, attempt)
        else:
            with self.traces.inside(held.execution.id, held.row.id):
                outcome = self.workers.call(node.worker, held.input, attempt)
        if completion.moves is not None and isinstance(outcome, Failed):
            logger.warning(
                "%s failed after its effect had completed it: %s",
                node.worker,
                outcome.reason,
                extra={"event": "failed_after_effect", "execution": held.execution.id},
            )
        return outcome

    def attempt_of(self, held: Held, completion: TaskCompletion | None = None) -> Attempt:
        """What the worker task may know of itself."""
        row, definition = held.row, held.execution.program.definition
        ref = suffixed(held.node.ref, held.path)
        return Attempt(
            execution_id=held.execution.id,
            workflow=definition.name,
            version=definition.version,
            ref=ref,
            iteration=held.path[-1] if held.path else 0,
            attempt=row.attempt,
            task_id=row.id,
            correlation_id=functools.partial(self._correlation_id, held.execution),
            idempotency_key=f"{held.execution.id}:{ref}",
            output=load(row.output) if row.output else None,
            polls=row.polls,
            completion=completion,
            hide=None if completion is None else completion.hide,
            cancelled=functools.partial(self._is_cancelled, row.id, held.claim),
        )

    def _is_cancelled(self, task_id: str, claim: int) -> bool:
        row = self.store.read(lambda s: tasks.by_id(s, task_id))
        return row is None or row.claim != claim or TaskStatus(row.status).terminal

    def _correlation_id(self, execution: Execution) -> str | None:
        known = execution.known_row()
        return (known or self.store.read(execution.row, patience=None)).correlation_id

    def complete(self, hand: Hand, held: Held, outcome: Outcome) -> Moves:
        """Write down how a claimed step ended and claim what runs here next, in one transaction."""

        moves = straight.go_on(self, hand, held, outcome)
        if moves is not None:
            awaited = held.execution.awaited
            # It has neither ended nor come to wait for anybody: who waits for that need not look.
            if awaited is not None and awaited.endswith(EACH_STEP):
                self.publisher.tell([topic_of(awaited)])
            self._trace([held.row.id], ())
            return moves

        def witness(session: Session) -> bool:
            row = tasks.by_id(session, held.row.id)
            # Whatever the transaction did with the row, it took the claim's IN_PROGRESS and owner away.
            return row is None or row.claim != held.claim or row.owner is None

        return self.settle(hand, lambda s: s.outcome(held, outcome), witness=witness, patience=None)

    # executions

    def execution(self, session: Session, execution_id: str) -> Execution | None:
        """An execution as it is now."""
        row = executions.by_id(session, execution_id)
        return (
            None
            if row is None
            else Execution(row.id, row.run, self.programs.get(row.program_id, session), row)
        )

    def order(self, execution: Execution) -> Order:
        """How the canvases of an execution are cut."""
        return Order(
            execution.id,
            execution.run,
            execution.program,
            1 if execution.routed else self.settings.segment_length,
            self.settings.fan_batches,
            self.workers.queue,
            self.publisher.chords,
            execution.awaited,
            execution.priority,
            execution.routed,
        )

    def new_execution(self, new: NewExecution, execution_id: str, now: int) -> WorkflowRow:
        """The row of an execution that starts now.

        Raises:
            InvalidInput: the input is too large.
        """
        definition = new.program.definition
        given = new.input
        if defaults := definition.input_template:
            given = defaults | {k: v for k, v in given.items() if v is not None or k not in defaults}
        problem = too_large(given, self.payload_limit)
        if problem is None and new.program.fits_input is not None:
            problem = new.program.fits_input.problem(given)
        # What is owed is not dropped because there is much of it.
        if problem and new.compensates is None:
            raise InvalidInput(f"the input of {definition.name} {problem}")
        return WorkflowRow(
            id=execution_id,
            name=definition.name,
            version=definition.version,
            program_id=new.program.id,
            status=WorkflowStatus.RUNNING,
            run=1,
            correlation_id=new.correlation_id,
            idempotency_key=new.idempotency_key,
            parent_id=new.parent_id,
            parent_task_id=new.parent_task_id,
            priority=new.priority,
            input=self.payloads.put(execution_id, dump(given)),
            output=None,
            variables=dump(definition.variables),
            task_to_domain=new.task_to_domain,
            reason=None,
            failed_refs=None,
            failed_task_id=None,
            event=new.event,
            created_by=new.created_by,
            created=now,
            updated=now,
            ended=None,
            due_at=now + definition.timeout_seconds * 1000 if definition.timeout_seconds else None,
            compensates=new.compensates,
            awaited=new.awaited,
        )

    def insert(self, settlement: Settlement, new: NewExecution, execution_id: str | None = None) -> Execution:
        """Insert an execution and make its first task ready."""
        row = self.new_execution(new, execution_id or new_id(), settlement.now)
        return self.insert_made(settlement, new.program, row)

    def insert_made(self, settlement: Settlement, program: Program, row: WorkflowRow) -> Execution:
        """Insert the row that `new_execution` made.

        Raises:
            RateLimited: as many executions of its rateLimitKey run as may, and the policy is REJECT.
        """
        output = caching.known_of_execution(settlement, program, row)
        if output is None and program.rate_limit_key is not None:
            row = limits.of_start(settlement, program, row)
        executions.insert_workflow(settlement.session, row)
        listeners.tell(settlement, program, row, "STARTED")
        execution = Execution(row.id, row.run, program, row)
        if output is not None:
            # Not before the task that waits for it says so.
            settlement.do(lambda: ending.reused(settlement, execution, output))
        elif not row.rate_limited:
            settlement.begin(execution)
        return execution

    def program_of(self, session: Session, start: Start, now: int) -> Program:
        """The program of what a task starts.

        Raises:
            WorkflowNotFound, SchemaNotFound: there is no such definition, or no such schema.
        """
        if start.definition is not None:
            return self.unregistered(session, WorkflowDef.model_validate(start.definition), now)
        return self.registered(session, start.name, start.version or None)

    def unregistered(self, session: Session, definition: WorkflowDef, now: int) -> Program:
        """The program of a definition that need not be registered.

        Raises:
            SchemaNotFound: it enforces a schema that is not registered.
        """
        program = Program(with_schemas(session, definition), self.known_task_defs(session))
        definitions.store_program(session, program.id, program.content().decode(), now)
        return self.programs.put(program)

    def registered(self, session: Session, name: str, version: int | None) -> Program:
        """The program of a registered definition, of its latest version when `version` is None.

        Raises:
            WorkflowNotFound: there is none.
        """
        found = definitions.find_program(session, name, version)
        if found is None:
            raise WorkflowNotFound(name, version, definitions.names(session))
        program = self.programs.get(found, session)
        self.believed[name, version] = program
        return program

    def known_task_defs(self, session: Session) -> dict[str, TaskDef]:
        """All registered task definitions by name, with the schemas that they name."""
        found = {n: TaskDef.model_validate_json(c) for n, c in definitions.task_defs(session).items()}
        return {n: with_schemas(session, d) for n, d in found.items()}

    def rewrite(
        self, session: Session, execution: Execution, ref: str, task: WorkflowTask, now: int
    ) -> Program:
        """Let an execution go on with a program in which `task` stands in the place of `ref`.

        Raises:
            DuplicateReference, SchemaNotFound, pydantic.ValidationError: it can't stand there; nothing is written.
        """
        # Two branches may come to this at one time: each builds on what the other has made.
        row = executions.by_id(session, execution.id, lock=True)
        assert row is not None
        before = self.programs.get(row.program_id, session)
        after = before.rewritten(ref, with_schemas(session, task), self.known_task_defs(session))
        if after.id != before.id:
            definitions.store_program(session, after.id, after.content().decode(), now)
            executions.set_program(session, execution.id, after.id)
        execution.forget_row()
        execution.program = self.programs.put(after)
        return after

    def refresh(self, session: Session, execution: Execution) -> None:
        """See to it that `execution` has the program that it goes on with; its message may be older."""
        if execution.program.dynamic:
            execution.forget_row()
            execution.program = self.programs.get(execution.row(session).program_id, session)

    def start_failure_workflow(
        self,
        settlement: Settlement,
        execution: Execution,
        row: WorkflowRow,
        name: str,
        given: dict[str, Any],
        output: Any,
    ) -> str:
        """Start it; its id, or a sentence that says why it could not be started."""
        version = execution.program.definition.failure_workflow_version
        session = settlement.session
        try:
            program = self.registered(session, name, version)
        except PodiumError as error:
            return f"Error workflow {name} failed to start.  reason: {error}"
        failed = {
            "workflowId": row.id,
            "workflowName": row.name,
            "version": row.version,
            "status": row.status,
            "correlationId": row.correlation_id,
            "reasonForIncompletion": row.reason,
            "failedReferenceTaskNames": orjson.loads(row.failed_refs) if row.failed_refs else [],
            "input": given,
            "output": output,
            "tasks": _outputs_by_reference(session, execution),
        }
        more = {
            "workflowId": row.id,
            "reason": row.reason,
            "failureStatus": row.status,
            "failureTaskId": row.failed_task_id,
            "failedWorkflow": failed,
        }
        if too_large(given | more, self.payload_limit):
            more["failedWorkflow"] = failed | {"tasks": {}, "output": {}}
        new = NewExecution(
            program,
            given | {k: v for k, v in more.items() if v is not None},
            correlation_id=row.correlation_id,
            task_to_domain=row.task_to_domain,
        )
        return self.insert(settlement, new).id

    def new_compensation(
        self,
        program: Program,
        given: dict[str, Any],
        undone: WorkflowRow,
        parent_id: str | None,
        parent_task_id: str | None,
    ) -> NewExecution:
        """What undoes an execution, which leaves it its correlation id, its priority and its domains."""
        return NewExecution(
            program,
            given,
            correlation_id=undone.correlation_id,
            priority=undone.priority,
            parent_id=parent_id,
            parent_task_id=parent_task_id,
            task_to_domain=undone.task_to_domain,
            compensates=undone.id,
        )

    # who runs what

    def may_run(self, hand: Hand, node: Node) -> bool:
        """Whether the hand may run a task itself: an operator, or a worker task of its queue, without limits."""
        if node.limited:
            return False
        if node.operator is not None:
            return not (hand.waited_for and node.operator.slow)
        name = node.worker
        workers = self.workers
        return workers.knows(name) and workers.in_place(name) and workers.queue(name) == hand.queue

    def has_poller(self, session: Session, name: str, domain: str | None) -> bool:
        """Whether a worker of a domain (None: of none) is there for a worker task."""
        if self.is_celery_task(session, name):
            queue = queue_of(self.workers.queue(name), domain)
            return any(queue in orjson.loads(row.queues) for row in workers.alive(session))
        since = self.clock() - ACTIVE_POLLER_MS
        return any(
            row.domain == (domain or "") and row.polled > since for row in outside.polls(session, name)
        )

    def is_celery_task(self, session: Session, name: str) -> bool:
        """Whether a Celery task of this name is registered here or with a worker that lives."""
        if self.workers.knows(name):
            return True
        read_at, names = self._fleet
        if time.monotonic() - read_at > 1.0:
            names = frozenset(n for row in workers.alive(session) for n in orjson.loads(row.tasks))
            self._fleet = (time.monotonic(), names)
        return name in names


def _outputs_by_reference(session: Session, execution: Execution) -> dict[str, Any]:
    return {
        suffixed(row.ref, path_of(row.path)): {
            "status": row.status,
            "output": load(row.output),
            "reasonForIncompletion": row.reason,
        }
        for row in tasks.of_workflow(session, execution.id)
    }
