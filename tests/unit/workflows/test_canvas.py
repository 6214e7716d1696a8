"""The compiler: what each segment looks like, and how large its messages are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.properties.definitions import Drawn, documents
from tests.properties.profile import examples
from tests.unit.workflows.canvas_picture import order, picture, pictures, steps
from tests.unit.workflows.parts import AGAIN
from workflows.builder import do_while, fork, noop, simple, sub_workflow, switch, terminate, wait
from workflows.canvas import BATCH, HEADER, Order, canvases, compile_canvas
from workflows.model import WorkflowDef
from workflows.program import Program

BYTES_A_STEP = 400
BYTES_A_BRANCH = 25


def size(canvas: Any) -> int:
    return len(json.dumps(canvas))


def test_steps_in_a_row_are_a_chain() -> None:
    assert pictures(*steps("a", "b", "c")) == ["a > b > c"]


def test_a_chain_ends_at_the_limit_and_the_next_begins_there() -> None:
    assert pictures(*steps("a", "b", "c", "d", "e"), limit=2) == ["a > b", "c > d", "e"]


def test_a_step_is_its_header_and_nothing_else() -> None:
    asked = order(*steps("a"))

    assert json.loads(json.dumps(compile_canvas(asked, asked.program.node("a"), (), attempt=2))) == {
        "task": "work",
        "args": [],
        "kwargs": {},
        "options": {
            "headers": {"podium": {"w": "execution", "r": 1, "p": asked.program.id, "at": [["a", [], 2]]}},
            "ignore_result": True,
        },
        "subtask_type": None,
        "immutable": True,
    }


def test_an_operator_runs_as_a_celery_task_of_its_own_name() -> None:
    asked = order(wait(duration="1 hour"))

    assert compile_canvas(asked, asked.program.node("wait"), ())["task"] == "podium.WAIT"


@pytest.mark.parametrize(
    ("last", "ref"),
    [
        (wait(duration="1 hour"), "wait"),
        (sub_workflow("child", ref="sub"), "sub"),
        (terminate(ref="end"), "end"),
        (switch("${workflow.input.x}", {"x": steps("x")}), "switch"),
        (do_while(AGAIN, *steps("x")), "loop"),
    ],
)
def test_a_chain_ends_where_the_future_is_not_known(last: Any, ref: str) -> None:
    assert pictures(*steps("a"), last, *steps("b"))[0] == f"a > {ref}"


def test_an_operator_that_is_decided_at_once_does_not_end_a_chain() -> None:
    assert pictures(*steps("a"), noop("n"), *steps("b")) == ["a > n > b"]


def test_a_fork_is_a_chord_whose_body_asks_the_join() -> None:
    assert pictures(*steps("a"), fork(steps("b", "c"), steps("d"), ref="f", join="j"), *steps("e")) == [
        "a",
        "chord([~b > ~c, ~d], j?)",
        *["b > c", "d"],  # the same branches when they are begun again, apart from the chord
        "e",
    ]


def test_nested_forks_are_parts_of_their_own_chord_only() -> None:
    inner = fork(steps("c"), steps("d", "e"), ref="g", join="k")

    assert pictures(fork([*steps("b"), inner, *steps("f")], steps("h"), ref="f1", join="j")) == [
        "chord([~b, ~h], j?)",
        "b",
        "chord([~c, ~d > ~e], k?)",
        *["c", "d > e"],
        *["f", "h"],
    ]


def test_a_fork_at_the_head_of_a_branch_is_a_step_there() -> None:
    inner = fork(steps("c"), steps("d"), ref="g", join="k")

    assert pictures(fork([inner], steps("h"), ref="f", join="j"))[:2] == [
        "chord([~g, ~h], j?)",
        "chord([~c, ~d], k?)",
    ]


def test_consecutive_forks_have_the_join_between_them() -> None:
    one = fork(steps("a"), steps("b"), ref="f1", join="j1")
    other = fork(steps("c"), steps("d"), ref="f2", join="j2")

    assert pictures(one, other) == [
        "chord([~a, ~b], j1?)",
        *["a", "b"],
        "chord([~c, ~d], j2?)",
        *["c", "d"],
    ]


def test_a_fork_in_a_loop_carries_the_iteration() -> None:
    body = [*steps("a"), fork(steps("b"), steps("c"), ref="f", join="j"), *steps("d")]

    assert pictures(do_while(AGAIN, *body), *steps("e")) == [
        "loop",
        "a[1]",
        "chord([~b[1], ~c[1]], j[1]?)",
        *["b[1]", "c[1]", "d[1]"],
        "e",
    ]


def test_a_loop_in_a_fork_is_a_step_of_its_branch() -> None:
    branch = [do_while(AGAIN, *steps("a", "b")), *steps("c")]

    assert pictures(fork(branch, steps("d"), ref="f", join="j")) == [
        "chord([~loop, ~d], j?)",
        "loop",
        "a[1] > b[1]",
        *["c", "d"],
    ]


def test_a_switch_in_a_branch_ends_its_chain_and_its_cases_are_chains_of_their_own() -> None:
    branch = [*steps("a"), switch("${workflow.input.x}", {"x": steps("b", "c"), "y": []}), *steps("d")]

    assert pictures(fork(branch, steps("e"), ref="f", join="j")) == [
        "chord([~a > ~switch, ~e], j?)",
        "a > switch",
        "b > c > d",
        *["d", "e"],
    ]


def test_a_join_that_leaves_out_a_branch_makes_a_group() -> None:
    parts = fork(steps("a"), steps("b"), ref="f", join="j")
    document = order(parts).program.definition.to_json()
    document["tasks"][1]["joinOn"] = ["a"]
    loose = Order("execution", 1, Program(WorkflowDef.model_validate(document)))

    assert picture(compile_canvas(loose, loose.program.node("f"), ())) == "group([a, b])"


def test_where_the_backend_does_not_count_parts_a_fork_is_a_group() -> None:
    assert pictures(fork(steps("a"), steps("b"), ref="f", join="j"), chords=False)[0] == "group([a, b])"


def test_a_wide_fork_is_sent_in_batches_that_hold_each_branch_once() -> None:
    refs = [f"b{i}" for i in range(10)]
    canvas = pictures(fork(*(steps(ref) for ref in refs), ref="f", join="j"), batches=4)[0]

    assert canvas == "chord([~b0+b1+b2, ~b3+b4+b5, ~b6+b7+b8, ~b9], j?)"


def test_a_batch_holds_branches_of_one_queue() -> None:
    branches = [[simple(name, ref=f"{name}{i}")] for i in range(3) for name in ("near", "far")]
    asked = order(fork(*branches, ref="f", join="j"), batches=2, queue_of=lambda name: name)

    canvas = compile_canvas(asked, asked.program.node("f"), ())

    assert picture(canvas) == "chord([~far0+far1+far2, ~near0+near1+near2], j?)"


def test_the_same_definition_gives_the_same_canvases() -> None:
    def compiled() -> str:
        parts = [*steps("a"), fork(steps("b"), steps("c")), do_while(AGAIN, *steps("d"))]
        return json.dumps([canvas for _, canvas in canvases(order(*parts))])

    assert compiled() == compiled()


def test_the_size_of_a_message_does_not_depend_on_the_length_of_the_workflow() -> None:
    largest = {}
    for length in (100, 1_000):
        asked = order(*steps(*(f"step_{i:04}" for i in range(length))))
        nodes = asked.program.nodes.values()
        largest[length] = max(size(compile_canvas(asked, node, ())) for node in nodes)

    assert largest[100] == largest[1_000] < 16 * BYTES_A_STEP


def test_a_fork_of_a_thousand_branches_is_eight_small_messages() -> None:
    asked = order(fork(*(steps(f"step_{i:04}") for i in range(1_000)), ref="f", join="j"))

    header = compile_canvas(asked, asked.program.node("f"), ())["kwargs"]["header"]

    assert [part["task"] for part in header] == [BATCH] * 8
    assert sum(len(part["options"]["headers"][HEADER]["at"]) for part in header) == 1_000
    assert max(map(size, header)) < 1_000 / 8 * BYTES_A_BRANCH + BYTES_A_STEP


@examples(100)
@given(drawn=documents())
def test_no_canvas_holds_two_groups_or_more_than_its_segment(drawn: Drawn) -> None:
    for definition in drawn.workflows.values():
        asked = Order("execution", 1, Program(WorkflowDef.model_validate(definition)), limit=3, batches=2)
        for _, canvas in canvases(asked):
            text = picture(canvas)
            assert text.count("chord(") + text.count("group(") <= 1
            assert all(1 <= len(line) <= 3 for line in lines_of(canvas))


def lines_of(canvas: Any) -> list[list[str]]:
    """The chains of a canvas, each a list of Celery tasks; no chain may hold anything else."""
    kwargs = canvas["kwargs"]
    if canvas["task"] in ("celery.chord", "celery.group"):
        parts = kwargs.get("header") or kwargs["tasks"]
        return [line for part in parts for line in lines_of(part)]
    line = (
        [step["task"] for step in kwargs["tasks"]] if canvas["task"] == "celery.chain" else [canvas["task"]]
    )
    assert not any(name.startswith("celery.") for name in line)
    return [line]
