"""What random definitions and random faults have found, each by itself."""

from __future__ import annotations

import json
import sqlite3

import pytest

from app.operations import signal
from app.store.unit_of_work import Store
from tests.properties.comparison import differences
from tests.properties.parts import Json, fork, loop, reads, task
from tests.properties.reference import interpret
from tests.runtime.delivery import Delivery, Fault
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


def test_a_join_whose_commit_has_no_answer_goes_on_to_what_it_has_claimed(sqlite_store: Store) -> None:
    harness, main = set_up(sqlite_store, *fork(1, [task("a")], [task("b")]), task("after"))
    execution_id = harness.start("main")
    for _ in range(2):
        harness.deliver(harness.wire.take(0), harness.alive[0])

    body = Delivery(harness, harness.wire.take(0), harness.alive[0], steps_in_place=10)
    body.go(Fault.NO_ANSWER)
    body.finish()

    assert not harness.open_executions(), harness.picture()
    assert not differences(harness, execution_id, interpret({"main": main}, "main", {}))


@pytest.mark.parametrize("steps_in_place", [0, 10])
def test_a_loop_reads_its_input_anew_after_each_iteration(sqlite_store: Store, steps_in_place: int) -> None:
    seen = task("set", "SET_VARIABLE", inputParameters={"seen": "${l.output.iteration}"})
    counted = loop("l", 1, task("a"), seen) | {
        "inputParameters": {"seen": "${workflow.variables.seen}"},
        "loopCondition": "$.seen < 3 && $.l.iteration < 6",
    }
    harness, _ = set_up(sqlite_store, counted, shape=Shape(steps_in_place=steps_in_place))

    execution_id = harness.start("main")
    harness.drain()

    assert json.loads(harness.execution(execution_id).output or "")["iteration"] == 3


def test_a_result_that_comes_too_late_sets_no_variable(sqlite_store: Store) -> None:
    late = task("late", "SET_VARIABLE", inputParameters={"x": 1})
    harness, _ = set_up(sqlite_store, *fork(1, [late], [task("b")]))
    execution_id = harness.start("main")
    index = next(i for i, m in enumerate(harness.wire.queue) if m.header["at"][0][0] == "late")
    delivery = Delivery(harness, harness.wire.take(index), harness.alive[0], steps_in_place=1)
    delivery.go()

    signal.complete_task(harness.engine, execution_id, "late")
    delivery.finish()

    assert harness.execution(execution_id).variables == "{}"


def test_who_ends_a_task_is_told_that_it_has_ended_although_the_commit_had_no_answer(
    sqlite_store: Store,
) -> None:
    harness, _ = set_up(sqlite_store, task("wait", "WAIT"))
    execution_id = harness.start("main")
    lost = iter([True])

    def point(name: str) -> None:
        if name == "after commit" and next(lost, False):
            raise sqlite3.OperationalError("the answer is lost")

    with harness.points(point):
        signal.complete_task(harness.engine, execution_id, "wait")

    assert harness.execution(execution_id).status == "COMPLETED"
