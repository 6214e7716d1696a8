"""Definitions, programs, logs and the record of operations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.runtime.clock import new_id
from app.store import definitions, logs
from app.store.unit_of_work import Session, Store
from tests.store.racing import race
from tests.store.rows import NOW


def _register(store: Store, name: str, version: int, **changes: Any) -> None:
    row = {"name": name, "version": version, "program_id": f"{name}{version}", "content": "{}"}
    row |= {"description": None, "now": NOW} | changes
    store.transact(lambda session: definitions.insert_version(session, **row))


def test_a_program_is_stored_once(store: Store) -> None:
    store.transact(lambda session: definitions.store_program(session, "p", '{"a": 1}', NOW))
    store.transact(lambda session: definitions.store_program(session, "p", '{"a": 1}', NOW + 1))

    assert store.read(lambda session: definitions.program_content(session, "p")) == '{"a": 1}'
    assert store.read(lambda session: definitions.program_content(session, "q")) is None


def test_a_program_that_several_store_at_the_same_moment_is_stored_once(store: Store) -> None:
    for n in range(10):

        def put(program_id: str = f"p{n}") -> None:
            store.transact(lambda session: definitions.store_program(session, program_id, "{}", NOW))

        race(put, put, put, put)

        assert store.read(lambda session, i=f"p{n}": definitions.program_content(session, i)) == "{}"  # type: ignore[misc]


def test_of_several_who_register_at_the_same_moment_one_finds_nothing(store: Store) -> None:
    def register(name: str) -> bool:
        def work(session: Session) -> bool:
            definitions.lock(session)
            new = definitions.find(session, name, 1) is None
            if new:
                row = {"name": name, "version": 1, "program_id": "p", "content": "{}", "description": None}
                definitions.insert_version(session, **row, now=NOW)
            return definitions.put_task_def(session, name, "{}", NOW) and new

        return store.transact(work)

    for n in range(10):
        found = race(*(lambda name=f"order{n}": register(name) for _ in range(4)))

        assert sorted(found) == [False, False, False, True]


def test_a_version_or_the_latest_is_found(store: Store) -> None:
    for version in (9, 10, 2):
        _register(store, "order", version, content=f'"{version}"')
    _register(store, "refund", 99)

    def find(version: int | None, name: str = "order") -> object:
        return store.read(lambda session: definitions.find(session, name, version))

    def program(version: int | None, name: str = "order") -> object:
        return store.read(lambda session: definitions.find_program(session, name, version))

    assert find(2) == (2, "order2", '"2"')
    assert find(None) == (10, "order10", '"10"')
    assert [find(3), find(None, "other")] == [None, None]
    assert [program(2), program(None), program(3), program(None, "other")] == [
        "order2",
        "order10",
        None,
        None,
    ]


def test_definitions_are_listed_by_name_and_version(store: Store) -> None:
    for name, version in (("refund", 1), ("order", 10), ("order", 9)):
        _register(store, name, version, description=f"{name}!")

    store.transact(lambda session: definitions.set_program(session, "order", 9, "newer", NOW + 1))

    assert store.read(definitions.names) == ["order", "refund"]
    assert store.read(definitions.all_definitions) == [
        ("order", 9, "order!", "{}", NOW, NOW + 1),
        ("order", 10, "order!", "{}", NOW, NOW),
        ("refund", 1, "refund!", "{}", NOW, NOW),
    ]
    assert store.read(lambda session: definitions.find_program(session, "order", 9)) == "newer"


def test_a_task_definition_says_whether_it_changed(store: Store) -> None:
    def put(content: str) -> bool:
        return store.transact(lambda session: definitions.put_task_def(session, "work", content, NOW))

    assert [put("1"), put("1"), put("2")] == [True, False, True]
    assert store.read(definitions.task_defs) == {"work": "2"}
    assert store.transact(lambda session: definitions.delete_task_def(session, "work")) is True
    assert store.transact(lambda session: definitions.delete_task_def(session, "work")) is False
    assert store.read(definitions.task_defs) == {}


def test_a_log_is_read_in_the_order_of_writing(store: Store) -> None:
    def line(task_id: str, message: str) -> dict[str, Any]:
        fields = {"id": new_id(), "task_id": task_id, "workflow_id": "w", "created": NOW, "level": "INFO"}
        return fields | {"message": message}

    store.transact(
        lambda session: logs.write_lines(session, [line("t", "b"), line("u", "x"), line("t", "a")])
    )
    store.transact(lambda session: logs.write_lines(session, []))

    assert store.read(lambda session: logs.of_task(session, "t")) == [(NOW, "INFO", "b"), (NOW, "INFO", "a")]


def test_an_operation_is_recorded(store: Store) -> None:
    entry = {"id": "1", "created": NOW, "actor": "ann", "operation": "terminate", "workflow_id": "w"}
    entry |= {"subject": None, "reason": "why", "detail": "{}"}

    store.transact(lambda session: logs.record(session, **entry))

    with store.engine.connect() as connection:
        recorded = connection.execute(text("SELECT * FROM audit")).mappings().one()
    assert dict(recorded) == entry
