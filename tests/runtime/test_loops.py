"""Loops that keep the last of their iterations alone, on both databases."""

from __future__ import annotations

from typing import Any

import orjson

from app.operations import control
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, do_while, simple, sub_workflow, switch, workflow
from workflows.status import WorkflowStatus

UNTIL = "$.loop['iteration'] < $.limit"


def run(harness: Harness, *parts: Part, name: str = "main", **others: list[Part]) -> str:
    """The id of an execution that has ended."""
    documents = [workflow(one)(*some).to_json() for one, some in {name: list(parts), **others}.items()]
    harness.register({"workflows": documents, "taskDefs": TASK_DEFS})
    execution_id = harness.start(name)
    harness.drain()
    return execution_id


def loop(*body: Part, limit: int = 5, keep: Any = 2, condition: str = UNTIL) -> Part:
    return do_while(condition, *body, input={"limit": limit, "keepLastN": keep})


def iterations(harness: Harness, execution_id: str, ref: str) -> list[int]:
    """The iterations of which the table has a task."""
    return [int(row.path[:8]) for row in harness.rows(execution_id) if row.ref == ref]


def output(harness: Harness, execution_id: str, ref: str) -> dict[str, Any]:
    (row,) = [row for row in harness.rows(execution_id) if row.ref == ref]
    return dict(orjson.loads(row.output or "{}"))


def test_a_loop_keeps_the_last_iterations_that_it_is_told_to(harness: Harness) -> None:
    execution_id = run(harness, loop(simple("work", ref="a"), simple("far", ref="b")))

    assert iterations(harness, execution_id, "a") == [4, 5]
    assert iterations(harness, execution_id, "b") == [4, 5]
    assert sorted(output(harness, execution_id, "loop")) == ["4", "5", "iteration"]
    assert output(harness, execution_id, "loop")["iteration"] == 5


def test_what_is_inside_of_what_is_inside_leaves_with_its_iteration(harness: Harness) -> None:
    inner = do_while("$.inner['iteration'] < 2", simple("work", ref="deep"), ref="inner")
    chosen = switch("x", {"x": [simple("work", ref="case")]}, ref="choice")

    execution_id = run(harness, loop(inner, chosen, limit=3, keep=1))

    assert iterations(harness, execution_id, "deep") == [3, 3]
    assert iterations(harness, execution_id, "case") == [3]


def test_the_condition_sees_what_is_kept(harness: Harness) -> None:
    seen = "Object.keys($.loop).length < 4 && $.loop['iteration'] < 9"

    execution_id = run(harness, loop(simple("work", ref="a"), keep=2, condition=seen))

    assert output(harness, execution_id, "loop")["iteration"] == 9


def test_what_may_have_to_be_undone_stays(harness: Harness) -> None:
    undo = simple("work", ref="undo")
    execution_id = run(
        harness,
        loop(
            simple("work", ref="a", compensation=[undo]),
            sub_workflow("inner", ref="child"),
            simple("work", ref="b"),
            limit=3,
            keep=1,
        ),
        simple("fatal", ref="end"),
        inner=[simple("work", ref="x", compensation=[simple("work", ref="undo_x")])],
    )

    assert iterations(harness, execution_id, "b") == [3]
    assert iterations(harness, execution_id, "a") == [1, 2, 3]
    undone = [row for row in harness.rows() if row.ref.startswith("undo")]
    assert len(undone) == 6


def test_a_number_that_is_none_fails_the_loop(harness: Harness) -> None:
    execution_id = run(harness, loop(simple("work", ref="a"), keep="${workflow.input.nothing}", limit=2))
    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED
    assert iterations(harness, execution_id, "a") == [1, 2]

    execution_id = run(harness, loop(simple("work", ref="a"), keep="${workflow.workflowId}"), name="second")
    assert harness.execution(execution_id).status == WorkflowStatus.FAILED
    assert "must be a whole number" in (harness.execution(execution_id).reason or "")


def test_an_execution_is_run_again_from_an_iteration_that_was_kept(harness: Harness) -> None:
    execution_id = run(harness, loop(simple("work", ref="a")))

    control.rerun(harness.engine, execution_id, task="a__4")
    harness.drain()

    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED
    assert sorted({*iterations(harness, execution_id, "a")}) == [4, 5]
