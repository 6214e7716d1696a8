"""Limits of task definitions and of executions hold over all workers, and a freed slot goes to who waits longest."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app.errors import RateLimited
from app.operations import control, outside
from app.operations.explain import explain_execution
from app.operations.outside import ResultStatus, TaskResult
from app.operations.start import start
from app.runtime.recovery import lost_message
from app.store.tasks import TaskRow
from tests.runtime.harness import Call, Harness
from tests.store.racing import race
from workflows import builder
from workflows.builder import Part, fork, jq, simple, sub_workflow, workflow_input


def limit(name: str = "work", **fields: Any) -> dict[str, Any]:
    return {"name": name, "retryCount": 3, "retryDelaySeconds": 0, "responseTimeoutSeconds": 600} | fields


def register(harness: Harness, *parts: Part, task: dict[str, Any], **fields: Any) -> None:
    definition = builder.workflow("order", **fields)(*parts)
    harness.register({"workflows": [definition.to_json()], "taskDefs": [task]})


def in_slots(harness: Harness) -> list[TaskRow]:
    """Live tasks that have a slot."""
    return [row for row in harness.live() if row.slot]


def in_line(harness: Harness) -> list[TaskRow]:
    return [row for row in harness.live() if row.wake == "slot"]


def explained(harness: Harness, execution_id: str) -> str:
    row = harness.execution(execution_id)
    return harness.store.read(lambda s: explain_execution(harness.engine, s, row))


def deliver_one(harness: Harness) -> None:
    harness.deliver(harness.wire.take(0), harness.alive[0])


def test_who_waits_for_a_slot_has_no_message_and_gets_one_when_the_slot_is_free(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(concurrentExecLimit=2))
    ids = [harness.start("order") for _ in range(4)]
    assert len(harness.wire.queue) == 2
    assert len(in_slots(harness)) == 2
    assert [row.due_at for row in in_line(harness)] == [None, None]
    assert explained(harness, ids[2]) == "work waits for a slot: 2 of 2 run (limit of task work)"
    deliver_one(harness)
    sent = [message.header["w"] for message in harness.wire.queue]
    assert sent == [ids[1], ids[2]]
    harness.drain()
    assert {row.status for row in harness.executions()} == {"COMPLETED"}
    assert in_slots(harness) == []


def test_the_most_urgent_is_first_and_then_the_oldest(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(concurrentExecLimit=1))
    first = harness.start("order")
    second = harness.start("order")
    urgent = start(harness.engine, "order", {}, priority=50)
    seen = []
    while harness.wire.queue:
        seen.append(harness.wire.queue[0].header["w"])
        deliver_one(harness)
    assert seen == [first, urgent, second]


def test_a_limited_task_is_not_run_in_place_and_the_rest_of_its_segment_is(harness: Harness) -> None:
    register(
        harness,
        simple("work", ref="a"),
        simple("flaky", ref="b"),
        simple("work", ref="c"),
        task=limit(concurrentExecLimit=1),
    )
    harness.start("order")
    deliver_one(harness)
    assert [call.attempt.ref for call in harness.calls] == ["a", "b", "b"][: len(harness.calls)]
    harness.drain()
    assert [row.status for row in harness.executions()] == ["COMPLETED"]


def test_branches_of_a_fork_share_the_limit(harness: Harness) -> None:
    register(
        harness,
        fork(*[[simple("work", ref=f"b{n}")] for n in range(6)]),
        simple("flaky", ref="after"),
        task=limit(concurrentExecLimit=2),
    )
    most = 0

    def look(_: Call) -> None:
        nonlocal most
        most = max(most, len(in_slots(harness)))

    harness.on_call = look
    harness.start("order")
    assert len(harness.wire.queue) == 2
    harness.drain(random.Random(7))
    assert [row.status for row in harness.executions()] == ["COMPLETED"]
    assert most == 2


def test_a_system_task_with_a_task_definition_is_limited(harness: Harness) -> None:
    register(harness, jq(".", ref="shape"), task=limit("shape", concurrentExecLimit=1))
    for _ in range(2):
        harness.start("order")
    assert [row.slot for row in harness.live()] == ["shape", None]
    assert len(harness.wire.queue) == 1
    harness.drain()
    assert {row.status for row in harness.executions()} == {"COMPLETED"}


@pytest.mark.parametrize("how", ["terminated", "paused", "killed", "timed out", "failed"])
def test_a_slot_is_free_again_when_its_holder_is(harness: Harness, how: str) -> None:
    task = limit(
        concurrentExecLimit=1,
        retryCount=0,
        timeoutPolicy="TIME_OUT_WF",
        responseTimeoutSeconds=1,
        timeoutSeconds=60,
    )
    register(harness, simple("work"), task=task)
    holder, next_one = harness.start("order"), harness.start("order")
    message, owner = harness.wire.take(0), harness.alive[0]
    if how == "terminated":
        control.terminate(harness.engine, holder)
    elif how == "paused":
        control.pause(harness.engine, holder)
    else:
        held = harness.engine.claim(
            _hand(harness, message, owner), _execution(harness, holder), _node(harness, holder), (), 0
        )
        assert held is not None
        if how == "killed":
            lost_message(harness.engine, owner.id, message.id)
        elif how == "timed out":
            harness.advance(70_000)
        else:
            outside.update(
                harness.engine, TaskResult(held.row.id, ResultStatus.FAILED_WITH_TERMINAL_ERROR, reason="no")
            )
    assert [m.header["w"] for m in harness.wire.queue][:1] == [next_one]
    assert [row.workflow_id for row in in_slots(harness)] == [next_one]
    if how == "paused":
        # What was sent before it lost its slot does not begin it.
        harness.deliver(message, owner)
        control.resume(harness.engine, holder)
        harness.deliver(message, owner)
        assert harness.calls == []
    harness.drain()
    assert harness.execution(next_one).status == "COMPLETED"


def test_a_retry_waits_in_line_and_its_delay_holds_no_slot(harness: Harness) -> None:
    register(harness, simple("later"), task=limit("later", concurrentExecLimit=1, retryDelaySeconds=30))
    first, second = harness.start("order"), harness.start("order")
    deliver_one(harness)
    assert [row.workflow_id for row in in_slots(harness)] == [second]
    harness.drain()
    assert {harness.execution(one).status for one in (first, second)} == {"COMPLETED"}


def test_no_window_has_more_starts_than_the_rate_allows(harness: Harness) -> None:
    task = limit(rateLimitPerFrequency=3, rateLimitFrequencyInSeconds=10)
    register(harness, simple("work"), task=task)
    ids = [harness.start("order") for _ in range(8)]
    assert len(harness.wire.queue) == 3
    assert explained(harness, ids[-1]).startswith("work waits for the rate of work: 3 each 10 s, the next in")
    began = harness.now
    # These start late: the window counts from their start, not from their message.
    harness.now += 4_000
    harness.drain()
    starts = sorted(row.started for row in harness.rows() if row.started is not None)
    assert len(starts) == 8
    assert all(starts[n + 3] - starts[n] >= 10_000 for n in range(5))
    assert starts[-1] - began < 60_000


def test_only_the_first_in_line_has_a_timer_for_the_rate(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(rateLimitPerFrequency=1, rateLimitFrequencyInSeconds=10))
    for _ in range(5):
        harness.start("order")
    assert len([row for row in in_line(harness) if row.due_at is not None]) == 1


def test_tasks_of_outside_workers_are_offered_as_far_as_the_limit_goes(harness: Harness) -> None:
    register(harness, simple("elsewhere"), task=limit("elsewhere", concurrentExecLimit=2))
    ids = [harness.start("order") for _ in range(3)]
    given = outside.hand_out(harness.engine, "elsewhere", "w1", 10)
    assert [one.row.workflow_id for one in given] == ids[:2]
    assert outside.hand_out(harness.engine, "elsewhere", "w2", 10) == []
    outside.update(harness.engine, TaskResult(given[0].row.id, ResultStatus.COMPLETED, {}))
    assert [one.row.workflow_id for one in outside.hand_out(harness.engine, "elsewhere", "w2", 10)] == ids[2:]


def test_a_limit_that_is_raised_holds_for_those_that_wait(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(concurrentExecLimit=1))
    for _ in range(4):
        harness.start("order")
    harness.register({"taskDefs": [limit(concurrentExecLimit=3)]})
    harness.advance(int(harness.engine.timing.resend_ms) + 1_000)
    assert len(in_slots(harness)) == 3


def test_starters_and_enders_at_one_instant_never_pass_the_limit(harness: Harness) -> None:
    register(harness, simple("elsewhere"), task=limit("elsewhere", concurrentExecLimit=3))
    engine = harness.engine

    def starts() -> int:
        for _ in range(6):
            harness.start("order")
        return 0

    def works() -> int:
        most = 0
        for _ in range(12):
            given = outside.hand_out(engine, "elsewhere", "w", 2)
            live = engine.store.read(lambda s: [row for row in _live(s) if row == "IN_PROGRESS"])
            most = max(most, len(live))
            for one in given:
                outside.update(engine, TaskResult(one.row.id, ResultStatus.COMPLETED, {}))
        return most

    assert max(race(starts, starts, works, works, works)) <= 3
    for _ in range(20):
        works()
    assert {row.status for row in harness.executions()} == {"COMPLETED"}


def test_tasks_without_a_limit_are_none_the_wiser(harness: Harness) -> None:
    register(harness, simple("work", ref="a"), simple("work", ref="b"), task=limit())
    harness.start("order")
    harness.drain()
    assert {row.slot for row in harness.rows()} == {None}


# executions


def keyed(policy: str, at_most: int) -> dict[str, Any]:
    config = {"rateLimitKey": workflow_input("customer"), "concurrentExecLimit": at_most, "policy": policy}
    return {"rate_limit_config": config}


def test_executions_of_one_key_begin_in_order_when_one_has_ended(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(), **keyed("QUEUE", 1))
    ids = [harness.start("order", {"customer": "a"}) for _ in range(3)]
    other = harness.start("order", {"customer": "b"})
    assert [m.header["w"] for m in harness.wire.queue] == [ids[0], other]
    held = harness.execution(ids[1])
    assert (held.status, held.rate_limited, held.rate_limit_key) == ("RUNNING", 1, "a")
    assert explained(harness, ids[1]) == "the execution waits for a slot of key 'a': 1 of 1 run"
    control.terminate(harness.engine, ids[1])
    deliver_one(harness)
    assert not harness.execution(ids[2]).rate_limited
    harness.drain()
    assert [harness.execution(one).status for one in ids] == ["COMPLETED", "TERMINATED", "COMPLETED"]


def test_an_execution_that_is_held_back_does_not_begin_when_it_is_resumed(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(), **keyed("QUEUE", 1))
    ids = [harness.start("order", {"customer": "a"}) for _ in range(2)]
    control.pause(harness.engine, ids[1])
    control.resume(harness.engine, ids[1])
    assert harness.rows(ids[1]) == []
    harness.drain()
    assert harness.execution(ids[1]).status == "COMPLETED"


def test_a_start_above_the_limit_is_refused_where_the_policy_says_so(harness: Harness) -> None:
    register(harness, simple("work"), task=limit(), **keyed("REJECT", 1))
    harness.start("order", {"customer": "a"})
    with pytest.raises(RateLimited, match="1 of 1 executions with the rateLimitKey 'a' run"):
        harness.start("order", {"customer": "a"})
    assert len(harness.executions()) == 1
    harness.drain()
    harness.start("order", {"customer": "a"})


def test_starts_of_one_key_at_one_instant_never_pass_its_limit(harness: Harness) -> None:
    register(harness, simple("elsewhere"), task=limit("elsewhere"), **keyed("QUEUE", 2))
    race(*[lambda: harness.start("order", {"customer": "a"})] * 6)
    rows = harness.executions()
    assert sorted(row.rate_limited for row in rows) == [0, 0, 1, 1, 1, 1]
    for _ in range(6):
        for one in outside.hand_out(harness.engine, "elsewhere", "w", 1):
            outside.update(harness.engine, TaskResult(one.row.id, ResultStatus.COMPLETED, {}))
    assert {row.status for row in harness.executions()} == {"COMPLETED"}


def test_a_sub_workflow_waits_for_its_turn_too(harness: Harness) -> None:
    config = {"rateLimitKey": "all", "concurrentExecLimit": 1}
    child = builder.workflow("child", rate_limit_config=config)(simple("work"))
    branches = [[sub_workflow("child", ref=f"c{n}")] for n in range(3)]
    parent = builder.workflow("order")(fork(*branches))
    harness.register({"workflows": [child.to_json()]})
    harness.register({"workflows": [parent.to_json()], "taskDefs": [limit()]})
    harness.start("order")
    harness.drain()
    assert {row.status for row in harness.executions()} == {"COMPLETED"}


def _live(session: Any) -> list[str]:
    text = "SELECT status FROM task WHERE status IN ('SCHEDULED', 'IN_PROGRESS')"
    cursor = session._cursor
    cursor.execute(text)
    return [row[0] for row in cursor.fetchall()]


def _hand(harness: Harness, message: Any, owner: Any) -> Any:
    from tasks.step import hand_for

    return hand_for(harness.engine, owner, message, message.header)


def _execution(harness: Harness, execution_id: str) -> Any:
    return harness.store.read(lambda s: harness.engine.execution(s, execution_id))


def _node(harness: Harness, execution_id: str) -> Any:
    return _execution(harness, execution_id).program.node("work")
