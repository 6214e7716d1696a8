"""The definition that undoes an execution: the compensations of its completed tasks, last completed first.

It is a definition like any other, made when the execution ends and stored as a program of its own, so that it is
claimed, retried, recovered and shown as everything else. What its tasks read of the execution that is undone was read
when that ended, and is the compensation's input; what they read of each other is read when they are reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Template, replace_expressions
from workflows.model import SubWorkflowParams, WorkflowDef, WorkflowTask
from workflows.operator import is_operator, operator_of
from workflows.program import Node, Path, Program

Json = Any

SUFFIX = ".compensation"
"""What the name of a compensation has behind the name of the workflow that it undoes."""
FLOW_TYPES = frozenset(
    {
        "SWITCH",
        "DECISION",
        "FORK_JOIN",
        "FORK_JOIN_DYNAMIC",
        "JOIN",
        "EXCLUSIVE_JOIN",
        "DO_WHILE",
        "TERMINATE",
    }
)
"""Operators that have no place in a compensation, and nothing of their own to undo: what is inside them has."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A task whose work is to be undone."""

    node: Node
    path: Path
    child_id: str | None = None
    """The execution that it started, which is undone through the compensations of its own tasks. None: through
    the compensation that the task declares."""
    child_name: str = ""


Read = Callable[[Owed, Template], Json]
"""What an expression reads, as seen from a task of the execution that is undone."""


def is_flow(task: WorkflowTask) -> bool:
    """Whether a task only steers the flow: such a one neither is nor has a compensation."""
    return task.type in FLOW_TYPES or (is_operator(task.type) and bool(operator_of(task.type).children(task)))


def compensation_of(program: Program, owed: Sequence[Owed], read: Read) -> tuple[Program, dict[str, Json]]:
    """The program that undoes these tasks, in this order, and the values that it takes as `workflow.input.values`."""
    values: dict[str, Json] = {}
    tasks: list[WorkflowTask] = []
    for one in owed:
        key = _free(_plain(at(one.node.ref, one.path)), values)
        own = values.setdefault(key, {})
        if one.child_id is None:
            tasks += _declared(one, program, f"workflow.input.values.{key}", own, read)
        else:
            own["workflowId"] = one.child_id
            ref = _free(at(one.node.ref, one.path), [task.task_reference_name for task in tasks])
            tasks.append(
                _through_child(one.child_name + SUFFIX, ref, f"${{workflow.input.values.{key}.workflowId}}")
            )
        if not own:
            del values[key]
    undone = program.definition
    definition = WorkflowDef(
        name=undone.name + SUFFIX,
        version=undone.version,
        description=f"Undoes an execution of {undone.name}: the last completed task first.",
        tasks=tasks,
        owner_email=undone.owner_email,
        masked_fields=undone.masked_fields,
    )
    return Program(definition, program.task_defs, compensates=program.id), values


def at(ref: str, path: Path) -> str:
    """The reference, in a compensation, of what undoes a task in iterations of loops: `refund~2`."""
    return "".join([ref, *(f"~{number}" for number in path)])


def reads_plainly(expression: str, ref: str) -> bool:
    """Whether an expression names the reference at its beginning, where it can be given another name."""
    return _beginning(ref).match(expression) is not None


def _beginning(ref: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\$)\$\{\s*" + re.escape(ref) + r"(?=[.\[}\s])")


def _plain(name: str) -> str:
    """A name that a path can hold."""
    return re.sub(r"[^\w~-]+", "_", name).strip("_")


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "~again"
    return name


def _through_child(name: str, ref: str, child_id: str) -> WorkflowTask:
    param = SubWorkflowParams(name=name, compensates=child_id)
    return WorkflowTask(name=name, task_reference_name=ref, type="SUB_WORKFLOW", sub_workflow_param=param)


def _declared(
    owed: Owed, program: Program, place: str, values: dict[str, Json], read: Read
) -> Iterator[WorkflowTask]:
    tasks = owed.node.task.compensation
    # In a loop each iteration's compensation has references of its own.
    own = {task.task_reference_name: at(task.task_reference_name, owed.path) for task in tasks}
    names: dict[str, str] = {}

    def choose(expression: str) -> str | None:
        template = Template.compile(expression)
        if template.constant or any(_belongs_to_the_compensation(*root, own) for root in template.roots):
            return None
        if expression not in names:
            names[expression] = _free(_plain(expression), set(names.values()))
            values[names[expression]] = read(owed, template)
        return f"${{{place}.{names[expression]}}}"

    def rewritten(text: str) -> str:
        text = replace_expressions(text, choose)
        for ref, name in own.items():
            if ref != name:
                text = _beginning(ref).sub("${" + name, text)
        return text

    for task in tasks:
        known = task.task_definition or program.task_defs.get(task.name)
        defaults = known.input_template if known else {}
        changed = {"input_parameters": _strings(defaults | task.input_parameters, rewritten)}
        if task.sub_workflow_param is not None:
            changed["sub_workflow_param"] = _param(task.sub_workflow_param, rewritten)
        if task.sink is not None:
            changed["sink"] = rewritten(task.sink)
        yield task.model_copy(update={"task_reference_name": own[task.task_reference_name], **changed})


def _belongs_to_the_compensation(root: str, field: str | None, own: Collection[str]) -> bool:
    """Environment variables and the task's own id too are what they are when the task runs."""
    return root in own or root == "CPEWF_TASK_ID" or (root, field) == ("workflow", "env")


def _param(param: SubWorkflowParams, rewritten: Callable[[str], str]) -> SubWorkflowParams:
    # An inline definition's expressions are its own.
    kept = {"workflow_definition"} if isinstance(param.workflow_definition, dict) else set()
    fields = {name: getattr(param, name) for name in param.model_fields_set - kept}
    return param.model_copy(update=_strings(fields, rewritten))


def _strings(value: Json, rewritten: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return rewritten(value) if "${" in value else value
    if isinstance(value, dict):
        return {key: _strings(item, rewritten) for key, item in value.items()}
    return [_strings(item, rewritten) for item in value] if isinstance(value, list) else value
