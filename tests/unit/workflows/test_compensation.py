"""The definition that undoes an execution, made of what its tasks declare."""

from __future__ import annotations

from typing import Any

from workflows.builder import Part, simple, sub_workflow, workflow
from workflows.compensation import Owed, compensation_of
from workflows.expressions import Template
from workflows.model import TaskDef
from workflows.program import Path, Program


def program_of(*parts: Part, task_defs: Any = None, **fields: Any) -> Program:
    return Program(workflow("order", version=3, **fields)(*parts), task_defs)


def owed(program: Program, *positions: tuple[str, Path]) -> list[Owed]:
    return [Owed(program.node(ref), path) for ref, path in positions]


def read(one: Owed, template: Template) -> str:
    """A value that says from where it was read."""
    (root, field), *_ = template.roots
    return f"{one.node.ref}{one.path}: {root}.{field}"


def undo(ref: str, **given: Any) -> Part:
    return simple("work", ref=ref, input=given)


def inputs(program: Program) -> dict[str, Any]:
    return {task.task_reference_name: task.input_parameters for task in program.definition.tasks}


def test_its_tasks_are_those_of_the_compensations_in_the_order_that_is_asked_for() -> None:
    program = program_of(
        simple("reserve", compensation=[undo("release")]),
        simple("charge", compensation=[undo("refund"), undo("tell")]),
    )

    made, values = compensation_of(program, owed(program, ("charge", ()), ("reserve", ())), read)

    assert [task.task_reference_name for task in made.definition.tasks] == ["refund", "tell", "release"]
    assert (made.definition.name, made.definition.version, values) == ("order.compensation", 3, {})


def test_it_says_what_it_undoes_and_is_the_same_program_when_it_is_read_again() -> None:
    program = program_of(simple("charge", compensation=[undo("refund")]))

    made, _ = compensation_of(program, owed(program, ("charge", ())), read)

    assert made.compensates == program.id
    assert (Program.load(made.content()).id, Program.load(made.content()).compensates) == (
        made.id,
        program.id,
    )
    assert (program.compensable, made.compensable) == (True, False)


def test_what_is_read_of_the_undone_execution_becomes_input_and_the_rest_stays() -> None:
    texts = {
        "id": "${charge.output.id}",
        "text": "for ${workflow.input.order}, $${kept}",
        "twice": ["${charge.output.id}"],
        "own": "${first.output.x}",
        "chosen": "${first.output.${charge.output.id}}",
        "secret": "${workflow.secrets.KEY}",
        "env": "${workflow.env.REGION}",
        "task": "${CPEWF_TASK_ID}",
    }
    program = program_of(simple("charge", compensation=[undo("first"), undo("second", **texts)]))

    made, values = compensation_of(program, owed(program, ("charge", ())), read)

    place = "${workflow.input.values.charge."
    assert values == {
        "charge": {
            "charge_output_id": "charge(): charge.output",
            "workflow_input_order": "charge(): workflow.input",
        }
    }
    assert inputs(made)["second"] == texts | {
        "id": place + "charge_output_id}",
        "text": f"for {place}workflow_input_order}}, $${{kept}}",
        "twice": [place + "charge_output_id}"],
        "chosen": f"${{first.output.{place}charge_output_id}}}}",
    }


def test_each_iteration_has_references_and_values_of_its_own() -> None:
    undoing = [undo("refund", id="${charge.output.id}"), undo("tell", n="${refund.output.n}")]
    program = program_of(simple("charge", compensation=undoing))

    made, values = compensation_of(program, owed(program, ("charge", (2, 1)), ("charge", (1, 3))), read)

    assert inputs(made) == {
        "refund~2~1": {"id": "${workflow.input.values.charge~2~1.charge_output_id}"},
        "tell~2~1": {"n": "${refund~2~1.output.n}"},
        "refund~1~3": {"id": "${workflow.input.values.charge~1~3.charge_output_id}"},
        "tell~1~3": {"n": "${refund~1~3.output.n}"},
    }
    assert values["charge~1~3"] == {"charge_output_id": "charge(1, 3): charge.output"}


def test_a_sub_workflow_is_undone_by_its_own_compensation() -> None:
    program = program_of(sub_workflow("shipping", ref="ship"))

    made, values = compensation_of(program, [Owed(program.node("ship"), (), "e-7", "shipping")], read)

    (task,) = made.definition.tasks
    assert (task.type, task.name, task.task_reference_name) == (
        "SUB_WORKFLOW",
        "shipping.compensation",
        "ship",
    )
    assert task.sub_workflow_param is not None
    assert task.sub_workflow_param.compensates == "${workflow.input.values.ship.workflowId}"
    assert values == {"ship": {"workflowId": "e-7"}}


def test_the_task_definitions_of_the_compensations_are_the_programs_own() -> None:
    refund = TaskDef(name="work", retry_count=9, input_template={"order": "${workflow.input.order}"})
    program = program_of(simple("charge", compensation=[undo("refund")]), task_defs={"work": refund})

    made, values = compensation_of(Program.load(program.content()), owed(program, ("charge", ())), read)

    assert made.node("refund").definition.retry_count == 9
    assert inputs(made)["refund"] == {"order": "${workflow.input.values.charge.workflow_input_order}"}
    assert values == {"charge": {"workflow_input_order": "charge(): workflow.input"}}


def test_references_that_no_path_can_hold_are_written_otherwise_in_the_input() -> None:
    program = program_of(
        simple("work", ref="a.b", compensation=[undo("x", v="${workflow.input.v}")]),
        simple("work", ref="a(b", compensation=[undo("y", v="${workflow.input.v}")]),
    )

    made, values = compensation_of(program, owed(program, ("a.b", ()), ("a(b", ())), read)

    assert list(values) == ["a_b", "a_b~again"]
    assert inputs(made)["y"] == {"v": "${workflow.input.values.a_b~again.workflow_input_v}"}
