"""Checks of compensations: what may undo what, and what it may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from workflows.compensation import is_flow, reads_plainly
from workflows.errors import ExpressionError
from workflows.expressions import Template, replace_expressions
from workflows.jsonpaths import ANY_ROOT
from workflows.model import WorkflowDef
from workflows.operator import Finding
from workflows.validation.fields import check_tasks
from workflows.validation.flow import Fact, Flow, Site, walk
from workflows.validation.references import (
    TASK_ID,
    FindTaskDef,
    check_field,
    check_order,
    nearest,
    task_texts,
)


def compensations(flow: Flow) -> Iterator[tuple[Site, Flow]]:
    """The compensations of a definition: the task that has one, and its list, walked by itself."""
    for site in flow.sites:
        if site.task.compensation:
            yield site, walk(WorkflowDef(name=site.ref, tasks=site.task.compensation))


def placed(site: Site, path: str) -> str:
    """The path in the whole definition of what is at `path` in a compensation that was walked by itself."""
    return f"{site.path}.compensation{path.removeprefix('tasks')}"


def check_compensations(flow: Flow, find_task_def: FindTaskDef | None) -> Iterator[Finding]:
    """Findings about the compensations of all tasks."""
    found = list(compensations(flow))
    taken = {ref: site.path for ref, site in flow.by_ref.items()}
    for site, own in found:
        if is_flow(site.task):
            message = f"{site.task.type} has no effect of its own that could be undone."
            fix = "Give the compensation to the tasks inside it."
            yield Finding(f"{site.path}.compensation", message, fix, "error", "compensation-of-flow")
        for finding in check_tasks(own):
            yield replace(finding, path=placed(site, finding.path))
        yield from _check_list(site, own, taken)
        for inner in own.sites:
            for path, text in task_texts(inner, find_task_def):
                yield from _check_text(flow, site, own, inner, placed(site, path), text)


def _check_list(site: Site, own: Flow, taken: dict[str, str]) -> Iterator[Finding]:
    for inner in own.sites:
        path = placed(site, inner.path)
        if is_flow(inner.task) and not inner.containers:
            message = (
                f"A compensation is a list of tasks that run one after the other: {inner.task.type} steers."
            )
            fix = "Put it into a workflow of its own, and run that here as a SUB_WORKFLOW."
            yield Finding(f"{path}.type", message, fix, "error", "compensation-steers")
        if inner.task.compensation:
            message = "What undoes a task is not undone itself."
            yield Finding(f"{path}.compensation", message, "Take it out.", "error", "compensation-nested")
        if "~" in inner.ref:
            message = (
                f"{inner.ref!r} contains '~', which separates the number of an iteration in a compensation."
            )
            yield Finding(
                f"{path}.taskReferenceName", message, "Use '_'.", "error", "reference-with-delimiter"
            )
        if inner.ref in taken and own.by_ref[inner.ref] is inner:
            message = f"{inner.ref!r} is already the reference of {taken[inner.ref]}."
            where = f"{path}.taskReferenceName"
            yield Finding(where, message, "Rename one of the two.", "error", "duplicate-reference")
        taken.setdefault(inner.ref, path)


def _check_text(flow: Flow, site: Site, own: Flow, inner: Site, path: str, text: str) -> Iterator[Finding]:
    try:
        roots = Template.compile(text).roots
    except ExpressionError as error:
        fix = "Correct it; write $${...} for text that is no expression."
        yield Finding(path, f"The {error}.", fix, "error", "malformed-expression")
        return
    for root, field in sorted(roots, key=str):
        if root == TASK_ID:
            continue
        if root == ANY_ROOT:
            message = "An expression chooses which task is read; in a compensation that must be known."
            fix = "Write the reference at the beginning: ${ref.output...}."
            yield Finding(path, message, fix, "error", "compensation-reads-any")
            continue
        yield from check_field(path, root, field)
        if root in own.by_ref:
            yield from check_order(path, inner, own.by_ref[root])
            yield from _check_beginning(path, text, root)
        elif root != "workflow":
            yield from _check_read(flow, site, path, root)


def _check_beginning(path: str, text: str, ref: str) -> Iterator[Finding]:
    wrong: list[str] = []

    def look(expression: str) -> None:
        if any(root == ref for root, _ in Template.compile(expression).roots):
            outer = expression.count("${") == 1 and not reads_plainly(expression, ref)
            wrong.extend([expression] if outer else [])

    replace_expressions(text, look)
    for expression in wrong:
        message = (
            f"{expression} reads a task of the same compensation in a form that can't be renamed in a loop."
        )
        fix = f"Begin with the reference: ${{{ref}...}}."
        yield Finding(path, message, fix, "error", "compensation-reads-any")


def _check_read(flow: Flow, site: Site, path: str, root: str) -> Iterator[Finding]:
    if root not in flow.by_ref:
        message = f"${{{root}...}} names no task of this workflow, nor of this compensation."
        fix = f"{nearest(root, [*flow.by_ref, 'workflow'])}Use the reference of a task that has run by then."
        yield Finding(path, message, fix, "error", "unknown-reference")
    elif root != site.ref and site.fact(root) is not Fact.DONE:
        message = f"{root!r} may not have run when {site.ref!r} is undone; this is null then."
        fix = f"Read {site.ref!r} or a task before it, or expect null."
        yield Finding(path, message, fix, "warning", "compensation-may-read-null")
