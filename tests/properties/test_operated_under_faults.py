"""People who do anything at any moment, while messages are lost and processes killed: the invariants hold."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from app.store.unit_of_work import Store
from tests.properties.operated import NEUTRAL, operated
from tests.properties.parts import EVERYTHING
from tests.properties.profile import examples


def test_on_sqlite_what_people_take_up_again_ends_as_it_would_have_ended(sqlite_store: Store) -> None:
    machine = operated(sqlite_store, acts=tuple(NEUTRAL))
    run_state_machine_as_test(machine, settings=examples(50, stateful_step_count=40))


def test_on_sqlite_nothing_is_stuck_and_nothing_done_twice_whatever_people_do(sqlite_store: Store) -> None:
    run_state_machine_as_test(operated(sqlite_store), settings=examples(50, stateful_step_count=40))


def test_of_one_definition_with_everything_in_it(sqlite_store: Store) -> None:
    machine = operated(sqlite_store, st.just(EVERYTHING))
    run_state_machine_as_test(machine, settings=examples(12, stateful_step_count=40))


def test_on_postgresql_nothing_is_stuck_and_nothing_done_twice_whatever_people_do(
    postgres_store: Store,
) -> None:
    run_state_machine_as_test(operated(postgres_store), settings=examples(8, stateful_step_count=40))
