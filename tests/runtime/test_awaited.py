"""What is told of an execution that somebody waits for, on both databases."""

from __future__ import annotations

import pytest

from app.operations.outside import ResultStatus
from app.operations.signal import signal, update_state
from app.operations.start import start
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, simple, task, workflow


def begin(harness: Harness, *parts: Part, each_step: bool = False, awaited: bool = True) -> str:
    harness.register({"workflows": [workflow("flow")(*parts).to_json()], "taskDefs": TASK_DEFS})
    return start(harness.engine, "flow", {}, awaited=awaited, each_step=each_step)


def told(harness: Harness, execution_id: str) -> int:
    """How often it was told of since this was asked the last time."""
    found = harness.wire.told.count(("execution", execution_id))
    harness.wire.told.clear()
    return found


STEPS = [simple("work", ref=ref) for ref in "abcd"]


def test_of_an_execution_that_is_awaited_its_end_is_told_and_its_steps_are_not(harness: Harness) -> None:
    execution_id = begin(harness, *STEPS)
    harness.drain()

    # With the last step, as that is no straight one.
    assert told(harness, execution_id) <= 2


def test_who_waits_for_a_task_is_told_of_each(harness: Harness) -> None:
    execution_id = begin(harness, *STEPS, each_step=True)
    harness.drain()

    assert told(harness, execution_id) >= 4


def test_nobody_is_told_of_what_nobody_waits_for(harness: Harness) -> None:
    execution_id = begin(harness, *STEPS, awaited=False)
    harness.drain()

    assert told(harness, execution_id) == 0


def test_that_it_has_come_to_wait_for_somebody_is_told(harness: Harness) -> None:
    execution_id = begin(harness, *STEPS[:2], task("WAIT", "w", ref="w"), STEPS[2])
    harness.deliver_all()
    assert told(harness, execution_id) >= 1

    assert signal(harness.engine, execution_id, ResultStatus.COMPLETED, awaited=True) == execution_id
    harness.drain()
    assert 1 <= told(harness, execution_id) <= 3


@pytest.mark.parametrize("awaited", [True, False])
def test_steps_are_told_from_when_somebody_waits_for_a_task(harness: Harness, awaited: bool) -> None:
    execution_id = begin(harness, task("WAIT", "w", ref="w"), *STEPS, awaited=awaited)
    harness.deliver_all()
    told(harness, execution_id)

    assert update_state(harness.engine, execution_id, variables={"x": 1}, each_step=True) == execution_id
    signal(harness.engine, execution_id, ResultStatus.COMPLETED, awaited=True)
    harness.drain()

    assert told(harness, execution_id) >= 4
