"""An execution as it is drawn and followed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import ExecutionNotFound, TaskNotFound
from app.operations import listing, outline
from app.operations.listing import Filters
from app.store import migrations
from app.store.ids import time_of
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import do_while, simple, switch, wait, workflow
from workflows.model import WorkflowDef
from workflows.status import TaskStatus


@pytest.fixture
def harness(database_url: str) -> Iterator[Harness]:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Harness(Store(engine))
    engine.dispose()


def _started(harness: Harness, definition: WorkflowDef) -> str:
    harness.register({"taskDefs": TASK_DEFS, "workflows": [definition.to_json()]})
    return harness.start(definition.name)


def test_an_outline_has_every_attempt_and_the_graph_every_task(harness: Harness) -> None:
    found = _started(harness, workflow("w")(simple("flaky", ref="a"), wait(duration="1 hour", ref="b")))
    harness.deliver_all()

    shown = outline.get_outline(harness.engine, found)
    graph = outline.get_graph(harness.engine, shown.program)

    assert [(task.ref, task.attempt, task.status) for task in shown.tasks] == [
        ("a", 0, TaskStatus.FAILED),
        ("a", 1, TaskStatus.COMPLETED),
        ("b", 0, TaskStatus.IN_PROGRESS),
    ]
    assert graph is not None
    assert [node.id for node in graph.nodes] == ["@start", "a", "b", "@end"]
    assert "b waits for" in shown.explanation


def test_a_later_look_returns_what_has_changed(harness: Harness) -> None:
    found = _started(harness, workflow("w")(simple("work", ref="a"), wait(duration="1 hour", ref="b")))
    harness.deliver_all()
    first = outline.get_outline(harness.engine, found)
    harness.now += 60_000

    quiet = outline.get_outline(harness.engine, found, first.since + outline.OVERLAP_MS + 1)
    harness.advance(3_600_000)
    after = outline.get_outline(harness.engine, found, first.since + outline.OVERLAP_MS + 1)

    assert quiet.tasks == ()
    assert [(task.ref, task.status) for task in after.tasks] == [("b", TaskStatus.COMPLETED)]
    assert after.status == "COMPLETED"


def test_tasks_of_loops_have_their_iterations_and_switches_their_case(harness: Harness) -> None:
    body = switch("${each.output.iteration}", {"1": [simple("work", ref="first")]}, ref="which")
    found = _started(harness, workflow("w")(do_while("$.each['iteration'] < 2", body, ref="each")))
    harness.drain()

    shown = outline.get_outline(harness.engine, found)

    assert {(task.ref, task.path) for task in shown.tasks} >= {("which", (1,)), ("which", (2,)), ("each", ())}
    assert {task.case for task in shown.tasks if task.ref == "which"} <= {"1", "otherwise"}


def test_a_queue_on_which_nobody_listens_is_named(harness: Harness) -> None:
    found = _started(harness, workflow("w")(simple("far", ref="a")))

    shown = outline.get_outline(harness.engine, found)

    assert shown.idle_queues == ("far",)
    assert shown.tasks[0].queue == "far"


def test_the_task_that_failed_is_named(harness: Harness) -> None:
    found = _started(harness, workflow("w")(simple("fatal", ref="a")))
    harness.drain()

    shown = outline.get_outline(harness.engine, found)

    assert shown.failed_ref == "a"
    assert shown.failed_task_id == shown.tasks[0].id


def test_a_task_is_shown_with_its_payload_and_only_of_its_execution(harness: Harness) -> None:
    found = _started(harness, workflow("w")(simple("work", ref="a", input={"n": 7})))
    harness.drain()
    task_id = outline.get_outline(harness.engine, found).tasks[0].id

    detail = outline.get_task(harness.engine, found, task_id)

    assert detail.task.input == {"n": 7}
    with pytest.raises(TaskNotFound):
        outline.get_task(harness.engine, "another", task_id)


def test_what_is_not_there_is_said(harness: Harness) -> None:
    assert outline.get_graph(harness.engine, "nothing") is None
    with pytest.raises(ExecutionNotFound):
        outline.get_outline(harness.engine, "nothing")


def test_a_pasted_id_is_found_and_times_bound_the_list(harness: Harness) -> None:
    ids = [_started(harness, workflow(f"w{number}")(simple("work", ref="a"))) for number in range(3)]
    made = time_of(ids[1])
    assert made is not None

    by_id = listing.list_page(harness.engine, Filters(text=ids[1]))
    before = listing.list_page(harness.engine, Filters(created_to=made - 1000))
    since = listing.list_page(harness.engine, Filters(created_from=made - 1000))

    assert [row.id for row in by_id.rows] == [ids[1]]
    assert before.rows == ()
    assert [row.id for row in since.rows] == ids[::-1]
