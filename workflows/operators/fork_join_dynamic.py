"""The FORK_JOIN_DYNAMIC operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from workflows.model import SubWorkflowParams, WorkflowTask
from workflows.operator import Example, Failed, Fan, Finding, Operator, Outcome, Spec, Step, register


class ForkJoinDynamicSpec(Spec):
    """The fields of FORK_JOIN_DYNAMIC."""

    dynamic_fork_tasks_param: str | None = Field(
        default=None, description="The name of the input that holds the branches: a list of tasks."
    )
    dynamic_fork_tasks_input_param_name: str | None = Field(
        default=None,
        description="The name of the input that holds the input of each branch, by its reference.",
    )
    dynamic_fork_join_tasks_param: str | None = Field(
        default=None,
        description="The older form, one input for both: `{dynamicTasks: [{taskName, referenceName, input, "
        "workflowName, type}]}`.",
    )


_INPUTS, _NAME, _TYPE = "forkTaskInputs", "forkTaskName", "forkTaskType"
_WORKFLOW, _VERSION = "forkTaskWorkflow", "forkTaskWorkflowVersion"
_FORK = {"name": "pack_all", "taskReferenceName": "pack_all", "type": "FORK_JOIN_DYNAMIC"}
_SAME = {**_FORK, "inputParameters": {_NAME: "pack", _INPUTS: "${workflow.input.parcels}"}}


class _Malformed(Exception):
    """The branches can't be made of the input."""


@register
class ForkJoinDynamic(Operator):
    """Run as many branches side by side as the input says.

    What it does:
        It makes one branch for each element of a list in its input, and goes on as FORK_JOIN does. The task
        after it is a JOIN, which waits for the last task of each branch, whatever its `joinOn` says. An empty
        list has no branches, and the JOIN is complete at once.

        The inputs of the branches are data: an expression inside of them is text. The tasks of the second
        form are a definition, and expressions in their `inputParameters` are evaluated as they would be there.

    When to use it:
        For the same work on each element of a list, side by side, or for branches that a task before it has
        chosen. One after the other: DO_WHILE over the list.

    Fields:
        One of three forms. The same task for all: `inputParameters` with `forkTaskInputs` (a list; an element
        that is no object is the branch's `input`) and either `forkTaskName` (with `forkTaskType`, SIMPLE when
        not given) or `forkTaskWorkflow` (with `forkTaskWorkflowVersion`). Branches are called
        `_<name>_<number>` from 0, and are given that number as `__index`; a second fork of this form in the same
        definition calls them `_<its reference>_<name>_<number>`. Or a list of tasks
        (`dynamicForkTasksParam`) with their inputs (`dynamicForkTasksInputParamName`). Or the older form
        (`dynamicForkJoinTasksParam`).

    Output:
        `{}`; that of the branches is the JOIN's.
    """

    type = "FORK_JOIN_DYNAMIC"
    spec = ForkJoinDynamicSpec
    instant = True
    retried = False
    contains = "branches"
    rewritten = True
    examples = (
        Example("the same task for each", _SAME, Fan({}), {_NAME: "pack", _INPUTS: [{"weight": 3}, {}]}),
    )

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        return {f"forkTasks[{index}]": branch for index, branch in enumerate(task.fork_tasks)}

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        given = task.input_parameters
        named = [task.dynamic_fork_tasks_param, task.dynamic_fork_join_tasks_param]
        if _INPUTS not in given and not any(named):
            yield Finding(
                "dynamicForkTasksParam",
                "It does not say what its branches are.",
                f"Give inputParameters.{_INPUTS} and {_NAME}, or dynamicForkTasksParam and "
                "dynamicForkTasksInputParamName.",
                rule="dynamic-fork-without-branches",
            )
        if _INPUTS in given and _NAME not in given and _WORKFLOW not in given and not any(named):
            yield Finding(
                f"inputParameters.{_NAME}",
                f"It does not say what to run for each element of {_INPUTS}.",
                f"Add {_NAME} (a worker task) or {_WORKFLOW} (a workflow).",
                rule="dynamic-fork-without-task",
            )
        if task.fork_tasks:
            yield Finding(
                "forkTasks",
                "A dynamic fork has no branches of its own; these are not read.",
                "Take them out, or make it a FORK_JOIN.",
                rule="dynamic-fork-tasks",
            )

    def rewrite(self, step: Step) -> WorkflowTask | Failed:
        try:
            branches = [[branch] for branch in _branches(step)]
        except _Malformed as error:
            return Failed(str(error), terminal=True)
        return step.task.model_copy(update={"fork_tasks": branches})

    def run(self, step: Step) -> Outcome:
        return Fan({})


def _branches(step: Step) -> list[WorkflowTask]:
    given, spec = step.input, step.spec
    if isinstance(given.get(_INPUTS), list) and (given.get(_WORKFLOW) or given.get(_NAME)):
        return _same(step, given[_INPUTS])
    if spec.dynamic_fork_tasks_param:
        return _listed(step, given.get(spec.dynamic_fork_tasks_param))
    if spec.dynamic_fork_join_tasks_param:
        return _older(step, given.get(spec.dynamic_fork_join_tasks_param))
    raise _Malformed(
        f"Input '{_INPUTS}' is invalid. Expecting a list, but found {_shown(given.get(_INPUTS))}"
    )


def _same(step: Step, elements: list[Any]) -> list[WorkflowTask]:
    workflow, name = step.input.get(_WORKFLOW), step.input.get(_NAME)
    called = workflow or name
    if not isinstance(called, str):
        raise _Malformed(f"The name of the forked task is no text: {_shown(called)}")
    # Conductor looks at what has run before; what a definition reads must not depend on that.
    prefix = f"_{step.ref}_{called}" if step.again else f"_{called}"
    what: dict[str, Any]
    if workflow:
        param = SubWorkflowParams(name=called, version=step.input.get(_VERSION))
        what = {"type": "SUB_WORKFLOW", "sub_workflow_param": param}
    else:
        what = {"type": str(step.input.get(_TYPE) or "SIMPLE")}
    return [
        WorkflowTask(
            name=called,
            task_reference_name=f"{prefix}_{index}",
            input_parameters={"__index": index},
            input_expression=f"${{{step.ref}.input.{_INPUTS}[{index}]}}",
            optional=step.task.optional,
            **what,
        )
        for index in range(len(elements))
    ]


def _listed(step: Step, found: Any) -> list[WorkflowTask]:
    param, inputs_param = step.spec.dynamic_fork_tasks_param, step.spec.dynamic_fork_tasks_input_param_name
    inputs = step.input.get(inputs_param) if inputs_param else None
    if inputs is not None and not isinstance(inputs, Mapping):
        raise _Malformed(
            "Input to the dynamically forked tasks is not a map -> expecting a map of K,V  but found "
            f"{_shown(inputs)}"
        )
    if not isinstance(found, list):
        raise _not_tasks(param, found)
    try:
        tasks = [WorkflowTask.model_validate(each) for each in found]
    except ValidationError as error:
        raise _not_tasks(param, found) from error
    return [
        _with_data(task, f"${{{step.ref}.input.{inputs_param}['{task.task_reference_name}']}}")
        if inputs and task.task_reference_name in inputs
        else task
        for task in map(_checked, tasks)
    ]


def _older(step: Step, found: Any) -> list[WorkflowTask]:
    param = step.spec.dynamic_fork_join_tasks_param
    listed = found.get("dynamicTasks") if isinstance(found, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise _not_tasks(param, found)
    return [_older_one(step, f"{param}.dynamicTasks[{index}]", each) for index, each in enumerate(listed)]


def _older_one(step: Step, place: str, given: Mapping[str, Any]) -> WorkflowTask:
    workflow, name = given.get("workflowName"), given.get("taskName") or given.get("workflowName")
    kind = given.get("type") or ("SUB_WORKFLOW" if workflow else "SIMPLE")
    try:
        task = WorkflowTask(
            name=name,
            task_reference_name=given.get("referenceName"),
            type=kind,
            sub_workflow_param=SubWorkflowParams(name=workflow) if workflow else None,
        )
    except ValidationError as error:
        raise _not_tasks(place, dict(given)) from error
    task = _checked(task)
    return (
        _with_data(task, f"${{{step.ref}.input.{place}.input}}") if given.get("input") is not None else task
    )


def _with_data(task: WorkflowTask, expression: str) -> WorkflowTask:
    return task.model_copy(update={"input_expression": expression})


def _checked(task: WorkflowTask) -> WorkflowTask:
    # The reference becomes part of an expression.
    ref = task.task_reference_name
    if not ref or any(sign in ref for sign in "'\"\\{}"):
        raise _Malformed(
            f"{ref!r} is no reference of a forked task: it is empty, or has quotes or braces in it"
        )
    return task


def _not_tasks(param: str | None, found: Any) -> _Malformed:
    return _Malformed(
        f"Input '{param}' is invalid. Cannot deserialize a list of Workflow Tasks from '{_shown(found)}'"
    )


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
