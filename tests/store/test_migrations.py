"""Migrations: they make what `tables.py` says, once, however many processes begin at the same moment."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from app.errors import SchemaOutdated, StoreError, StoreUnavailable
from app.store import migrations
from app.store.tables import metadata
from config.database import create_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """An engine on a database without tables."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def _execute(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _catalog(engine: Engine) -> dict[str, Any]:
    """What the database itself says of its tables, in its own words."""
    inspector = inspect(engine)
    names = set(inspector.get_table_names()) - {"alembic_version"}
    columns = {
        (n, c["name"]): f"{c['type']} {c['nullable']} {c['default']}"
        for n in names
        for c in inspector.get_columns(n)
    }
    keys = {n: inspector.get_pk_constraint(n) for n in names}
    source = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
        if engine.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    )
    with engine.connect() as connection:
        indexes = {name: sql for name, sql in connection.exec_driver_sql(source) if "alembic" not in name}
    return {"columns": columns, "keys": keys, "indexes": indexes}


def test_the_migrated_schema_is_the_tables(empty: Engine, tmp_path: Path) -> None:
    migrations.upgrade(empty)
    migrated = _catalog(empty)
    differences = migrations.differences(empty)
    with empty.connect() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)

    assert differences == []
    assert migrated == _catalog(empty)
    assert {table for table, _ in migrated["columns"]} == set(metadata.tables)


def test_an_upgrade_takes_an_empty_database_to_the_head_and_then_does_nothing(empty: Engine) -> None:
    assert migrations.current(empty) is None
    with pytest.raises(
        SchemaOutdated, match=rf"at schema none, .* needs {migrations.head()}: run 'podium db"
    ):
        migrations.check(empty)

    migrations.upgrade(empty)
    _execute(empty, "INSERT INTO task_def VALUES ('work', '{}', 0, 0)")
    migrations.upgrade(empty)

    assert migrations.current(empty) == migrations.head()
    migrations.check(empty)
    with empty.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM task_def").scalar() == 1


def test_four_processes_upgrade_at_the_same_moment(database_url: str) -> None:
    program = (
        "import sys; from app.store import migrations; from config.database import create_engine;"
        "engine = create_engine(sys.argv[1]); print('ready', flush=True); sys.stdin.readline();"
        "migrations.upgrade(engine); migrations.check(engine); engine.dispose()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]

    assert [(process.returncode, error) for process, (_, error) in zip(processes, answers, strict=True)] == [
        (0, "")
    ] * 4


def test_an_upgrade_that_fails_leaves_nothing_behind(empty: Engine) -> None:
    _execute(empty, "CREATE TABLE worker (id TEXT)")

    with pytest.raises(StoreError, match=r"worker.* already exists.*Nothing was changed") as caught:
        migrations.upgrade(empty)

    assert not isinstance(caught.value, StoreUnavailable)
    assert inspect(empty).get_table_names() == ["worker"]
    assert migrations.current(empty) is None


def test_an_upgrade_that_can_not_get_the_lock_is_an_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'podium.db'}"
    holder = create_engine(url)
    waiting = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"timeout": 0.01})

    with holder.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"database is locked"):
            migrations.upgrade(waiting)

    waiting.dispose()
    holder.dispose()


def test_a_database_of_a_newer_version_is_left_alone(empty: Engine) -> None:
    migrations.upgrade(empty)
    _execute(empty, "UPDATE alembic_version SET version_num = '9999'")

    for refused in (migrations.check, migrations.upgrade):
        with pytest.raises(SchemaOutdated, match=r"9999.*use the newer version of Podium") as caught:
            refused(empty)
        assert (caught.value.found, caught.value.wanted) == ("9999", migrations.head())

    assert migrations.current(empty) == "9999"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["ALTER TABLE audit RENAME COLUMN reason TO why"], ["missing column: audit reason", "unexpected column: audit why"]),
        (["DROP INDEX task_owner_ix"], ["missing index: task_owner_ix"]),
        (["DROP TABLE task_log"], ["missing table: task_log", "missing index: task_log_task_id_ix"]),
        (
            ["DROP INDEX task_due_at_ix", "CREATE INDEX task_due_at_ix ON task (due_at) WHERE due_at > 0"],
            ["condition of task_due_at_ix"],
        ),
        (
            ["DROP INDEX task_live_ix", "CREATE INDEX task_live_ix ON task (workflow_id)"],
            ["condition of task_live_ix"],
        ),
        (
            ["DROP TABLE program", "CREATE TABLE program (id TEXT NOT NULL, content TEXT NOT NULL, created BIGINT NOT NULL)"],
            ["primary key of program"],
        ),
    ],
    ids=["column", "index", "table", "condition", "no condition", "primary key"],
)  # fmt: skip
def test_what_was_changed_by_hand_is_told(empty: Engine, changes: list[str], expected: list[str]) -> None:
    migrations.upgrade(empty)
    _execute(empty, *changes)

    found = migrations.differences(empty)

    assert len(found) == len(expected)
    for words in expected:
        assert any(words in sentence for sentence in found), found


def test_a_database_that_does_not_answer_is_told_from_one_that_is_empty(tmp_path: Path) -> None:
    engine = create_engine(f"postgresql://podium:secret@/podium?host={tmp_path}")

    for asked in (migrations.current, migrations.check, migrations.upgrade):
        with pytest.raises(StoreUnavailable) as caught:
            asked(engine)
        assert "secret" not in str(caught.value)


def test_an_upgrade_leaves_logging_as_it_is(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("app.store").disabled)

    migrations.upgrade(engine)
    engine.dispose()

    assert (root.level, list(root.handlers), logging.getLogger("app.store").disabled) == before


def test_revisions_are_numbered_in_their_order() -> None:
    config = Config(toml_file=ROOT / "pyproject.toml")
    script = ScriptDirectory.from_config(config)

    revisions = [revision.revision for revision in script.walk_revisions()]

    assert revisions == sorted(revisions, reverse=True)
    assert script.get_heads() == [migrations.head()]


def test_a_process_that_is_up_to_date_does_not_import_alembic(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    migrations.upgrade(engine)
    engine.dispose()
    program = (
        "import sys; from app.store import migrations; from config.database import create_engine;"
        "migrations.upgrade(create_engine(sys.argv[1])); assert 'alembic' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program, sqlite_url], check=True, cwd=ROOT)
