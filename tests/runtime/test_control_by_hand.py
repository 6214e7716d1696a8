"""What people do by hand never has anything begin before its turn, nor leaves anything behind that nobody cares for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import WrongState
from app.operations import control
from app.operations.outside import ResultStatus, TaskResult, update
from app.operations.signal import complete_task
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness
from workflows.builder import Part, do_while, for_each, fork, simple, wait, workflow


@pytest.fixture
def harness(database_url: str) -> Iterator[Harness]:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Harness(Store(engine))
    engine.dispose()


def begun(harness: Harness, *parts: Part) -> str:
    harness.register({"workflows": [workflow("flow")(*parts).to_json()], "taskDefs": []})
    return harness.start("flow")


def work(ref: str, **given: str) -> Part:
    return simple("work", ref=ref, input=given)


def test_a_task_that_is_tried_again_in_a_loop_reads_the_same_element(harness: Harness) -> None:
    inside = wait(ref="inside"), work("reader", item="${each.output.loopItem}", n="${each.output.iteration}")
    execution = begun(harness, for_each(["p", "q"], *inside, ref="each"))
    harness.deliver_all()
    complete_task(harness.engine, execution, "inside")
    harness.deliver_all()
    control.terminate(harness.engine, execution)

    control.retry(harness.engine, execution)
    harness.deliver_all()
    complete_task(harness.engine, execution, "inside")
    harness.drain()

    read = [row.input for row in harness.rows(execution) if row.ref == "reader"]
    assert read == ['{"item":"p","n":1}', '{"item":"q","n":2}']


def test_what_is_behind_a_task_that_was_passed_over_does_not_begin_before_its_turn(harness: Harness) -> None:
    execution = begun(harness, wait(ref="first"), work("passed"), work("last"))
    control.skip_task(harness.engine, execution, "passed")

    control.pause(harness.engine, execution)
    control.resume(harness.engine, execution)
    harness.deliver_all()
    assert [row.ref for row in harness.rows(execution)] == ["first", "passed"]

    complete_task(harness.engine, execution, "first")
    harness.drain()
    assert {row.ref: row.status for row in harness.rows(execution)}["last"] == "COMPLETED"


def test_a_task_that_was_passed_over_before_its_turn_is_not_rerun(harness: Harness) -> None:
    execution = begun(harness, wait(ref="first"), work("passed"), work("last"))
    control.skip_task(harness.engine, execution, "passed")
    control.terminate(harness.engine, execution)

    with pytest.raises(WrongState, match="passed over before its turn had come: retry the execution"):
        control.rerun(harness.engine, execution, "passed")


def test_a_task_that_was_passed_over_in_its_turn_is_rerun(harness: Harness) -> None:
    execution = begun(harness, work("first"), work("passed"), work("last"))
    control.skip_task(harness.engine, execution, "passed")
    harness.drain()

    control.rerun(harness.engine, execution, "passed")
    harness.drain()

    found = [(row.ref, row.status) for row in harness.rows(execution) if row.ref != "first"]
    assert found == [("passed", "SKIPPED"), ("passed", "COMPLETED"), ("last", "COMPLETED")]


@pytest.mark.parametrize("ref", ["loop", "both", "beside"])
def test_what_ends_with_others_is_not_ended_by_hand(harness: Harness, ref: str) -> None:
    loop = do_while("false", wait(ref="inside"), ref="loop")
    execution = begun(harness, fork([loop], [wait(ref="other")], ref="beside", join="both"))
    harness.deliver_all()
    (row,) = [row for row in harness.rows(execution) if row.ref == ref]

    with pytest.raises(WrongState, match=r"ends with the tasks inside of it|has ended"):
        complete_task(harness.engine, execution, ref)
    if row.status == "IN_PROGRESS":
        with pytest.raises(WrongState, match="ends with the tasks inside of it"):
            update(harness.engine, TaskResult(row.id, ResultStatus.COMPLETED))

    complete_task(harness.engine, execution, "inside")
    complete_task(harness.engine, execution, "other")
    harness.drain()
    assert harness.execution(execution).status == "COMPLETED"
