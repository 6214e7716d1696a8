"""Tags of definitions, schedules and secrets: labels that people sort them by. Nothing depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from app.errors import (
    InvalidInput,
    ScheduleNotFound,
    SecretNotFound,
    TaskDefinitionNotFound,
    WorkflowNotFound,
)
from app.runtime.engine import Engine
from app.store import definitions, schedules, tags
from app.store.tags import Tag
from app.store.unit_of_work import Session

LONGEST = 255
MOST = 100


class Tagged(StrEnum):
    """What can have tags."""

    WORKFLOW = "workflow"  #: a workflow definition, all its versions
    TASK = "task"  #: a task definition
    SCHEDULE = "schedule"
    SECRET = "secret"  #: the name of one that this process knows


def tags_of(engine: Engine, kind: Tagged, name: str) -> list[Tag]:
    """The tags of something, sorted.

    Raises:
        WorkflowNotFound, TaskDefinitionNotFound, ScheduleNotFound, SecretNotFound: there is no such thing.
    """

    def work(session: Session) -> list[Tag]:
        _require(engine, session, kind, name)
        return tags.of(session, kind, name)

    return engine.store.read(work)


def all_tags(engine: Engine) -> list[Tag]:
    """The tags that are in use, at most 1000."""
    return engine.store.read(tags.all_tags)


def add_tags(engine: Engine, kind: Tagged, name: str, given: Sequence[Tag], *, replace: bool = False) -> None:
    """Tag something. `replace`: with these alone.

    Raises:
        WorkflowNotFound, TaskDefinitionNotFound, ScheduleNotFound, SecretNotFound: there is no such thing.
        InvalidInput: a tag without a key, or too long, or too many.
    """
    for found in given:
        if not found.key.strip() or max(map(len, found)) > LONGEST:
            raise InvalidInput(
                f"a tag has a key, and each part at most {LONGEST} characters: {found.key[:LONGEST]!r}"
            )

    def work(session: Session) -> None:
        _require(engine, session, kind, name)
        if replace:
            tags.clear(session, kind, name)
        tags.add(session, kind, name, given)
        if len(tags.of(session, kind, name)) > MOST:
            raise InvalidInput(f"{kind} {name} would have more than {MOST} tags")

    engine.store.transact(work)


def remove_tags(engine: Engine, kind: Tagged, name: str, given: Sequence[Tag]) -> None:
    """Take tags away; what is not there is no error.

    Raises:
        WorkflowNotFound, TaskDefinitionNotFound, ScheduleNotFound, SecretNotFound: there is no such thing.
    """

    def work(session: Session) -> None:
        _require(engine, session, kind, name)
        tags.remove(session, kind, name, given)

    engine.store.transact(work)


def _require(engine: Engine, session: Session, kind: Tagged, name: str) -> None:
    match kind:
        case Tagged.WORKFLOW:
            if definitions.find_program(session, name, None) is None:
                raise WorkflowNotFound(name, None, definitions.names(session))
        case Tagged.TASK:
            if definitions.find_task_def(session, name) is None:
                raise TaskDefinitionNotFound(name)
        case Tagged.SCHEDULE:
            if schedules.by_name(session, name) is None:
                raise ScheduleNotFound(name, schedules.names(session))
        case Tagged.SECRET:
            if name not in engine.secrets.names():
                raise SecretNotFound(name, engine.settings.secrets_dir)
