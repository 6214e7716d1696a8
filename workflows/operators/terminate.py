"""The TERMINATE operator."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.model import WorkflowTask
from workflows.operator import Example, Failed, Finding, Finish, Json, Operator, Outcome, Spec, Step, register
from workflows.status import WorkflowStatus

_STATUSES = ("COMPLETED", "FAILED", "TERMINATED")


class TerminateParameters(BaseModel):
    """The inputs of TERMINATE."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    termination_status: str = Field(description="`COMPLETED`, `FAILED` or `TERMINATED`. No expression.")
    termination_reason: Json = Field(default=None, description="Why, for people.")
    workflow_output: Json = Field(
        default=None, description='The output of the execution; what is no object becomes `{"output": …}`.'
    )


class TerminateSpec(Spec):
    """The fields of TERMINATE."""

    input_parameters: TerminateParameters


_STOP = {
    "name": "stop",
    "taskReferenceName": "stop",
    "type": "TERMINATE",
    "inputParameters": {
        "terminationStatus": "FAILED",
        "terminationReason": "${check.output.problem}",
        "workflowOutput": {"order": "${workflow.input.order}"},
    },
}


@register
class Terminate(Operator):
    """End the whole execution.

    What it does:
        The execution ends with the given status, reason and output; its `outputParameters` are not evaluated.
        Whatever is still open is cancelled, sub-workflows too. FAILED and TERMINATED start the failure
        workflow; COMPLETED does not. It works in branches and loops as well: it ends everything, not only the
        branch.

    When to use it:
        To stop early: there is nothing left to do (COMPLETED), or it makes no sense to go on (FAILED).

    Fields:
        The task can't be `optional`.

    Output:
        The output of the execution.
    """

    type = "TERMINATE"
    spec = TerminateSpec
    instant = True
    ends_segment = True
    examples = (
        Example(
            "fail with a reason",
            _STOP,
            Finish(WorkflowStatus.FAILED, {"order": 42}, "out of stock"),
            {
                "terminationStatus": "FAILED",
                "terminationReason": "out of stock",
                "workflowOutput": {"order": 42},
            },
        ),
        Example(
            "complete; an output that is no object",
            _STOP,
            Finish(WorkflowStatus.COMPLETED, {"output": 7}, "enough"),
            {"terminationStatus": "COMPLETED", "terminationReason": "enough", "workflowOutput": 7},
        ),
        Example(
            "no such status",
            _STOP,
            Failed("given termination status is not valid", terminal=True),
            {"terminationStatus": "RUNNING"},
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        if task.optional:
            yield Finding(
                "optional",
                "A TERMINATE task can't be optional.",
                "Take optional out; put the task into a SWITCH where it should not always run.",
                rule="terminate-optional",
            )
        status = task.input_parameters.get("terminationStatus")
        if status is not None and status not in _STATUSES:
            yield Finding(
                "inputParameters.terminationStatus",
                f"{status!r} is no status that an execution can be ended with.",
                f"Write one of {', '.join(_STATUSES)}; an expression can't be used here.",
                rule="termination-status",
            )

    def run(self, step: Step) -> Outcome:
        given = step.input
        status = given.get("terminationStatus")
        if status not in _STATUSES:
            return Failed("given termination status is not valid", terminal=True)
        output = given.get("workflowOutput")
        if output is None:
            output = {}
        elif not isinstance(output, dict):
            output = {"output": output}
        reason = given.get("terminationReason") or f"Workflow is {status} by TERMINATE task: {step.task_id}"
        return Finish(WorkflowStatus(status), output, str(reason))
