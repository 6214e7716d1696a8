"""Executions: how they change, who owns an idempotency key, and the lists of them."""

from __future__ import annotations

from typing import Any

import pytest

from app.store import executions, search
from app.store.unit_of_work import Session, Store
from tests.store.racing import race
from tests.store.rows import NOW, add, workflow_row

ENDED: dict[str, Any] = {
    "output": "{}",
    "reason": "why",
    "failed_refs": '["a"]',
    "failed_task_id": "t",
    "now": NOW + 5,
}


def test_an_execution_is_read_as_it_was_written(store: Store) -> None:
    row = workflow_row(correlation_id="c", parent_id="p", variables='{"é": 1}', due_at=NOW, priority=9)
    add(store, row)

    assert store.read(lambda session: executions.by_id(session, "w")) == row
    assert store.transact(lambda session: executions.by_id(session, "w", lock=True)) == row
    assert store.transact(lambda session: executions.share(session, "w")) == ("RUNNING", 1)
    assert store.read(lambda session: executions.by_id(session, "none")) is None
    assert store.transact(lambda session: executions.share(session, "none")) is None


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED"])
def test_of_several_who_end_an_execution_one_does(store: Store, status: str) -> None:
    for n in range(10):
        row = workflow_row(id=f"w{n}", status=status, due_at=NOW)
        add(store, row)

        def end(status: str, row_id: str = row.id) -> bool:
            return store.transact(
                lambda session: executions.end_workflow(session, id=row_id, status=status, **ENDED)
            )

        ended = race(lambda: end("COMPLETED"), lambda: end("TERMINATED"))

        assert sorted(ended) == [False, True]
        assert store.read(lambda session, i=row.id: executions.by_id(session, i)) == row._replace(  # type: ignore[misc]
            status="COMPLETED" if ended[0] else "TERMINATED",
            output="{}",
            reason="why",
            failed_refs='["a"]',
            failed_task_id="t",
            updated=NOW + 5,
            ended=NOW + 5,
            due_at=None,
        )


def test_a_status_changes_only_from_the_one_that_was_seen(store: Store) -> None:
    add(store, workflow_row())

    def change(seen: str, status: str) -> bool:
        return store.transact(lambda s: executions.set_status(s, "w", seen, status, NOW + 1, None))

    assert [change("PAUSED", "RUNNING"), change("RUNNING", "PAUSED"), change("RUNNING", "PAUSED")] == [
        False,
        True,
        False,
    ]


def test_output_and_variables_of_one_execution_change(store: Store) -> None:
    one, other = workflow_row(), workflow_row(id="v")
    add(store, one, other)

    store.transact(lambda session: executions.set_output(session, "w", '{"o": 1}'))
    store.transact(lambda session: executions.set_variables(session, "w", '{"v": 1}', NOW + 1))

    changed = one._replace(output='{"o": 1}', variables='{"v": 1}', updated=NOW + 1)
    assert store.read(lambda session: executions.by_id(session, "w")) == changed
    assert store.read(lambda session: executions.by_id(session, "v")) == other


def test_of_many_starters_with_one_idempotency_key_one_makes_an_execution(store: Store) -> None:
    for n in range(10):
        key = f"key{n}"

        def begin(workflow_id: str, key: str = key) -> str:
            def work(session: Session) -> str:
                if not executions.take_key(session, "order", key, workflow_id):
                    holder = executions.recall_key(session, "order", key)
                    assert holder is not None
                    return holder[0]
                executions.insert_workflow(session, workflow_row(id=workflow_id, idempotency_key=key))
                return workflow_id

            return store.transact(work)

        answers = race(*(lambda i=f"{key}-{i}": begin(i) for i in range(4)))

        assert len(set(answers)) == 1
        recalled = store.read(lambda session, k=key: executions.recall_key(session, "order", k))  # type: ignore[misc]
        assert recalled == (answers[0], "RUNNING")

    assert store.read(search.counts) == {"RUNNING": 10}


def test_a_key_is_one_definitions_own_and_can_be_passed_on(store: Store) -> None:
    add(store, workflow_row(id="old", status="COMPLETED"))
    store.transact(lambda session: executions.take_key(session, "order", "k", "old"))

    def pass_on(seen: str, to: str) -> bool:
        return store.transact(lambda session: executions.pass_key_on(session, "order", "k", seen, to))

    assert store.read(lambda session: executions.recall_key(session, "order", "k")) == ("old", "COMPLETED")
    assert store.read(lambda session: executions.recall_key(session, "refund", "k")) is None
    assert sorted(race(lambda: pass_on("old", "x"), lambda: pass_on("old", "y"))) == [False, True]
    assert pass_on("old", "z") is False


def test_lists_are_newest_first_and_paged_by_id(store: Store) -> None:
    rows = [
        workflow_row(
            id=f"{n:04d}",
            name="order" if n % 2 else "refund",
            status="RUNNING" if n < 6 else "FAILED",
            correlation_id=f"c{n % 3}",
            parent_id="p" if n == 3 else None,
            created=NOW + n,
            version=n,
        )
        for n in range(10)
    ]
    add(store, *rows)

    def listed(limit: int = 50, **filters: Any) -> list[str]:
        return [row.id for row in store.read(lambda session: search.page(session, limit, **filters))]

    assert listed() == [row.id for row in reversed(rows)]
    assert listed(3) == ["0009", "0008", "0007"]
    assert listed(3, before="0007") == ["0006", "0005", "0004"]
    assert listed(status="FAILED", name="order") == ["0009", "0007"]
    assert listed(status="FAILED", before="0008") == ["0007", "0006"]
    assert listed(status="'; no status") == []
    assert listed(correlation_id="c0", status=None) == ["0009", "0006", "0003", "0000"]
    assert listed(parent_id="p") == ["0003"]
    assert listed(version=4) == ["0004"]
    assert listed(created_from=NOW + 2, created_to=NOW + 4) == ["0003", "0002"]
    assert store.read(search.counts) == {"RUNNING": 6, "FAILED": 4}
