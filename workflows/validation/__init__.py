"""Static checks over a whole definition: all findings at once, each with its place, and how to mend it.

Each finding has a stable `rule`; docs/reference/definitions.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from workflows.errors import InvalidDefinition
from workflows.model import SchemaDef, TaskDef, WorkflowDef
from workflows.named_schemas import SchemaKey
from workflows.operator import Finding
from workflows.validation.compensation import check_compensations, compensations, placed
from workflows.validation.fields import check_definition, check_tasks, check_unknown_fields
from workflows.validation.flow import Flow, walk
from workflows.validation.joins import check_joins
from workflows.validation.recursion import check_recursion, inline_definition, registered_with
from workflows.validation.references import check_references
from workflows.validation.schemas import check_schemas

__all__ = ["require_valid", "require_valid_task", "validate"]

FindWorkflow = Callable[[str, int | None], WorkflowDef | None]
FindTaskDef = Callable[[str], TaskDef | None]
FindSchema = Callable[[SchemaKey], SchemaDef | None]

_MAX_INLINE = 10


def validate(
    definition: WorkflowDef,
    *,
    find_workflow: FindWorkflow | None = None,
    find_task_def: FindTaskDef | None = None,
    find_schema: FindSchema | None = None,
) -> list[Finding]:
    """All errors and warnings of a definition, in the order of the document.

    `find_workflow` looks up a registered definition by name and version (None: the latest); not given: what
    other definitions do is not checked. `find_task_def` looks up a task definition by name; not given:
    expressions in registered input templates are not checked. `find_schema` looks up a registered schema; not
    given: whether there are the named ones is not checked.
    """
    look_up = _LookUp(find_workflow, find_task_def, find_schema)
    return sorted(_findings(definition, look_up, 0), key=_document_order)


def require_valid(
    definition: WorkflowDef,
    *,
    find_workflow: FindWorkflow | None = None,
    find_task_def: FindTaskDef | None = None,
    find_schema: FindSchema | None = None,
) -> list[Finding]:
    """Check a definition that is to be used; the answer holds the warnings.

    Raises:
        InvalidDefinition: there are errors.
    """
    findings = validate(
        definition, find_workflow=find_workflow, find_task_def=find_task_def, find_schema=find_schema
    )
    if any(finding.severity == "error" for finding in findings):
        raise InvalidDefinition(definition.name, findings)
    return findings


def require_valid_task(definition: TaskDef, find_schema: FindSchema | None = None) -> list[Finding]:
    """Check a task definition that is to be registered; the answer holds the warnings.

    Raises:
        InvalidDefinition: there are errors.
    """
    findings = list(check_schemas(definition, find_schema))
    if any(finding.severity == "error" for finding in findings):
        raise InvalidDefinition(definition.name, findings, "task")
    return findings


@dataclass(frozen=True, slots=True)
class _LookUp:
    """Where to look up what a definition names; None: it is not checked."""

    workflow: FindWorkflow | None
    task_def: FindTaskDef | None
    schema: FindSchema | None


def _findings(definition: WorkflowDef, look_up: _LookUp, inline: int) -> Iterator[Finding]:
    find_workflow, find_task_def = look_up.workflow, look_up.task_def
    flow = walk(definition)
    joins = list(check_joins(flow))
    # A JOIN's own check can't see the tasks around it; where both say something, the one that can is heard.
    places = {finding.path for finding in joins}
    yield from check_definition(definition, flow)
    yield from check_schemas(definition, look_up.schema)
    for site in flow.sites:
        if site.task.task_definition is not None:
            yield from check_schemas(site.task.task_definition, look_up.schema, f"{site.path}.taskDefinition")
    yield from (finding for finding in check_tasks(flow) if finding.path not in places)
    yield from joins
    yield from check_references(definition, flow, find_task_def)
    yield from check_compensations(flow, find_task_def)
    yield from check_unknown_fields(definition)
    if find_workflow is not None:
        yield from check_recursion(definition, flow, find_workflow)
    known = find_workflow and registered_with(definition, find_workflow)
    look_up = replace(look_up, workflow=known)
    yield from _inline_findings(flow, look_up, inline)
    for site, own in compensations(flow):
        for finding in _inline_findings(own, look_up, inline):
            yield replace(finding, path=placed(site, finding.path))


def _inline_findings(flow: Flow, look_up: _LookUp, inline: int) -> Iterator[Finding]:
    """Findings of the definitions that are written inside SUB_WORKFLOW tasks."""
    for site in flow.sites:
        # One that can't be read is a finding of the SUB_WORKFLOW operator.
        child = inline_definition(site)
        if child is None:
            continue
        path = f"{site.path}.subWorkflowParam.workflowDefinition"
        if inline >= _MAX_INLINE:
            message = f"Definitions are written inside each other more than {_MAX_INLINE} deep."
            yield Finding(path, message, "Register it, and use its name.", "error", "inline-depth")
            continue
        for finding in _findings(child, look_up, inline + 1):
            # The outer definition's own look for circles goes through this one.
            if finding.rule not in ("endless-recursion", "possible-recursion"):
                yield replace(finding, path=f"{path}.{finding.path}")


def _document_order(finding: Finding) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", finding.path)]
