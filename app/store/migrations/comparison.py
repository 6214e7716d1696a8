"""How a database differs from `tables.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, MetaData, inspect, text

from app.store.tables import metadata

_CONDITIONS = text(
    """
    SELECT index_class.relname, pg_get_expr(pg_index.indpred, pg_index.indrelid)
    FROM pg_index
    JOIN pg_class AS index_class ON index_class.oid = pg_index.indexrelid
    WHERE index_class.relnamespace = to_regnamespace(:schema)
    """
)


def differences(connection: Connection) -> list[str]:
    """One sentence for each table, column, index, condition of an index or primary key that is not as it should be."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found = [_sentence(difference) for difference in compare_metadata(context, metadata)]
    # Alembic compares neither primary keys nor the conditions of partial indexes.
    found += _primary_keys(connection)
    found += _postgresql(connection) if connection.dialect.name == "postgresql" else _sqlite(connection)
    return found


def _sentence(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_sentence(each) for each in difference)
    kind, *subject = difference
    named = [part for part in subject if part is not None and not isinstance(part, dict)]
    what = kind.replace("_", " ").replace("add", "missing").replace("remove", "unexpected")
    return f"{what}: {' '.join(str(getattr(part, 'name', part)) for part in named)}"


def _primary_keys(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    stored = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name in stored:
            wanted = [column.name for column in table.primary_key]
            found = inspector.get_pk_constraint(table.name)["constrained_columns"]
            if found != wanted:
                yield f"primary key of {table.name}: {found}, not {wanted}"


def _sqlite(connection: Connection) -> list[str]:
    """SQLite keeps the text of a condition as it was written."""
    statements = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    found = {name: sql.partition(" WHERE ")[2] for name, sql in statements}
    wanted = dict[str, str]()
    for index in _indexes():
        condition = index.dialect_options["sqlite"]["where"]
        compiled = "" if condition is None else str(condition.compile(dialect=connection.dialect))
        wanted[str(index.name)] = re.sub(r"\b\w+\.", "", compiled)
    return list(_unequal(found, wanted))


def _postgresql(connection: Connection) -> list[str]:
    """PostgreSQL keeps a condition as it understood it: let it read ours, on temporary twins of the tables."""
    here = connection.execute(text("SELECT current_schema()")).scalar()
    found = _conditions(connection, str(here))
    twins = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(twins, schema="pg_temp")
    connection.exec_driver_sql("BEGIN")
    try:
        twins.create_all(connection, checkfirst=False)
        schema = connection.execute(text("SELECT pg_my_temp_schema()::regnamespace")).scalar()
        return list(_unequal(found, _conditions(connection, str(schema))))
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _conditions(connection: Connection, schema: str) -> dict[str, str]:
    return {name: condition or "" for name, condition in connection.execute(_CONDITIONS, {"schema": schema})}


def _unequal(found: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    # An index that only one side has is Alembic's to report.
    for name in sorted(found.keys() & wanted.keys()):
        if found[name] != wanted[name]:
            yield f"condition of {name}: {found[name] or 'none'}, not {wanted[name] or 'none'}"


def _indexes() -> Iterator[Index]:
    for table in metadata.sorted_tables:
        yield from table.indexes
