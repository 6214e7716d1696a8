"""What an execution that does not complete has done is undone, whatever happens to those who undo it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.operations.control import terminate
from app.operations.documents import tree_document
from app.operations.query import explain, get_compensation
from app.operations.signal import complete_task, fail_task
from app.operations.tree import get_tree
from app.runtime.recovery import lost_message
from app.store import compensations
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Store
from tests.runtime.delivery import Delivery
from tests.runtime.harness import Harness, Shape
from workflows import builder
from workflows.builder import Part, for_each, fork, simple, sub_workflow, switch, wait
from workflows.model import TimeoutPolicy, WorkflowDef, WorkflowTimeoutPolicy
from workflows.status import TaskStatus, WorkflowStatus

COMPLETED, FAILED, TERMINATED = WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.TERMINATED
BROKEN = simple("fatal", ref="broken")


def workflow(name: str, *parts: Part, **fields: Any) -> WorkflowDef:
    return builder.workflow(name, **fields)(*parts)


def register(harness: Harness, *definitions: WorkflowDef, tasks: Any = ()) -> None:
    broken = {"name": "broken", "retryCount": 1, "retryDelaySeconds": 0}
    harness.register({"workflows": [d.to_json() for d in definitions], "taskDefs": [broken, *tasks]})


def done(ref: str, undo: str = "work", **fields: Any) -> Part:
    """A task that completes, and what undoes it: `undo_<ref>`."""
    return simple("work", ref=ref, compensation=[simple(undo, ref=f"undo_{ref}")], **fields)


def run(harness: Harness, *definitions: WorkflowDef, given: Any = None) -> str:
    """Register, and run the first until nothing goes on."""
    register(harness, *definitions)
    execution_id = harness.start(definitions[0].name, given)
    harness.drain()
    return execution_id


def compensation(harness: Harness, execution_id: str) -> WorkflowRow:
    row = harness.store.read(lambda s: compensations.latest(s, execution_id))
    assert row is not None
    return row


def undone(harness: Harness, execution_id: str) -> list[str]:
    """The references of what undoes an execution, in the order of their ends."""
    rows = harness.rows(compensation(harness, execution_id).id)
    ended = sorted(
        (row for row in rows if row.status == TaskStatus.COMPLETED), key=lambda row: (row.ended, row.id)
    )
    return [row.ref for row in ended]


def latest(harness: Harness, execution_id: str, ref: str) -> TaskRow:
    return [row for row in harness.rows(execution_id) if row.ref == ref][-1]


def test_the_compensations_of_completed_tasks_run_in_reverse_order_of_completion(harness: Harness) -> None:
    execution_id = run(
        harness, workflow("order", done("a"), done("b"), simple("work", ref="c"), BROKEN, done("d"))
    )

    found = compensation(harness, execution_id)
    assert harness.execution(execution_id).status == FAILED
    assert orjson.loads(harness.execution(execution_id).output or "")["podium.compensation"] == found.id
    assert (found.name, found.version, found.status) == ("order.compensation", 1, COMPLETED)
    assert undone(harness, execution_id) == ["undo_b", "undo_a"]


def test_what_completed_is_not_undone(harness: Harness) -> None:
    execution_id = run(harness, workflow("order", done("a"), done("b")))

    assert harness.execution(execution_id).status == COMPLETED
    assert [row.name for row in harness.executions()] == ["order"]


def test_an_execution_that_owes_nothing_has_no_compensation(harness: Harness) -> None:
    execution_id = run(harness, workflow("order", BROKEN, done("a")))

    assert "podium.compensation" not in (harness.execution(execution_id).output or "")
    assert [row.name for row in harness.executions()] == ["order"]


def test_a_compensation_reads_the_execution_that_it_undoes_as_it_was_when_that_ended(
    harness: Harness,
) -> None:
    undo = [
        simple(
            "work",
            ref="refund",
            input={"n": "${charge.output.n}", "why": "${workflow.reasonForIncompletion}"},
        ),
        simple(
            "work",
            ref="tell",
            input={
                "refunded": "${refund.output.n}",
                "text": "${workflow.input.order} $${x} ${workflow.variables.v}",
            },
        ),
    ]
    definition = workflow(
        "order",
        simple("work", ref="charge", input={"order": "${workflow.input.order}"}, compensation=undo),
        builder.set_variable("set", v=7),
        BROKEN,
    )
    execution_id = run(harness, definition, given={"order": "o1"})

    found = compensation(harness, execution_id).id
    charged = orjson.loads(latest(harness, execution_id, "charge").output or "")
    refund, tell = latest(harness, found, "refund"), latest(harness, found, "tell")
    assert orjson.loads(refund.input) == {"n": charged["n"], "why": harness.execution(execution_id).reason}
    assert orjson.loads(tell.input) == {
        "refunded": orjson.loads(refund.output or "")["n"],
        "text": "o1 ${x} 7",
    }


def test_each_iteration_of_a_loop_is_undone_with_its_own_values(harness: Harness) -> None:
    undo = [
        simple("work", ref="undo", input={"item": "${each.output.loopItem}", "n": "${a.output.n}"}),
        simple("work", ref="more", input={"n": "${undo.output.n}"}),
    ]
    loop = for_each("${workflow.input.items}", simple("work", ref="a", compensation=undo), ref="each")
    execution_id = run(harness, workflow("order", loop, BROKEN), given={"items": ["x", "y"]})

    assert undone(harness, execution_id) == ["undo~2", "more~2", "undo~1", "more~1"]
    found = compensation(harness, execution_id).id
    outputs = {
        row.path: orjson.loads(row.output or "")["n"] for row in harness.rows(execution_id) if row.ref == "a"
    }
    assert orjson.loads(latest(harness, found, "undo~1").input)["n"] == outputs["00000001"]
    again = orjson.loads(latest(harness, found, "undo~2").output or "")["n"]
    assert orjson.loads(latest(harness, found, "more~2").input) == {"n": again}


def test_branches_and_cases_that_were_taken_are_undone(harness: Harness) -> None:
    both = fork([done("a"), done("b")], [done("c")])
    case = switch("${workflow.input.case}", {"yes": [done("d")], "no": [done("e")]})
    execution_id = run(harness, workflow("order", both, case, BROKEN), given={"case": "yes"})

    order = undone(harness, execution_id)
    assert order[0] == "undo_d"
    assert sorted(order) == ["undo_a", "undo_b", "undo_c", "undo_d"]
    assert order.index("undo_b") < order.index("undo_a")


def test_what_was_open_skipped_over_or_failed_is_not_undone(harness: Harness) -> None:
    optional = simple("fatal", ref="o", optional=True, compensation=[simple("work", ref="undo_o")])
    open_branch = [done("a"), wait(ref="w", compensation=[simple("work", ref="undo_w")])]
    register(harness, workflow("order", optional, fork(open_branch, [simple("work", ref="b"), BROKEN])))
    execution_id = harness.start("order")
    harness.drain()

    assert latest(harness, execution_id, "w").status == TaskStatus.CANCELED
    assert undone(harness, execution_id) == ["undo_a"]


@pytest.mark.parametrize("how", ["terminated", "timed out", "failed by a task"])
def test_however_an_execution_ends_unsuccessfully_it_is_undone(harness: Harness, how: str) -> None:
    stop = builder.terminate("FAILED") if how == "failed by a task" else wait(ref="w")
    limits = {"timeout_seconds": 60, "timeout_policy": WorkflowTimeoutPolicy.TIME_OUT_WF}
    register(harness, workflow("order", done("a"), stop, **(limits if how == "timed out" else {})))
    execution_id = harness.start("order")
    harness.deliver_all()
    if how == "terminated":
        terminate(harness.engine, execution_id, "changed my mind")
    harness.drain()

    assert (
        harness.execution(execution_id).status
        == {
            "terminated": TERMINATED,
            "timed out": WorkflowStatus.TIMED_OUT,
            "failed by a task": FAILED,
        }[how]
    )
    assert undone(harness, execution_id) == ["undo_a"]


class TestSubWorkflows:
    def test_a_child_that_completed_is_undone_through_its_own_tasks(self, harness: Harness) -> None:
        child = workflow("child", done("x"), done("y"))
        parent = workflow("order", done("a"), sub_workflow("child"), done("b"), BROKEN)
        execution_id = run(harness, parent, child)

        assert undone(harness, execution_id) == ["undo_b", "child", "undo_a"]
        child_id = latest(harness, execution_id, "child").sub_workflow_id
        assert child_id is not None
        below = compensation(harness, child_id)
        assert below.id == latest(harness, compensation(harness, execution_id).id, "child").sub_workflow_id
        assert undone(harness, child_id) == ["undo_y", "undo_x"]

    def test_a_compensation_of_the_task_itself_stands_for_those_of_the_child(self, harness: Harness) -> None:
        own = sub_workflow("child", compensation=[simple("work", ref="undo_child")])
        execution_id = run(harness, workflow("order", own, BROKEN), workflow("child", done("x")))

        assert undone(harness, execution_id) == ["undo_child"]

    def test_a_child_that_owes_nothing_is_no_task_of_the_compensation(self, harness: Harness) -> None:
        child = workflow("child", sub_workflow("grandchild"))
        parent = workflow("order", done("a"), sub_workflow("child"), BROKEN)
        execution_id = run(harness, parent, child, workflow("grandchild", simple("work", ref="x")))

        assert undone(harness, execution_id) == ["undo_a"]

    def test_a_child_that_fails_is_undone_before_its_parent_goes_on(self, harness: Harness) -> None:
        child = workflow("child", done("x", undo="later"), BROKEN)
        again = {"name": "child", "retryCount": 1, "retryDelaySeconds": 0}
        register(harness, workflow("order", done("a"), sub_workflow("child")), child, tasks=[again])
        execution_id = harness.start("order")
        harness.drain()

        attempts = [row for row in harness.rows(execution_id) if row.ref == "child"]
        assert [row.status for row in attempts] == [TaskStatus.FAILED, TaskStatus.FAILED]
        ends = [compensation(harness, row.sub_workflow_id or "").ended for row in attempts]
        assert ends[0] <= attempts[1].scheduled  # type: ignore[operator]
        assert ends[1] <= compensation(harness, execution_id).created  # type: ignore[operator]
        assert [undone(harness, row.sub_workflow_id or "") for row in attempts] == [["undo_x"], ["undo_x"]]
        assert undone(harness, execution_id) == ["undo_a"]

    def test_children_that_are_ended_with_their_parent_are_undone_first(self, harness: Harness) -> None:
        child = workflow("child", done("x"), wait(ref="w"))
        register(harness, workflow("order", done("a"), sub_workflow("child")), child)
        execution_id = harness.start("order")
        harness.deliver_all()
        terminate(harness.engine, execution_id, "enough")
        harness.drain()

        child_id = latest(harness, execution_id, "child").sub_workflow_id or ""
        assert undone(harness, execution_id) == ["child", "undo_a"]
        assert undone(harness, child_id) == ["undo_x"]
        assert [row.name for row in harness.executions()].count("child.compensation") == 1

    def test_a_parent_that_ends_meanwhile_waits_for_what_undoes_its_child(self, harness: Harness) -> None:
        child = workflow("child", done("x", undo="broken"), BROKEN)
        register(harness, workflow("order", done("a"), sub_workflow("child")), child)
        execution_id = harness.start("order")
        run_until_left_to_people(harness)
        child_id = latest(harness, execution_id, "child").sub_workflow_id or ""
        terminate(harness.engine, execution_id, "enough")
        harness.deliver_all()
        assert undone(harness, execution_id) == []

        complete_task(harness.engine, compensation(harness, child_id).id, "undo_x", {})
        harness.drain()

        assert undone(harness, execution_id) == ["child", "undo_a"]
        assert [row.name for row in harness.executions()].count("child.compensation") == 1


def run_until_left_to_people(harness: Harness) -> TaskRow:
    for _ in range(100):
        harness.deliver_all()
        found = [row for row in harness.live() if row.type == "HUMAN"]
        if found:
            return found[0]
        harness.advance(1_000)
    raise AssertionError(harness.picture())


class TestCompensationThatFails:
    def test_attempts_are_retried(self, harness: Harness) -> None:
        execution_id = run(harness, workflow("order", done("a", undo="later"), BROKEN))

        found = compensation(harness, execution_id)
        assert found.status == COMPLETED
        assert [row.status for row in harness.rows(found.id)] == [TaskStatus.FAILED, TaskStatus.COMPLETED]

    def test_one_that_fails_in_the_end_waits_for_a_person_whose_output_stands_for_its_own(
        self, harness: Harness
    ) -> None:
        undo = [simple("broken", ref="undo"), simple("work", ref="tell", input={"by": "${undo.output.by}"})]
        register(harness, workflow("order", done("z"), simple("work", ref="a", compensation=undo), BROKEN))
        execution_id = harness.start("order")
        left = run_until_left_to_people(harness)

        found = compensation(harness, execution_id)
        assert [row.status for row in harness.rows(found.id)] == [
            TaskStatus.FAILED,
            TaskStatus.FAILED,
            TaskStatus.IN_PROGRESS,
        ]
        assert "broken fails" in (left.reason or "")
        complete_task(harness.engine, found.id, "undo", {"by": "ann"})
        harness.drain()
        assert compensation(harness, execution_id).status == COMPLETED
        assert undone(harness, execution_id) == ["undo", "tell", "undo_z"]
        assert orjson.loads(latest(harness, found.id, "tell").input) == {"by": "ann"}

    def test_a_person_has_it_tried_again_or_gives_it_up(self, harness: Harness) -> None:
        register(harness, workflow("order", done("z"), done("a", undo="broken"), BROKEN))
        execution_id = harness.start("order")
        run_until_left_to_people(harness)
        found = compensation(harness, execution_id)

        fail_task(harness.engine, found.id, "undo_a", "the bank is back")
        run_until_left_to_people(harness)
        rows = [row for row in harness.rows(found.id) if row.ref == "undo_a"]
        assert [row.type for row in rows] == ["broken", "broken", "HUMAN", "broken", "HUMAN"]

        fail_task(harness.engine, found.id, "undo_a", "we keep the money", terminal=True)
        assert compensation(harness, execution_id).status == FAILED

    def test_a_timeout_that_would_end_an_execution_waits_for_a_person_too(self, harness: Harness) -> None:
        limits = {"name": "slow", "timeoutSeconds": 30, "responseTimeoutSeconds": 30, "retryCount": 5}
        policy = {"timeoutPolicy": TimeoutPolicy.TIME_OUT_WF, "pollTimeoutSeconds": 30}
        register(harness, workflow("order", done("a", undo="slow"), BROKEN), tasks=[{**limits, **policy}])
        execution_id = harness.start("order")
        run_until_left_to_people(harness)

        assert compensation(harness, execution_id).status == WorkflowStatus.RUNNING


def test_whoever_is_killed_each_compensation_completes_once(store: Store) -> None:
    harness = Harness(store, Shape(steps_in_place=0))
    register(harness, workflow("order", done("a"), done("b"), done("c"), BROKEN))
    execution_id = harness.start("order")
    for number in range(400):
        if not harness.wire.queue:
            if not harness.open_executions():
                break
            harness.advance(6_000)
            continue
        delivery = Delivery(harness, harness.wire.take(0), harness.alive[number % 2], 0)
        if number % 3:
            delivery.finish()
            harness.wire.ended(delivery.message)
            continue
        for _ in range(number % 4 + 1):
            if not delivery.ended:
                delivery.go()
        delivery.kill()
        lost_message(harness.engine, delivery.owner.id, delivery.message.id)
    harness.drain()

    assert undone(harness, execution_id) == ["undo_c", "undo_b", "undo_a"]
    assert compensation(harness, execution_id).status == COMPLETED
    assert [row.name for row in harness.executions()].count("order.compensation") == 1


class TestHowItIsSeen:
    def test_it_stands_below_the_execution_and_not_twice(self, harness: Harness) -> None:
        parent = workflow("order", done("a"), sub_workflow("child"), BROKEN)
        execution_id = run(harness, parent, workflow("child", done("x")))

        tree = get_tree(harness.engine, execution_id)
        assert tree.compensation is not None
        assert tree.compensation.execution.compensates == execution_id
        assert [t.attempts[0].ref for t in tree.compensation.tasks] == ["child", "undo_a"]
        below = tree.compensation.tasks[0].children[0]
        assert [t.attempts[0].ref for t in below.tasks] == ["undo_x"]
        child = tree.tasks[1].children[0]
        assert child.compensation is None
        assert get_tree(harness.engine, child.execution.id).compensation == below
        document = tree_document(tree)
        assert document["compensation"]["compensates"] == execution_id
        assert (
            document["compensation"]["tasks"][0]["subWorkflow"]["tasks"][0]["referenceTaskName"] == "undo_x"
        )

    def test_explain_says_how_far_it_is_and_who_is_waited_for(self, harness: Harness) -> None:
        child = workflow("child", done("x", undo="broken"), BROKEN)
        register(harness, workflow("order", sub_workflow("child")), child)
        execution_id = harness.start("order")
        run_until_left_to_people(harness)

        child_id = latest(harness, execution_id, "child").sub_workflow_id or ""
        undoing = compensation(harness, child_id).id
        sentence = explain(harness.engine, execution_id)
        assert sentence.startswith(f"child waits for sub-workflow child ({child_id}): FAILED after")
        assert f"; what it did is undone by {undoing}: undo_x waits for a person: undo it by hand" in sentence
        found = get_compensation(harness.engine, child_id)
        assert found is not None
        assert found.id == undoing
        assert get_compensation(harness.engine, execution_id) is None
