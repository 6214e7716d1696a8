"""Checks of `${...}`: that it can be parsed, that it names a task, and that this task can have run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from workflows.errors import ExpressionError
from workflows.expressions import Template
from workflows.jsonpaths import ANY_ROOT
from workflows.model import TaskDef, WorkflowDef
from workflows.operator import Finding, is_operator, operator_of
from workflows.paths import join_path
from workflows.secrets import NAME
from workflows.validation.flow import Fact, Flow, Site

FindTaskDef = Callable[[str], TaskDef | None]

WORKFLOW_FIELDS = frozenset(
    {
        *(
            "input",
            "output",
            "status",
            "workflowId",
            "parentWorkflowId",
            "parentWorkflowTaskId",
            "workflowType",
        ),
        *(
            "version",
            "correlationId",
            "reasonForIncompletion",
            "schemaVersion",
            "variables",
            "env",
            "secrets",
        ),
    }
)
"""What `${workflow.…}` may read."""
TASK_FIELDS = frozenset(
    {
        *(
            "input",
            "output",
            "taskType",
            "status",
            "referenceTaskName",
            "retryCount",
            "correlationId",
            "iteration",
        ),
        *(
            "pollCount",
            "taskDefName",
            "scheduledTime",
            "startTime",
            "endTime",
            "workflowInstanceId",
            "taskId",
        ),
        *("reasonForIncompletion", "callbackAfterSeconds", "workerId"),
    }
)
"""What `${ref.…}` may read."""
TASK_ID = "CPEWFTASK_ID"
_SECRETS = re.compile(r"\$\{\s*(?:\$\.)?workflow(?:\.|\[['\"])secrets\b")


def nearest(name: str, names: Iterable[str]) -> str:
    """`Did you mean 'x'?` and a space, or nothing when no name is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def check_references(
    definition: WorkflowDef, flow: Flow, find_task_def: FindTaskDef | None
) -> Iterator[Finding]:
    """Findings about all expressions of a definition."""
    for site in flow.sites:
        for path, text in task_texts(site, find_task_def):
            yield from _check_text(flow, path, text, site)
            yield from _check_secrets(site, path, text)
    for path, text in _strings(definition.output_parameters, "outputParameters"):
        yield from _check_text(flow, path, text, None)
        if _SECRETS.search(text):
            yield _stored(path, "The output of an execution")


def task_texts(site: Site, find_task_def: FindTaskDef | None) -> Iterator[tuple[str, str]]:
    """Every text of a task that may hold expressions, with its path."""
    task, path = site.task, site.path
    yield from _strings(task.input_parameters, f"{path}.inputParameters")
    yield from _strings(task.items, f"{path}.items")
    yield from _strings(task.sink, f"{path}.sink")
    if task.sub_workflow_param is not None:
        fields = task.sub_workflow_param.to_json()
        if isinstance(fields.get("workflowDefinition"), dict):
            # An inline definition's expressions are the child's own; it is validated by itself.
            del fields["workflowDefinition"]
        yield from _strings(fields, f"{path}.subWorkflowParam")
    if task.task_definition is not None:
        template, where = task.task_definition.input_template, f"{path}.taskDefinition.inputTemplate"
        yield from _strings(template, where)
    elif find_task_def is not None and (registered := find_task_def(task.name)) is not None:
        defaults = {k: v for k, v in registered.input_template.items() if k not in task.input_parameters}
        yield from _strings(defaults, f"{path}.inputParameters")


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "${" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, join_path(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}[{index}]")


def _check_text(flow: Flow, path: str, text: str, reader: Site | None) -> Iterator[Finding]:
    try:
        roots = Template.compile(text).roots
    except ExpressionError as error:
        fix = "Correct it; write $${...} for text that is no expression."
        yield Finding(path, f"The {error}.", fix, "error", "malformed-expression")
        return
    for root, field in sorted(roots, key=str):
        if root in (ANY_ROOT, TASK_ID):
            continue
        yield from check_field(path, root, field)
        if root == "workflow":
            continue
        target = flow.by_ref.get(root)
        if target is None:
            message = f"${{{root}...}} names no task of this workflow."
            fix = (
                f"{nearest(root, [*flow.by_ref, 'workflow'])}Use a taskReferenceName, or $${{...}} for text."
            )
            yield Finding(path, message, fix, "error", "unknown-reference")
        elif reader is None:
            yield from _check_output(flow, path, root)
        else:
            yield from check_order(path, reader, target)


def check_field(path: str, root: str, field: str | None) -> Iterator[Finding]:
    """A warning when `${root.field}` reads what neither a task nor the workflow has."""
    fields = WORKFLOW_FIELDS if root == "workflow" else TASK_FIELDS
    if field is not None and field not in fields:
        message = f"${{{root}.{field}}} is always null: {field!r} is no field of "
        message += "the workflow." if root == "workflow" else "a task."
        fix = f"{nearest(field, fields)}Most often it is {root}.output or {root}.input."
        yield Finding(path, message, fix, "warning", "unknown-field-read")


def _check_secrets(site: Site, path: str, text: str) -> Iterator[Finding]:
    if not _SECRETS.search(text):
        return
    kind = site.task.type
    if is_operator(kind) and not operator_of(kind).uses_secrets:
        yield _stored(path, f"What a {kind} is given")
    elif not path.startswith((f"{site.path}.inputParameters", f"{site.path}.taskDefinition.inputTemplate")):
        yield _stored(path, "This")
    elif len(NAME.findall(text)) < len(_SECRETS.findall(text)):
        message = "A secret is named in a way that is not known when the definition is registered."
        yield Finding(path, message, "Write ${workflow.secrets.NAME}.", "error", "malformed-secret")


def _stored(path: str, what: str) -> Finding:
    message = f"{what} is stored, and a secret must not be."
    fix = "Give it to the worker, HTTP or KAFKA_PUBLISH task that uses it."
    return Finding(path, message, fix, "error", "secret-would-be-stored")


def _check_output(flow: Flow, path: str, ref: str) -> Iterator[Finding]:
    if flow.end.get(ref) in (Fact.MAYBE, Fact.MAYBE_RUNNING, None):
        message = f"{ref!r} does not run in every execution; this output is null where it did not."
        fix = "Collect it with SET_VARIABLE in each branch, or let the readers expect null."
        yield Finding(path, message, fix, "warning", "output-may-be-missing")


def check_order(path: str, reader: Site, target: Site) -> Iterator[Finding]:
    """Findings when a task reads one that may not have ended before."""
    ref, fact = target.ref, reader.fact(target.ref)
    if fact is Fact.DONE or _contains(reader, target, "loop"):
        return
    if fact is Fact.MAYBE:
        message = f"{ref!r} runs only in some cases of a SWITCH or loop before; this is null in the others."
        fix = "Read it inside the same case, or collect it with SET_VARIABLE."
        yield Finding(path, message, fix, "warning", "reads-exclusive-branch")
    elif set(reader.loops) & set(target.loops):
        message = f"{ref!r} has not run yet in this iteration: this is the previous one's, null in the first."
        fix = "Move the task before this one if the current iteration is meant."
        yield Finding(path, message, fix, "warning", "reads-previous-iteration")
    else:
        yield _impossible(path, reader, target, fact)


def _impossible(path: str, reader: Site, target: Site, fact: Fact | None) -> Finding:
    ref = target.ref
    if target is reader:
        fix = "Name an earlier task, or workflow.input."
        return Finding(path, f"{ref!r} reads itself.", fix, "error", "reads-itself")
    parted = _parted(reader, target)
    if parted == "cases":
        message = f"{ref!r} is in another case of the same SWITCH: this is always null."
        return Finding(path, message, "Name a task of this case.", "warning", "reads-exclusive-branch")
    if parted == "branches" or fact is not None:
        message = f"{ref!r} is in a fork's branch that no JOIN has waited for here; it may not have ended."
        fix = f"Read it after a JOIN whose joinOn has {ref!r} or a later task of its branch."
        return Finding(path, message, fix, "error", "reads-parallel-branch")
    fix = f"Move {ref!r} before this task, or name an earlier one."
    return Finding(path, f"{ref!r} runs later: it can't have run here.", fix, "error", "reads-later-task")


def _parted(first: Site, second: Site) -> str:
    """The kind of the task that holds both in different lists of its own; '' where there is none."""
    for one, other in zip(first.containers, second.containers, strict=False):
        if one.owner is not other.owner:
            return ""
        if one.label != other.label:
            return one.kind
    return ""


def _contains(outer: Site, inner: Site, kind: str) -> bool:
    return any(c.owner is outer and c.kind == kind for c in inner.containers)
