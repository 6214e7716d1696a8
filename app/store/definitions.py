"""Statements on `program`, `workflow_def` and `task_def`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, insert, select, text, update

from app.store.statements import Statement
from app.store.tables import program, task_def, workflow_def
from app.store.unit_of_work import Session


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_PROGRAM = Statement("a program", select(program.c.content).where(program.c.id == _p("id")))
_HAS_PROGRAM = Statement("whether a program is stored", select(program.c.id).where(program.c.id == _p("id")))
_INSERT_PROGRAM = Statement(
    "store a program",
    # Both databases have ON CONFLICT; SQLAlchemy writes it in two ways.
    text(
        """
        INSERT INTO program (id, content, created)
        VALUES (:id, :content, :now)
        ON CONFLICT (id) DO NOTHING
        """
    ).bindparams(_p("id"), _p("content"), _p("now", BigInteger)),
)
_LOCK = Statement("keep other registrations out", text("LOCK TABLE workflow_def IN SHARE ROW EXCLUSIVE MODE"))
_VERSION = Statement(
    "a version of a definition",
    select(workflow_def.c.version, workflow_def.c.program_id, workflow_def.c.content).where(
        workflow_def.c.name == _p("name"), workflow_def.c.version == _p("version", Integer)
    ),
)
_LATEST = Statement(
    "the latest version of a definition",
    select(workflow_def.c.version, workflow_def.c.program_id, workflow_def.c.content)
    .where(workflow_def.c.name == _p("name"))
    .order_by(workflow_def.c.version.desc())
    .limit(1),
)
_VERSION_PROGRAM = Statement(
    "the program of a version",
    select(workflow_def.c.program_id).where(
        workflow_def.c.name == _p("name"), workflow_def.c.version == _p("version", Integer)
    ),
)
_LATEST_PROGRAM = Statement(
    "the program of the latest version",
    select(workflow_def.c.program_id)
    .where(workflow_def.c.name == _p("name"))
    .order_by(workflow_def.c.version.desc())
    .limit(1),
)
_ALL = Statement(
    "all definitions",
    select(
        workflow_def.c.name,
        workflow_def.c.version,
        workflow_def.c.description,
        workflow_def.c.content,
        workflow_def.c.created,
        workflow_def.c.updated,
    ).order_by(workflow_def.c.name, workflow_def.c.version),
)
_NAMES = Statement(
    "names of definitions", select(workflow_def.c.name).distinct().order_by(workflow_def.c.name)
)
_INSERT = Statement(
    "register a version",
    insert(workflow_def).values(
        name=_p("name"),
        version=_p("version", Integer),
        program_id=_p("program_id"),
        content=_p("content"),
        description=_p("description"),
        created=_p("now", BigInteger),
        updated=_p("now", BigInteger),
    ),
)
_CHANGE = Statement(
    "change the content of a version",
    update(workflow_def)
    .where(workflow_def.c.name == _p("name"), workflow_def.c.version == _p("version", Integer))
    .values(
        program_id=_p("program_id"),
        content=_p("content"),
        description=_p("description"),
        updated=_p("now", BigInteger),
    ),
)
_DELETE = Statement(
    "delete a version",
    delete(workflow_def).where(
        workflow_def.c.name == _p("name"), workflow_def.c.version == _p("version", Integer)
    ),
)
_SET_PROGRAM = Statement(
    "tie a version to a newer program",
    update(workflow_def)
    .where(workflow_def.c.name == _p("name"), workflow_def.c.version == _p("version", Integer))
    .values(program_id=_p("program_id"), updated=_p("now", BigInteger)),
)
_TASK_DEF = Statement("a task definition", select(task_def.c.content).where(task_def.c.name == _p("name")))
_TASK_DEFS = Statement(
    "all task definitions", select(task_def.c.name, task_def.c.content).order_by(task_def.c.name)
)
_DELETE_TASK_DEF = Statement(
    "delete a task definition", delete(task_def).where(task_def.c.name == _p("name"))
)
_INSERT_TASK_DEF = Statement(
    "register a task definition",
    insert(task_def).values(
        name=_p("name"), content=_p("content"), created=_p("now", BigInteger), updated=_p("now", BigInteger)
    ),
)
_UPDATE_TASK_DEF = Statement(
    "change a task definition",
    update(task_def)
    .where(task_def.c.name == _p("name"))
    .values(content=_p("content"), updated=_p("now", BigInteger)),
)


def lock(session: Session) -> None:
    """Let one transaction register at a time, until this one ends; nobody who reads is kept waiting."""
    # A transaction that writes is alone on SQLite.
    if session.dialect.name == "postgresql":
        session.run(_LOCK)


def program_content(session: Session, program_id: str) -> str | None:
    row = session.one(_PROGRAM, id=program_id)
    return None if row is None else str(row[0])


def store_program(session: Session, program_id: str, content: str, now: int) -> None:
    """Store it unless it is there; its id is its content's digest."""
    if session.one(_HAS_PROGRAM, id=program_id) is None:
        session.run(_INSERT_PROGRAM, id=program_id, content=content, now=now)


def find(session: Session, name: str, version: int | None) -> tuple[int, str, str] | None:
    """(version, program id, content) of a version, or of the latest when `version` is None."""
    if version is None:
        row = session.one(_LATEST, name=name)
    else:
        row = session.one(_VERSION, name=name, version=version)
    return None if row is None else (row[0], row[1], row[2])


def find_program(session: Session, name: str, version: int | None) -> str | None:
    """The program of a version, or of the latest when `version` is None."""
    if version is None:
        row = session.one(_LATEST_PROGRAM, name=name)
    else:
        row = session.one(_VERSION_PROGRAM, name=name, version=version)
    return None if row is None else str(row[0])


def names(session: Session) -> list[str]:
    return [row[0] for row in session.all(_NAMES)]


def all_definitions(session: Session) -> list[tuple[str, int, str | None, str, int, int]]:
    """(name, version, description, content, created, updated) of all versions."""
    return [tuple(row) for row in session.all(_ALL)]


def insert_version(session: Session, **params: Any) -> None:
    session.run(_INSERT, **params)


def change_version(session: Session, **params: Any) -> None:
    session.run(_CHANGE, **params)


def delete_version(session: Session, name: str, version: int) -> bool:
    return session.run(_DELETE, name=name, version=version) == 1


def set_program(session: Session, name: str, version: int, program_id: str, now: int) -> None:
    session.run(_SET_PROGRAM, name=name, version=version, program_id=program_id, now=now)


def find_task_def(session: Session, name: str) -> str | None:
    """The content of a task definition."""
    row = session.one(_TASK_DEF, name=name)
    return None if row is None else str(row[0])


def task_defs(session: Session) -> dict[str, str]:
    """Content by name."""
    return {row[0]: row[1] for row in session.all(_TASK_DEFS)}


def put_task_def(session: Session, name: str, content: str, now: int) -> bool:
    """Register or change it; False: it was so already."""
    found = session.one(_TASK_DEF, name=name)
    if found is None:
        session.run(_INSERT_TASK_DEF, name=name, content=content, now=now)
    elif found[0] != content:
        session.run(_UPDATE_TASK_DEF, name=name, content=content, now=now)
    return found is None or found[0] != content


def delete_task_def(session: Session, name: str) -> bool:
    return session.run(_DELETE_TASK_DEF, name=name) == 1
