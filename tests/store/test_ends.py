"""How a claimed task ends or is put aside: only by the claim that holds it, and only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.store import executions, tasks
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session, Store
from tests.store.racing import race
from tests.store.rows import NOW, add, claim_of, end_of, found, held_row, park_of, task_row, workflow_row

Act = Callable[[Session, TaskRow], object]
LATE: dict[str, Act] = {
    "another delivery claimed it": lambda s, row: (
        tasks.reschedule(s, id=row.id, claim=7, now=NOW, due_at=NOW, reason="lost"),
        tasks.claim_task(s, **claim_of(row, claim=8)),
    ),
    "it was given back": lambda s, row: tasks.reschedule(
        s, id=row.id, claim=7, now=NOW, due_at=NOW, reason="lost"
    ),
    "it timed out": lambda s, row: tasks.end_open(s, **end_of(row, claim=9, status="TIMED_OUT")),
    "it was canceled": lambda s, row: tasks.cancel_live(s, "w", "stopped", NOW),
    "it ended": lambda s, row: tasks.end_task(s, **end_of(row, claim=7, output="{}")),
}
WRITES: dict[str, Callable[[Session, TaskRow], bool]] = {
    "end": lambda s, row: tasks.end_task(s, **end_of(row)),
    "end with a choice": lambda s, row: tasks.end_choice(s, **end_of(row), label="b", input="{}"),
    "park": lambda s, row: tasks.park_task(s, **park_of(row)),
    "give back": lambda s, row: tasks.reschedule(s, id=row.id, claim=7, now=NOW, due_at=NOW, reason=None),
    "extend": lambda s, row: tasks.extend(s, id=row.id, claim=7, now=NOW + 99, due_at=NOW + 100),
    "end and insert": lambda s, row: tasks.end_and_insert(s, end_of(row), task_row(ref="b"), run=1),
    "end and claim": lambda s, row: tasks.end_and_claim(s, end_of(row), claim_of(task_row(ref="c")))[0],
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("event", LATE)
def test_a_claim_that_is_gone_writes_nothing(store: Store, event: str, write: str) -> None:
    row, other = held_row(), task_row(ref="c")
    add(store, workflow_row(), row)
    store.transact(lambda session: LATE[event](session, row))
    add(store, other)
    before = store.read(lambda session: tasks.of_workflow(session, "w"))

    assert store.transact(lambda session: WRITES[write](session, row)) is False

    assert store.read(lambda session: tasks.of_workflow(session, "w")) == before


@pytest.mark.parametrize("write", WRITES)
def test_the_claim_that_holds_a_task_writes(store: Store, write: str) -> None:
    row = held_row()
    add(store, workflow_row(), row, task_row(ref="c"))

    assert store.transact(lambda session: WRITES[write](session, row)) is True

    assert found(store, row) != row


def test_an_end_writes_the_result_and_lets_go(store: Store) -> None:
    row = held_row(due_at=NOW, wake="timeout")
    add(store, workflow_row(), row)

    store.transact(lambda session: tasks.end_task(session, **end_of(row, reason="why")))

    assert found(store, row) == row._replace(
        status="COMPLETED",
        output='{"sum": 3}',
        reason="why",
        owner=None,
        due_at=None,
        wake=None,
        updated=NOW + 20,
        ended=NOW + 20,
    )


def test_a_choice_is_kept_with_the_input_that_it_was_made_of(store: Store) -> None:
    row = held_row()
    add(store, workflow_row(), row)

    store.transact(
        lambda session: tasks.end_choice(session, **end_of(row), label="large", input='{"case": "large"}')
    )

    assert found(store, row)[7:12] == ("COMPLETED", 0, "large", '{"case": "large"}', '{"sum": 3}')


def test_of_a_result_and_a_timeout_at_the_same_moment_exactly_one_is_written(store: Store) -> None:
    rows = [held_row(ref=f"t{n}") for n in range(15)]
    add(store, workflow_row(), *rows)

    for row in rows:

        def result(row: TaskRow = row) -> bool:
            return store.transact(lambda session: tasks.end_task(session, **end_of(row)))

        def timeout(row: TaskRow = row) -> bool:
            late = end_of(row, claim=9, status="TIMED_OUT")
            return store.transact(lambda session: tasks.end_open(session, **late))

        wrote = race(result, timeout)

        assert sorted(wrote) == [False, True]
        assert found(store, row).status == ("COMPLETED" if wrote[0] else "TIMED_OUT")


def test_ended_from_outside_is_whatever_has_not_ended(store: Store) -> None:
    rows = [task_row(ref="scheduled"), held_row(ref="held"), held_row(ref="parked", owner=None)]
    ended = task_row(ref="ended", status="FAILED")
    add(store, workflow_row(), *rows, ended)

    wrote = [
        store.transact(lambda session, r=row: tasks.end_open(session, **end_of(r, claim=9)))  # type: ignore[misc]
        for row in [*rows, ended]
    ]

    assert wrote == [True, True, True, False]
    assert {found(store, row).claim for row in rows} == {9}
    assert found(store, ended) == ended


def test_a_parked_task_has_no_owner_and_says_what_it_waits_for(store: Store) -> None:
    row = held_row(output='{"so": "far"}')
    add(store, workflow_row(), row)

    store.transact(lambda session: tasks.park_task(session, **park_of(row)))
    parked = found(store, row)
    store.transact(lambda session: tasks.park_task(session, **park_of(row, output="{}", iteration=2)))
    again = found(store, row)

    assert parked == row._replace(
        owner=None, reason="waits", updated=NOW + 20, due_at=NOW + 5000, wake="wait"
    )
    assert (again.output, again.iteration) == ("{}", 2)


def test_a_step_ends_and_the_next_is_inserted_claimed(store: Store) -> None:
    row, following = held_row(), held_row(claim=8, ref="b")
    add(store, workflow_row(), row)

    wrote = store.transact(lambda session: tasks.end_and_insert(session, end_of(row), following, run=1))

    assert wrote
    assert found(store, row) == row._replace(
        status="COMPLETED", output='{"sum": 3}', owner=None, updated=NOW + 20, ended=NOW + 20
    )
    assert found(store, following) == following


def test_a_step_ends_and_a_scheduled_one_is_claimed(store: Store) -> None:
    row, following = held_row(), task_row(ref="b")
    add(store, workflow_row(), row, following)

    wrote = store.transact(
        lambda session: tasks.end_and_claim(session, end_of(row), claim_of(following, claim=8))
    )

    assert wrote == (True, found(store, following))
    assert (found(store, row).status, found(store, following).claim) == ("COMPLETED", 8)


@pytest.mark.parametrize("status", ["PAUSED", "TERMINATED"])
def test_in_an_execution_that_does_not_run_a_step_ends_only_where_nothing_of_it_follows(
    store: Store, status: str
) -> None:
    one, two, scheduled = held_row(), held_row(ref="two"), task_row(ref="b")
    add(store, workflow_row(), one, two, scheduled)
    store.transact(lambda session: executions.set_status(session, "w", "RUNNING", status, NOW, None))

    inserted = store.transact(
        lambda session: tasks.end_and_insert(session, end_of(one), held_row(ref="c"), run=1)
    )
    claimed = store.transact(lambda session: tasks.end_and_claim(session, end_of(two), claim_of(scheduled)))

    assert (inserted, claimed) == (False, (True, None))
    stored = store.read(lambda session: tasks.of_workflow(session, "w"))
    assert [(row.ref, row.status) for row in stored] == [
        ("a", "IN_PROGRESS"),
        ("two", "COMPLETED"),
        ("b", "SCHEDULED"),
    ]


def test_a_step_that_ends_twice_at_the_same_moment_is_followed_by_one(store: Store) -> None:
    rows = [held_row(ref=f"t{n}") for n in range(15)]
    add(store, workflow_row(), *rows)

    for row in rows:
        following = [held_row(ref=f"after_{row.ref}", attempt=n) for n in range(3)]

        def go_on(new: TaskRow, row: TaskRow = row) -> bool:
            return store.transact(lambda session: tasks.end_and_insert(session, end_of(row), new, run=1))

        wrote = race(*(lambda n=new: go_on(n) for new in following))

        assert sorted(wrote) == [False, False, True]

    assert len(store.read(lambda session: tasks.of_workflow(session, "w"))) == 30


def test_of_two_steps_that_go_on_to_the_same_branch_one_has_it(store: Store) -> None:
    pairs = [
        (held_row(ref=f"x{n}"), held_row(ref=f"y{n}", claim=8), task_row(ref=f"z{n}")) for n in range(15)
    ]
    add(store, workflow_row(), *(row for pair in pairs for row in pair))

    for one, two, head in pairs:

        def go_on(row: TaskRow, claim: int, head: TaskRow = head) -> bool:
            ended, claimed = store.transact(
                lambda session: tasks.end_and_claim(session, end_of(row, claim), claim_of(head, claim + 10))
            )
            assert ended
            return claimed is not None

        won = race(lambda a=one: go_on(a, 7), lambda b=two: go_on(b, 8))  # type: ignore[misc]

        assert sorted(won) == [False, True]


@pytest.mark.parametrize("hand_on", ["claim", "schedule"])
def test_an_iteration_of_a_loop_ends_once(store: Store, hand_on: str) -> None:
    loops = [held_row(ref=f"l{n}", owner=None, iteration=1) for n in range(10)]
    add(store, workflow_row(), *loops)

    for loop in loops:

        def ended(claim: int, loop: TaskRow = loop) -> bool:
            params: dict[str, Any] = {"id": loop.id, "iteration": 1, "now": NOW, "due_at": NOW + 1}
            guard = {"workflow_id": "w", "run": 1}
            if hand_on == "schedule":
                return store.transact(lambda session: tasks.schedule_loop(session, **params, **guard))
            taken = claim_of(loop, claim)
            del taken["ref"], taken["path"], taken["attempt"]
            return store.transact(lambda session: tasks.claim_loop(session, **taken | params))

        won = race(lambda: ended(21), lambda: ended(22))

        assert sorted(won) == [False, True]
        after = found(store, loop)
        assert (after.iteration, after.status) == (
            2,
            "SCHEDULED" if hand_on == "schedule" else "IN_PROGRESS",
        )


def test_a_claim_that_was_given_back_is_scheduled_as_before(store: Store) -> None:
    row = held_row()
    add(store, workflow_row(), row)

    store.transact(
        lambda session: tasks.reschedule(
            session, id=row.id, claim=7, now=NOW + 20, due_at=NOW + 30, reason="worker lost"
        )
    )

    assert found(store, row) == row._replace(
        status="SCHEDULED",
        owner=None,
        claim=None,
        updated=NOW + 20,
        due_at=NOW + 30,
        wake="send",
        reason="worker lost",
    )
