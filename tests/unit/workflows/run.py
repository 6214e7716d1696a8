"""Runs an operator on a task and an input, as the runtime would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.model import WorkflowTask
from workflows.operator import Finding, Operator, Outcome, Step, TaskView, operator_of


def task_of(kind: str, **fields: Any) -> WorkflowTask:
    """A task of this type, named `it`; `fields` are Conductor's."""
    return WorkflowTask.model_validate({"name": "it", "taskReferenceName": "it", "type": kind, **fields})


def run(
    task: WorkflowTask,
    given: Mapping[str, Any] | None = None,
    *,
    tasks: Mapping[str, TaskView] | None = None,
    iteration: int = 0,
    output: Any = None,
    now_ms: int = 0,
    variables: Mapping[str, Any] | None = None,
    operator: Operator | None = None,
) -> Outcome:
    """The outcome for this input; not given: the task's own inputParameters and operator."""
    operator = operator or operator_of(task.type)
    return operator.run(
        Step(
            ref=task.task_reference_name,
            task=task,
            spec=operator.parse(task),
            input=dict(task.input_parameters if given is None else given),
            tasks=tasks or {},
            iteration=iteration,
            output=output,
            now_ms=now_ms,
            variables=variables or {},
            task_id="task-1",
            execution_id="execution-1",
        )
    )


def findings(task: WorkflowTask) -> list[Finding]:
    """What the operator's own checks say."""
    return list(operator_of(task.type).check(task))


def rules(task: WorkflowTask) -> list[tuple[str, str, str]]:
    """Rule, path and severity of each finding."""
    return [(finding.rule, finding.path, finding.severity) for finding in findings(task)]
