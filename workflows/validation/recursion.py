"""Checks of sub-workflows: that they exist, and that they don't start each other without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from workflows.model import WorkflowDef
from workflows.operator import Finding
from workflows.validation.compensation import compensations, placed
from workflows.validation.flow import Flow, Site, walk

FindWorkflow = Callable[[str, int | None], WorkflowDef | None]
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Call:
    """A definition starts another one and waits for it."""

    path: str
    name: str
    version: int | None
    conditional: bool
    inline: WorkflowDef | None


def check_recursion(definition: WorkflowDef, flow: Flow, find_workflow: FindWorkflow) -> Iterator[Finding]:
    """Findings about the sub-workflows and the failure workflow of a definition."""
    graph = _Graph(definition, flow, find_workflow)
    for call in graph.calls(definition, _key(definition)):
        target = graph.target(call)
        if target is None:
            yield _unknown(call.path, call.name, call.version)
        elif circle := graph.circle(call, certain=True):
            message = f"This never ends: {' starts '.join(circle)}, each time, without a way out."
            fix = "Put one of these SUB_WORKFLOW tasks into a case of a SWITCH that is not always taken."
            yield Finding(call.path, message, fix, "error", "endless-recursion")
        elif circle := graph.circle(call, certain=False):
            message = f"This may never end: {' starts '.join(circle)}."
            fix = "Make sure that the SWITCH or loop on the way ends it at some depth."
            yield Finding(call.path, message, fix, "warning", "possible-recursion")
    yield from _check_failure_workflow(definition, graph)


def _check_failure_workflow(definition: WorkflowDef, graph: _Graph) -> Iterator[Finding]:
    name = definition.failure_workflow
    if not name or name.startswith("$"):
        return
    call = _Call("failureWorkflow", name, definition.failure_workflow_version, False, None)
    target = graph.target(call)
    if target is None:
        yield _unknown(call.path, name, call.version)
    elif target is definition:
        message = "The workflow is its own failure workflow: where that fails as well, it never ends."
        fix = "Use another workflow that can't fail in the same way."
        yield Finding(call.path, message, fix, "warning", "possible-recursion")


def _unknown(path: str, name: str, version: int | None) -> Finding:
    which = f"version {version} of the workflow {name!r}" if version else f"workflow {name!r}"
    message = f"There is no {which} yet."
    return Finding(path, message, "Register it before an execution gets here.", "warning", "unknown-workflow")


class _Graph:
    """Definitions and what they start."""

    def __init__(self, definition: WorkflowDef, flow: Flow, find_workflow: FindWorkflow) -> None:
        self.definition, self._find = definition, registered_with(definition, find_workflow)
        self._calls: dict[Key, list[_Call]] = {_key(definition): list(_calls_of(flow))}
        self._found: dict[tuple[str, int | None], WorkflowDef | None] = {}

    def calls(self, definition: WorkflowDef, key: Key) -> list[_Call]:
        if key not in self._calls:
            self._calls[key] = list(_calls_of(walk(definition)))
        return self._calls[key]

    def target(self, call: _Call) -> WorkflowDef | None:
        """What a call starts; None: nothing that is registered."""
        if call.inline is not None:
            return call.inline
        wanted = call.name, call.version or None
        if wanted not in self._found:
            self._found[wanted] = self._find(*wanted)
        return self._found[wanted]

    def circle(self, first: _Call, *, certain: bool) -> list[str] | None:
        """The names along a circle that a call leads into; `certain`: along calls that are always made."""
        if certain and first.conditional:
            return None
        trail = {_key(self.definition): self.definition.name}
        seen: set[Key] = set()

        def visit(call: _Call) -> list[str] | None:
            target = self.target(call)
            if target is None:
                return None
            key = _key(target, call)
            if key in trail:
                names = list(trail.values())
                return [*names[list(trail).index(key) :], target.name]
            if key in seen:
                return None
            seen.add(key)
            trail[key] = target.name
            for following in self.calls(target, key):
                if (not certain or not following.conditional) and (found := visit(following)):
                    return found
            del trail[key]
            return None

        return visit(first)


def registered_with(own: WorkflowDef, find_workflow: FindWorkflow) -> FindWorkflow:
    """The look-up as it will be when `own`, which is still being checked, is registered too."""

    def find(name: str, version: int | None) -> WorkflowDef | None:
        found = find_workflow(name, version)
        if name != own.name or version not in (None, own.version):
            return found
        return own if version or found is None or found.version <= own.version else found

    return find


def _key(definition: WorkflowDef, call: _Call | None = None) -> Key:
    # Inline definitions are no versions of anything: two of one name are two.
    inline = call is not None and call.inline is not None
    return definition.name, definition.version, id(definition) if inline else 0


def _calls_of(flow: Flow) -> Iterator[_Call]:
    yield from _sub_workflows(flow)
    for site, own in compensations(flow):
        for call in _sub_workflows(own):
            # What undoes a task is not part of every execution.
            yield replace(call, path=placed(site, call.path), conditional=True)


def _sub_workflows(flow: Flow) -> Iterator[_Call]:
    for site in flow.sites:
        param = site.task.sub_workflow_param
        if site.task.type != "SUB_WORKFLOW" or param is None or not site.reachable:
            continue
        inline = inline_definition(site)
        if inline is not None:
            path = f"{site.path}.subWorkflowParam.workflowDefinition"
            yield _Call(path, inline.name, inline.version, site.conditional, inline)
        elif param.workflow_definition is None and param.name and "${" not in param.name:
            path = f"{site.path}.subWorkflowParam.name"
            yield _Call(path, param.name, param.version, site.conditional, None)


def inline_definition(site: Site) -> WorkflowDef | None:
    """The workflow definition inside a SUB_WORKFLOW task; None: there is none that can be read."""
    param = site.task.sub_workflow_param
    if param is None or not isinstance(param.workflow_definition, dict):
        return None
    try:
        return WorkflowDef.model_validate(param.workflow_definition)
    except ValidationError:
        return None
