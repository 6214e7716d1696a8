"""What the README promises and no other test shows by itself; on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.runtime.recovery import lost_message
from app.runtime.settle import CHILD_LOST
from app.store.unit_of_work import Store
from tests.runtime.delivery import Delivery
from tests.runtime.harness import Harness, Shape
from tests.runtime.wire import Message
from workflows.builder import fork, simple, workflow
from workflows.model import TimeoutPolicy, WorkflowDef, WorkflowTimeoutPolicy
from workflows.status import TaskStatus, WorkflowStatus

WAIT_SECONDS = 30


def register(harness: Harness, definition: WorkflowDef, *task_defs: dict[str, Any]) -> None:
    harness.register({"workflows": [definition.to_json()], "taskDefs": list(task_defs)})


def someone_waits_for_a_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one()
    return bool(found)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never comes to that"
        threading.Event().wait(0.005)


class Branch:
    """A branch's last message in a thread of its own, which stops before it commits the branch's end."""

    def __init__(self, harness: Harness, message: Message, number: int) -> None:
        self.before_commit, self.may_commit = threading.Event(), threading.Event()
        self._harness, self._message, self._owner = harness, message, harness.alive[number]
        self._worked = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.may_commit.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with self._harness.points(self._point):
            self._harness.deliver(self._message, self._owner)

    def _point(self, name: str) -> None:
        self._worked = self._worked or name == "work"
        if name == "before commit" and self._worked:
            self.before_commit.set()
            assert self.may_commit.wait(WAIT_SECONDS)


def test_of_two_branches_that_end_at_one_instant_the_later_completes_the_join(store: Store) -> None:
    harness = Harness(store, Shape(chords=False))
    register(
        harness,
        workflow("two")(fork([simple("work", ref="a")], [simple("work", ref="b")], ref="f", join="j")),
    )
    execution_id = harness.start("two")

    one = Branch(harness, harness.wire.take(0), 0)
    assert one.before_commit.wait(WAIT_SECONDS)
    other = Branch(harness, harness.wire.take(0), 1)
    if store.engine.dialect.name == "postgresql":
        # SQLite lets no second writer begin; there is nothing to be seen.
        wait_until(lambda: someone_waits_for_a_lock(store.engine))
    assert not other.before_commit.is_set()
    one.end()
    other.end()

    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED
    assert [row.status for row in harness.rows(execution_id) if row.ref == "j"] == [TaskStatus.COMPLETED]


def test_an_execution_times_out_although_no_worker_lives(store: Store) -> None:
    harness = Harness(store)
    definition = workflow("slow")(simple("work", ref="a"))
    limited = {"timeout_seconds": 60, "timeout_policy": WorkflowTimeoutPolicy.TIME_OUT_WF}
    register(harness, definition.model_copy(update=limited))
    execution_id = harness.start("slow")

    harness.alive.clear()
    harness.advance(59_000)
    assert harness.execution(execution_id).status == WorkflowStatus.RUNNING
    harness.advance(2_000)

    assert harness.execution(execution_id).status == WorkflowStatus.TIMED_OUT
    assert [row.status for row in harness.rows(execution_id)] == [TaskStatus.CANCELED]


def test_a_task_that_nobody_begins_times_out_although_no_worker_lives(store: Store) -> None:
    harness = Harness(store)
    limits = {"name": "work", "retryCount": 1, "retryDelaySeconds": 0, "pollTimeoutSeconds": 30}
    register(
        harness, workflow("slow")(simple("work", ref="a")), {**limits, "timeoutPolicy": TimeoutPolicy.RETRY}
    )
    execution_id = harness.start("slow")

    harness.alive.clear()
    for _ in range(12):
        harness.advance(10_000)

    assert [row.status for row in harness.rows(execution_id)] == [TaskStatus.TIMED_OUT] * 2
    assert harness.execution(execution_id).status == WorkflowStatus.TIMED_OUT


def test_a_task_that_kills_its_process_each_time_fails_when_its_retries_are_used_up(store: Store) -> None:
    harness = Harness(store)
    register(
        harness, workflow("poisoned")(simple("work", ref="poison", retry_count=2), simple("work", ref="z"))
    )
    execution_id = harness.start("poisoned")

    while harness.wire.queue:
        delivery = Delivery(harness, harness.wire.take(0), harness.alive[0], 1000)
        while delivery.at != "work":
            delivery.go()
        delivery.kill()
        lost_message(harness.engine, delivery.owner.id, delivery.message.id)

    assert harness.execution(execution_id).status == WorkflowStatus.FAILED
    found = [(row.ref, row.attempt, row.status, row.reason) for row in harness.rows(execution_id)]
    assert found == [("poison", attempt, TaskStatus.FAILED, CHILD_LOST) for attempt in range(3)]


def test_an_execution_ends_with_the_definition_that_it_began_with(store: Store) -> None:
    harness = Harness(store)
    never = {"name": "flaky", "retryCount": 0, "retryDelaySeconds": 0}
    register(harness, workflow("order", version=1)(simple("work", ref="a"), simple("flaky", ref="b")), never)
    began_before = harness.start("order")

    register(
        harness,
        workflow("order", version=2)(simple("work", ref="a"), simple("flaky", ref="c")),
        {**never, "retryCount": 5},
    )
    began_after = harness.start("order")
    harness.drain()

    assert [(row.ref, row.attempt) for row in harness.rows(began_before)] == [("a", 0), ("b", 0)]
    assert harness.execution(began_before).status == WorkflowStatus.FAILED
    assert [(row.ref, row.attempt) for row in harness.rows(began_after)] == [("a", 0), ("c", 0), ("c", 1)]
    assert harness.execution(began_after).status == WorkflowStatus.COMPLETED
