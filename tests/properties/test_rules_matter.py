"""Each rule of the protocol, taken out: the same tests must then fail.

This is the one place where a test replaces parts of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import Phase, Verbosity, given
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Text, bindparam, update
from sqlalchemy.sql.elements import ColumnElement

import tasks.step
from app.runtime import engine, recovery, resumption, straight
from app.runtime.hand import Hand, Held
from app.store import tables
from app.store import tasks as task_statements
from app.store.statements import Statement
from app.store.tasks import TaskRow
from app.store.unit_of_work import TAKEN, Store
from tests.properties.definitions import Drawn, Taste, documents
from tests.properties.operated import operated
from tests.properties.parts import EVERYTHING, FORKED, ONE, SHORT, document, loop, reads, task
from tests.properties.profile import examples
from tests.properties.protocol import protocol
from tests.properties.test_against_reference import ends_as_the_reference_says, shapes
from workflows.operators.do_while import DoWhile

Patch = pytest.MonkeyPatch
_ONCE: dict[str, Any] = {
    "phases": [Phase.generate],
    "derandomize": True,
    "report_multiple_bugs": False,
    "verbosity": Verbosity.quiet,
}
_SEARCH = 4_000
"""The search ends with the first failure, after some 150 examples; which ones are tried differs between machines."""
_PLAIN = Taste(size=10, deepest=2, failures=False, loose=False, children=1, waits=False)


def _p(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=Text)


def claim_whatever_its_status(patch: Patch) -> None:
    where = [tables.task.c[name] == bindparam(name) for name in ("workflow_id", "ref", "path", "attempt")]
    values, columns = task_statements._CLAIM_VALUES, task_statements._COLUMNS
    patch.setattr(
        task_statements,
        "_CLAIM",
        Statement("any", update(tables.task).where(*where).values(values).returning(*columns)),
    )


def complete_whoever_holds_the_claim(patch: Patch) -> None:
    mutant = update(tables.task).where(tables.task.c.id == _p("id")).values(task_statements._END_VALUES)
    patch.setattr(task_statements, "_END", Statement("any", mutant))


def do_not_look_for_open_tasks_at_a_join(patch: Patch) -> None:
    patch.setattr(task_statements, "any_live", lambda *_: False)


def take_a_lost_answer_for_a_failure(patch: Patch) -> None:
    transact = Store.transact

    def unwitnessed(self: Store, work: Any, *, witness: Any = None, patience: float | None = 3.0) -> Any:
        return transact(self, work, patience=patience)

    patch.setattr(Store, "transact", unwitnessed)


def take_a_lost_answer_of_a_claim_for_a_failure(patch: Patch) -> None:
    def claim(self: Any, hand: Hand, execution: Any, node: Any, path: Any, attempt: int) -> Any:
        def work(session: Any) -> Any:
            params = straight.claim_params(hand, execution, node, path, attempt, self.clock())
            return task_statements.claim_task(session, **params)

        row = self.store.transact_once(work, patience=None)
        return row and Held(execution, node, path, row, row.claim, orjson.loads(row.input), row.iteration)

    patch.setattr(engine.Engine, "claim", claim)


def send_nothing_again(patch: Patch) -> None:
    patch.setattr(recovery, "_send_again", lambda *_: None)


def ask_no_join_again(patch: Patch) -> None:
    act = recovery._act

    def others(*given: Any) -> None:
        row = next(value for value in given if isinstance(value, TaskRow))
        if row.wake != "ask":
            act(*given)

    patch.setattr(recovery, "_act", others)


def bury_no_worker(patch: Patch) -> None:
    patch.setattr(recovery.Sweeper, "_bury_the_dead", lambda _: 0)


def give_up_no_lost_claim(patch: Patch) -> None:
    patch.setattr(recovery, "lost", lambda *_: None)


def tell_no_chord(patch: Patch) -> None:
    def cut(request: Any) -> None:
        request.chain = None

    patch.setattr(tasks.step, "end_part", cut)


def every_branch_is_part_of_a_chord(patch: Patch) -> None:
    patch.setattr(Hand, "is_part_of", lambda *_: True)


def finds(run: Callable[[], None]) -> bool:
    """Whether a search ends with a failure: a violation, or a row that the database refuses to hold twice."""
    try:
        run()
    except (AssertionError, *TAKEN):
        return True
    return False


UNDER_FAULTS = [
    claim_whatever_its_status,
    complete_whoever_holds_the_claim,
    take_a_lost_answer_for_a_failure,
    take_a_lost_answer_of_a_claim_for_a_failure,
    send_nothing_again,
    ask_no_join_again,
    bury_no_worker,
    give_up_no_lost_claim,
]
SHOWN_BY: dict[Callable[[Patch], None], Drawn] = {
    ask_no_join_again: FORKED,
    complete_whoever_holds_the_claim: ONE,
    take_a_lost_answer_for_a_failure: FORKED,
    take_a_lost_answer_of_a_claim_for_a_failure: SHORT,
}
"""Definitions in which a search meets the rule soon; for the others: `EVERYTHING`."""
WITHOUT_FAULTS = [do_not_look_for_open_tasks_at_a_join, tell_no_chord, every_branch_is_part_of_a_chord]


def forget_the_element_of_a_loop(patch: Patch) -> None:
    patch.setattr(DoWhile, "turn", lambda *_: {})


def do_nothing_at_a_resume(patch: Patch) -> None:
    patch.setattr(resumption, "carry_on", lambda *_, **__: 0)


_LOOP = document(loop("l", 2, task("a"), reads("b", n="${l.output.iteration}")), task("z"))
_LINE = document(task("a"), task("b"), task("c"))
OPERATED: list[tuple[Callable[[Patch], None], Drawn, tuple[str, ...]]] = [
    (forget_the_element_of_a_loop, _LOOP, ("terminate", "retry")),
    (do_nothing_at_a_resume, _LINE, ("pause", "resume")),
]


@pytest.mark.parametrize(
    ("mutate", "drawn", "acts"), OPERATED, ids=lambda value: getattr(value, "__name__", "")
)
def test_with_people_in_it_the_protocol_fails_without(
    mutate: Callable[[Patch], None],
    drawn: Drawn,
    acts: tuple[str, ...],
    sqlite_store: Store,
    monkeypatch: Patch,
) -> None:
    mutate(monkeypatch)
    settings = examples(_SEARCH, stateful_step_count=40, **_ONCE)

    machine = operated(sqlite_store, st.just(drawn), acts)

    assert finds(lambda: run_state_machine_as_test(machine, settings=settings))


def test_with_all_rules_the_same_search_finds_nothing(sqlite_store: Store) -> None:
    machine = protocol(sqlite_store, st.just(EVERYTHING))
    settings = examples(60, stateful_step_count=40, **_ONCE)

    assert not finds(lambda: run_state_machine_as_test(machine, settings=settings))


@pytest.mark.parametrize("mutate", UNDER_FAULTS)
def test_under_faults_the_protocol_fails_without(
    mutate: Callable[[Patch], None], sqlite_store: Store, monkeypatch: Patch
) -> None:
    mutate(monkeypatch)
    settings = examples(_SEARCH, stateful_step_count=40, **_ONCE)

    machine = protocol(sqlite_store, st.just(SHOWN_BY.get(mutate, EVERYTHING)))

    assert finds(lambda: run_state_machine_as_test(machine, settings=settings))


@pytest.mark.parametrize("mutate", WITHOUT_FAULTS)
def test_without_faults_definitions_end_differently_without(
    mutate: Callable[[Patch], None], sqlite_store: Store, monkeypatch: Patch
) -> None:
    mutate(monkeypatch)

    @examples(_SEARCH, **_ONCE)
    @given(drawn=documents(_PLAIN), shape=shapes, seed=st.integers(0, 2**16))
    def run(drawn: Drawn, shape: Any, seed: int) -> None:
        ends_as_the_reference_says(sqlite_store, drawn, shape, seed)

    assert finds(run)
