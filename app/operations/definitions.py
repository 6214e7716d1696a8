"""Register, validate and list definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import DefinitionConflict, TaskDefinitionNotFound, WorkflowNotFound
from app.runtime.engine import Engine
from app.runtime.schemas import find_schema, with_schemas
from app.store import definitions, tags
from app.store.unit_of_work import Session
from workflows.loading import Definitions
from workflows.model import RateLimitConfig, TaskDef, WorkflowDef
from workflows.operator import Finding
from workflows.program import Program
from workflows.validation import require_valid, require_valid_task, validate


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration did; names of task definitions, and (name, version) of workflows."""

    tasks: tuple[str, ...]
    workflows: tuple[tuple[str, int], ...]
    unchanged: tuple[str, ...]
    """`name` and `name:version` of those that were registered so already."""
    warnings: tuple[tuple[str, Finding], ...]
    """(name of the definition, finding)."""


def register(engine: Engine, found: Definitions, *, overwrite: bool = False) -> Registered:
    """Check all definitions of a document, then store all of them in one transaction.

    overwrite: a version that is registered with another content gets the new one; executions that run keep theirs.

    Raises:
        InvalidDefinition: the static checks found errors, or a schema is not registered; nothing is stored.
        DefinitionConflict: a version is registered with another content; nothing is stored.
    """

    def work(session: Session) -> Registered:
        definitions.lock(session)
        known = _known(session, found)
        warnings = [(d.name, f) for d in found.tasks for f in require_valid_task(d, known["find_schema"])]
        warnings += [(d.name, f) for d in found.workflows for f in require_valid(d, **known)]
        changed_tasks = [d for d in found.tasks if _put_task(engine, session, d)]
        task_defs = engine.known_task_defs(session)
        changed = [d for d in found.workflows if _put_workflow(engine, session, d, task_defs, overwrite)]
        if changed_tasks:
            refresh(engine, session, {d.name for d in changed_tasks}, task_defs)
        return Registered(
            tasks=tuple(d.name for d in changed_tasks),
            workflows=tuple((d.name, d.version) for d in changed),
            unchanged=tuple(
                [d.name for d in found.tasks if d not in changed_tasks]
                + [f"{d.name}:{d.version}" for d in found.workflows if d not in changed]
            ),
            warnings=tuple(warnings),
        )

    return engine.store.transact(work)


def check(engine: Engine | None, found: Definitions) -> list[tuple[str, Finding]]:
    """All findings of all workflows of a document, errors and warnings; (workflow name, finding).

    engine: sub-workflows and task definitions are looked up there too. None: in the document only.
    """

    def work(session: Session | None) -> list[tuple[str, Finding]]:
        known = _known(session, found)
        return [(d.name, f) for d in found.workflows for f in validate(d, **known)]

    return work(None) if engine is None else engine.store.read(work)


def get_definition(engine: Engine, name: str, version: int | None = None) -> WorkflowDef:
    """A registered definition; its latest version when `version` is not given.

    Raises:
        WorkflowNotFound: there is none.
    """

    def work(session: Session) -> WorkflowDef:
        found = definitions.find(session, name, version)
        if found is None:
            raise WorkflowNotFound(name, version, definitions.names(session))
        return WorkflowDef.model_validate_json(found[2])

    return engine.store.read(work)


def list_definitions(engine: Engine) -> list[dict[str, Any]]:
    """All versions: name, version, description, tasks (how many at the top), createTime and updateTime (ms)."""
    rows = engine.store.read(definitions.all_definitions)
    return [
        {
            "name": name,
            "version": version,
            "description": description,
            "tasks": len(orjson.loads(content).get("tasks", [])),
            "createTime": created,
            "updateTime": updated,
        }
        for name, version, description, content, created, updated in rows
    ]


def all_definitions(engine: Engine, *, latest: bool = False) -> list[WorkflowDef]:
    """All versions of all workflow definitions, with the times of their registration; `latest`: the last of each."""
    rows = engine.store.read(definitions.all_definitions)
    found = [_with_times(WorkflowDef.model_validate_json(row[3]), row[4], row[5]) for row in rows]
    return list({d.name: d for d in found}.values()) if latest else found


def set_rate_limit(
    engine: Engine, name: str, limit: RateLimitConfig | None, *, version: int | None = None
) -> None:
    """Change how many executions of a definition may run at a time; it holds for what starts from now on.

    limit: None: any number. version: None: the latest.

    Raises:
        WorkflowNotFound: there is no such definition.
    """
    document = get_definition(engine, name, version).to_json()
    document.pop("rateLimitConfig", None)
    if limit is not None:
        document["rateLimitConfig"] = limit.to_json()
    register(engine, Definitions((WorkflowDef.model_validate(document),)), overwrite=True)


def get_task_definition(engine: Engine, name: str) -> TaskDef:
    """A registered task definition.

    Raises:
        TaskDefinitionNotFound: there is none.
    """
    found = engine.store.read(lambda s: definitions.find_task_def(s, name))
    if found is None:
        raise TaskDefinitionNotFound(name)
    return TaskDef.model_validate_json(found)


def remove_definition(engine: Engine, name: str, version: int) -> None:
    """Take a version of a workflow definition away; executions of it go on.

    Raises:
        WorkflowNotFound: there is none.
    """

    def work(session: Session) -> None:
        if not definitions.delete_version(session, name, version):
            raise WorkflowNotFound(name, version, definitions.names(session))
        if definitions.find_program(session, name, None) is None:
            tags.clear(session, "workflow", name)

    engine.store.transact(work)


def remove_task_definition(engine: Engine, name: str) -> None:
    """Take a task definition away; workflows that start from now on use the defaults in its place.

    Raises:
        TaskDefinitionNotFound: there is none.
    """

    def work(session: Session) -> None:
        definitions.lock(session)
        if not definitions.delete_task_def(session, name):
            raise TaskDefinitionNotFound(name)
        tags.clear(session, "task", name)
        refresh(engine, session, {name}, engine.known_task_defs(session))

    engine.store.transact(work)


def _with_times(definition: WorkflowDef, created: int, updated: int) -> WorkflowDef:
    return definition.model_copy(update={"create_time": created, "update_time": updated})


def list_names(engine: Engine) -> list[str]:
    """The names of all definitions."""
    return engine.store.read(definitions.names)


def list_task_definitions(engine: Engine) -> list[TaskDef]:
    """All registered task definitions, by name."""
    found = engine.store.read(definitions.task_defs)
    return [TaskDef.model_validate_json(content) for content in found.values()]


def _known(session: Session | None, found: Definitions) -> dict[str, Any]:
    """Look-ups for the static checks: first in the document, then among what is registered."""
    workflows = {(d.name, d.version): d for d in found.workflows}
    tasks = {d.name: d for d in found.tasks}

    def find_workflow(name: str, version: int | None) -> WorkflowDef | None:
        own = [d for (n, v), d in workflows.items() if n == name and version in (None, 0, v)]
        if own:
            return max(own, key=lambda d: d.version)
        row = definitions.find(session, name, version or None) if session else None
        return WorkflowDef.model_validate_json(row[2]) if row else None

    stored = {} if session is None else definitions.task_defs(session)

    def find_task_def(name: str) -> TaskDef | None:
        if name in tasks:
            return tasks[name]
        return TaskDef.model_validate_json(stored[name]) if name in stored else None

    return {
        "find_workflow": find_workflow,
        "find_task_def": find_task_def,
        "find_schema": None if session is None else lambda key: find_schema(session, key),
    }


def _put_task(engine: Engine, session: Session, definition: TaskDef) -> bool:
    content = orjson.dumps(definition.to_json(), option=orjson.OPT_SORT_KEYS).decode()
    return definitions.put_task_def(session, definition.name, content, engine.clock())


def _put_workflow(
    engine: Engine,
    session: Session,
    definition: WorkflowDef,
    task_defs: dict[str, TaskDef],
    overwrite: bool,
) -> bool:
    content = orjson.dumps(definition.to_json(), option=orjson.OPT_SORT_KEYS).decode()
    found = definitions.find(session, definition.name, definition.version)
    if found is not None:
        if orjson.loads(found[2]) == orjson.loads(content):
            return False
        if not overwrite:
            raise DefinitionConflict(definition.name, definition.version)
    program = _store(engine, session, definition, task_defs)
    write = definitions.insert_version if found is None else definitions.change_version
    write(
        session,
        name=definition.name,
        version=definition.version,
        program_id=program.id,
        content=content,
        description=definition.description,
        now=engine.clock(),
    )
    return True


def _store(
    engine: Engine, session: Session, definition: WorkflowDef, task_defs: dict[str, TaskDef]
) -> Program:
    program = Program(with_schemas(session, definition), task_defs)
    definitions.store_program(session, program.id, program.content().decode(), engine.clock())
    return engine.programs.put(program)


def refresh(engine: Engine, session: Session, changed: set[str], task_defs: dict[str, TaskDef]) -> None:
    """Executions that start from now on use the changed task definitions and schemas; those that run keep theirs.

    changed: their names.
    """
    for name, version, _description, content, _created, _updated in definitions.all_definitions(session):
        if _mentions(content, changed):
            definition = WorkflowDef.model_validate_json(content)
            program = _store(engine, session, definition, task_defs)
            definitions.set_program(session, name, version, program.id, engine.clock())


def _mentions(content: str, names: Iterable[str]) -> bool:
    return any(orjson.dumps(name).decode() in content for name in names)


__all__: Sequence[str] = [
    "Registered",
    "all_definitions",
    "check",
    "get_definition",
    "get_task_definition",
    "list_definitions",
    "list_names",
    "list_task_definitions",
    "refresh",
    "register",
    "remove_definition",
    "remove_task_definition",
    "set_rate_limit",
]
