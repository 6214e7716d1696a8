"""Executions, trees and canvases as text."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from rich.console import Console

from app.cli.render import duration, status_text, text
from app.cli.render_canvas import canvas_text
from app.cli.render_execution import event_line, execution_grid, executions_table
from app.cli.render_search import found_executions, searched_back_to
from app.cli.render_tree import tree_text
from app.cli.render_workers import workers_table
from app.client import TaskEvent
from app.operations.conductor import summary_document
from app.operations.tree import TaskTree
from app.operations.workers import Worker
from tests.unit.cli.shown import NOON, group, leaf, state, task, tree
from workflows.canvas import Order, canvases
from workflows.loading import load_document
from workflows.program import Program
from workflows.status import TaskStatus, WorkflowStatus


def _lines(renderable: object, width: int = 200) -> list[str]:
    console = Console(width=width, color_system=None, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    return [line.rstrip() for line in captured.get().splitlines()]


def _block(written: str) -> list[str]:
    return textwrap.dedent(written).strip("\n").splitlines()


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (-3, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_940, "59.9 s"),
        (60_000, "1 min"),
        (200_000, "3 min 20 s"),
        (7_500_000, "2 h 5 min"),
        (100 * 3_600_000, "4 d 4 h"),
    ],
)
def test_a_duration_has_the_two_largest_units(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


def test_somebody_elses_text_can_not_steer_the_terminal_nor_add_markup() -> None:
    assert _lines(text("\x1b[31m[red]pay\x07 \u009b2J")) == ["\\x1b[31m[red]pay\\x07 \\x9b2J"]


def test_every_status_has_a_colour() -> None:
    assert [s for s in (*WorkflowStatus, *TaskStatus) if not status_text(s).style] == []


def test_a_tree_shows_attempts_branches_cases_iterations_and_sub_workflows() -> None:
    retried = TaskTree(
        (
            task("pay", "shop.pay", status=TaskStatus.FAILED, reason="the bank is closed", worker="w@a"),
            task("pay", "shop.pay", attempt=1, worker="w@b"),
        )
    )
    fork = TaskTree(
        (task("both", "FORK_JOIN"),),
        (group("branches", "forkTasks[0]", retried), group("branches", "forkTasks[1]", leaf("pack"))),
    )
    switch = TaskTree(
        (task("kind", "SWITCH"),),
        (group("cases", "decisionCases.gift", leaf("wrap")), group("cases", "defaultCase", leaf("box"))),
    )
    inner = tree(
        leaf("label"), id="e-2", name="ship", version=3, status=WorkflowStatus.FAILED, reason="no paper"
    )
    loop = TaskTree(
        (task("each", "DO_WHILE"),),
        (
            group("loop", "loopOver", leaf("send__1"), iteration=1),
            group(
                "loop",
                "loopOver",
                TaskTree((task("send__2", sub_workflow_id="e-2"),), children=(inner,)),
                iteration=2,
            ),
        ),
    )

    shown = _lines(tree_text(tree(fork, switch, loop, leaf("end")), {}, 200))

    assert shown == _block("""
        task                       status     attempt   time  worker
        ├── both FORK_JOIN         COMPLETED        1  50 ms
        │   ├── branch 1
        │   │   └── pay shop.pay   FAILED           1  50 ms  w@a     the bank is closed
        │   │           again      COMPLETED        2  50 ms  w@b
        │   └── branch 2
        │       └── pack           COMPLETED        1  50 ms
        ├── kind SWITCH            COMPLETED        1  50 ms
        │   ├── case gift
        │   │   └── wrap           COMPLETED        1  50 ms
        │   └── otherwise
        │       └── box            COMPLETED        1  50 ms
        ├── each DO_WHILE          COMPLETED        1  50 ms          2 iterations
        │   ├── iteration 1
        │   │   └── send__1        COMPLETED        1  50 ms
        │   └── iteration 2
        │       └── send__2        COMPLETED        1  50 ms
        │           └── ship 3     FAILED              2.3 s          e-2: no paper
        │               └── label  COMPLETED        1  50 ms
        └── end                    COMPLETED        1  50 ms
    """)


def test_what_has_no_room_stands_beneath_its_row_and_the_worker_goes_first() -> None:
    long = "the bank has been closed since yesterday evening and nobody knows when it will open again"
    pay = leaf("pay", status=TaskStatus.FAILED, reason=long, worker="worker@a.very.long.name")
    logs = {"t-1": [(NOON, "INFO", "calling\nthe bank")]}
    at = datetime.fromtimestamp(NOON / 1000).strftime("%H:%M:%S")

    assert _lines(tree_text(tree(pay, leaf("end", id="t-2")), logs, 50), 50) == _block(f"""
        task     status     attempt   time
        ├── pay  FAILED           1  50 ms
        │         the bank has been closed since yesterday
        │         evening and nobody knows when it will
        │         open again
        │         {at}.000 INFO calling
        │         the bank
        └── end  COMPLETED        1  50 ms
    """)


def test_what_undoes_an_execution_stands_below_its_tasks_and_says_who_is_waited_for() -> None:
    waits = {"status": TaskStatus.IN_PROGRESS, "ended": None, "attempt": 1, "reason": "the bank is closed"}
    refund = TaskTree((task("refund", status=TaskStatus.FAILED), task("refund", "HUMAN", **waits)))
    undoing = tree(refund, name="order.compensation", id="e-2", status=WorkflowStatus.RUNNING, ended=None)

    assert _lines(tree_text(replace(tree(leaf("charge")), compensation=undoing), {}, 200)) == _block("""
        task                      status       attempt   time  worker
        ├── charge                COMPLETED          1  50 ms
        └── order.compensation 1  RUNNING                              e-2
            └── refund            FAILED             1  50 ms
                    HUMAN         IN_PROGRESS        2                 the bank is closed
    """)


def test_a_task_that_waits_says_until_when() -> None:
    until = datetime.fromtimestamp(NOON / 1000 + 60).strftime("%Y-%m-%d %H:%M:%S")
    pause = leaf("pause", "WAIT", status=TaskStatus.IN_PROGRESS, ended=None, due_at=NOON + 60_000)

    assert (
        _lines(tree_text(tree(pause), {}, 200))[1]
        == f"└── pause WAIT  IN_PROGRESS        1                until {until}"
    )


def test_an_execution_shows_what_it_has_and_leaves_out_what_is_empty() -> None:
    running = state(status=WorkflowStatus.RUNNING, ended=None, input={"n": 1}, correlation_id="42")

    shown = _lines(execution_grid(running, "review waits for a signal"))

    assert shown == [
        "workflow        order 1",
        "id              e-1",
        "status          RUNNING",
        "now             review waits for a signal",
        "correlation id  42",
        f"started         {datetime.fromtimestamp(NOON / 1000):%Y-%m-%d %H:%M:%S}",
        'input           {"n":1}',
    ]


def test_ids_are_never_broken_because_they_are_copied() -> None:
    several = [state(id="0" * 36, reason="a long reason " * 9), state(id="1" * 36)]

    shown = "\n".join(_lines(executions_table(several), 80))

    assert "0" * 36 in shown
    assert "1" * 36 in shown


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "  charge  COMPLETED  50 ms"),
        (
            {"attempt": 1, "status": TaskStatus.FAILED, "reason": "no"},
            "  charge  FAILED  attempt 2  50 ms  no",
        ),
        (
            {"status": TaskStatus.IN_PROGRESS, "ended": None, "reason": "a signal"},
            "  charge  IN_PROGRESS  a signal",
        ),
    ],
)
def test_what_has_ended_or_waits_is_worth_a_line(changed: dict[str, Any], line: str) -> None:
    event = TaskEvent("e-1", WorkflowStatus.RUNNING, task("charge", **changed))

    (shown,) = _lines(event_line(event))

    assert shown[len("12:00:00.000") :] == line


@pytest.mark.parametrize(
    "changed", [{"status": TaskStatus.SCHEDULED}, {"status": TaskStatus.IN_PROGRESS, "worker": "w@a"}]
)
def test_what_is_about_to_run_or_runs_is_not_worth_a_line(changed: dict[str, Any]) -> None:
    assert event_line(TaskEvent("e-1", WorkflowStatus.RUNNING, task("charge", ended=None, **changed))) is None


def test_a_worker_that_gives_no_sign_of_life_is_shown_as_silent() -> None:
    one = Worker("w-1", "podium@a", 42, 2, ("celery", "slow"), ("shop.pay",), NOON, NOON, silent=False)
    two = Worker("w-2", "podium@b", 43, 2, ("celery",), (), NOON, NOON - 60_000, silent=True)

    alive, silent = _lines(workers_table([one, two], NOON + 100))[2:]

    assert alive.split()[:6] == ["podium@a", "alive", "42", "2", "celery,", "slow"]
    assert alive.endswith("100 ms")
    assert silent.split()[:2] == ["podium@b", "silent"]
    assert silent.endswith("1 min")


def _simple(ref: str) -> dict[str, Any]:
    return {"name": f"shop.{ref}", "taskReferenceName": ref, "type": "SIMPLE"}


def _canvas(tasks: list[dict[str, Any]]) -> list[str]:
    program = Program(load_document({"name": "w", "version": 1, "tasks": tasks}).workflow)
    return [f"{node.ref}: {canvas_text(canvas)}" for node, canvas in canvases(Order("E", 1, program))]


def test_a_short_chain_is_one_line_and_a_long_one_a_line_for_each_step() -> None:
    assert _canvas([_simple("a"), _simple("b")]) == ["a: chain(shop.a(a), shop.b(b))"]
    assert _canvas([_simple(letter * 30) for letter in "abc"]) == [
        f"{'a' * 30}: chain(\n" + "".join(f"  shop.{x * 30}({x * 30}),\n" for x in "abc") + ")"
    ]


def test_a_fork_is_a_chord_of_its_branches_and_the_join() -> None:
    fork: dict[str, Any] = {
        "name": "f",
        "taskReferenceName": "f",
        "type": "FORK_JOIN",
        "forkTasks": [[_simple("a"), _simple("b")], [_simple("c")]],
    }
    join: dict[str, Any] = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": ["b", "c"]}

    first = _canvas([fork, join, _simple("d")])[0]

    assert first.splitlines() == [
        "f: chord(",
        "  group(",
        "    chain(shop.a(a), shop.b(b)),",
        "    shop.c(c),",
        "  ),",
        "  podium.JOIN(j),",
        ")",
    ]


def test_a_wide_fork_is_a_few_batches_that_name_what_they_run() -> None:
    fork: dict[str, Any] = {
        "name": "f",
        "taskReferenceName": "f",
        "type": "FORK_JOIN",
        "forkTasks": [[_simple(f"b{n}")] for n in range(16)],
    }
    join: dict[str, Any] = {
        "name": "j",
        "taskReferenceName": "j",
        "type": "JOIN",
        "joinOn": [f"b{n}" for n in range(16)],
    }

    first = _canvas([fork, join])[0]

    assert first.count("podium.BATCH(") == 8
    assert "    podium.BATCH(b0, b1)," in first.splitlines()


def test_what_is_searched_for_is_shown_as_what_is_listed() -> None:
    ended = state(status=WorkflowStatus.FAILED, reason="no beans", ended=NOON + 1500)

    for each in (state(), ended):
        assert _lines(found_executions([summary_document(each, None, None)])) == _lines(
            executions_table([each])
        )


def test_a_search_that_left_something_out_says_the_time_for_people_and_for_the_next_query() -> None:
    day = datetime.fromtimestamp(NOON / 1000).strftime("%Y-%m-%d %H:%M:%S")

    assert searched_back_to(NOON) == f"searched back to {day} ({NOON}); what is beyond was not looked at"
