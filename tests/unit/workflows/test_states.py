"""The machine of states: drawn as it is, and nothing in it that can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows import states
from workflows.states import TASK, WORKFLOW, Transition, pairs, refusal, states_page
from workflows.status import TaskStatus, WorkflowStatus

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "states.md"


def test_the_page_is_drawn_from_the_machine_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == states_page(), (
        "python -m workflows.states docs/reference/states.md"
    )


def test_an_attempt_that_has_ended_never_changes() -> None:
    assert {one.source for one in TASK if one.source} == {s for s in TaskStatus if not s.terminal}


def test_every_status_can_be_reached() -> None:
    assert {one.target for one in TASK} == set(TaskStatus)
    assert {one.target for one in WORKFLOW} == set(WorkflowStatus)


@pytest.mark.parametrize("machine", [TASK, WORKFLOW], ids=["task", "workflow"])
def test_no_transition_is_there_twice(machine: tuple[Transition, ...]) -> None:
    assert len(pairs(machine)) == len(machine)


@pytest.mark.parametrize(
    ("act", "status", "why"),
    [
        (states.RESUME, "RUNNING", "is RUNNING, not PAUSED: it can't be resumed"),
        (states.PAUSE, "FAILED", "is FAILED: it has ended and can't be paused"),
        (states.RESTART, "PAUSED", "is PAUSED: it can't be restarted before it has ended"),
        (states.RETRY, "COMPLETED", "is COMPLETED: there is nothing to retry; rerun it"),
        (states.RETRY, "TIMED_OUT", None),
    ],
)
def test_what_can_not_be_done_says_why(act: states.Act, status: str, why: str | None) -> None:
    assert refusal(act, status) == why


def test_whatever_people_may_do_leads_somewhere() -> None:
    for act, target in (
        (states.PAUSE, "PAUSED"),
        (states.RESUME, "RUNNING"),
        (states.TERMINATE, "TERMINATED"),
    ):
        assert all((s, target) in pairs(WORKFLOW) for s in act.sources if s != target)
    for act in (states.RETRY, states.RERUN, states.RESTART):
        assert all((s, "RUNNING") in pairs(WORKFLOW) for s in act.sources)
