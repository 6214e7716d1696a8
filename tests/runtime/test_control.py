"""Executions are paused, resumed, tried again, done again from any task, begun anew; on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from app.errors import ExecutionNotFound, InvalidInput, TaskNotFound, WrongState
from app.operations import control
from app.operations.signal import complete_task
from app.runtime.ports import Attempt
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Store
from tests.runtime.harness import Harness, Shape
from workflows import builder
from workflows.builder import Part, for_each, fork, simple, sub_workflow, switch, wait
from workflows.model import WorkflowDef, WorkflowTimeoutPolicy
from workflows.operator import Outcome

RUNNING, PAUSED, COMPLETED, FAILED = "RUNNING", "PAUSED", "COMPLETED", "FAILED"
TERMINATED, CANCELED, SCHEDULED = "TERMINATED", "CANCELED", "SCHEDULED"


def workflow(name: str, *parts: Part, **fields: Any) -> WorkflowDef:
    return builder.workflow(name, **fields)(*parts)


TASKS = [{"name": "broken", "retryCount": 0}, {"name": "later", "retryCount": 3, "retryDelaySeconds": 30}]


def register(harness: Harness, *definitions: WorkflowDef) -> None:
    harness.register({"workflows": [d.to_json() for d in definitions], "taskDefs": TASKS})


def begun(harness: Harness, *parts: Part, given: Any = None, **fields: Any) -> str:
    register(harness, workflow("flow", *parts, **fields))
    return harness.start("flow", given)


def work(ref: str, **given: Any) -> Part:
    return simple("work", ref=ref, input=given)


def statuses(harness: Harness, execution_id: str) -> dict[str, str]:
    """The status of each task's latest attempt, by its reference and iterations."""
    return {name(row): row.status for row in sorted(harness.rows(execution_id), key=lambda r: r.attempt)}


def name(row: TaskRow) -> str:
    return "__".join([row.ref, *(str(n) for n in path_of(row.path))])


def attempts(harness: Harness, execution_id: str, ref: str) -> list[str]:
    return [row.status for row in harness.rows(execution_id) if row.ref == ref]


def calls(harness: Harness) -> list[str]:
    return [call.attempt.ref for call in harness.calls]


def status(harness: Harness, execution_id: str) -> str:
    return harness.execution(execution_id).status


def succeed(harness: Harness, *names: str) -> None:
    """From now on these tasks do their work: what kept them from it was mended."""
    call = harness.call

    def mended(name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        return call("work" if name in names else name, given, attempt)

    harness.call = mended  # type: ignore[method-assign]  # the seam is the object's own method


def child_of(harness: Harness, execution_id: str) -> str:
    (found,) = {row.sub_workflow_id for row in harness.rows(execution_id) if row.sub_workflow_id}
    assert found is not None
    return found


# pause, resume


def test_while_an_execution_is_paused_nothing_new_begins(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), work("b"))

    control.pause(harness.engine, execution_id)
    harness.advance(60_000)
    harness.deliver_all()

    assert (status(harness, execution_id), statuses(harness, execution_id)) == (PAUSED, {"a": SCHEDULED})
    assert calls(harness) == []


def test_what_ran_when_it_was_paused_ends_and_a_resume_goes_on_behind_it(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), work("b"), work("c"))
    harness.on_call = lambda call: (
        control.pause(harness.engine, execution_id) if call.attempt.ref == "a" else None
    )

    harness.deliver_all()
    harness.advance(60_000)
    paused = statuses(harness, execution_id)
    control.resume(harness.engine, execution_id)
    harness.deliver_all()

    assert paused == {"a": COMPLETED}
    assert status(harness, execution_id) == COMPLETED
    assert calls(harness) == ["a", "b", "c"]


def test_a_resume_sends_what_nobody_was_allowed_to_begin(harness: Harness) -> None:
    execution_id = begun(harness, fork([work("a")], [work("b")], ref="f", join="j"), work("z"))
    control.pause(harness.engine, execution_id)
    harness.deliver_all()

    control.resume(harness.engine, execution_id)
    harness.deliver_all()

    assert status(harness, execution_id) == COMPLETED
    assert sorted(calls(harness)) == ["a", "b", "z"]


@pytest.mark.parametrize("failing", ["flaky", "broken"])
def test_a_failure_while_it_is_paused_has_its_consequences_when_it_is_resumed(
    harness: Harness, failing: str
) -> None:
    execution_id = begun(harness, simple(failing, ref="a"), work("b"))
    harness.on_call = lambda call: (
        control.pause(harness.engine, execution_id) if call.attempt.attempt == 0 else None
    )
    harness.deliver_all()
    paused = (status(harness, execution_id), attempts(harness, execution_id, "a"))
    harness.on_call = None

    control.resume(harness.engine, execution_id)
    harness.drain()

    assert paused == (PAUSED, [FAILED])
    ended = {"flaky": (COMPLETED, [FAILED, COMPLETED]), "broken": (FAILED, [FAILED])}[failing]
    assert (status(harness, execution_id), attempts(harness, execution_id, "a")) == ended


@pytest.mark.parametrize("shape", [Shape(), Shape(chords=False), Shape(steps_in_place=0)], ids=str)
def test_wherever_it_is_paused_and_resumed_every_task_runs_once(store: Store, shape: Shape) -> None:
    body = fork(
        [work("b")], [switch("${workflow.input.case}", ref="s", cases={"x": [work("c")]})], ref="f", join="j"
    )
    parts = [work("a"), for_each([1, 2], body, work("d")), work("z")]
    expected = ["a", *["b__1", "c__1", "d__1", "b__2", "c__2", "d__2"], "z"]

    for number in range(1, 9):
        harness = Harness(store, shape)
        register(harness, workflow("flow", *parts))
        execution_id = harness.start("flow", {"case": "x"})

        def pause(
            call: Any, harness: Harness = harness, execution_id: str = execution_id, at: int = number
        ) -> None:
            if len(harness.calls) == at:
                control.pause(harness.engine, execution_id)

        harness.on_call = pause
        harness.deliver_all()
        harness.advance(10_000)
        harness.deliver_all()
        assert status(harness, execution_id) == PAUSED
        control.resume(harness.engine, execution_id)
        harness.drain()

        assert sorted(calls(harness)) == sorted(expected)
        assert status(harness, execution_id) == COMPLETED


def test_a_timer_that_fires_while_it_is_paused_is_followed_by_the_rest_at_the_resume(
    harness: Harness,
) -> None:
    execution_id = begun(harness, wait(ref="w", duration="5 seconds"), work("b"))
    control.pause(harness.engine, execution_id)
    harness.advance(6_000)
    paused = statuses(harness, execution_id)

    control.resume(harness.engine, execution_id)
    harness.drain()

    assert (paused, calls(harness)) == ({"w": COMPLETED}, ["b"])


def test_timeouts_stand_still_while_it_is_paused(harness: Harness) -> None:
    limits = {"timeout_seconds": 60, "timeout_policy": WorkflowTimeoutPolicy.TIME_OUT_WF}
    execution_id = begun(harness, wait(ref="w"), **limits)
    control.pause(harness.engine, execution_id)
    harness.advance(600_000)
    assert status(harness, execution_id) == PAUSED

    control.resume(harness.engine, execution_id)
    harness.advance(59_000)
    assert status(harness, execution_id) == RUNNING
    harness.advance(2_000)
    assert status(harness, execution_id) == "TIMED_OUT"


def test_a_retry_that_waits_for_its_time_still_does_after_a_resume(harness: Harness) -> None:
    execution_id = begun(harness, simple("later", ref="a"))
    harness.deliver_all()
    control.pause(harness.engine, execution_id)
    control.resume(harness.engine, execution_id)
    harness.deliver_all()

    assert attempts(harness, execution_id, "a") == [FAILED, SCHEDULED]


def test_only_what_is_paused_can_be_resumed_and_only_what_has_not_ended_paused(harness: Harness) -> None:
    execution_id = begun(harness, work("a"))
    with pytest.raises(WrongState, match="is RUNNING, not PAUSED"):
        control.resume(harness.engine, execution_id)
    control.pause(harness.engine, execution_id)
    control.pause(harness.engine, execution_id)
    control.resume(harness.engine, execution_id)
    harness.drain()
    with pytest.raises(WrongState, match="it has ended and can't be paused"):
        control.pause(harness.engine, execution_id)
    with pytest.raises(ExecutionNotFound):
        control.pause(harness.engine, "nobody")


# retry


def test_a_retry_tries_again_what_failed_and_goes_on(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), simple("broken", ref="b"), work("c"))
    harness.drain()
    succeed(harness, "broken")

    control.retry(harness.engine, execution_id)
    harness.drain()

    assert status(harness, execution_id) == COMPLETED
    assert attempts(harness, execution_id, "b") == [FAILED, COMPLETED]
    assert calls(harness) == ["a", "b", "b", "c"]
    assert harness.execution(execution_id).reason is None


@pytest.mark.parametrize("shape", [Shape(), Shape(chords=False)], ids=str)
def test_a_retry_has_cancelled_branches_joins_and_loops_go_on(store: Store, shape: Shape) -> None:
    harness = Harness(store, shape)
    inner = fork([work("x")], [simple("broken", ref="y")], [wait(ref="w")], ref="f", join="j")
    execution_id = begun(harness, for_each([1, 2], inner, work("d")), work("z"))
    harness.drain()
    failed = statuses(harness, execution_id)
    succeed(harness, "broken")

    control.retry(harness.engine, execution_id)
    harness.deliver_all()
    complete_task(harness.engine, execution_id, "w")
    harness.deliver_all()
    complete_task(harness.engine, execution_id, "w")
    harness.drain()

    assert {failed["loop"], failed["j__1"], failed["w__1"]} == {CANCELED}
    assert status(harness, execution_id) == COMPLETED
    assert set(statuses(harness, execution_id).values()) == {COMPLETED}
    assert sorted(calls(harness)) == sorted(["x__1", "y__1", "y__1", "d__1", "x__2", "y__2", "d__2", "z"])


def test_a_permitted_failure_is_tried_again_and_what_followed_it_is_not(harness: Harness) -> None:
    execution_id = begun(harness, simple("broken", ref="p", permissive=True), work("q"))
    harness.drain()
    assert (status(harness, execution_id), statuses(harness, execution_id)) == (
        FAILED,
        {"p": FAILED, "q": COMPLETED},
    )
    succeed(harness, "broken")

    control.retry(harness.engine, execution_id)
    harness.drain()

    assert (status(harness, execution_id), calls(harness)) == (COMPLETED, ["p", "q", "p"])


def test_a_retry_starts_a_new_sub_workflow_or_tries_the_old_one_again(harness: Harness) -> None:
    child = workflow("child", work("a"), simple("broken", ref="b"))
    register(harness, child, workflow("flow", sub_workflow("child", ref="s"), work("z")))
    ids = [harness.start("flow"), harness.start("flow")]
    harness.drain()
    succeed(harness, "broken")
    harness.calls.clear()

    control.retry(harness.engine, ids[0])
    harness.drain()
    anew = calls(harness)
    harness.calls.clear()
    control.retry(harness.engine, ids[1], resume_sub_workflows=True)
    harness.drain()

    assert [status(harness, i) for i in ids] == [COMPLETED, COMPLETED]
    assert (anew, calls(harness)) == (["a", "b", "z"], ["b", "z"])
    assert attempts(harness, ids[1], "s") == [FAILED, COMPLETED]
    assert len([e for e in harness.executions() if e.name == "child"]) == 3


def test_a_retry_of_a_sub_workflow_repairs_all_above_it(harness: Harness) -> None:
    register(
        harness,
        workflow("leaf", simple("broken", ref="b")),
        workflow("middle", fork([sub_workflow("leaf", ref="s")], [wait(ref="w")], ref="f", join="j")),
        workflow("flow", for_each([1], sub_workflow("middle", ref="m")), work("z")),
    )
    execution_id = harness.start("flow")
    harness.drain()
    middle = child_of(harness, execution_id)
    leaf = child_of(harness, middle)
    succeed(harness, "broken")

    control.retry(harness.engine, leaf, actor="ann")
    harness.advance(1)
    harness.deliver_all()
    complete_task(harness.engine, middle, "w")
    harness.drain()

    assert {status(harness, i) for i in (leaf, middle, execution_id)} == {COMPLETED}
    assert len(harness.executions()) == 3


def test_what_completed_or_runs_or_was_ended_by_its_own_terminate_task_is_not_retried(
    harness: Harness,
) -> None:
    execution_id = begun(harness, work("a"))
    with pytest.raises(WrongState, match="is RUNNING: it can't be retried before it has ended"):
        control.retry(harness.engine, execution_id)
    harness.drain()
    with pytest.raises(WrongState, match="is COMPLETED: there is nothing to retry"):
        control.retry(harness.engine, execution_id)
    register(harness, workflow("stopped", builder.terminate("FAILED", ref="t", reason="no")))
    stopped = harness.start("stopped")
    with pytest.raises(WrongState, match="ended by its TERMINATE task t: rerun it"):
        control.retry(harness.engine, stopped)
    assert status(harness, stopped) == FAILED


def test_what_is_undone_is_not_retried_and_is_restarted_when_that_has_ended(harness: Harness) -> None:
    a = simple("work", ref="a", compensation=[wait(ref="undo_a")])
    execution_id = begun(harness, a, simple("broken", ref="b"))
    harness.deliver_all()
    (undoing,) = [e for e in harness.executions() if e.compensates == execution_id]
    with pytest.raises(WrongState, match=f"is undone by {undoing.id}: restart it"):
        control.retry(harness.engine, execution_id)
    with pytest.raises(WrongState, match="restart it when that has ended"):
        control.restart(harness.engine, execution_id)
    complete_task(harness.engine, undoing.id, "undo_a")
    succeed(harness, "broken")

    control.restart(harness.engine, execution_id)
    harness.drain()

    assert status(harness, execution_id) == COMPLETED


# rerun


def test_a_rerun_does_a_task_and_all_behind_it_again_with_its_new_input(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), work("b", n="${a.output.n}"), work("c", n="${b.output.n}"))
    harness.drain()
    before = {row.ref: row for row in harness.rows(execution_id)}

    control.rerun(harness.engine, execution_id, "b", input={"n": "other"})
    harness.drain()

    assert calls(harness) == ["a", "b", "c", "b", "c"]
    assert attempts(harness, execution_id, "b") == [COMPLETED, COMPLETED]
    after = {row.ref: row for row in harness.rows(execution_id)}
    assert orjson.loads(after["b"].input) == {"n": "other"}
    assert (after["a"], after["c"].input != before["c"].input) == (before["a"], True)
    assert status(harness, execution_id) == COMPLETED


def test_a_rerun_in_an_earlier_iteration_takes_the_later_ones_back(harness: Harness) -> None:
    execution_id = begun(harness, for_each([1, 2, 3], work("x"), work("y")), work("z"))
    harness.drain()
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, "y__2")
    harness.drain()

    assert calls(harness) == ["y__2", "x__3", "y__3", "z"]
    assert status(harness, execution_id) == COMPLETED
    assert attempts(harness, execution_id, "loop") == [COMPLETED, COMPLETED]


@pytest.mark.parametrize("shape", [Shape(), Shape(chords=False), Shape(steps_in_place=0)], ids=str)
def test_a_rerun_in_a_branch_leaves_the_other_and_joins_again(store: Store, shape: Shape) -> None:
    harness = Harness(store, shape)
    branches = fork([work("a"), work("b")], [work("c"), work("d")], ref="f", join="j")
    execution_id = begun(harness, branches, work("z"))
    harness.drain()
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, "a")
    harness.drain()

    assert calls(harness) == ["a", "b", "z"]
    assert status(harness, execution_id) == COMPLETED


def test_a_rerun_of_a_switch_chooses_anew(harness: Harness) -> None:
    choice = switch("${workflow.variables.way}", ref="s", cases={"x": [work("x")], "y": [work("y")]})
    execution_id = begun(harness, choice, work("z"), variables={"way": "x"})
    harness.drain()
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, "s", input={"value": "y"})
    harness.drain()

    assert (calls(harness), status(harness, execution_id)) == (["y", "z"], COMPLETED)
    assert "x" not in statuses(harness, execution_id)


@pytest.mark.parametrize("ref", ["f", "loop", "j", "s"])
def test_any_operator_can_be_rerun_from(harness: Harness, ref: str) -> None:
    register(
        harness,
        workflow("child", work("x")),
        workflow(
            "flow",
            for_each([1, 2], fork([work("a")], [sub_workflow("child", ref="s")], ref="f", join="j")),
            work("z"),
        ),
    )
    execution_id = harness.start("flow")
    harness.drain()
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, ref)
    harness.drain()

    again = {"f": ["a__2", "x", "z"], "loop": ["a__1", "a__2", "x", "x", "z"], "j": ["z"], "s": ["x", "z"]}
    assert (sorted(calls(harness)), status(harness, execution_id)) == (again[ref], COMPLETED)


def test_a_rerun_of_a_task_in_a_sub_workflow_by_its_id_repairs_the_parents(harness: Harness) -> None:
    register(
        harness,
        workflow("child", work("a"), work("b")),
        workflow("flow", sub_workflow("child", ref="s"), work("z")),
    )
    execution_id = harness.start("flow")
    harness.drain()
    child = child_of(harness, execution_id)
    (target,) = [row.id for row in harness.rows(child) if row.ref == "b"]
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, target)
    running = (status(harness, child), status(harness, execution_id))
    harness.drain()

    assert (running, calls(harness)) == ((RUNNING, RUNNING), ["b"])
    assert (status(harness, child), status(harness, execution_id)) == (COMPLETED, COMPLETED)
    assert attempts(harness, execution_id, "s") == [COMPLETED, COMPLETED]


def test_a_rerun_without_a_task_begins_anew_with_the_input_that_is_given(harness: Harness) -> None:
    execution_id = begun(harness, work("a", n="${workflow.input.n}"), given={"n": 1})
    harness.drain()

    control.rerun(harness.engine, execution_id, input={"n": 2}, correlation_id="c-2")
    harness.drain()

    assert [orjson.loads(row.input) for row in harness.rows(execution_id)] == [{"n": 2}]
    assert harness.execution(execution_id).correlation_id == "c-2"
    assert status(harness, execution_id) == COMPLETED


def test_what_can_not_be_rerun_is_refused_and_stays_as_it_is(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), work("b"))
    other = harness.start("flow")
    with pytest.raises(WrongState, match="is RUNNING: it can't be rerun"):
        control.rerun(harness.engine, execution_id, "a")
    harness.drain()
    before = harness.rows()

    with pytest.raises(TaskNotFound):
        control.rerun(harness.engine, execution_id, "nothing")
    with pytest.raises(TaskNotFound):
        control.rerun(harness.engine, execution_id, harness.rows(other)[0].id)
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        control.rerun(harness.engine, execution_id, "a", input=[1])  # type: ignore[arg-type]
    assert harness.rows() == before


def test_messages_and_results_of_the_run_before_are_cut(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), work("b"))
    late = harness.wire.queue[0].copy()
    harness.drain()

    control.rerun(harness.engine, execution_id, "a")
    harness.deliver(late, harness.alive[0])
    assert calls(harness) == ["a", "b"]
    harness.drain()

    assert (calls(harness), status(harness, execution_id)) == (["a", "b", "a", "b"], COMPLETED)


# restart


def test_a_restart_does_all_anew_with_the_definitions_variables(harness: Harness) -> None:
    setting = builder.set_variable("v", way="changed")
    execution_id = begun(
        harness, work("a", way="${workflow.variables.way}"), setting, variables={"way": "first"}
    )
    harness.drain()

    control.restart(harness.engine, execution_id)
    harness.drain()

    assert calls(harness) == ["a", "a"]
    assert [orjson.loads(row.input) for row in harness.rows(execution_id) if row.ref == "a"] == [
        {"way": "first"}
    ]


def test_a_restart_takes_the_latest_definition_only_when_told_to(harness: Harness) -> None:
    register(harness, workflow("flow", simple("broken", ref="a"), version=1))
    execution_id = harness.start("flow")
    harness.drain()
    register(harness, workflow("flow", work("b"), version=2))

    control.restart(harness.engine, execution_id)
    harness.drain()
    same = (status(harness, execution_id), harness.execution(execution_id).version)
    control.restart(harness.engine, execution_id, latest_definition=True)
    harness.drain()

    assert same == (FAILED, 1)
    assert (status(harness, execution_id), harness.execution(execution_id).version) == (COMPLETED, 2)


def test_what_completed_and_is_not_restartable_is_not_restarted(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), restartable=False)
    harness.drain()
    with pytest.raises(WrongState, match="flow is not restartable"):
        control.restart(harness.engine, execution_id)


# skip, variables


@pytest.mark.parametrize("shape", [Shape(), Shape(chords=False), Shape(steps_in_place=0)], ids=str)
def test_a_task_that_is_skipped_is_passed_over_with_the_output_given_for_it(
    store: Store, shape: Shape
) -> None:
    harness = Harness(store, shape)
    branches = fork([work("b"), work("c")], [work("d")], ref="f", join="j")
    execution_id = begun(harness, work("a"), work("s"), branches, work("z", n="${s.output.n}"))

    for ref, output in (("s", {"n": 7}), ("b", None), ("d", None)):
        control.skip_task(harness.engine, execution_id, ref, output=output)
    harness.drain()

    assert (calls(harness), status(harness, execution_id)) == (["a", "c", "z"], COMPLETED)
    assert [orjson.loads(row.input) for row in harness.rows(execution_id) if row.ref == "z"] == [{"n": 7}]


def test_a_task_in_a_loop_is_skipped_in_the_iteration_that_is_named_or_runs(harness: Harness) -> None:
    execution_id = begun(harness, for_each([1, 2, 3], work("x"), work("y")))
    control.skip_task(harness.engine, execution_id, "y")
    control.skip_task(harness.engine, execution_id, "x__3")
    harness.drain()

    assert calls(harness) == ["x__1", "x__2", "y__2", "y__3"]
    assert status(harness, execution_id) == COMPLETED


def test_what_was_reached_or_forks_is_not_skipped(harness: Harness) -> None:
    execution_id = begun(harness, work("a"), fork([work("b")], [work("c")], ref="f", join="j"))
    with pytest.raises(WrongState, match=r"task a of execution .* was reached already"):
        control.skip_task(harness.engine, execution_id, "a")
    for ref in ("f", "j"):
        with pytest.raises(InvalidInput, match="a fork and its JOIN can't be skipped"):
            control.skip_task(harness.engine, execution_id, ref)
    with pytest.raises(TaskNotFound):
        control.skip_task(harness.engine, execution_id, "b__2")
    harness.drain()
    with pytest.raises(WrongState, match="has ended"):
        control.skip_task(harness.engine, execution_id, "b")


def test_variables_that_are_set_from_outside_are_seen_by_what_comes_after(harness: Harness) -> None:
    seen = work("b", way="${workflow.variables.way}", old="${workflow.variables.old}")
    execution_id = begun(harness, wait(ref="w"), seen, variables={"way": 1, "old": 2})

    control.update_variables(harness.engine, execution_id, {"way": 9})
    complete_task(harness.engine, execution_id, "w")
    harness.drain()

    assert [orjson.loads(r.input) for r in harness.rows(execution_id) if r.ref == "b"] == [
        {"way": 9, "old": 2}
    ]
    with pytest.raises(WrongState, match="has ended"):
        control.update_variables(harness.engine, execution_id, {"way": 1})
