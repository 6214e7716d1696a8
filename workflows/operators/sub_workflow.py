"""The SUB_WORKFLOW operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from workflows.model import IdempotencyStrategy, SubWorkflowParams, WorkflowDef, WorkflowTask
from workflows.operator import Example, Failed, Finding, Operator, Outcome, Spec, Start, Step, register


class SubWorkflowSpec(Spec):
    """The fields of SUB_WORKFLOW."""

    sub_workflow_param: SubWorkflowParams = Field(
        description="What to run: `name` and `version` (not given: the latest) of what is registered, or "
        "a whole `workflowDefinition`; also `taskToDomain`, `priority`, `idempotencyKey` and "
        "`idempotencyStrategy`."
    )


_SUB = {
    "name": "ship",
    "taskReferenceName": "ship",
    "type": "SUB_WORKFLOW",
    "inputParameters": {"order": "${workflow.input.order}"},
    "subWorkflowParam": {"name": "shipping", "version": 2},
}
_INLINE: dict[str, Any] = {
    "name": "one_step",
    "tasks": [{"name": "nothing", "taskReferenceName": "nothing", "type": "NOOP"}],
}


@register
class SubWorkflow(Operator):
    """Run another workflow as one task of this one.

    What it does:
        It starts a child execution and waits until that ends. The task then ends as the child did: COMPLETED,
        FAILED, TIMED_OUT, or CANCELED when the child was terminated. A new attempt starts a new child. When
        the parent ends early, its children are terminated. The child inherits the correlation id, and the
        task domains unless they are given.

        With an `idempotencyKey`, all tasks that run this workflow with this key share one execution: they wait
        for it, or take what it has ended with. `idempotencyStrategy` says what happens when there is one:
        RETURN_EXISTING (so it is done), FAIL, or FAIL_ON_RUNNING. A further attempt of a task starts another
        one where the first did not complete.

    When to use it:
        For a piece of work that several workflows share, that deserves its own page, or that is retried as a
        whole.

    Fields:
        `name`, `workflowDefinition` and the others may be expressions. `inputParameters` are the child's
        input; where they are empty, the child is given all of this task's own input (as in Conductor).

    Output:
        The child's output, and `subWorkflowId`.
    """

    type = "SUB_WORKFLOW"
    cacheable = True
    spec = SubWorkflowSpec
    ends_segment = True
    examples = (
        Example(
            "a registered definition",
            _SUB,
            Start("shipping", 2, {"order": 42}),
            {"subWorkflowName": "shipping", "subWorkflowVersion": 2, "workflowInput": {"order": 42}},
        ),
        Example(
            "the latest version; a priority and an idempotency key",
            {
                **_SUB,
                "subWorkflowParam": {
                    "name": "shipping",
                    "priority": "${workflow.input.priority}",
                    "idempotencyKey": "ship-${workflow.input.order}",
                    "idempotencyStrategy": "RETURN_EXISTING",
                },
            },
            Start(
                "shipping",
                None,
                {"order": 42},
                priority=5,
                idempotency_key="ship-42",
                idempotency_strategy="RETURN_EXISTING",
            ),
            {
                "subWorkflowName": "shipping",
                "priority": "5",
                "idempotencyKey": "ship-42",
                "idempotencyStrategy": "RETURN_EXISTING",
                "workflowInput": {"order": 42},
            },
        ),
        Example(
            "a definition in its place",
            {**_SUB, "subWorkflowParam": {"workflowDefinition": _INLINE}},
            Start("one_step", None, {"order": 42}, definition=_INLINE),
            {"workflowInput": {"order": 42}},
        ),
        Example(
            "an expression for the name that yields nothing",
            {**_SUB, "subWorkflowParam": {"name": "${workflow.input.carrier}"}},
            Failed("subWorkflowParam.name is no name of a workflow: null", terminal=True),
            {"subWorkflowName": None, "workflowInput": {"order": 42}},
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        param = task.sub_workflow_param
        if param is None:
            return
        if param.compensates is not None:
            yield Finding(
                "subWorkflowParam.compensates",
                "Only Podium writes it, into the definitions of compensations.",
                "Take it out.",
                rule="sub-workflow-compensates",
            )
        if not param.name and not param.workflow_definition:
            yield Finding(
                "subWorkflowParam",
                "It does not say which workflow to run.",
                "Give the name of a registered definition, or a workflowDefinition.",
                rule="sub-workflow-name",
            )
        if param.version is not None and param.version < 0:
            yield Finding(
                "subWorkflowParam.version",
                f"There is no version {param.version}.",
                "Give a version from 1, or leave it out for the latest.",
                rule="sub-workflow-version",
            )
        if param.idempotency_strategy is not None and not param.idempotency_key:
            yield Finding(
                "subWorkflowParam.idempotencyStrategy",
                "It has no effect without an idempotencyKey.",
                "Add the key, or take the strategy out.",
                severity="warning",
                rule="idempotency-key",
            )
        if isinstance(param.workflow_definition, dict):
            yield from _check_definition(param.workflow_definition)

    def run(self, step: Step) -> Outcome:
        given, param = step.input, step.task.sub_workflow_param
        if param is not None and param.compensates is not None:
            return Start(param.name or step.ref, compensates=given["compensates"])
        # The child's own expressions are evaluated in the child: a definition in its place is not part of the
        # input.
        inline = given.get("subWorkflowDefinition") or (param.workflow_definition if param else None)
        try:
            definition = _definition(inline)
            name = given.get("subWorkflowName") or (definition or {}).get("name")
            if not isinstance(name, str) or not name:
                raise _Malformed("name is no name of a workflow", name)
            return Start(
                name,
                _number("version", given.get("subWorkflowVersion")) or None,
                _object("workflowInput", given.get("workflowInput")) or given,
                definition=definition,
                priority=_number("priority", given.get("priority")),
                idempotency_key=_text("idempotencyKey", given.get("idempotencyKey")),
                idempotency_strategy=_strategy(given.get("idempotencyStrategy")),
                task_to_domain=_object("taskToDomain", given.get("subWorkflowTaskToDomain")) or None,
            )
        except _Malformed as exc:
            return Failed(str(exc), terminal=True)


class _Malformed(Exception):
    def __init__(self, problem: str, value: Any) -> None:
        shown = "null" if value is None else repr(value)
        super().__init__(f"subWorkflowParam.{problem}: {shown[:200]}")


def _definition(value: Any) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise _Malformed("workflowDefinition is no workflow definition", value)
    return value


def _number(field: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _Malformed(f"{field} is no whole number", value) from None
    if isinstance(value, bool) or (isinstance(value, float) and number != value) or number < 0:
        raise _Malformed(f"{field} is no whole number", value)
    return number


def _text(field: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str | int):
        raise _Malformed(f"{field} is no text", value)
    return None if value is None or value == "" else str(value)


def _object(field: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise _Malformed(f"{field} is no object", value)
    return value or {}


def _strategy(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if value not in list(IdempotencyStrategy):
        raise _Malformed(f"idempotencyStrategy is none of {', '.join(IdempotencyStrategy)}", value)
    return str(value)


def _check_definition(definition: dict[str, Any]) -> Iterator[Finding]:
    try:
        WorkflowDef.model_validate(definition)
    except ValidationError as exc:
        for error in exc.errors():
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
            yield Finding(
                f"subWorkflowParam.workflowDefinition{place}",
                f"The definition of the sub-workflow is malformed: {error['msg']}.",
                "Write it as a definition that is registered.",
                rule="sub-workflow-definition",
            )
