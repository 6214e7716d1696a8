"""How a database differs from `tables.py`."""

from __future__ import annotations

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, create_engine, text

from app.store.tables import metadata

_POSTGRESQL_CONDITIONS = """
    SELECT c.relname, pg_get_expr(i.indpred, i.indrelid)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = {schema} AND c.relname IN (SELECT unnest(CAST(:names AS text[])))
"""
_SQLITE_SQL = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


def differences(connection: Connection) -> list[str]:
    """One sentence for each table, column, index, index condition or primary key that is not as it should be."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found = [_sentence(difference) for difference in compare_metadata(context, metadata)]
    return found + _primary_keys(connection) + _conditions(connection)
