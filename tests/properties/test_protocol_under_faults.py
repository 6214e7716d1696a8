"""Messages twice, lost and in any order, processes killed between any two effects: the invariants hold."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from app.store.unit_of_work import Store
from tests.properties.profile import examples
from tests.properties.protocol import protocol


def test_on_sqlite_every_execution_ends_as_it_would_have_ended(sqlite_store: Store) -> None:
    run_state_machine_as_test(protocol(sqlite_store), settings=examples(300, stateful_step_count=40))


def test_on_postgresql_every_execution_ends_as_it_would_have_ended(postgres_store: Store) -> None:
    run_state_machine_as_test(protocol(postgres_store), settings=examples(40, stateful_step_count=40))
