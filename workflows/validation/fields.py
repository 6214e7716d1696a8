"""Checks of single tasks: their names, types and own fields; and of fields that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from workflows.changes import CHANGES, names, sink_of
from workflows.errors import ExpressionError
from workflows.events import SINKS, event_problem
from workflows.expressions import Template
from workflows.model import Document, WorkflowDef, WorkflowTask
from workflows.operator import Finding, is_operator, operator_of, operators
from workflows.paths import join_path
from workflows.validation.flow import Flow, Site
from workflows.validation.references import nearest

CONDUCTOR_TYPES = frozenset(
    {
        *(
            "DYNAMIC",
            "FORK_JOIN",
            "FORK_JOIN_DYNAMIC",
            "DECISION",
            "SWITCH",
            "JOIN",
            "EXCLUSIVE_JOIN",
            "DO_WHILE",
        ),
        *(
            "SUB_WORKFLOW",
            "START_WORKFLOW",
            "EVENT",
            "WAIT",
            "HUMAN",
            "HTTP",
            "LAMBDA",
            "INLINE",
            "TERMINATE",
        ),
        *("KAFKA_PUBLISH", "JSON_JQ_TRANSFORM", "SET_VARIABLE", "NOOP", "PULL_WORKFLOW_MESSAGES", "JDBC"),
        *(
            "LLM_TEXT_COMPLETE",
            "LLM_CHAT_COMPLETE",
            "LLM_INDEX_TEXT",
            "LLM_SEARCH_INDEX",
            "LLM_GET_EMBEDDINGS",
        ),
        *("LLM_GENERATE_EMBEDDINGS", "LLM_STORE_EMBEDDINGS", "LLM_SEARCH_EMBEDDINGS", "LIST_MCP_TOOLS"),
        *("CALL_MCP_TOOL", "AGENT", "GET_AGENT_CARD", "CANCEL_AGENT", "GENERATE_IMAGE", "GENERATE_AUDIO"),
        *("GENERATE_VIDEO", "GENERATE_PDF"),
    }
)
"""Conductor's system tasks. One that is no operator here can't be run: no worker would ever take it."""
_WORKER_TYPES = ("SIMPLE", "USER_DEFINED")
_READABLE = re.compile(r"[^.\[\]()*'\"${}]+")


def check_definition(definition: WorkflowDef, flow: Flow) -> Iterator[Finding]:
    """Findings about the definition's own fields."""
    if not definition.name.strip():
        yield Finding("name", "The workflow has no name.", "Give it one.", "error", "name-missing")
    if not definition.tasks:
        yield Finding("tasks", "The workflow has no tasks.", "Add one; a NOOP will do.", "error", "no-tasks")
    config = definition.cache_config
    if config is not None and not config.ttl_in_second:
        yield _nothing_is_kept("cacheConfig")
    elif config is not None and any(site.task.compensation for site in flow.sites):
        yield _cached_compensation("cacheConfig")


def check_tasks(flow: Flow) -> Iterator[Finding]:
    """Findings about each task by itself."""
    for site in flow.sites:
        yield from _check_reference(flow, site)
        yield from _check_type(site)
        if is_operator(site.task.type):
            yield from _check_operator(site)
        yield from _check_cache(site)
        yield from _check_changes(site)
        yield from _check_reachable(site)


def _check_reference(flow: Flow, site: Site) -> Iterator[Finding]:
    ref, path = site.ref, f"{site.path}.taskReferenceName"
    first = flow.by_ref[ref]
    if not ref.strip():
        fix = "Give it a name that no other task has."
        yield Finding(path, "The task has no reference.", fix, "error", "reference-missing")
    elif first is not site:
        message = f"{ref!r} is already the reference of {first.path}."
        yield Finding(path, message, "Rename one of the two.", "error", "duplicate-reference")
    elif ref in ("workflow", "CPEWF_TASK_ID"):
        message = f"{ref!r} is reserved: ${{{ref}...}} means something else."
        yield Finding(path, message, "Choose another name.", "error", "reserved-reference")
    elif "__" in ref:
        message = f"{ref!r} contains '__', which separates a reference from the number of a loop's iteration."
        yield Finding(path, message, "Use a single '_'.", "error", "reference-with-delimiter")
    elif not _READABLE.fullmatch(ref):
        message = f"{ref!r} can't be read by ${{...}}: it holds one of . [ ] ( ) * ' \" $ {{ }}."
        fix = "Use letters, digits, '_' and '-'."
        yield Finding(path, message, fix, "warning", "unreadable-reference")


def _check_type(site: Site) -> Iterator[Finding]:
    task = site.task
    if not task.name.strip():
        what = "that workers register" if task.type in _WORKER_TYPES else "of its task definition"
        message = "The task has no name."
        yield Finding(f"{site.path}.name", message, f"Give it the name {what}.", "error", "task-name-missing")
    if is_operator(task.type) or task.type in _WORKER_TYPES:
        return
    path = f"{site.path}.type"
    if task.type in CONDUCTOR_TYPES:
        message = f"{task.type} is a task type of Conductor that this version of Podium can't run."
        fix = f"Use one of {', '.join(operators())}, or a worker task (SIMPLE)."
        yield Finding(path, message, fix, "error", "unsupported-type")
    elif near := nearest(task.type, [*operators(), *_WORKER_TYPES]):
        message = f"{task.type!r} is no operator, so a worker of this name is waited for."
        yield Finding(path, message, f"{near.strip()}", "warning", "unknown-type")


def _check_operator(site: Site) -> Iterator[Finding]:
    task, operator = site.task, operator_of(site.task.type)
    wrong: set[str] = set()
    try:
        operator.parse(task)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            path = join_path(site.path, *problem["loc"])
            wrong.add(path)
            fix = f"See the fields of {task.type}: podium operators {task.type}."
            yield Finding(path, f"{task.type}: {problem['msg']}.", fix, "error", "operator-field")
    for finding in operator.check(task):
        path = f"{site.path}.{finding.path}" if finding.path else site.path
        if path not in wrong:
            yield replace(finding, path=path)


def _check_cache(site: Site) -> Iterator[Finding]:
    task, path = site.task, f"{site.path}.cacheConfig"
    config = task.cache_config
    if config is None:
        return
    if is_operator(task.type) and not operator_of(task.type).cacheable:
        usable = ", ".join(name for name, operator in operators().items() if operator.cacheable)
        message = f"The output of {task.type} is not kept: cacheConfig has no effect."
        yield Finding(
            path, message, f"Use it on worker tasks and on {usable}.", "warning", "cache-of-operator"
        )
    elif not config.ttl_in_second:
        yield _nothing_is_kept(path)
    elif task.compensation:
        yield _cached_compensation(path)


def _cached_compensation(path: str) -> Finding:
    message = (
        "What has a compensation may be undone: whoever used its output again would have it for nothing."
    )
    fix = "Take out cacheConfig or the compensation."
    return Finding(path, message, fix, "error", "cached-compensation")


def _nothing_is_kept(path: str) -> Finding:
    message = "ttlInSecond is 0: nothing is kept."
    return Finding(
        path, message, "Say for how many seconds an output holds.", "warning", "cache-without-time"
    )


def _check_changes(site: Site) -> Iterator[Finding]:
    for key, events in site.task.on_state_change.items():
        path = join_path(f"{site.path}.onStateChange", key)
        for name in names(key):
            if name not in CHANGES:
                message = f"{name!r} is no change of a task's status."
                fix = f"{nearest(name, CHANGES)}Use some of {', '.join(CHANGES)}, separated by commas."
                yield Finding(path, message, fix, "error", "unknown-state-change")
        for index, event in enumerate(events):
            problem = event_problem(sink_of(event.type), SINKS)
            if problem:
                fix = "Name an event of Podium's own, or where it goes: amqp_queue:<name>, webhook:https://…"
                yield Finding(f"{path}[{index}].type", f"{problem}.", fix, "error", "state-change-event")
            try:
                Template.compile(event.payload)
            except ExpressionError as error:
                fix = "Correct it; write $${...} for text that is no expression."
                where = f"{path}[{index}].payload"
                yield Finding(where, f"The {error}.", fix, "error", "malformed-expression")


def _check_reachable(site: Site) -> Iterator[Finding]:
    # One finding for all that follows.
    if site.dead_end:
        message = f"{site.ref!r} never runs: the execution has always ended before."
        fix = "Take it out, or put the TERMINATE before it into a case of a SWITCH."
        yield Finding(site.path, message, fix, "warning", "unreachable-task")


def check_unknown_fields(definition: WorkflowDef) -> Iterator[Finding]:
    """A warning for each field, anywhere, that is no field of Conductor's; it is kept and has no effect."""
    yield from _unknown(definition, "")


def _unknown(value: Any, path: str) -> Iterator[Finding]:
    if isinstance(value, Document):
        fields = type(value).model_fields
        known = [info.alias or name for name, info in fields.items()]
        for name in value.model_extra or {}:
            message = f"{name!r} is no field of {_OWNERS.get(type(value), 'this object')}; it has no effect."
            fix = f"{nearest(name, known)}Correct it or take it out."
            yield Finding(join_path(path, name), message, fix, "warning", "unknown-field")
        for name in value.model_fields_set & fields.keys():
            yield from _unknown(getattr(value, name), join_path(path, fields[name].alias or name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown(item, join_path(path, key))


_OWNERS: dict[type[Document], str] = {WorkflowDef: "a workflow definition", WorkflowTask: "a task"}
