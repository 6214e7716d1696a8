"""Where tasks stand: paths, the latest of a reference, what is still open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import tasks
from app.store.tasks import TaskRow, path_of, path_text
from app.store.unit_of_work import Store
from tests.store.rows import NOW, add, found, held_row, task_row, workflow_row

BELOW = "9" * 64
"""No path is longer: loops 8 deep."""

paths = st.lists(st.integers(0, 99_999_999), max_size=8).map(tuple)


@given(paths)
def test_a_path_is_read_as_it_was_written(path: tuple[int, ...]) -> None:
    assert path_of(path_text(path)) == path


@given(paths, paths)
def test_stored_paths_sort_like_their_numbers(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    assert (path_text(one) < path_text(two)) == (one < two)


@given(paths, paths)
def test_what_is_below_a_path_lies_between_it_and_its_end(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    between = path_text(one) <= path_text(two) <= path_text(one) + BELOW

    assert between == (two[: len(one)] == one)


def _rows(*positions: tuple[str, tuple[int, ...], int], **fields: str) -> list[TaskRow]:
    return [
        task_row(ref=ref, path=path_text(path), attempt=attempt, **fields) for ref, path, attempt in positions
    ]


def test_the_database_sorts_paths_like_their_numbers(store: Store) -> None:
    inside = [(2,), (10,), (9, 100), (9, 20), (100,), (), (9,)]
    add(store, workflow_row(), *_rows(*(("a", path, 0) for path in inside)))

    def latest(high: str) -> TaskRow | None:
        return store.read(lambda session: tasks.latest(session, "w", "a", "", high))

    for path in inside:
        row = latest(path_text(path))
        assert row is not None
        assert path_of(row.path) == path


def test_the_latest_is_the_last_attempt_of_the_last_iteration(store: Store) -> None:
    rows = _rows(("a", (1,), 0), ("a", (1,), 1), ("a", (2,), 0), ("a", (2,), 1), ("b", (3,), 0))
    add(store, workflow_row(), workflow_row(id="v"), *rows, task_row(workflow_id="v", path=path_text((9,))))

    def latest(low: str, high: str) -> TaskRow | None:
        return store.read(lambda session: tasks.latest(session, "w", "a", low, high))

    assert latest("", BELOW) == rows[3]
    assert latest("", path_text((1,))) == rows[1]
    assert latest(path_text((3,)), BELOW) is None
    assert latest("", "") is None


def test_the_latest_attempt_at_one_path_can_be_locked(store: Store) -> None:
    rows = _rows(("a", (1,), 0), ("a", (1,), 1), ("a", (2,), 0))
    add(store, workflow_row(), *rows)

    assert store.transact(lambda session: tasks.lock_latest(session, "w", "a", path_text((1,)))) == rows[1]
    assert store.transact(lambda session: tasks.lock_latest(session, "w", "b", path_text((1,)))) is None
    assert store.transact(lambda session: tasks.by_id(session, rows[0].id, lock=True)) == rows[0]


def test_of_some_references_at_a_path_the_latest_attempts_are_found(store: Store) -> None:
    rows = _rows(("a", (), 0), ("a", (), 1), ('"b', (), 0), ("c", (), 0), ("a", (1,), 2))
    add(store, workflow_row(), *rows)

    found_rows = store.read(lambda session: tasks.by_refs(session, "w", ["a", '"b', "é"], ""))

    assert found_rows == {"a": rows[1], '"b': rows[2]}


def test_the_outputs_of_a_loops_body_come_in_the_order_of_scheduling(store: Store) -> None:
    rows = _rows(("a", (1,), 0), ("b", (1,), 0), ("a", (2,), 0), ("a", (2,), 1), output="{}")
    add(store, workflow_row(), *rows, *_rows(("a", (3,), 0), ("other", (1,), 0)))
    low, high = path_text((1,)), path_text((2,))

    outputs = store.read(lambda session: tasks.of_iterations(session, "w", ["a", "b"], low, high))

    assert outputs == [(row.ref, row.path, row.attempt, "{}") for row in rows]


@pytest.mark.parametrize("status", ["SCHEDULED", "IN_PROGRESS"])
def test_what_is_live_at_or_below_a_path_is_seen(store: Store, status: str) -> None:
    add(
        store,
        workflow_row(),
        *_rows(("a", (1, 2), 0), status=status),
        *_rows(("b", (1,), 0), status="COMPLETED"),
    )

    def any_live(ref: str, path: tuple[int, ...]) -> bool:
        low = path_text(path)
        return store.read(lambda session: tasks.any_live(session, "w", ["x", ref], low, low + BELOW))

    assert any_live("a", ())
    assert any_live("a", (1,))
    assert any_live("a", (1, 2))
    assert not any_live("a", (2,))
    assert not any_live("a", (1, 2, 1))
    assert not any_live("b", ())


def test_what_is_open_is_canceled_and_told(store: Store) -> None:
    live = [
        task_row(ref="a", due_at=NOW, wake="send"),
        held_row(ref="s", type="SUB_WORKFLOW", sub_workflow_id="child"),
    ]
    ended = task_row(ref="b", status="COMPLETED")
    elsewhere = task_row(workflow_id="v")
    add(store, workflow_row(), workflow_row(id="v"), *live, ended, elsewhere)

    before = store.read(lambda session: tasks.live(session, "w"))
    canceled = store.transact(lambda session: tasks.cancel_live(session, "w", "stopped", NOW + 5))

    assert before == live
    assert sorted(one[:3] for one in canceled) == sorted(
        (row.id, row.type, row.sub_workflow_id) for row in live
    )
    for row in live:
        assert found(store, row) == row._replace(
            status="CANCELED",
            reason="stopped",
            owner=None,
            due_at=None,
            wake=None,
            updated=NOW + 5,
            ended=NOW + 5,
        )
    assert [found(store, row) for row in (ended, elsewhere)] == [ended, elsewhere]
    assert store.read(lambda session: tasks.live(session, "w")) == []


def test_an_executions_tasks_are_listed_in_the_order_of_scheduling(store: Store) -> None:
    rows = [
        task_row(ref="z", status="FAILED"),
        task_row(ref="a", status="TIMED_OUT"),
        task_row(ref="m", status="FAILED_WITH_TERMINAL_ERROR"),
        task_row(ref="b", status="COMPLETED"),
    ]
    add(store, workflow_row(), workflow_row(id="v"), *rows, task_row(workflow_id="v"))

    assert store.read(lambda session: tasks.of_workflow(session, "w")) == rows
    assert store.read(lambda session: tasks.unsuccessful(session, "w")) == rows[:3]
    positions = store.read(lambda session: tasks.positions(session, "w"))
    assert [(position.id, position.ref, position.status) for position in positions] == [
        (row.id, row.ref, row.status) for row in rows
    ]


def test_small_changes_touch_the_row_they_mean(store: Store) -> None:
    row, other, ended = task_row(), task_row(ref="b"), task_row(ref="c", status="FAILED")
    add(store, workflow_row(), row, other, ended)

    store.transact(lambda session: tasks.set_reason(session, row.id, "no worker"))
    store.transact(lambda session: tasks.set_reason(session, ended.id, "no worker"))
    store.transact(lambda session: tasks.set_child(session, row.id, "child"))
    store.transact(lambda session: tasks.mark_retried(session, ended.id))

    assert found(store, row) == row._replace(reason="no worker", sub_workflow_id="child")
    assert found(store, other) == other
    assert found(store, ended) == ended._replace(retried=1)
