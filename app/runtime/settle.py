"""One transaction of the flow: write down how a step ended, and make ready what follows.

Everything that follows is decided here, whatever set it off: a worker's result, a signal, a timer, the end of a
sub-workflow, a start. Operators that are `instant` are decided inside the same transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.errors import SchemaNotFound
from app.runtime import (
    arrivals,
    caching,
    changes,
    compensation,
    ending,
    limits,
    listeners,
    resumption,
    retry,
    starting,
)
from app.runtime.clock import iso, new_claim, new_id
from app.runtime.events import announce
from app.runtime.execution import Execution, suffixed, topic_of, view_of
from app.runtime.hand import Hand, Held, Moves
from app.runtime.loops import loop_output
from app.runtime.payload import dump, load, too_large
from app.runtime.ports import Send
from app.runtime.rows import claimed_row, new_row
from app.runtime.views import step_of
from app.store import executions, messages, tasks
from app.store.tasks import Position, TaskRow
from app.store.unit_of_work import Session
from workflows.canvas import celery_name
from workflows.changes import Change
from workflows.domains import domains_of
from workflows.errors import DuplicateReference
from workflows.operator import (
    Again,
    Branch,
    Done,
    Failed,
    Fan,
    Finish,
    Outcome,
    Publish,
    Receive,
    Repeat,
    Start,
    Wait,
)
from workflows.program import BranchEnd, Next, Node, Path, first_of
from workflows.status import TaskStatus, WorkflowStatus

Todo = Callable[[], object]


class Settlement:
    """The work of one transaction. Made anew when the transaction runs again."""

    def __init__(self, engine: Any, session: Session, hand: Hand, now: int) -> None:
        self.engine = engine
        self.session = session
        self.hand = hand
        self.now = now
        self.moves = Moves()
        # A list and not recursion: a thousand instant operators in a row must not use up the stack.
        self._todo: deque[Todo] = deque()
        # Ends that the table is asked about; what this transaction has yet to write must be in it by then.
        self._arrivals: deque[Todo] = deque()
        self.changes: list[tuple[Execution, str, Change | None]] = []
        """Attempts that have changed and that tell of it; None: as they have ended."""
        self.limits: set[limits.Limit] = set()
        """Of which slots may be free, or are waited for since; handed on when all else is written."""

    def finish(self) -> Moves:
        """Do what has become possible until nothing is left."""
        while self._todo or self._arrivals or self.limits:
            if self._todo or self._arrivals:
                (self._todo or self._arrivals).popleft()()
                continue
            limit = min(self.limits)
            self.limits.discard(limit)
            limits.hand_on(self, limit)
        changes.tell(self)
        if listeners.tells_tasks(self.engine):
            listeners.tell_tasks(self)
        return self.moves

    # how a claimed attempt ended

    def outcome(self, held: Held, outcome: Outcome) -> None:
        """Write down the outcome of a claimed attempt, unless the claim is gone."""
        execution, node, path, row = held.execution, held.node, held.path, held.row
        outcome, then = self._with_effect(held, outcome)
        outcome = self.checked(execution, node, path, outcome)
        if isinstance(outcome, Failed):
            self._fail(execution, node, path, row, outcome, held.claim)
            return
        if not self._write(held, outcome):
            self.moves.stale = True
            return
        if not isinstance(outcome, Wait | Start | Repeat | Again):
            limits.free(self, row)
            self.ended(execution, row.id)
        if then is not None:
            then()
        if isinstance(outcome, Done) and outcome.variables:
            self.set_variables(execution, outcome.variables)
        self._remember(held, outcome)
        self._todo.append(lambda: self._go_on(execution, node, path, row, outcome))

    def _with_effect(self, held: Held, outcome: Outcome) -> tuple[Outcome, Todo | None]:
        """What is written down, and what else is done in this transaction once it is."""
        execution, node = held.execution, held.node
        match outcome:
            case Publish(sink=sink):
                name, payload = self._event(execution, node, sink, outcome.payload)
                ended = Wait(None, OUTSIDE, payload) if node.task.async_complete else Done(payload)
                return ended, lambda: announce(self.session, name, payload, self.now)
            case Receive(limit=limit, wait=wait):
                return self.received(execution, limit, wait)
            case Done(status=TaskStatus.COMPLETED) if held.row.worker == caching.CACHE:
                # It made no effect that anybody would answer for later.
                return outcome, None
            case Done(status=TaskStatus.COMPLETED) if node.operator is None and node.task.async_complete:
                return Wait(None, OUTSIDE, outcome.output), None
        return outcome, None

    def received(self, execution: Execution, limit: int, wait: bool) -> tuple[Outcome, Todo | None]:
        """The first messages to an execution, and what takes them out once that is written."""
        # Who sends one holds the lock too: it finds this task waiting, or its message is found here.
        executions.by_id(self.session, execution.id, lock=True)
        found = messages.first(self.session, execution.id, limit)
        if not found and wait:
            return Wait(None, "waiting for a message"), None
        given = [
            {
                "id": one.id,
                "workflowId": execution.id,
                "payload": orjson.loads(one.payload),
                "receivedAt": iso(one.created),
            }
            for one in found
        ]
        ids = [one.id for one in found]
        output = {"messages": given, "count": len(given)}
        return Done(output), lambda: messages.take(self.session, execution.id, ids)

    def _event(
        self, execution: Execution, node: Node, sink: str, given: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """The name and the payload of an event, as Conductor makes them."""
        row = execution.row(self.session)
        provider, _, address = sink.partition(":")
        name = f"{provider}:{row.name}:{address or node.ref}" if provider == "conductor" else sink
        own = {
            "workflowInstanceId": row.id,
            "workflowType": row.name,
            "workflowVersion": row.version,
            "correlationId": row.correlation_id,
        }
        return name, {**given, **own, "event_produced": name}

    def _write(self, held: Held, outcome: Outcome) -> bool:
        """Compare-and-swap on the claim; False: it is gone."""
        mine: dict[str, Any] = {"id": held.row.id, "claim": held.claim, "now": self.now}
        match outcome:
            case Done(output=output, status=status, reason=reason):
                text = self.stored(held.execution, output)
                return tasks.end_task(self.session, **mine, status=status, output=text, reason=reason)
            case Branch(label=label, output=output):
                given = self.stored(held.execution, {**held.input, **(outcome.input or {})})
                return tasks.end_choice(
                    self.session,
                    **mine,
                    status=TaskStatus.COMPLETED,
                    output=self.stored(held.execution, output),
                    reason=None,
                    label=label,
                    input=given,
                )
            case Fan(output=output) | Finish(output=output):
                reason = outcome.reason if isinstance(outcome, Finish) else None
                text = self.stored(held.execution, output)
                return tasks.end_task(
                    self.session, **mine, status=TaskStatus.COMPLETED, output=text, reason=reason
                )
            case Wait() | Start() | Repeat() | Again():
                return self._park(held, outcome)
        raise AssertionError(outcome)

    def _park(self, held: Held, outcome: Wait | Start | Repeat | Again) -> bool:
        execution, node = held.execution, held.node
        # The execution must not end between our look at it and our commit: nobody would find what waits.
        state = executions.share(self.session, execution.id)
        if state is None or WorkflowStatus(state[0]).terminal or state[1] != execution.run:
            return False
        due_at, wake = self._wake(node, held.row, outcome)
        output = (
            None
            if isinstance(outcome, Start)
            else self.stored(execution, outcome.output)
            if outcome.output is not None
            else None
        )
        return tasks.park_task(
            self.session,
            id=held.row.id,
            claim=held.claim,
            now=self.now,
            status=TaskStatus.SCHEDULED if isinstance(outcome, Again) else TaskStatus.IN_PROGRESS,
            output=output,
            reason=outcome.reason if isinstance(outcome, Wait) else None,
            iteration=held.iteration,
            sub_workflow_id=None,
            due_at=due_at,
            wake=wake,
        )

    def _wake(
        self, node: Node, row: TaskRow, outcome: Wait | Start | Repeat | Again
    ) -> tuple[int | None, str | None]:
        if isinstance(outcome, Again):
            return self.now + outcome.after_ms, "send"
        until = outcome.until_ms if isinstance(outcome, Wait) else None
        return retry.look(node, row, self.now, self.engine.timing.ask_ms, started=self.now, until=until)

    def checked(self, execution: Execution, node: Node, path: Path, outcome: Outcome) -> Outcome:
        """The outcome as it may be stored: complete, and within the limit."""
        if isinstance(outcome, Done) and node.operator is not None and node.operator.contains == "loop":
            outcome = Done(loop_output(self.session, execution, node, path, outcome.output))
        if isinstance(outcome, Done | Branch | Fan | Finish):
            problem = too_large(outcome.output, self.engine.payload_limit)
            if problem is None and node.fits_output is not None and isinstance(outcome, Done):
                problem = node.fits_output.problem(outcome.output or {})
            if problem:
                return Failed(f"the output of {node.ref} {problem}", terminal=True)
        if isinstance(outcome, Done) and outcome.variables:
            problem = too_large(self._variables(execution, outcome.variables), _VARIABLES_LIMIT)
            if problem:
                return Failed(f"the variables of the execution {problem}", terminal=True)
        return outcome

    def _variables(self, execution: Execution, changes: Mapping[str, Any]) -> dict[str, Any]:
        row = executions.by_id(self.session, execution.id, lock=True)
        assert row is not None
        return {**orjson.loads(row.variables), **changes}

    def set_variables(self, execution: Execution, changes: Mapping[str, Any]) -> str | None:
        """Merge into the execution's variables; why that can't be, if it can't."""
        variables = self._variables(execution, changes)
        problem = too_large(variables, _VARIABLES_LIMIT)
        if problem:
            return problem
        executions.set_variables(self.session, execution.id, dump(variables), self.now)
        execution.forget_row()
        return None

    def _remember(self, held: Held, outcome: Outcome) -> None:
        if isinstance(outcome, Done | Branch | Fan):
            status = outcome.status if isinstance(outcome, Done) else TaskStatus.COMPLETED
            row = held.row._replace(status=status, ended=self.now, output=dump(outcome.output), reason=None)
            held.execution.keep(held.node, held.path, view_of(row))

    # from outside: signals, timers, timeouts, sub-workflows

    def receive(self, execution: Execution, row: TaskRow) -> None:
        """Hand messages to an open task that waits for some."""
        node, path = execution.program.node(row.ref), tasks.path_of(row.path)
        held = Held(execution, node, path, row, row.claim or 0, load(row.input))
        assert node.operator is not None
        wanted = node.operator.run(step_of(self.session, held, self.now))
        assert isinstance(wanted, Receive)
        outcome, taken = self.received(execution, wanted.limit, wanted.wait)
        if isinstance(outcome, Done) and self.outcome_of_open(execution, row, outcome) and taken is not None:
            taken()

    def outcome_of_open(self, execution: Execution, row: TaskRow, outcome: Done | Failed) -> bool:
        """Write down how a task ended that nobody here holds; False: it has ended already."""
        node, path = execution.program.node(row.ref), tasks.path_of(row.path)
        checked = self.checked(execution, node, path, outcome)
        if isinstance(checked, Failed):
            return self._fail(execution, node, path, row, checked, None)
        assert isinstance(checked, Done)
        if not self.end_open(execution, row, checked.status, checked.output, checked.reason):
            return False
        self._todo.append(lambda: self._go_on(execution, node, path, row, checked))
        return True

    def time_out_workflow(self, execution: Execution, row: TaskRow, reason: str) -> None:
        """A task's timeout that ends the execution at once, without a retry."""
        if not self.end_open(execution, row, TaskStatus.TIMED_OUT, None, reason):
            return
        node = execution.program.node(row.ref)
        if compensation.is_left_to_people(execution, node):
            compensation.leave_to_people(self, execution, node, tasks.path_of(row.path), row, reason)
        else:
            self._todo.append(lambda: ending.failed(self, execution, row, TaskStatus.TIMED_OUT, reason))

    def end_open(
        self, execution: Execution, row: TaskRow, status: TaskStatus, output: Any, reason: str | None
    ) -> bool:
        """End an open attempt, whoever has it; None as its output: what it has put out. False: it has ended already."""
        ended = tasks.end_open(
            self.session,
            id=row.id,
            claim=new_claim(),
            now=self.now,
            status=status,
            output=self.stored(execution, output) if output is not None else row.output,
            reason=reason,
        )
        if ended:
            limits.free(self, row)
            self.ended(execution, row.id)
        return ended

    def stored(self, execution: Execution, value: Any) -> str:
        """An input or output as its row has it."""
        text: str = self.engine.payloads.put(execution.id, dump(value))
        return text

    # failure

    def _fail(
        self, execution: Execution, node: Node, path: Path, row: TaskRow, failed: Failed, claim: int | None
    ) -> bool:
        """A failed attempt: another one, or the flow goes on, or the execution ends. False: the claim is gone."""
        status = failed.status or (
            TaskStatus.FAILED_WITH_TERMINAL_ERROR if failed.terminal else TaskStatus.FAILED
        )
        again = retry.retries(node, status, row.attempt, row.first_scheduled, self.now)
        asked = row.type == compensation.PERSON and compensation.is_left_to_people(execution, node)
        again = again or (asked and status is TaskStatus.FAILED)
        recorded = TaskStatus.COMPLETED_WITH_ERRORS if node.task.optional and not again else status
        if claim is None:
            written = self.end_open(execution, row, recorded, failed.output, failed.reason)
        else:
            output = self.stored(execution, failed.output) if failed.output is not None else None
            written = tasks.end_task(
                self.session,
                id=row.id,
                claim=claim,
                now=self.now,
                status=recorded,
                output=output,
                reason=failed.reason,
            )
        if not written:
            self.moves.stale = True
            return False
        limits.free(self, row)
        if claim is not None:
            self.ended(execution, row.id)
        self._after_failure(execution, node, path, row, failed, status, recorded, again)
        return True

    def failed_before(self, execution: Execution, node: Node, path: Path, row: TaskRow) -> None:
        """What follows from a failure that was written down while the execution was paused."""
        status = TaskStatus(row.status)
        failed = Failed(row.reason or "", output=load(row.output) if row.output else None)
        again = retry.retries(node, status, row.attempt, row.first_scheduled, self.now)
        self._after_failure(execution, node, path, row, failed, status, status, again)

    def _after_failure(
        self,
        execution: Execution,
        node: Node,
        path: Path,
        row: TaskRow,
        failed: Failed,
        status: TaskStatus,
        recorded: TaskStatus,
        again: bool,
    ) -> None:
        asked = row.type == compensation.PERSON and compensation.is_left_to_people(execution, node)
        if again or (asked and status is TaskStatus.FAILED):
            self._retry(execution, node, path, row, failed)
        elif node.task.optional or (node.task.permissive and status is not TaskStatus.CANCELED):
            ended = Done(failed.output, status=recorded, reason=failed.reason)
            ending.close_inside(self, execution, node, path)
            self._todo.append(lambda: self._go_on(execution, node, path, row, ended))
        elif not asked and compensation.is_left_to_people(execution, node):
            compensation.leave_to_people(self, execution, node, path, row, failed.reason)
        else:
            self._todo.append(lambda: ending.failed(self, execution, row, status, failed.reason))

    def _retry(self, execution: Execution, node: Node, path: Path, row: TaskRow, failed: Failed) -> None:
        asked = row.type == compensation.PERSON
        delay = 0 if asked or failed.reason in LOST else retry.delay_ms(node.definition, row.attempt)
        resend = self.engine.timing.resend_ms
        attempt = self.new_row(execution, node, path, load(row.input))._replace(
            attempt=row.attempt + 1,
            first_scheduled=self.now if asked else row.first_scheduled,
            retried_id=row.id,
            reason=failed.reason,
            due_at=self.now + (delay or resend),
            wake="send",
        )
        limited, outside = node.limited and not delay, False
        if limited:
            attempt = limits.in_line(self, execution, node, attempt)
        elif not delay and self.is_outside(node):
            outside = True
            attempt = self.offered(execution, node, attempt)
        if self._insert(execution, attempt):
            tasks.mark_retried(self.session, row.id)
            if not (delay or limited or outside):
                self.send(execution, node, path, attempt.attempt, attempt.domain)

    # what follows

    def begin(self, execution: Execution) -> None:
        """The first task of an execution that was just inserted."""
        self._todo.append(lambda: self.follow(execution, execution.program.first(), ()))

    def _go_on(self, execution: Execution, node: Node, path: Path, row: TaskRow, outcome: Outcome) -> None:
        """Make ready what follows a task that was written down."""
        if execution.awaited is not None:
            self.moves.told.add(topic_of(execution.awaited))
        for join in node.joins:
            self._arrivals.append(lambda join=join: self.ask_if_ready(execution, join, path[: join.depth]))  # type: ignore[misc]
        match outcome:
            case Done():
                caching.keep(self, execution, node, path, row, outcome)
                self.follow(execution, node.after, path)
            case Branch(label=label):
                chosen = node.children.get(label) if label else None
                self.follow(execution, first_of(chosen, node.after) if chosen else node.after, path)
            case Repeat(label=label):
                self.follow(execution, node.children[label].nodes[0], (*path, row.iteration + 1))
            case Fan():
                self._fan(execution, node, path)
            case Start():
                starting.start_child(self, execution, row, outcome)
            case Finish(status=status, reason=reason, output=output):
                ending.finished(self, execution, row, status, output, reason)
            case Wait() | Again() | Failed():
                pass

    def follow(self, execution: Execution, following: Next, path: Path) -> None:
        """Make ready what comes next at a path (cut to the depth of what comes next)."""
        if isinstance(following, Node):
            self.reach(execution, following, path[: following.depth])
        elif isinstance(following, BranchEnd):
            arrivals.branch_end(self, execution, following.fork, path[: following.fork.depth])
        elif execution.run > 1:
            # Tasks behind this end may be done once more: the whole table says whether it is one.
            self.refused(execution)
        elif execution.program.loose:
            # Branches may still be on their way to it, where not every JOIN waits for all.
            self._arrivals.append(lambda: arrivals.list_end(self, execution, following, path))
        else:
            arrivals.list_end(self, execution, following, path)

    def reach(
        self,
        execution: Execution,
        node: Node,
        path: Path,
        before: Position | None = None,
        given: dict[str, Any] | None = None,
    ) -> None:
        """Make a task ready. before: the attempt that it replaces; given: its input instead of the definition's."""
        task_id = new_id()
        if given is None:
            given = execution.resolve(self.session, node, path, task_id)
        row = self.new_row(execution, node, path, given, task_id)
        if before is not None:
            tasks.mark_retried(self.session, before.id)
            row = row._replace(attempt=before.attempt + 1, retried_id=before.id)
        problem = too_large(given, self.engine.payload_limit)
        if problem:
            row = row._replace(input="{}")
        elif node.fits_input is not None:
            problem = node.fits_input.problem(given)
        if problem:
            why = Failed(f"the input of {node.ref} {problem}", terminal=True)
            self._fail_reached(execution, node, path, row, why)
        elif node.rewriter is not None:
            self._rewrite(execution, node, path, row, given, before)
        else:
            self._make_ready(execution, node, path, row, given, before)

    def _make_ready(
        self,
        execution: Execution,
        node: Node,
        path: Path,
        row: TaskRow,
        given: dict[str, Any],
        before: Position | None,
    ) -> None:
        output = None if before else caching.known(self, execution, node, path, given)
        if output is not None:
            self._complete_from_cache(execution, node, path, row, given, output)
        elif node.instant:
            self._decide(execution, node, path, row, given)
        elif (before or not node.task.start_delay) and self.may_run(node) and not _routed(execution, node):
            self._claim_here(execution, node, path, row, given)
        else:
            self._schedule(execution, node, path, row)

    def _complete_from_cache(
        self, execution: Execution, node: Node, path: Path, row: TaskRow, given: dict[str, Any], output: Any
    ) -> None:
        claim = new_claim()
        row = row._replace(
            status=TaskStatus.IN_PROGRESS, claim=claim, worker=caching.CACHE, started=self.now, polls=0
        )
        if self._insert(execution, row):
            self.outcome(Held(execution, node, path, row, claim, given), Done(output))

    def _fail_reached(self, execution: Execution, node: Node, path: Path, row: TaskRow, why: Failed) -> None:
        failed = row._replace(status=TaskStatus.IN_PROGRESS, claim=new_claim())
        if self._insert(execution, failed):
            self._fail(execution, node, path, failed, why, failed.claim)

    def _rewrite(
        self,
        execution: Execution,
        node: Node,
        path: Path,
        row: TaskRow,
        given: dict[str, Any],
        before: Position | None,
    ) -> None:
        """Put in the place of a task what its input says, and go on with that."""
        assert node.rewriter is not None
        step = step_of(self.session, Held(execution, node, path, row, new_claim(), given), self.now)
        made = node.rewriter.rewrite(step)
        if not isinstance(made, Failed):
            try:
                node = self.engine.rewrite(self.session, execution, node.ref, made, self.now).node(node.ref)
            except (DuplicateReference, SchemaNotFound, ValueError) as error:
                made = Failed(f"{node.ref} can't become what its input says: {error}", terminal=True)
            else:
                domain = self.domain_of(execution, node)
                row = row._replace(type=node.kind, name=node.task.name, domain=domain)
                self._make_ready(execution, node, path, row, given, before)
                return
        self._fail_reached(execution, node, path, row, made)

    def _decide(
        self, execution: Execution, node: Node, path: Path, row: TaskRow, given: dict[str, Any]
    ) -> None:
        """Run an instant operator and insert its row as it ends."""
        assert node.operator is not None
        claim = new_claim()
        held = Held(
            execution, node, path, row._replace(status=TaskStatus.IN_PROGRESS, claim=claim), claim, given
        )
        outcome = node.operator.run(step_of(self.session, held, self.now))
        if self._insert(execution, held.row):
            self.moves.decided.append((celery_name(node), row.id, node.ref))
            self.outcome(held, outcome)

    def may_run(self, node: Node) -> bool:
        """Whether this process goes on with a task itself."""
        if self.moves.claimed is not None or self.moves.sends or not self.hand.has_time:
            return False
        return bool(self.engine.may_run(self.hand, node))

    def _claim_here(
        self, execution: Execution, node: Node, path: Path, row: TaskRow, given: dict[str, Any]
    ) -> None:
        assert self.hand.owner is not None
        row = claimed_row(row, node, self.hand.owner, self.hand.message_id)
        assert row.claim is not None
        if self._insert(execution, row):
            self.moves.claimed = Held(execution, node, path, row, row.claim, given)

    def _schedule(self, execution: Execution, node: Node, path: Path, row: TaskRow) -> None:
        delay = 0 if row.attempt else node.task.start_delay * 1000
        limited = node.limited and not delay
        outside = not delay and not limited and self.is_outside(node)
        row = row._replace(due_at=self.now + (delay or self.engine.timing.resend_ms), wake="send")
        if limited:
            row = limits.in_line(self, execution, node, row)
        elif outside:
            row = self.offered(execution, node, row)
        if self._insert(execution, row) and not (delay or limited or outside):
            self.send(execution, node, path, row.attempt, row.domain)

    def _insert(self, execution: Execution, row: TaskRow) -> bool:
        inserted = tasks.insert_task(self.session, row, execution.run)
        if not inserted:
            self.refused(execution)
        elif execution.program.tells_changes:
            self.changes.append((execution, row.id, Change.SCHEDULED))
            if row.status == TaskStatus.IN_PROGRESS:
                self.changes.append((execution, row.id, Change.START))
        return inserted

    def is_outside(self, node: Node) -> bool:
        """Whether no Celery task does it, so that outside workers are asked."""
        return node.operator is None and not self.engine.is_celery_task(self.session, node.worker)

    def offered(self, execution: Execution, node: Node, row: TaskRow) -> TaskRow:
        """The row as outside workers find it when they poll; they are told once this is committed."""
        queue = outside_queue(row.type, row.domain)
        self.moves.told.add(("task", queue))
        return row._replace(
            queue=queue,
            priority=execution.row(self.session).priority,
            lease=retry.lease_ms(node.definition),
            reason=row.reason or NO_WORKER,
            due_at=retry.poll_deadline(node, row),
            wake="poll",
        )

    def _fan(self, execution: Execution, fork: Node, path: Path) -> None:
        if fork.join is not None:
            self.reach(execution, fork.join, path)
        heads = [child.nodes[0] for child in fork.children.values() if child.nodes]
        if not heads:
            return
        alone = [head for head in heads if _routed(execution, head) or not self._sendable(head)]
        rows = []
        for head in heads:
            if head in alone:
                continue
            task_id = new_id()
            given = execution.resolve(self.session, head, path, task_id)
            row = self.new_row(execution, head, path, given, task_id)
            rows.append(row._replace(due_at=self.now + self.engine.timing.resend_ms, wake="send"))
        if tasks.insert_tasks(self.session, rows, execution.run) < len(rows):
            # One of them was skipped, or the execution was paused in between: no chord, each by itself.
            self.refused(execution)
        elif alone:
            # Not all branches go to the broker: no chord, each asks the JOIN itself.
            for head in heads:
                if head not in alone:
                    self.send(execution, head, path, 0)
            for head in alone:
                self._todo.append(lambda head=head: self.reach(execution, head, path))  # type: ignore[misc]
        else:
            self.moves.sends.append(Send(self.engine.order(execution), fork, path, branches=True))

    def _sendable(self, head: Node) -> bool:
        if head.task.start_delay or head.limited or head.gated:
            return False
        return not self.is_outside(head)

    def send(
        self, execution: Execution, node: Node, path: Path, attempt: int, domain: str | None = None
    ) -> None:
        self.moves.sends.append(Send(self.engine.order(execution), node, path, attempt, domain=domain))

    # arrivals

    def ended(self, execution: Execution, task_id: str) -> None:
        """An attempt has ended, however it did: whoever wants to know is told."""
        self.moves.attempts.append(task_id)
        if execution.program.tells_changes:
            self.changes.append((execution, task_id, None))

    def ask(self, execution: Execution, join: Node, path: Path) -> bool:
        """Complete a JOIN if all is done; the table alone decides. False: not yet, or it has ended already."""
        return arrivals.ask(self, execution, join, path)

    def ask_if_ready(self, execution: Execution, join: Node, path: Path) -> None:
        """`ask`, for who has nothing to do with the answer."""
        arrivals.ask(self, execution, join, path)

    def do(self, todo: Todo) -> None:
        """Do this when what was asked for before is done."""
        self._todo.append(todo)

    def arrive(self, arrival: Todo) -> None:
        """Do this once all that this transaction has to write is written."""
        self._arrivals.append(arrival)

    def refused(self, execution: Execution) -> None:
        """What should have followed could not be written: it is there already, or the execution is paused."""
        self._arrivals.append(lambda: resumption.carry_on(self, execution))

    def new_row(
        self, execution: Execution, node: Node, path: Path, given: dict[str, Any], task_id: str | None = None
    ) -> TaskRow:
        """A SCHEDULED row for a position."""
        row = new_row(execution, node, path, self.stored(execution, given), self.now, task_id or new_id())
        return row._replace(domain=self.domain_of(execution, node)) if _routed(execution, node) else row

    def domain_of(self, execution: Execution, node: Node) -> str | None:
        """The first of a task's domains that has a worker; where none has, the last. None: no domain."""
        if not _routed(execution, node):
            return None
        given = orjson.loads(execution.row(self.session).task_to_domain or "{}")
        named = domains_of(given, node.task.name)
        for domain in named:
            if self.engine.has_poller(self.session, node.worker, domain):
                return domain
        return named[-1] if named else None


_VARIABLES_LIMIT = 256 * 1024
WORKER_LOST = "the worker that ran it died"
CHILD_LOST = "the worker process that ran it was killed (out of memory, or a signal)"
LOST = (WORKER_LOST, CHILD_LOST)
"""Reasons of attempts that were lost with their process: the next begins at once."""
OUTSIDE = "waiting to be completed from outside"
NO_WORKER = "no worker task of this name; waiting for an outside worker to poll it"


def _routed(execution: Execution, node: Node) -> bool:
    """Whether a domain says who may have the task: operators run anywhere."""
    return execution.routed and node.operator is None


def outside_queue(name: str, domain: str | None) -> str:
    """The queue of tasks of a name for outside workers, as Conductor names it."""
    return f"{domain}:{name}" if domain else name


def where(execution: Execution, node: Node, path: Path) -> str:
    """A task as people find it: `order_fulfillment/charge_ref__2`."""
    return f"{execution.program.definition.name}/{suffixed(node.ref, path)}"
