"""What must hold when all has ended: nothing stuck, nothing twice, nothing missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, text

from app.runtime.execution import suffixed
from app.store.tasks import path_of
from bench.soak.definitions import EXPECTED

_WELL = ("COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED")


def open_executions(database: Engine, paused: bool = True) -> int:
    """How many have not ended."""
    wanted = "('RUNNING', 'PAUSED')" if paused else "('RUNNING')"
    return int(_all(database, f"SELECT count(*) FROM workflow WHERE status IN {wanted}")[0][0])


def stopped(database: Engine) -> list[tuple[str, str]]:
    """(id, status) of those that were started by hand and neither run nor have completed."""
    rows = _all(
        database,
        "SELECT id, status FROM workflow WHERE parent_id IS NULL AND status NOT IN ('RUNNING', 'COMPLETED')",
    )
    return [(row[0], row[1]) for row in rows]


def waiting_people(database: Engine) -> list[tuple[str, str]]:
    """(execution, reference) of the tasks that wait for a person: a WAIT that was rerun without its duration too."""
    wanted = "type IN ('HUMAN', 'WAIT') AND ended IS NULL AND due_at IS NULL AND status = 'IN_PROGRESS'"
    return [(row[0], row[1]) for row in _all(database, f"SELECT workflow_id, ref FROM task WHERE {wanted}")]


def problems(database: Engine) -> Iterator[str]:
    """All that does not hold. Reads everything."""
    begun = Counter(row[0] for row in _all(database, "SELECT task_id FROM soak_run WHERE what = 'begun'"))
    effects = Counter(row[0] for row in _all(database, "SELECT task_id FROM soak_run WHERE what = 'effect'"))
    for name, counted in (("ran", begun), ("had its effect", effects)):
        yield from (f"attempt {id} {name} {n} times" for id, n in counted.items() if n > 1)
    well: dict[str, set[str]] = defaultdict(set)
    for row in _all(database, "SELECT id, workflow_id, ref, path, name, status, worker, retried FROM task"):
        id, execution, ref, path, name, status, worker, retried = row
        where = f"{suffixed(ref, path_of(path))} ({id}) of {execution}"
        if status in ("SCHEDULED", "IN_PROGRESS"):
            yield f"{where} is still {status}"
        if status in _WELL and not retried:
            if suffixed(ref, path_of(path)) in well[execution]:
                yield f"{where} has ended well twice"
            well[execution].add(suffixed(ref, path_of(path)))
        # One that was completed by hand has not run.
        if status == "COMPLETED" and name == "soak.step" and id not in begun and worker is not None:
            yield f"{where} is COMPLETED and has not run"
        if status != "COMPLETED" and id in effects:
            yield f"{where} had its effect and is {status}"
    for id, name, status, parent in _all(database, "SELECT id, name, status, parent_id FROM workflow"):
        if status in ("RUNNING", "PAUSED"):
            yield f"{name} {id} is still {status}"
        elif status != "COMPLETED" and parent is None:
            yield f"{name} {id} is {status}"
        missing = EXPECTED[name] - well[id] if status == "COMPLETED" else set()
        if missing:
            yield f"{name} {id} has completed without {sorted(missing)}"


def counts(database: Engine) -> dict[str, int]:
    """How much there was."""
    queries = {
        "executions": "SELECT count(*) FROM workflow",
        "of them sub-workflows": "SELECT count(*) FROM workflow WHERE parent_id IS NOT NULL",
        "attempts in the table at the end": "SELECT count(*) FROM task",
        "attempts that began in a worker": "SELECT count(*) FROM soak_run WHERE what = 'begun'",
        "effects": "SELECT count(*) FROM soak_run WHERE what = 'effect'",
    }
    return {name: int(_all(database, query)[0][0]) for name, query in queries.items()}


def _all(database: Engine, query: str) -> list[Any]:
    with database.connect() as connection:
        return list(connection.execute(text(query)))
