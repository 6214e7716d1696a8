"""The cost of statements on events and schedules must not grow with their tables."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from app.store import handlers, inbox, schedules
from app.store.unit_of_work import Store
from tests.store.test_plans import _NUMBERS, _plan, _statements

WHOLE_TABLE = {
    # As many as people write.
    "all handlers",
    "events that an active handler waits for",
    "all schedules",
    "names of schedules",
}
_LAST = 19_999
_ROWS = (
    """INSERT INTO event_handler (name, event, active, content, created, updated)
    SELECT 'h' || n, 'conductor:' || n, 1, '{}', n, n FROM numbers""",
    """INSERT INTO event_message
        (id, event, message_id, payload, status, received, handled, due_at, tries)
    SELECT 'm' || (100000 + n), 'conductor:' || (n % 9), 'x' || n, '{}', 'HANDLED', n, n,
        CASE WHEN n % 100 = 0 THEN n END, 1 FROM numbers""",
    """INSERT INTO event_execution
        (id, event, message_id, event_message_id, handler, position, action, status, created, updated)
    SELECT 'e' || (100000 + n), 'conductor:' || (n % 9), 'x' || n, 'm' || (100000 + n), 'h' || (n % 50), 0,
        'start_workflow', CASE WHEN n % 50 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, n, n FROM numbers""",
    """INSERT INTO event_outbox (id, sink, payload, created, due_at, tries)
    SELECT 'o' || (100000 + n), 'amqp_queue:x', '{}', n, CASE WHEN n % 100 = 0 THEN n END, 1 FROM numbers""",
    """INSERT INTO schedule (name, workflow_name, content, paused, next_at, created, updated)
    SELECT 's' || n, 'w' || (n % 500), '{}', 0, CASE WHEN n % 100 = 0 THEN n END, n, n FROM numbers""",
    """INSERT INTO schedule_execution (id, schedule, slot, workflow_name, status, created)
    SELECT 'f' || (100000 + n), 's' || (n % 50), n, 'w', 'EXECUTED', n FROM numbers""",
)
SERVED = {
    inbox._MESSAGES_DUE: "event_message_due_at_ix",
    schedules._DUE: "schedule_next_at_ix",
    schedules._OF_WORKFLOW: "schedule_workflow_name_ix",
    schedules._FIRINGS_OF: "schedule_execution_schedule_id_ix",
    inbox._OUT_DUE: "event_outbox_due_at_ix",
    handlers._OF_EVENT: "event_handler_event_ix",
    handlers._OF_MESSAGE: "event_execution_message_ix",
    handlers._PAGES[True, None]: "event_execution_handler_id_ix",
    handlers._PAGES[False, "FAILED"]: "event_execution_status_id_ix",
}


@pytest.fixture
def filled(store: Store) -> Store:
    """20,000 rows of each table."""
    with store.engine.connect() as connection:
        for insert in _ROWS:
            into, select = insert.split("SELECT", 1)
            numbers = _NUMBERS.format(last=_LAST)
            connection.execute(text(f"{numbers} {into} SELECT {select}"))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
    return store


def test_no_statement_reads_a_whole_table(filled: Store) -> None:
    with filled.engine.connect() as connection:
        statements = [*_statements(inbox, handlers, schedules), *handlers._PAGES.values()]
        plans = {statement.name: _plan(connection, statement) for statement in statements}

    assert len(plans) > 25
    reads = {
        name: lines
        for name, lines in plans.items()
        if any(re.search(r"SCAN (event|schedule)\w* *$", n) for n in lines)
    }
    assert reads.keys() <= WHOLE_TABLE, reads


def test_an_index_serves_the_statements_that_it_is_for(filled: Store) -> None:
    with filled.engine.connect() as connection:
        plans = {statement: _plan(connection, statement) for statement in SERVED}

    unserved = {
        statement.name: plans[statement]
        for statement, index in SERVED.items()
        if not any(index in line for line in plans[statement])
    }
    assert unserved == {}
