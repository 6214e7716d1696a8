"""Outputs that are kept for a time and used again, on both databases."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.errors import RateLimited
from app.operations import control, retention
from app.operations.query import explain
from app.runtime.caching import CACHE
from app.store import cache
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, fork, inline, simple, sub_workflow, task, workflow
from workflows.status import WorkflowStatus

KEY = {"key": "${order}", "ttlInSecond": 60}
KEY_OF_INPUT = {"key": "${workflow.input.order}", "ttlInSecond": 60}


def cached(ref: str = "a", name: str = "work", config: Any = KEY, **fields: Any) -> Part:
    given = {"order": "${workflow.input.order}", "more": "${workflow.input.more}"}
    return simple(name, ref=ref, input=given, cache_config=config, **fields)


def register(harness: Harness, *parts: Part) -> None:
    harness.register({"workflows": [workflow("flow")(*parts).to_json()], "taskDefs": TASK_DEFS})


def run(harness: Harness, order: Any = 1, more: Any = 0) -> str:
    execution_id = harness.start("flow", {"order": order, "more": more})
    harness.drain()
    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED
    return execution_id


def output(harness: Harness, execution_id: str, ref: str = "a") -> Any:
    return next(orjson.loads(row.output or "") for row in harness.rows(execution_id) if row.ref == ref)


def test_an_output_is_used_again_for_its_time(harness: Harness) -> None:
    register(harness, cached(), simple("work", ref="b", input={"x": "${a.output.n}"}))

    first, second = run(harness, more=1), run(harness, more=2)
    assert [call.name for call in harness.calls] == ["work", "work", "work"]
    assert output(harness, first) == output(harness, second)
    (row,) = [row for row in harness.rows(second) if row.ref == "a"]
    assert (row.worker, row.polls, row.status) == (CACHE, 0, "COMPLETED")

    harness.calls.clear()
    harness.now += 60_000
    run(harness)
    assert len(harness.calls) == 2


def test_another_key_is_another_output(harness: Harness) -> None:
    register(harness, cached())

    assert output(harness, run(harness, order=1)) != output(harness, run(harness, order=2))


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_whole_input_is_it(harness: Harness, key: str | None) -> None:
    register(harness, cached(config={"key": key, "ttlInSecond": 60}))

    for more in (1, 2, 1):
        run(harness, more=more)

    assert len(harness.calls) == 2


def test_a_key_may_be_long_and_may_be_made_of_the_execution(harness: Harness) -> None:
    register(harness, cached(config={"key": "${order}/${workflow.input.more}", "ttlInSecond": 60}))
    long = "x" * 5_000

    for more in (1, 2, 1):
        run(harness, order=long, more=more)

    assert len(harness.calls) == 2


def test_tasks_of_one_name_share_their_outputs_and_others_do_not(harness: Harness) -> None:
    register(harness, cached("a"), cached("b"), cached("c", name="far"))

    run(harness)

    assert [call.name for call in harness.calls] == ["work", "far"]


def test_an_operator_is_not_run_again_either(harness: Harness) -> None:
    script = "Math.random()"
    register(harness, inline(script, ref="a", input={}, cache_config={"ttlInSecond": 60}))

    assert output(harness, run(harness)) == output(harness, run(harness))


def test_in_the_branches_of_a_fork_each_that_is_known_is_done_at_once(harness: Harness) -> None:
    register(harness, fork([cached("a")], [simple("work", ref="x"), cached("b")]), simple("work", ref="end"))
    run(harness)
    harness.calls.clear()

    run(harness)

    assert len(harness.calls) == 2


def test_a_failure_is_not_kept(harness: Harness) -> None:
    register(harness, cached(name="flaky"))

    run(harness)

    assert [call.attempt.attempt for call in harness.calls] == [0, 1]
    run(harness)
    assert len(harness.calls) == 2


def test_who_has_it_done_again_by_hand_gets_it_done(harness: Harness) -> None:
    register(harness, cached())
    run(harness)
    execution_id = run(harness)
    harness.calls.clear()

    control.rerun(harness.engine, execution_id, task="a")
    harness.drain()

    assert len(harness.calls) == 1


def test_outputs_whose_time_is_over_are_deleted_by_beat(harness: Harness) -> None:
    register(harness, cached())
    run(harness)
    harness.now += 60_000

    retention.Keeper(harness.engine).tick()

    harness.now -= 60_000
    assert harness.store.read(lambda s: cache.get(s, "work", "1", harness.now)) is None


def register_flow(harness: Harness, *parts: Part, **fields: Any) -> None:
    flow = workflow("flow", output={"n": "${a.output.n}"}, cache_config=KEY_OF_INPUT, **fields)(*parts)
    around = workflow("around", output={"n": "${sub.output.n}"})(
        sub_workflow("flow", ref="sub", input={"order": "${workflow.input.order}"})
    )
    harness.register({"workflows": [flow.to_json(), around.to_json()], "taskDefs": TASK_DEFS})


def test_an_execution_completes_at_once_with_the_output_that_another_has_left(harness: Harness) -> None:
    work = simple("work", ref="a", input={"order": "${workflow.input.order}"})
    register_flow(harness, work, simple("work", ref="b"))

    first, second, other = run(harness), run(harness, more=2), run(harness, order=2)

    outputs = [harness.execution(each).output for each in (first, second, other)]
    assert outputs[0] == outputs[1] != outputs[2]
    assert (len(harness.calls), harness.rows(second)) == (4, [])
    assert "cacheConfig" in explain(harness.engine, second)

    harness.now += 60_000
    run(harness)
    assert len(harness.calls) == 6


def test_a_sub_workflow_whose_output_is_kept_is_not_run_again(harness: Harness) -> None:
    register_flow(harness, simple("work", ref="a"))
    first = run(harness)
    execution_id = harness.start("around", {"order": 1})
    harness.drain()

    found = harness.execution(execution_id)
    assert (found.status, len(harness.calls)) == (WorkflowStatus.COMPLETED, 1)
    assert found.output == harness.execution(first).output


def test_an_execution_that_failed_or_was_terminated_leaves_nothing(harness: Harness) -> None:
    register_flow(harness, simple("fatal", ref="a"))
    for _ in range(2):
        execution_id = harness.start("flow", {"order": 1})
        harness.drain()
        assert harness.execution(execution_id).status == WorkflowStatus.FAILED
    terminated = harness.start("flow", {"order": 2})
    control.terminate(harness.engine, terminated)
    harness.drain()

    assert len(harness.calls) == 2


def test_what_completes_at_once_needs_no_slot(harness: Harness) -> None:
    limit = {"rateLimitKey": "one", "concurrentExecLimit": 1, "policy": "REJECT"}
    register_flow(harness, simple("work", ref="a"), rate_limit_config=limit)
    run(harness)
    harness.start("flow", {"order": 2})

    assert harness.execution(harness.start("flow", {"order": 1})).status == WorkflowStatus.COMPLETED
    with pytest.raises(RateLimited):
        harness.start("flow", {"order": 3})


def test_another_definition_of_the_same_name_has_outputs_of_its_own(harness: Harness) -> None:
    register_flow(harness, simple("work", ref="a"))
    run(harness)
    register_flow(harness, simple("work", ref="a"), simple("work", ref="b"), version=2)

    run(harness)

    assert len(harness.calls) == 3


def test_an_execution_that_is_restarted_is_run(harness: Harness) -> None:
    register_flow(harness, simple("work", ref="a"))
    run(harness)
    execution_id = run(harness)

    control.restart(harness.engine, execution_id)
    harness.drain()

    assert (harness.execution(execution_id).status, len(harness.calls)) == (WorkflowStatus.COMPLETED, 2)


def test_an_execution_that_goes_on_with_rewritten_tasks_leaves_its_output_to_others(harness: Harness) -> None:
    given = {"name": "work"}
    register_flow(harness, task("DYNAMIC", "work", ref="a", input=given, dynamic_task_name_param="name"))

    first, second = run(harness), run(harness)

    assert harness.execution(first).output == harness.execution(second).output
    assert len(harness.calls) == 1


@pytest.mark.parametrize("of", ["task", "workflow"])
def test_what_may_be_undone_leaves_nothing(harness: Harness, of: str) -> None:
    charge = simple("work", ref="charge", compensation=[simple("work", ref="refund")])
    config = {"key": "${workflow.input.order}", "ttlInSecond": 60}
    sub = sub_workflow("payment", ref="a", cache_config=config if of == "task" else None)
    flow = workflow("flow", cache_config=config if of == "workflow" else None)(sub)
    both = [workflow("payment")(charge).to_json(), flow.to_json()]
    harness.register({"workflows": both, "taskDefs": TASK_DEFS})

    run(harness)
    run(harness)

    assert len(harness.calls) == 2
