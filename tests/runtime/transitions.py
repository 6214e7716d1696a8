"""Watches the database itself for transitions of statuses that are not in the machine of states.

A trigger notes each pair of statuses that a row of `workflow` or `task` has had, whatever statement wrote it.
"""

from __future__ import annotations

from sqlalchemy import Engine

from workflows import states

_MACHINES = {"workflow": states.WORKFLOW, "task": states.TASK}
_NOTED = "CREATE TABLE IF NOT EXISTS noted (what TEXT, source TEXT, target TEXT, PRIMARY KEY (what, source, target))"
_NOTE = "INSERT INTO noted VALUES ('{table}', {source}, NEW.status) ON CONFLICT DO NOTHING;"
_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS note_{table}_{event} AFTER {event} {of} ON {table} {when} BEGIN {note} END"
)
_FUNCTION = """
CREATE OR REPLACE FUNCTION note_{table}_{event}() RETURNS trigger AS $$ BEGIN {note} RETURN NULL; END $$
LANGUAGE plpgsql
"""
_POSTGRES = (
    "CREATE OR REPLACE TRIGGER note_{table}_{event} AFTER {event} {of} ON {table} "
    "FOR EACH ROW {when} EXECUTE FUNCTION note_{table}_{event}()"
)


class Transitions:
    """What the rows of a database have been through."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        sqlite = engine.dialect.name == "sqlite"
        with engine.begin() as connection:
            connection.exec_driver_sql(_NOTED)
            for table in _MACHINES:
                for event, source in (("INSERT", "''"), ("UPDATE", "OLD.status")):
                    values = {
                        "table": table,
                        "event": event,
                        "of": "" if event == "INSERT" else "OF status",
                        "when": "" if event == "INSERT" else "WHEN (OLD.status <> NEW.status)",
                        "note": _NOTE.format(table=table, source=source),
                    }
                    if not sqlite:
                        connection.exec_driver_sql(_FUNCTION.format(**values))
                    connection.exec_driver_sql((_SQLITE if sqlite else _POSTGRES).format(**values))

    def seen(self) -> set[tuple[str, str, str]]:
        """(table, source, target) of all that there were; the source of a beginning is ''."""
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT what, source, target FROM noted")
            return {(row[0], row[1], row[2]) for row in rows}

    def forget(self) -> None:
        """Begin anew: a database is used for many examples, and one of them may have been meant to go wrong."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM noted")

    def unknown(self) -> list[str]:
        """Those that the machine of states does not know."""
        return [
            f"a row of {what} went from {source or 'nothing'} to {target}: workflows/states.py does not know that"
            for what, source, target in sorted(self.seen())
            if (source, target) not in states.pairs(_MACHINES[what])
        ]
