"""Engines: what SQLite is told, and which databases are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.database import DatabaseUrlError, create_engine
from config.settings import Settings


def test_sqlite_waits_for_locks_and_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    engine = create_engine(Settings(state_dir=tmp_path / "new" / "state"))

    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "temp_store")
        }
    engine.dispose()

    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 15000,
        "foreign_keys": 0,
        "temp_store": 2,
    }


def test_a_statement_is_committed_by_itself_and_begin_immediate_rolls_back(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")

    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id FROM t").scalars().all()
    engine.dispose()

    assert rows == [1]


def test_a_postgresql_url_gets_the_driver_that_is_installed() -> None:
    engine = create_engine("postgresql://podium:secret@db.example/podium")

    assert engine.dialect.driver == "psycopg"


@pytest.mark.parametrize("url", ["mysql://u:secret@h/db", "no url", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_what_to_use(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="postgresql://user@host/name") as caught:
        create_engine(url)

    assert "secret" not in str(caught.value)
