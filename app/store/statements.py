"""Statements that are compiled once for each dialect and then run on the driver's own cursor.

SQLAlchemy Core writes the SQL; its execution layer costs more than the statement itself on the hot path, so the
text that it compiled is kept and handed to the driver.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Insert, Table, Text, bindparam, insert
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement


class Statement:
    """A statement with named parameters, and the function of those it is compiled to."""

    __slots__ = ("_compiled", "clause", "name")

    def __init__(self, name: str, clause: ClauseElement) -> None:
        self.name = name
        self.clause = clause
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def prepare(self, dialect: Dialect, params: dict[str, Any]) -> tuple[str, Any]:
        """The SQL text and the driver's parameters."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compile(dialect)
        text, order, fixed = found
        if fixed:
            params = {**fixed, **params}
        if order is None:
            return text, params
        return text, [params[name] for name in order]

    def _compile(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None, dict[str, Any]]:
        compiled: Any = self.clause.compile(dialect=dialect)
        order = tuple(compiled.positiontup) if compiled.positional else None
        # Values that stand in the clause itself; parameters that must be given have none.
        fixed = {k: v for k, v in compiled.params.items() if not compiled.binds[k].required}
        self._compiled[dialect.name] = (str(compiled), order, fixed)
        return self._compiled[dialect.name]

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"


def insert_row(table: Table, row: type[tuple[Any, ...]]) -> Insert:
    """The clause that inserts all fields of a NamedTuple, each into the column of its name."""
    names: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    return insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in names})


class Among(ColumnElement[bool]):
    """`column IN (the strings of a JSON array)`: a list of any length in one parameter of one compiled text."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.values: BindParameter[str] = bindparam(name, type_=Text)


@compiles(Among, "sqlite")
def _among_sqlite(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(Among, "postgresql")
def _among_postgresql(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    return f"{column} IN (SELECT jsonb_array_elements_text(CAST({values} AS jsonb)))"
