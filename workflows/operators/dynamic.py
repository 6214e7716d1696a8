"""The DYNAMIC operator."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from workflows.model import WorkflowTask
from workflows.operator import Example, Failed, Finding, Operator, Outcome, Spec, Step, register


class DynamicSpec(Spec):
    """The fields of DYNAMIC."""

    dynamic_task_name_param: str = Field(
        min_length=1, description="The name of the input whose value is the name of the worker task to run."
    )


_CALL = {
    "name": "ship",
    "taskReferenceName": "ship",
    "type": "DYNAMIC",
    "dynamicTaskNameParam": "carrier_task",
    "inputParameters": {"carrier_task": "${workflow.input.carrier}", "order": "${workflow.input.order}"},
}


@register
class Dynamic(Operator):
    """Run a worker task whose name is known only when the flow gets there.

    What it does:
        It becomes a worker task (SIMPLE) of the name that the input holds: its row, its retries and its limits
        are those of that task. A task definition of that name counts as it is registered at that moment.

    When to use it:
        To let data choose between many workers. To choose between a few, a SWITCH shows in the diagram what
        may happen.

    Fields:
        `dynamicTaskNameParam` is a bare name, to which `inputParameters` gives a value.

    Output:
        That of the worker task.
    """

    type = "DYNAMIC"
    spec = DynamicSpec
    instant = True
    rewritten = True
    examples = (
        Example(
            "no name",
            _CALL,
            Failed(
                "Cannot map a dynamic task based on the parameter and input. Parameter= carrier_task, "
                "input= {'carrier_task': None, 'order': 42}",
                terminal=True,
            ),
            {"carrier_task": None, "order": 42},
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        name = task.dynamic_task_name_param
        if name and name not in task.input_parameters:
            # Not an error: a task definition's inputTemplate may give it.
            yield Finding(
                "dynamicTaskNameParam",
                f"There is no input parameter {name!r}.",
                f"Add {name!r} to inputParameters.",
                severity="warning",
                rule="dynamic-name-missing",
            )

    def rewrite(self, step: Step) -> WorkflowTask | Failed:
        name = step.input.get(step.spec.dynamic_task_name_param)
        if not isinstance(name, str) or not name.strip():
            return _unnamed(step)
        return step.task.model_copy(update={"name": name, "became": name})

    def run(self, step: Step) -> Outcome:
        # It runs only where there is no name: otherwise the worker task has taken its place.
        return _unnamed(step)


def _unnamed(step: Step) -> Failed:
    return Failed(
        "Cannot map a dynamic task based on the parameter and input. "
        f"Parameter= {step.spec.dynamic_task_name_param}, input= {step.input}",
        terminal=True,
    )
