"""The START_WORKFLOW operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from workflows.model import IdempotencyStrategy, WorkflowTask
from workflows.operator import Example, Failed, Finding, Operator, Outcome, Spec, Start, Step, register


class _Request(BaseModel):
    """Conductor's StartWorkflowRequest, after its expressions were evaluated."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    name: str = Field(min_length=1)
    version: int | None = Field(default=None, ge=0)
    input: dict[str, Any] | None = None
    correlation_id: str | None = None
    priority: int | None = Field(default=None, ge=0, le=99)
    task_to_domain: dict[str, str] | None = None
    idempotency_key: str | None = None
    idempotency_strategy: IdempotencyStrategy | None = None
    workflow_def: dict[str, Any] | None = None


class StartWorkflowParameters(BaseModel):
    """The inputs of START_WORKFLOW."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    start_workflow: dict[str, Any] | str = Field(
        description="What to start: `name`, `version` (not given: the latest), `input`, `correlationId`, "
        "`priority`, `taskToDomain`, `idempotencyKey`, `idempotencyStrategy`; or a `workflowDef` in its place."
    )


class StartWorkflowSpec(Spec):
    """The fields of START_WORKFLOW."""

    input_parameters: StartWorkflowParameters


def _with(**request: Any) -> dict[str, Any]:
    return {
        "name": "start",
        "taskReferenceName": "start",
        "type": "START_WORKFLOW",
        "inputParameters": {"startWorkflow": request},
    }


@register
class StartWorkflow(Operator):
    """Start another workflow and go on.

    What it does:
        It starts an execution in the transaction in which it completes, and does not wait for it: that one has
        no parent, and neither its failure nor its end concerns this execution. The correlation id and the task
        domains are inherited where they are not given.

    When to use it:
        For work that only has to be set off: a follow-up, a report, a cleaning up. To wait for the result, use
        SUB_WORKFLOW.

    Fields:
        All of them may be expressions. With an `idempotencyKey` that is taken, the strategy decides: the other
        execution's id is the answer, or the task fails.

    Output:
        `{"workflowId": "<id of what was started>"}`
    """

    type = "START_WORKFLOW"
    spec = StartWorkflowSpec
    examples = (
        Example(
            "the latest version",
            _with(name="report", input={"order": 42}),
            Start("report", None, {"order": 42}, wait=False),
        ),
        Example(
            "with a correlation id and an idempotency key",
            _with(name="report", version=2, correlationId="42", idempotencyKey="report-42"),
            Start("report", 2, {}, wait=False, correlation_id="42", idempotency_key="report-42"),
        ),
        Example(
            "no name",
            _with(input={}),
            Failed("startWorkflow validation failed. 'name' -> Field required", terminal=True),
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        request = task.input_parameters.get("startWorkflow")
        if isinstance(request, Mapping) and not request.get("name") and not request.get("workflowDef"):
            yield Finding(
                "inputParameters.startWorkflow.name",
                "It does not say which workflow to start.",
                "Give the name of a registered definition.",
                rule="start-workflow-name",
            )

    def run(self, step: Step) -> Outcome:
        given = step.input.get("startWorkflow")
        if not isinstance(given, Mapping):
            return Failed("Missing 'startWorkflow' in input data.", terminal=True)
        inline = given.get("workflowDef")
        named = {"name": inline.get("name"), **given} if isinstance(inline, Mapping) else given
        try:
            request = _Request.model_validate(named)
        except ValidationError as exc:
            found = "; ".join(
                f"'{'.'.join(str(part) for part in error['loc'])}' -> {error['msg']}"
                for error in exc.errors()
            )
            return Failed(f"startWorkflow validation failed. {found}", terminal=True)
        return Start(
            request.name,
            request.version or None,
            request.input or {},
            definition=request.workflow_def,
            wait=False,
            correlation_id=request.correlation_id or None,
            priority=request.priority,
            idempotency_key=request.idempotency_key or None,
            idempotency_strategy=request.idempotency_strategy,
            task_to_domain=request.task_to_domain or None,
        )
