"""Tasks whose processes are killed with SIGKILL around their commits: each effect is there once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_celery import CeleryTestSetup
from sqlalchemy import Engine, select

from app.client import Execution, Podium
from config.database import create_engine
from config.settings import Settings
from tests.chaos.chaos_tasks import entries
from tests.chaos.faults import kill_and_restart
from tests.e2e.flow import wait_for
from tests.e2e.platforms import EMBEDDED_LIKE, QUICK_POSTGRESQL, on
from workflows.builder import Part, simple, workflow
from workflows.status import TaskStatus, WorkflowStatus

EXECUTIONS = 30
REFS = ("a", "b", "c")
KILLED = 20
"""Executions in each of whose tasks some attempts are killed."""
LATEST_MS = 12
PATIENCE_SECONDS = 120.0


@pytest.fixture
def books(settings: Settings) -> Iterator[Engine]:
    """The database with the table of the tasks' own."""
    engine = create_engine(settings)
    entries.metadata.create_all(engine)
    yield engine
    engine.dispose()


def step(ref: str, out: Path) -> Part:
    """A task that is killed as the input says, and tried again at once."""
    again = {"name": "chaos.enter", "retryCount": 50, "retryDelaySeconds": 0}
    given = {"out": str(out), "before": f"${{workflow.input.{ref}}}"}
    return simple("chaos.enter", ref=ref, input=given, task_definition=again)


def start(podium: Podium, out: Path) -> list[Execution]:
    """Start all; when their attempts are killed is the same in each run."""
    podium.register(workflow("effects")(*(step(ref, out) for ref in REFS)))
    chance = random.Random(7)
    moments: list[dict[str, list[int]]] = [
        {ref: [chance.randrange(LATEST_MS) for _ in range(chance.randrange(3))] for ref in REFS}
        if number < KILLED
        else {ref: [] for ref in REFS}
        for number in range(EXECUTIONS)
    ]
    return [podium.start("effects", moment) for moment in moments]


@on(EMBEDDED_LIKE, QUICK_POSTGRESQL)
def test_no_effect_is_there_twice_and_none_is_lost_whenever_its_process_is_killed(
    podium: Podium,
    books: Engine,
    celery_setup: CeleryTestSetup,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    out = tmp_path / "armed"
    executions = start(podium, out)
    wait_for("some have ended", lambda: any(e.status.terminal for e in executions))
    kill_and_restart(celery_setup.worker_cluster[1])
    for execution in executions:
        execution.wait(timeout=PATIENCE_SECONDS)

    with books.connect() as connection:
        found = [tuple(row) for row in connection.execute(select(entries))]
    completed = [
        (execution.id, task.ref, task.attempt)
        for execution in executions
        for task in execution.tasks
        if task.status is TaskStatus.COMPLETED
    ]
    attempts = Counter(task.attempt > 0 for execution in executions for task in execution.tasks)
    with capsys.disabled():
        armed = len(out.read_text().splitlines())
        print(
            f"\n{request.node.name}: {armed} attempts were to be killed, {attempts[True]} attempts more were made"
        )
    assert {execution.status for execution in executions} == {WorkflowStatus.COMPLETED}
    assert sorted(found) == sorted(completed)
    assert (
        len({(execution_id, ref) for execution_id, ref, _ in found}) == len(found) == EXECUTIONS * len(REFS)
    )
    assert all(
        task.output == {"attempt": task.attempt} for e in executions for task in e.tasks if task.output
    )
    assert attempts[True] > 0
