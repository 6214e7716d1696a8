"""Branches that end at the same moment, on connections of their own: exactly one of them goes on.

PostgreSQL only: SQLite lets no second writer begin. No sweeper runs, so what nobody goes on with stays.
"""

from __future__ import annotations

from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest

from app.store import tasks as task_statements
from app.store.statements import Statement
from app.store.unit_of_work import Store
from tests.properties.comparison import calls_by_task, differences
from tests.properties.parts import Json, document, fork, loop, task
from tests.properties.reference import interpret
from tests.runtime.harness import Harness, Shape
from tests.runtime.wire import Message
from tests.servers import Postgres
from tests.store.racing import race

ROUNDS = 40


def child(ref: str) -> Json:
    return task(ref, "SUB_WORKFLOW", subWorkflowParam={"name": "child"}, inputParameters={"x": 1})


JOIN = document(*fork(1, [task("a")], [task("b")]), task("after"))
BATCHES = document(*fork(1, *[[task(f"a{i}")] for i in range(6)]), task("after"))
NESTED = document(*fork(1, fork(2, [task("a")], [task("b")]), [task("c")]), task("after"))
CHILDREN = document(*fork(1, [child("a")], [child("b")]), task("after"), child=[task("c")])
FORKED_CHILD = document(child("s"), task("after"), child=fork(1, [task("a")], [task("b")]))
LOOP = document(loop("l", 3, *fork(1, [task("a")], [task("b")])), task("after"))
_FORK, _JOIN = fork(1, [task("a")], [task("b")])
LEFT_OUT = document(_FORK, _JOIN | {"joinOn": ["a"]}, task("after"))
LEFT_OUT_IN_A_LOOP = document(loop("l", 3, _FORK, _JOIN | {"joinOn": ["a"]}), task("after"))


class Together:
    """Delivers two messages at a time; their first worker tasks end at the same moment."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def run(self) -> None:
        queue = self._harness.wire.queue
        while queue:
            some = [self._harness.wire.take(0) for _ in range(min(2, len(queue)))]
            barrier = Barrier(len(some))
            race(*[self._work(message, number, barrier) for number, message in enumerate(some)])

    def _work(self, message: Message, number: int, barrier: Barrier) -> Any:
        met = Event()

        def point(name: str) -> None:
            if name == "work" and not met.is_set():
                met.set()
                barrier.wait(30)

        def work() -> None:
            try:
                with self._harness.points(point):
                    self._harness.deliver(message, self._harness.alive[number])
            except BrokenBarrierError:
                raise AssertionError(f"the other of {message} did not come") from None
            if not met.is_set():
                # It has run no worker task: the other need not wait for it.
                met.set()
                barrier.wait(30)

        return work


def rounds(store: Store, drawn: Any, count: int) -> list[str]:
    """Start so many executions, one after the other; what is wrong with those that did not end as they should."""
    harness = Harness(store, Shape(chords=False, fan_batches=2))
    harness.register(drawn.document)
    expected = interpret(drawn.workflows, "main", {})
    found: list[str] = []
    for _ in range(count):
        execution_id = harness.start("main")
        Together(harness).run()
        found += differences(harness, execution_id, expected)
    assert set(calls_by_task(harness).values()) == {1}
    return found


def deadlocks(server: Postgres) -> int:
    """How many the server has had: each costs a second and is then tried again."""
    return (server.folder / "log").read_text().count("deadlock detected")


@pytest.mark.parametrize(
    "drawn",
    [JOIN, BATCHES, NESTED, CHILDREN, FORKED_CHILD, LOOP, LEFT_OUT, LEFT_OUT_IN_A_LOOP],
    ids=["join", "batches", "nested", "children", "forked child", "loop", "left out", "left out in a loop"],
)
def test_of_two_that_end_at_the_same_moment_exactly_one_goes_on(
    postgres_store: Store, postgres_server: Postgres, drawn: Any
) -> None:
    before = deadlocks(postgres_server)

    assert not rounds(postgres_store, drawn, ROUNDS)
    assert deadlocks(postgres_server) == before


def test_without_the_lock_both_would_stop(postgres_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked: Any = task_statements._LOCK_LATEST.clause
    unlocked._for_update_arg = None
    monkeypatch.setattr(task_statements, "_LOCK_LATEST", Statement("unlocked", unlocked))

    assert rounds(postgres_store, JOIN, ROUNDS)
