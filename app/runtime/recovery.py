"""What nobody else would do: timers, retries that are due, timeouts, lost messages, dead workers.

`tick` is safe to run in several processes at once: each row is acted on by whoever moves it first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from app.errors import BrokerUnavailable, StoreError
from app.runtime import ending, limits, retry
from app.runtime.engine import Engine
from app.runtime.execution import Execution
from app.runtime.hand import Hand, Held
from app.runtime.payload import load
from app.runtime.ports import Send, SendHeads
from app.runtime.settle import CHILD_LOST, NO_WORKER, WORKER_LOST, Settlement
from app.runtime.views import step_of
from app.store import executions, outside, tasks, workers
from app.store import limits as store_limits
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.model import TimeoutPolicy, WorkflowTimeoutPolicy
from workflows.operator import Done, Failed, Wait
from workflows.program import Node
from workflows.status import TaskStatus, WorkflowStatus

logger = logging.getLogger(__name__)

BATCH = 200
_AT_ONCE = 20
"""So many timers share a transaction: a commit for each would cost more than the timer."""
_LONGEST_RESEND_MS = 600_000
_NO_BROKER_MS = 2_000
"""Without a broker nothing is sent; what would have been is looked at again after this."""
_TROUBLE_MS = 60_000
"""What could not be done because of an error is tried again after this."""
_REMEMBER_GONE_MS = 3_600_000
_ASK_AGAIN_MS = 3_000
_RECALLED = 1_000
_MAX_LOSSES = 5
"""How often an operator may lose its process before that counts as a failure (a loop: beyond its iterations)."""


@dataclass(slots=True)
class Ticked:
    """What one tick did."""

    due: int = 0
    timed_out: int = 0
    recovered: int = 0

    @property
    def busy(self) -> bool:
        """There may be more at once."""
        return self.due >= BATCH


class Sweeper:
    """Looks after executions that nobody holds."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self._monotonic = monotonic
        self._last = 0.0
        self._steady_since = monotonic()
        self._reachable: bool | None = None
        self._lines_at = 0
        self._left: dict[str, int] = {}
        """Claims that could not be given up because of an error, and when that is tried again."""
        self._met: dict[str, int] = {}
        """When each worker that lives was first seen here, until it has been asked twice what it knows."""

    def tick(self) -> Ticked:
        """Do all that is due now.

        Raises:
            StoreError: the database does not answer.
        """
        now, done = self.engine.clock(), Ticked()
        self._take_back(now)
        done.due = self.timers()
        for execution in self.engine.store.read(lambda s: executions.due(s, now, BATCH)):
            done.timed_out += self._time_out_execution(execution)
        self._look_at_lines(now)
        done.recovered = self._bury_the_dead()
        return done

    def timers(self) -> int:
        """Act on the tasks that are due now, some in each transaction; how many there were, at most `BATCH`.

        Raises:
            StoreError: the database does not answer.
        """
        now = self.engine.clock()
        due = self.engine.store.read(lambda s: tasks.due(s, now, BATCH))
        self._reachable = None
        for rows in _batches(due):
            self.engine.publisher.publish(self._wake(rows))
        return len(due)

    def next_due(self, since: int) -> int | None:
        """When a task is due that was not at `since` (milliseconds since the epoch); None: none has a time.

        Raises:
            StoreError: the database does not answer.
        """
        return self.engine.store.read(lambda s: tasks.next_due(s, since))

    def _look_at_lines(self, now: int) -> None:
        """Slots are handed on by whoever frees them; a limit that was raised since frees some by itself."""
        if now - self._lines_at < self.engine.timing.resend_ms:
            return
        self._lines_at = now
        for limit in self.engine.store.read(limits.everywhere):
            self.engine.from_outside(lambda s, limit=limit: s.limits.add(limit))  # type: ignore[misc]

    def _take_back(self, now: int) -> None:
        """Tasks that were left to outside workers, and that a new Celery worker knows, are sent to it."""
        alive = self.engine.store.read(workers.alive)
        self._met = {row.id: self._met.get(row.id, now) for row in alive}
        for row in alive:
            met = self._met[row.id]
            # Once more a little later: who did not know of it yet may have left it tasks of outside workers.
            if met == now or (met > 0 and now - met > _ASK_AGAIN_MS):
                for name in orjson.loads(row.tasks):
                    self._recall(name, now)
                if met != now:
                    self._met[row.id] = 0

    def _recall(self, name: str, now: int) -> None:
        def work(session: Session) -> int:
            return outside.recall(session, name, now, _RECALLED)

        while self.engine.store.transact(work) == _RECALLED:
            pass

    def _wake(self, rows: Sequence[TaskRow]) -> list[Send | SendHeads]:
        """Tasks whose time has come, in one transaction; where one of them makes trouble, each in its own."""
        try:
            return self.engine.settle(Hand(), lambda s: self._wake_all(s, rows)).sends
        except StoreError:
            raise
        except Exception:
            if len(rows) == 1:
                self._leave(rows[0])
                return []
            logger.exception("a batch of timers failed, now one by one", extra={"event": "sweep_failed"})
            return [send for row in rows for send in self._wake([row])]

    def _leave(self, row: TaskRow) -> None:
        """What fails is tried again later, so that it does not hold up what comes after it."""
        logger.exception(
            "the timer of task %s failed",
            row.id,
            extra={"event": "sweep_failed", "execution": row.workflow_id},
        )
        later = self.engine.clock() + _TROUBLE_MS
        self.engine.store.transact(lambda s: tasks.reserve_due(s, row.id, row.due_at or 0, later))

    def _wake_all(self, settlement: Settlement, rows: Sequence[TaskRow]) -> None:
        for row in rows:
            self._wake_one(settlement, row)

    def _wake_one(self, settlement: Settlement, row: TaskRow) -> None:
        session = settlement.session
        execution = self.engine.execution(session, row.workflow_id)
        if execution is None:
            tasks.change_due(session, row.id, None, None)
            return
        status = WorkflowStatus(execution.row(session).status)
        if status.terminal:
            settlement.end_open(execution, row, TaskStatus.CANCELED, None, row.reason)
        elif status is WorkflowStatus.PAUSED and row.wake in ("send", "poll", "timeout", "slot"):
            # The clock stands still; whoever resumes it sets it again.
            tasks.change_due(session, row.id, None, row.wake)
            if row.status == TaskStatus.SCHEDULED and (row.slot or row.wake == "slot"):
                limits.release(settlement, row.workflow_id)
        else:
            _act(settlement, execution, row, self._broker_answers)

    def _broker_answers(self) -> bool:
        """Asked once in a tick: to find out that it does not may take seconds."""
        if self._reachable is None:
            try:
                self.engine.publisher.ready()
                self._reachable = True
            except BrokerUnavailable as error:
                logger.warning("nothing is sent: %s", error, extra={"event": "broker_unavailable"})
                self._reachable = False
        return self._reachable

    def _time_out_execution(self, row: WorkflowRow) -> int:
        def work(settlement: Settlement) -> None:
            execution = self.engine.execution(settlement.session, row.id)
            assert execution is not None
            definition = execution.program.definition
            if definition.timeout_policy is WorkflowTimeoutPolicy.ALERT_ONLY:
                executions.change_due(settlement.session, row.id, None)
                message = "execution %s of %s runs longer than its timeoutSeconds (%s)"
                logger.warning(message, row.id, row.name, definition.timeout_seconds)
                return
            seconds = (settlement.now - row.created) // 1000
            policy = definition.timeout_policy.value
            ending.timed_out(settlement, execution, seconds, definition.timeout_seconds, policy)

        try:
            self.engine.from_outside(work)
        except StoreError:
            raise
        except Exception:
            logger.exception(
                "the timeout of execution %s failed",
                row.id,
                extra={"event": "sweep_failed", "execution": row.id},
            )
            later = self.engine.clock() + _TROUBLE_MS
            self.engine.store.transact(lambda s: executions.change_due(s, row.id, later))
            return 0
        return 1

    def _bury_the_dead(self) -> int:
        """Claims of workers that gave no sign of life go to the retry policy."""
        lease, now = self.engine.settings.lease_seconds, self._monotonic()
        if now - self._last > lease / 2:
            # This process slept, or the database did, and with it the workers' heartbeats: give them a lease.
            self._steady_since = now
        self._last = now
        if now - self._steady_since < lease:
            return 0
        before = self.engine.clock() - int(lease * 1000)
        count = 0
        for worker in self.engine.store.read(lambda s: workers.silent(s, before)):
            if self.engine.store.transact(lambda s, w=worker: workers.set_state(s, w.id, "alive", "dead")):  # type: ignore[misc]
                logger.warning(
                    "worker %s died", worker.hostname, extra={"event": "worker_died", "worker": worker.id}
                )
        gone_after = self.engine.clock() - _REMEMBER_GONE_MS
        for worker in self.engine.store.read(lambda s: workers.gone(s, gone_after)):
            count += self.lost_worker(worker.id)
        return count

    def lost_worker(self, worker_id: str) -> int:
        """Give up all claims of a worker that died; how many there were."""
        rows = self.engine.store.read(lambda s: tasks.of_owner(s, worker_id))
        return sum(self._give_up(row) for row in rows)

    def _give_up(self, row: TaskRow) -> bool:
        now = self.engine.clock()
        if self._left.get(row.id, 0) > now:
            return False
        try:
            lost(self.engine, row, WORKER_LOST)
        except StoreError:
            raise
        except Exception:
            logger.exception(
                "the claim of task %s could not be given up",
                row.id,
                extra={"event": "sweep_failed", "execution": row.workflow_id},
            )
            self._left = {id_: until for id_, until in self._left.items() if until > now}
            self._left[row.id] = now + _TROUBLE_MS
            return False
        return True


def _batches(due: Sequence[TaskRow]) -> Iterator[list[TaskRow]]:
    """Tasks to be acted on in one transaction: of each execution one, so that none sees another's half."""
    rows: dict[str, TaskRow] = {}
    for row in due:
        if len(rows) == _AT_ONCE or row.workflow_id in rows:
            yield list(rows.values())
            rows = {}
        rows[row.workflow_id] = row
    if rows:
        yield list(rows.values())


def lost_message(engine: Engine, worker_id: str, message_id: str, reason: str = CHILD_LOST) -> int:
    """Give up the claims of a message that nobody works on any more; how many there were."""
    rows = engine.store.read(lambda s: tasks.of_message(s, worker_id, message_id), patience=None)
    for row in rows:
        lost(engine, row, reason)
    return len(rows)


def lost(engine: Engine, row: TaskRow, reason: str) -> None:
    """A claim whose process is gone is a failed attempt; an operator that may run again does, a few times."""

    def work(settlement: Settlement) -> None:
        execution = engine.execution(settlement.session, row.workflow_id)
        if execution is None or row.claim is None:
            return
        node = execution.program.node(row.ref)
        if (
            node.operator is not None
            and node.operator.repeatable
            and row.polls - row.iteration <= _MAX_LOSSES
        ):
            again = tasks.reschedule(
                settlement.session,
                id=row.id,
                claim=row.claim,
                now=settlement.now,
                due_at=settlement.now + engine.timing.resend_ms,
                reason=reason,
            )
            if again:
                settlement.moves.sends.append(_send(engine, execution, node, row))
        else:
            fresh = tasks.by_id(settlement.session, row.id, lock=True)
            if fresh is not None and fresh.claim == row.claim and fresh.status == TaskStatus.IN_PROGRESS:
                settlement.outcome_of_open(execution, row, Failed(reason))
        hurry_joins(settlement, execution, node, row)

    engine.from_outside(work)


def hurry_joins(settlement: Settlement, execution: Execution, node: Node, row: TaskRow) -> None:
    """A branch that lost its message has left its chord; look at the JOINs around it soon."""
    container = node.container
    while container.owner is not None:
        owner = container.owner
        if container.kind == "branches" and owner.join is not None:
            join = owner.join
            path = row.path[: join.depth * tasks.PATH_DIGITS]
            found = tasks.lock_latest(settlement.session, execution.id, join.ref, path)
            if found is not None and found.wake == "ask":
                tasks.change_due(settlement.session, found.id, settlement.now + 1000, "ask")
        container = owner.container


def _act(
    settlement: Settlement, execution: Execution, row: TaskRow, broker_answers: Callable[[], bool]
) -> None:
    node = execution.program.node(row.ref)
    if row.status == TaskStatus.SCHEDULED:
        _send_again(settlement, execution, node, row, broker_answers)
    elif row.wake == "wait":
        if tasks.reserve_due(settlement.session, row.id, row.due_at or 0, None):
            settlement.outcome_of_open(execution, row, Done(load(row.output) if row.output else None))
    elif row.wake == "ask":
        longer = min((settlement.now - row.scheduled) // 2 + settlement.engine.timing.ask_ms, 60_000)
        alerts = node.definition.timeout_policy is TimeoutPolicy.ALERT_ONLY
        started, told = row.started or row.scheduled, row.due_at or 0
        due_at, wake = retry.look(
            node, row, settlement.now, longer, started=started, after=told if alerts else -1
        )
        if due_at is not None and due_at <= settlement.now:
            _time_out(settlement, execution, node, row)
        elif tasks.reserve_due(settlement.session, row.id, row.due_at or 0, due_at):
            tasks.change_due(settlement.session, row.id, due_at, wake)
            settlement.ask(execution, node, path_of(row.path))
    else:
        _time_out(settlement, execution, node, row)


def _send_again(
    settlement: Settlement,
    execution: Execution,
    node: Node,
    row: TaskRow,
    broker_answers: Callable[[], bool],
) -> None:
    engine, session = settlement.engine, settlement.session
    if _poll_timed_out(settlement, execution, node, row):
        return
    if retry.overdue(node.definition, settlement.now, row):
        _time_out(settlement, execution, node, row)
        return
    if node.limited and row.slot is None:
        if row.wake == "slot":
            # The rate may allow another start now.
            if tasks.reserve_due(session, row.id, row.due_at or 0, retry.poll_deadline(node, row)):
                settlement.limits.add(("task", row.queue or node.task.name))
        else:
            store_limits.line_up(session, limits.in_line(settlement, execution, node, row))
        return
    if node.operator is None and not engine.is_celery_task(session, node.worker):
        if tasks.reserve_due(session, row.id, row.due_at or 0, None):
            outside.offer(session, settlement.offered(execution, node, row), settlement.now)
        return
    if not broker_answers():
        # No message, no back-off: it goes out as soon as the broker is back.
        later = settlement.now + _NO_BROKER_MS
        if tasks.reserve_due(session, row.id, row.due_at or 0, later):
            tasks.change_due(session, row.id, later, "send", sends=-1)
        return
    # Back off for each task: what waits in a deep queue must not be doubled again and again.
    wait = min(engine.timing.resend_ms << min(row.sends, 16), _LONGEST_RESEND_MS)
    if tasks.reserve_due(session, row.id, row.due_at or 0, settlement.now + wait):
        if row.reason == NO_WORKER:
            tasks.set_reason(session, row.id, None)
        settlement.moves.sends.append(_send(engine, execution, node, row))
        hurry_joins(settlement, execution, node, row)


def _poll_timed_out(settlement: Settlement, execution: Execution, node: Node, row: TaskRow) -> bool:
    """Whether nobody has begun a task in its time, and that was all that there is to do."""
    limit, policy = node.definition.poll_timeout_seconds or 0, node.definition.timeout_policy
    waited = settlement.now - row.scheduled
    if not limit or row.started is not None or waited <= (limit + node.task.start_delay) * 1000:
        return False
    reason = (
        f"Task poll timed out after {waited // 1000} seconds. Poll timeout configured as {limit} seconds. "
        f"Timeout policy configured to {policy}"
    )
    if policy is not TimeoutPolicy.ALERT_ONLY:
        _time_out(settlement, execution, node, row, reason)
        return True
    logger.warning("%s: %s", row.id, reason, extra={"event": "task_timeout", "execution": row.workflow_id})
    if row.wake in ("poll", "slot"):
        # It goes on waiting, without another alert.
        tasks.change_due(settlement.session, row.id, None, row.wake)
        return True
    return False


def _time_out(
    settlement: Settlement, execution: Execution, node: Node, row: TaskRow, reason: str | None = None
) -> None:
    definition, now = node.definition, settlement.now
    started = row.started or row.scheduled
    policy = definition.timeout_policy
    total = definition.total_timeout_seconds
    if reason is None and total and now - row.first_scheduled >= total * 1000:
        elapsed = (now - row.first_scheduled) // 1000
        reason = (
            f"Task {row.id}/{row.name} exceeded total timeout of {total} seconds (elapsed {elapsed} seconds "
            f"across all attempts including retry delays). Timeout policy: {policy}"
        )
    elif reason is None and definition.timeout_seconds and now - started >= definition.timeout_seconds * 1000:
        reason = (
            f"Task timed out after {(now - started) // 1000} seconds. Timeout configured as "
            f"{definition.timeout_seconds} seconds. Timeout policy configured to {policy}"
        )
    silent_at = row.updated + definition.response_timeout_seconds * 1000
    if reason is not None and policy is TimeoutPolicy.ALERT_ONLY:
        logger.warning(
            "%s: %s", row.id, reason, extra={"event": "task_timeout", "execution": row.workflow_id}
        )
        reason = None
        if node.operator is not None:
            _wait_on(settlement, execution, node, row)
            return
    if reason is None:
        if now < silent_at:
            due_at = retry.extended(definition, row.updated, row, after=now)
            tasks.change_due(settlement.session, row.id, due_at, "timeout")
            return
        # Conductor ignores the policy here: an attempt without an answer is retried.
        policy = TimeoutPolicy.RETRY
        reason = (
            f"responseTimeout: {definition.response_timeout_seconds} exceeded for the taskId: {row.id} "
            f"with Task Definition: {row.name}"
        )
    failed = Failed(reason, status=TaskStatus.TIMED_OUT)
    if policy is TimeoutPolicy.RETRY:
        settlement.outcome_of_open(execution, row, failed)
    else:
        settlement.time_out_workflow(execution, row, reason)


def _wait_on(settlement: Settlement, execution: Execution, node: Node, row: TaskRow) -> None:
    """An operator whose timeout has only alerted: what it waits for is still to come, and other timeouts may be."""
    started, until = row.started or row.scheduled, None
    if node.kind == "WAIT":
        # As it was when it began: what the row waits for was not written down, because the timeout comes first.
        held = Held(execution, node, path_of(row.path), row, row.claim or 0, load(row.input))
        assert node.operator is not None
        waits = node.operator.run(step_of(settlement.session, held, started))
        until = waits.until_ms if isinstance(waits, Wait) else settlement.now
    now, ask_ms = settlement.now, settlement.engine.timing.ask_ms
    due_at, wake = retry.look(node, row, now, ask_ms, started=started, until=until, after=now)
    tasks.change_due(settlement.session, row.id, due_at, wake or "timeout")


def _send(engine: Engine, execution: Execution, node: Node, row: TaskRow) -> Send:
    return Send(engine.order(execution), node, path_of(row.path), row.attempt, domain=row.domain)


__all__ = ["Sweeper", "Ticked", "hurry_joins", "lost", "lost_message"]
