"""The index of a definition: who follows whom, and which JOIN waits for what."""

from __future__ import annotations

from typing import Any

from tests.unit.workflows.canvas_picture import steps
from tests.unit.workflows.parts import AGAIN
from workflows.builder import Part, do_while, fork, noop, simple, switch, workflow
from workflows.model import TaskDef, WorkflowDef
from workflows.program import BranchEnd, LoopEnd, Node, Program, WorkflowEnd


def program(*parts: Part, **fields: Any) -> Program:
    return Program(workflow("w", **fields)(*parts))


def follows(made: Program) -> dict[str, str]:
    """What follows each task, as text."""

    def text(following: Any) -> str:
        match following:
            case Node():
                return str(following.ref)
            case BranchEnd(fork=owner):
                return f"end of a branch of {owner.ref}"
            case LoopEnd(loop=owner):
                return f"end of an iteration of {owner.ref}"
        assert isinstance(following, WorkflowEnd)
        return "end"

    return {ref: text(node.after) for ref, node in made.nodes.items()}


def test_tasks_follow_each_other_to_the_end() -> None:
    made = program(*steps("a", "b"))

    assert follows(made) == {"a": "b", "b": "end"}
    assert made.first() is made.node("a")


def test_the_last_task_of_a_case_is_followed_by_what_follows_the_switch() -> None:
    inner = switch("${workflow.input.x}", {"x": steps("b")}, ref="inner")

    assert follows(program(switch("${workflow.input.x}", {"x": [*steps("a"), inner]}), *steps("c"))) == {
        "switch": "c",
        "a": "inner",
        "inner": "c",
        "b": "c",
        "c": "end",
    }


def test_branches_and_iterations_end_where_they_are() -> None:
    both = fork(steps("a"), steps("b"), ref="f", join="j")

    assert follows(program(do_while(AGAIN, both), *steps("c"))) == {
        "loop": "c",
        "f": "j",
        "a": "end of a branch of f",
        "b": "end of a branch of f",
        "j": "end of an iteration of loop",
        "c": "end",
    }


def test_a_task_knows_the_loops_around_it() -> None:
    made = program(do_while(AGAIN, *steps("a"), do_while("$.in.iteration < 2", *steps("b"), ref="in")))

    assert {ref: node.loops for ref, node in made.nodes.items()} == {
        "loop": (),
        "a": ("loop",),
        "in": ("loop",),
        "b": ("loop", "in"),
    }


def test_a_join_of_all_branches_waits_for_everything_in_them() -> None:
    branch = [*steps("a"), do_while(AGAIN, *steps("b"))]
    made = program(fork(branch, steps("c"), ref="f", join="j"))

    join = made.node("j")
    assert made.node("f").join is join
    assert join.whole
    assert join.inside == {"a", "loop", "b", "c"}
    assert not made.loose
    assert not any(node.joins for node in made.nodes.values())


def test_a_join_that_leaves_out_a_branch_is_asked_by_each_task_that_it_waits_for() -> None:
    choice = switch("${workflow.input.x}", {"x": steps("b")})
    document = workflow("w")(fork(steps("a"), [choice], ref="f", join="j")).to_json()
    document["tasks"][1]["joinOn"] = ["switch"]

    made = Program(WorkflowDef.model_validate(document))

    join = made.node("j")
    assert not join.whole
    assert made.loose
    assert {ref for ref, node in made.nodes.items() if node.joins == (join,)} == {"switch", "b"}


def test_a_program_knows_what_each_input_reads() -> None:
    reads = simple("work", ref="b", input={"x": "${a.output.n} of ${workflow.input.total}"})

    assert program(*steps("a"), reads).node("b").reads == {("a", "output"), ("workflow", "input")}


def test_what_is_stored_is_read_back_as_the_same_program() -> None:
    task_def = TaskDef(name="work", retry_count=7)
    made = Program(workflow("w")(*steps("a"), fork(steps("b"), steps("c"))), {"work": task_def})

    loaded = Program.load(made.content())

    assert loaded.id == made.id
    assert follows(loaded) == follows(made)
    assert loaded.node("a").definition.retry_count == 7


def test_a_programs_id_is_its_content() -> None:
    definition = workflow("w")(*steps("a"))
    document = definition.to_json()
    turned = WorkflowDef.model_validate(dict(reversed(document.items())))
    known = {"work": TaskDef(name="work", retry_count=1)}
    unused = {"other": TaskDef(name="other")}

    assert Program(turned).id == Program(definition).id == Program(definition, unused).id
    assert Program(definition, known).id != Program(definition).id
    assert Program(workflow("w")(*steps("b"))).id != Program(definition).id


def test_an_operator_without_a_task_definition_is_not_retried() -> None:
    made = program(noop("n"), *steps("a"))

    assert made.node("n").definition.retry_count == 0
    assert made.node("a").definition.retry_count == 3
