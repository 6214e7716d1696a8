"""What random definitions and random faults have found, each by itself."""

from __future__ import annotations

from app.store.unit_of_work import Store
from tests.properties.comparison import differences
from tests.properties.parts import Json, fork, loop, reads, task
from tests.properties.reference import interpret
from tests.runtime.harness import Harness, Shape
from tests.runtime.work import TASK_DEFS


def set_up(store: Store, *tasks: Json, shape: Shape | None = None) -> tuple[Harness, Json]:
    harness = Harness(store, shape or Shape())
    definition = {"name": "main", "version": 1, "tasks": list(tasks)}
    harness.register({"taskDefs": TASK_DEFS, "workflows": [definition]})
    return harness, definition


def test_a_loop_that_reads_an_earlier_loop_sees_its_last_iteration(sqlite_store: Store) -> None:
    loops = [loop("one", 2, task("a")), loop("two", 2, task("c"), reads("b", a="${a.output.n}"))]
    harness, main = set_up(sqlite_store, *loops)

    execution_id = harness.start("main")
    harness.drain()

    assert not differences(harness, execution_id, interpret({"main": main}, "main", {}))


def test_the_flow_goes_on_behind_a_join_although_the_last_branch_that_it_leaves_out_ends_with_it(
    sqlite_store: Store,
) -> None:
    both, join = fork(1, [task("a")], [task("b"), task("c")])
    case = [both, {**join, "joinOn": ["c"]}, task("after")]
    choice = task(
        "choice", "SWITCH", evaluatorType="value-param", expression="case", decisionCases={"x": case}
    )
    harness, main = set_up(sqlite_store, choice | {"inputParameters": {"case": "x"}})

    execution_id = harness.start("main")
    harness.drain()

    assert not differences(harness, execution_id, interpret({"main": main}, "main", {}))


def test_a_join_that_leaves_out_a_branch_waits_for_the_case_of_a_switch_that_it_names(
    sqlite_store: Store,
) -> None:
    case = [task("b1"), task("b2")]
    choice = task(
        "choice", "SWITCH", evaluatorType="value-param", expression="case", decisionCases={"x": case}
    )
    both, join = fork(1, [task("a")], [choice | {"inputParameters": {"case": "x"}}])
    after = reads("after", b="${b2.output.n}")
    harness, main = set_up(sqlite_store, both, {**join, "joinOn": ["choice"]}, after)

    execution_id = harness.start("main")
    harness.drain()

    assert not differences(harness, execution_id, interpret({"main": main}, "main", {}))


def test_a_fork_whose_message_is_lost_before_it_was_decided_is_sent_again(sqlite_store: Store) -> None:
    inner = fork(2, [task("a")], [task("b")])
    harness, main = set_up(sqlite_store, *fork(1, inner, [task("c")]))

    execution_id = harness.start("main")
    harness.wire.lose_all()
    harness.drain()

    assert not differences(harness, execution_id, interpret({"main": main}, "main", {}))
