"""Worker tasks: any Celery task, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.client import Execution
from app.errors import InvalidInput
from tests.e2e.flow import Flow, attempts, wait_for
from tests.e2e.platforms import everywhere
from workflows.builder import simple, workflow_input
from workflows.status import TaskStatus, WorkflowStatus

NO_RETRY = {"retry_count": 0}


def only(execution: Execution) -> tuple[TaskStatus, str]:
    """The status and the reason of an execution's only attempt."""
    (task,) = execution.tasks
    return task.status, task.reason or ""


@everywhere
def test_the_output_of_a_plain_function_is_the_input_of_the_next(flow: Flow) -> None:
    first = simple("flow.add", ref="first", input={"a": workflow_input("x"), "b": 2})
    second = simple("flow.add", ref="second", input={"a": first.output("sum")})

    execution = flow.run(first, second, input={"x": 40}, output={"r": second.output("sum")})

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.output == {"r": 43}


@pytest.mark.parametrize("value", [None, 7, "text", [1, {"a": 2}], {"k": None}, True, 0.5])
def test_every_kind_of_result_is_an_output(flow: Flow, value: object) -> None:
    execution = flow.run(
        simple("flow.echo", ref="echo", input={"value": workflow_input("v")}), input={"v": value}
    )

    expected = {} if value is None else value if isinstance(value, dict) else {"result": value}
    assert execution.get("echo").output == expected


def test_a_pydantic_task_takes_and_returns_models(flow: Flow) -> None:
    basket = {"skus": ["kettle", "beans"], "discount": 0.5}
    priced = simple("flow.price", ref="price", input={"basket": workflow_input(), "each": 700})

    execution = flow.run(priced, input=basket)

    assert execution.output == {"cents": 700, "basket": basket}


def test_an_input_that_fits_no_model_fails_for_good(flow: Flow) -> None:
    priced = simple("flow.price", ref="price", input={"basket": {"skus": "none"}, "each": 700})

    status, reason = only(flow.run(priced))

    assert status is TaskStatus.FAILED_WITH_TERMINAL_ERROR
    assert reason.startswith("the input of flow.price does not fit: ")
    assert "skus" in reason


def test_a_terminal_error_is_not_retried(flow: Flow) -> None:
    declined = simple("flow.decline", ref="decline", input={"out": str(flow.out)}, retry_count=3)

    execution = flow.run(declined)

    assert execution.status is WorkflowStatus.FAILED
    assert only(execution) == (
        TaskStatus.FAILED_WITH_TERMINAL_ERROR,
        "TerminalError: the card was declined",
    )
    assert flow.runs() == flow.once("decline")


@everywhere
def test_a_task_in_progress_is_called_again_and_finds_what_it_left(flow: Flow) -> None:
    polled = simple("flow.poll", ref="poll", input={"out": str(flow.out), "times": 3})

    execution = flow.run(polled, flow.mark("after"))

    assert execution.get("poll").output == {"done": 3}
    assert attempts(execution, "poll") == [TaskStatus.COMPLETED]
    assert flow.lines() == ["poll 0 poll 1", "poll 0 poll 2", "poll 0 poll 3", "after 0"]


def test_a_task_knows_its_execution_and_writes_its_log(flow: Flow) -> None:
    execution = flow.run(simple("flow.whoami", ref="who"), version=3)

    task = execution.get("who")
    assert task.output == {
        "execution_id": execution.id,
        "workflow": execution.state.name,
        "version": 3,
        "ref": "who",
        "iteration": 0,
        "attempt": 0,
        "task_id": task.id,
        "key": f"{execution.id}:who",
    }
    log = [(level, message) for _, level, message in flow.podium.log(task.id)]
    assert log == [("INFO", "by hand"), ("WARNING", "a problem"), ("INFO", "by a logger, who")]


def test_a_result_that_is_no_json_fails_for_good_and_says_so(flow: Flow) -> None:
    status, reason = only(flow.run(simple("flow.no_json", ref="a")))

    assert status is TaskStatus.FAILED_WITH_TERMINAL_ERROR
    assert reason.startswith("the result of flow.no_json is no JSON: ")


def test_an_output_over_the_limit_fails_for_good_and_says_what_to_do(flow: Flow) -> None:
    status, reason = only(flow.run(simple("flow.large", ref="a", input={"size": 1024**2 + 1})))

    assert status is TaskStatus.FAILED_WITH_TERMINAL_ERROR
    assert "the limit is 1,048,576" in reason
    assert "PODIUM_PAYLOAD_LIMIT_BYTES" in reason


def test_a_start_with_an_input_over_the_limit_is_refused(flow: Flow) -> None:
    name = flow.define(flow.mark("a"))

    with pytest.raises(InvalidInput, match="the limit is 1,048,576"):
        flow.podium.start(name, {"text": "x" * 1024**2})

    assert flow.podium.executions(name=name) == []


def test_a_missing_argument_fails_for_good_and_is_named(flow: Flow) -> None:
    status, reason = only(flow.run(simple("flow.add", ref="a", input={"b": 2})))

    assert status is TaskStatus.FAILED_WITH_TERMINAL_ERROR
    assert reason == "flow.add needs a: give it in inputParameters (given: b)"


def test_a_task_that_no_worker_has_waits_for_an_outside_worker(flow: Flow, tmp_path: Path) -> None:
    outside = simple("elsewhere.scan", ref="scan")
    execution = flow.start(outside, flow.mark("after", {"code": outside.output("code")}))

    reason = wait_for("the task is there", lambda: execution.tasks and execution.get("scan").reason)
    assert reason == "no worker task of this name; waiting for an outside worker to poll it"
    assert "no worker task named 'elsewhere.scan'" in execution.explain()

    execution.complete("scan", {"code": 7})
    execution.wait(timeout=30)
    assert execution.get("after").output == {"ref": "after", "code": 7}
