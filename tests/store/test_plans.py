"""The cost of a statement must not grow with the tables: each finds its rows by an index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.store import compensations, executions, files, limits, logs, search, tasks
from app.store.statements import Statement
from app.store.unit_of_work import Store

WHOLE_TABLE = {
    # A row of each status, asked for by people.
    "executions by status",
}
LISTS: list[tuple[dict[str, Any], str]] = [
    ({"status": "FAILED"}, "workflow_status_id_ix"),
    ({"status": "FAILED", "before": "w100040"}, "workflow_status_id_ix"),
    ({"name": "order 7"}, "workflow_name_id_ix"),
    ({"correlation_id": "c7"}, "workflow_correlation_id_ix"),
    ({"parent_id": "w100001"}, "workflow_parent_id_ix"),
]


SERVED = {
    tasks._CLAIM: "task_position_key",
    tasks._LATEST: "task_position_key",
    tasks._DUE: "task_due_at_ix",
    tasks._OF_OWNER: "task_owner_ix",
    tasks._OF_MESSAGE: "task_owner_ix",
    tasks._CANCEL_LIVE: "task_live_ix",
    tasks._LIVE_REFS: "task_live_ix",
    executions._DUE: "workflow_due_at_ix",
    tasks._NEXT_DUE: "task_due_at_ix",
    limits._WAITING: "task_line_ix",
    limits._HELD: "task_slot_ix",
    limits._NOT_STARTED: "task_slot_ix",
    limits._LATEST_STARTS: "task_slot_started_ix",
    limits._RUNNING: "workflow_rate_limit_key_ix",
    limits._HELD_BACK: "workflow_rate_limit_key_ix",
    compensations._OF: "workflow_compensates_ix",
    compensations._UNDOABLE: "task_position_key",
}


_NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
_EXECUTIONS = f"""
{_NUMBERS.format(last=4999)}
INSERT INTO workflow
    (id, name, version, program_id, status, run, correlation_id, parent_id, priority, input, variables,
     created, updated, due_at)
SELECT 'w' || (100000 + n), 'order ' || (n % 30), 1, 'p',
    CASE WHEN n % 33 = 0 THEN 'RUNNING' WHEN n % 50 = 1 THEN 'FAILED' WHEN n % 100 = 2 THEN 'PAUSED'
        WHEN n % 25 = 3 THEN 'TERMINATED' ELSE 'COMPLETED' END,
    1, 'c' || (n % 2500), CASE WHEN n % 10 = 0 THEN NULL ELSE 'w' || (100000 + n / 10) END, 0, '{{}}', '{{}}',
    n, n, CASE WHEN n % 66 = 0 THEN n END
FROM numbers
"""
_TASKS = f"""
{_NUMBERS.format(last=19999)}
INSERT INTO task
    (id, workflow_id, ref, path, attempt, type, name, status, iteration, input, owner, message_id, retried,
     polls, sends, priority, scheduled, first_scheduled, updated, due_at)
SELECT 't' || (100000 + n), 'w' || (100000 + n / 4), 'ref' || (n % 4), '', 0, 'SIMPLE', 'work',
    CASE WHEN n / 4 % 33 = 0 AND n % 4 > 1 THEN 'IN_PROGRESS' ELSE 'COMPLETED' END,
    0, '{{}}', CASE WHEN n / 4 % 33 = 0 AND n % 4 = 2 THEN 'worker' || (n % 5) END, 'm' || n, 0, 1, 0, 0, n, n, n,
    CASE WHEN n / 4 % 33 = 0 AND n % 4 = 3 THEN n END
FROM numbers
"""


@pytest.fixture
def filled(store: Store) -> Store:
    """5,000 executions of 4 tasks; 150 of them run, with one task held and one that waits for its time."""
    with store.engine.connect() as connection:
        connection.execute(text(_EXECUTIONS))
        connection.execute(text(_TASKS))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
    return store


def _statements(*modules: ModuleType) -> list[Statement]:
    return [found for module in modules for found in vars(module).values() if isinstance(found, Statement)]


def _plan(connection: Connection, statement: Statement) -> list[str]:
    """One line for each table that is read: how, which, by what index."""
    compiled: Any = statement.clause.compile(dialect=connection.dialect)
    if connection.dialect.name == "sqlite":
        values = (None,) * len(compiled.positiontup)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
        return [row[3] for row in rows]
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", str(compiled))))
    sql = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", str(compiled))
    # As a prepared statement: the engine's connections plan those once, for any parameters.
    connection.exec_driver_sql(f"PREPARE explained AS {sql}")
    nulls = f"({', '.join(['NULL'] * len(names))})" if names else ""
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE explained{nulls}").scalar()
    connection.exec_driver_sql("DEALLOCATE explained")
    plan = json.loads(found) if isinstance(found, str) else found
    return list(_lines(plan[0]["Plan"]))  # type: ignore[index]


def _lines(node: dict[str, Any]) -> Iterator[str]:
    if "Scan" in node["Node Type"]:
        how = "SCAN" if node["Node Type"] == "Seq Scan" else "SEARCH"
        yield f"{how} {node.get('Relation Name')} {node.get('Index Name', '')} {node.get('Index Cond', '')}"
    for child in node.get("Plans", []):
        yield from _lines(child)


def test_no_statement_reads_a_whole_table(filled: Store) -> None:
    with filled.engine.connect() as connection:
        plans = {
            statement.name: _plan(connection, statement)
            for statement in _statements(tasks, executions, logs, compensations, files)
            if _runs_on(statement, filled.engine)
        }

    assert len(plans) > 40
    reads = {
        name: lines
        for name, lines in plans.items()
        if any(re.search(r"SCAN (task|workflow)\b", n) for n in lines)
    }
    assert reads.keys() <= WHOLE_TABLE, reads


def _runs_on(statement: Statement, engine: Engine) -> bool:
    # SQLite has no updates inside of WITH.
    return engine.dialect.name == "postgresql" or statement not in (
        tasks._END_AND_INSERT,
        tasks._END_AND_CLAIM,
    )


def test_a_list_is_a_range_of_an_index(filled: Store) -> None:
    unserved = {}
    for filters, index in LISTS:
        with filled.engine.connect() as connection:
            plan = _plan(connection, search._statement(dict(filters)))
        if not any(index in line for line in plan):
            unserved[index] = plan

    assert unserved == {}


def test_an_index_serves_the_statements_that_it_is_for(filled: Store) -> None:
    with filled.engine.connect() as connection:
        plans = {statement.name: _plan(connection, statement) for statement in SERVED}

    unserved = {
        statement.name: plans[statement.name]
        for statement, index in SERVED.items()
        if not any(index in line for line in plans[statement.name])
    }
    assert unserved == {}
