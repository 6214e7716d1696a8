"""What each timeout of a task does under each policy, as Conductor says it (every cell of its table); both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.operations import outside
from app.operations.outside import ResultStatus, TaskResult
from app.store import migrations, tasks
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness
from workflows import builder
from workflows.builder import simple
from workflows.model import WorkflowTimeoutPolicy
from workflows.status import TaskStatus

# A day: what is not under test never fires.
LONG = {"responseTimeoutSeconds": 86_400, "retryCount": 1, "retryDelaySeconds": 0}
KINDS: dict[str, dict[str, Any]] = {
    "attempt": {"timeoutSeconds": 10, "responseTimeoutSeconds": 10},
    "total": {"totalTimeoutSeconds": 20},
    "unbegun": {"totalTimeoutSeconds": 20},
    "poll": {"pollTimeoutSeconds": 10},
    "response": {"responseTimeoutSeconds": 10},
    "response and total": {"responseTimeoutSeconds": 10, "totalTimeoutSeconds": 20},
}
MESSAGES = {
    "attempt": "Task timed out after",
    "total": "exceeded total timeout of 20 seconds",
    "poll": "Poll timeout configured as 10 seconds. Timeout policy configured to",
    "response": "responseTimeout: 10 exceeded for the taskId",
}


@pytest.fixture
def harness(database_url: str) -> Iterator[Harness]:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Harness(Store(engine))
    engine.dispose()


def begin(harness: Harness, kind: str, policy: str) -> str:
    """An execution whose only task an outside worker has taken, unless nobody is to begin it."""
    task = {"name": "elsewhere", **LONG, **KINDS[kind], "timeoutPolicy": policy}
    definition = builder.workflow("order")(simple("elsewhere"))
    harness.register({"workflows": [definition.to_json()], "taskDefs": [task]})
    execution_id = harness.start("order")
    if kind not in ("poll", "unbegun"):
        take(harness)
    return execution_id


def take(harness: Harness) -> int:
    return len(outside.hand_out(harness.engine, "elsewhere", "w", 10))


def statuses(harness: Harness) -> list[str]:
    return [row.status for row in harness.rows()]


@pytest.mark.parametrize("kind", ["attempt", "poll", "response"])
def test_retry_makes_another_attempt_and_then_the_execution_times_out(harness: Harness, kind: str) -> None:
    one = begin(harness, kind, "RETRY")
    harness.advance(30_000)
    assert statuses(harness) == ["TIMED_OUT", "SCHEDULED"]
    assert MESSAGES[kind] in (harness.rows()[0].reason or "")
    if kind != "poll":
        take(harness)
    harness.advance(30_000)
    assert statuses(harness) == ["TIMED_OUT", "TIMED_OUT"]
    assert harness.execution(one).status == "TIMED_OUT"


def test_the_total_timeout_leaves_no_further_attempt(harness: Harness) -> None:
    one = begin(harness, "total", "RETRY")
    harness.advance(30_000)
    assert statuses(harness) == ["TIMED_OUT"]
    assert MESSAGES["total"] in (harness.rows()[0].reason or "")
    assert harness.execution(one).status == "TIMED_OUT"


@pytest.mark.parametrize("kind", ["attempt", "poll", "total"])
def test_time_out_wf_ends_the_execution_at_once(harness: Harness, kind: str) -> None:
    one = begin(harness, kind, "TIME_OUT_WF")
    harness.advance(30_000)
    assert statuses(harness) == ["TIMED_OUT"]
    assert MESSAGES[kind] in (harness.rows()[0].reason or "")
    assert harness.execution(one).status == "TIMED_OUT"


@pytest.mark.parametrize("policy", ["TIME_OUT_WF", "ALERT_ONLY"])
def test_the_policy_has_no_say_about_the_response_timeout(harness: Harness, policy: str) -> None:
    begin(harness, "response", policy)
    harness.advance(30_000)
    assert statuses(harness) == ["TIMED_OUT", "SCHEDULED"]


@pytest.mark.parametrize("kind", ["poll", "total"])
def test_alert_only_says_so_once_and_changes_nothing(
    harness: Harness, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = begin(harness, kind, "ALERT_ONLY")
    for _ in range(4):
        harness.advance(30_000)
    assert caplog.text.count(MESSAGES[kind]) == 1
    assert harness.execution(one).status == "RUNNING"
    if kind == "poll":
        assert take(harness) == 1
    assert statuses(harness) == ["IN_PROGRESS"]


@pytest.mark.parametrize("policy", list(WorkflowTimeoutPolicy))
def test_the_timeout_of_an_execution(harness: Harness, policy: WorkflowTimeoutPolicy) -> None:
    definition = builder.workflow("order", timeout_seconds=10, timeout_policy=policy)(simple("elsewhere"))
    harness.register({"workflows": [definition.to_json()]})
    one = harness.start("order")
    harness.advance(11_000)
    ends = policy is WorkflowTimeoutPolicy.TIME_OUT_WF
    assert harness.execution(one).status == ("TIMED_OUT" if ends else "RUNNING")
    assert statuses(harness) == ["CANCELED" if ends else "SCHEDULED"]


@pytest.mark.parametrize("kind", ["attempt", "total"])
@pytest.mark.parametrize("policy", ["RETRY", "TIME_OUT_WF", "ALERT_ONLY"])
def test_a_task_that_asks_to_be_called_again_is_overdue_from_its_first_call(
    harness: Harness, kind: str, policy: str
) -> None:
    begin(harness, kind, policy)

    for _ in range(8):
        for row in harness.live():
            if row.status == TaskStatus.IN_PROGRESS:
                going_on = TaskResult(row.id, ResultStatus.IN_PROGRESS, callback_after=3)
                outside.update(harness.engine, going_on)
        harness.advance(3_000)
        take(harness)
        harness.advance(10)

    if policy == "ALERT_ONLY":
        assert statuses(harness) == ["IN_PROGRESS"]
    else:
        assert statuses(harness)[0] == "TIMED_OUT"
        assert MESSAGES[kind] in (harness.rows()[0].reason or "")
        assert (len(statuses(harness)) > 1) == (kind == "attempt" and policy == "RETRY")


@pytest.mark.parametrize("kind", ["attempt", "total"])
@pytest.mark.parametrize("policy", ["RETRY", "TIME_OUT_WF", "ALERT_ONLY"])
def test_a_task_that_asks_to_be_called_again_is_overdue_though_nobody_calls_it(
    harness: Harness, kind: str, policy: str
) -> None:
    begin(harness, kind, policy)
    outside.update(
        harness.engine, TaskResult(harness.rows()[0].id, ResultStatus.IN_PROGRESS, callback_after=3)
    )
    for _ in range(10):
        harness.advance(3_000)

    assert (statuses(harness)[0] == "TIMED_OUT") == (policy != "ALERT_ONLY")


def test_the_total_timeout_counts_before_anybody_has_begun(harness: Harness) -> None:
    one = begin(harness, "unbegun", "RETRY")
    harness.advance(19_000)
    assert statuses(harness) == ["SCHEDULED"]
    harness.advance(1_000)
    assert MESSAGES["total"] in (harness.rows()[0].reason or "")
    assert harness.execution(one).status == "TIMED_OUT"


def test_the_poll_timeout_is_over_once_somebody_has_begun(harness: Harness) -> None:
    begin(harness, "poll", "RETRY")
    take(harness)
    outside.update(
        harness.engine, TaskResult(harness.rows()[0].id, ResultStatus.IN_PROGRESS, callback_after=30)
    )
    for _ in range(2):
        harness.advance(31_000)

    assert take(harness) == 1
    assert statuses(harness) == ["IN_PROGRESS"]


def test_a_task_that_its_hand_out_has_given_the_right_time_is_not_written_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int | None] = []
    change_due = tasks.change_due
    monkeypatch.setattr(tasks, "change_due", lambda s, id_, at, *more: written.append(at))
    begin(harness, "response and total", "RETRY")
    assert written == []

    monkeypatch.setattr(tasks, "change_due", change_due)
    harness.advance(10_000)
    assert MESSAGES["response"] in (harness.rows()[0].reason or "")
