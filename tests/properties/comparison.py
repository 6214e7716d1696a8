"""What the engine wrote down, held against what the reference says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from app.store.tasks import TaskRow, path_of
from tests.properties.reference import Path, Result
from tests.runtime.harness import Harness

Json = Any


def differences(harness: Harness, execution_id: str, expected: Result, *, faults: bool = False) -> list[str]:
    """All differences of an execution that has ended, one a line. faults: attempts may have been lost."""
    execution = harness.execution(execution_id)
    found: list[str] = []
    if execution.status not in expected.statuses:
        found.append(f"{execution.name} is {execution.status}, not {expected.statuses}: {execution.reason}")
    rows = harness.rows(execution_id)
    latest = {(row.ref, path_of(row.path)): row for row in rows}
    attempts = Counter((row.ref, path_of(row.path)) for row in rows)
    if expected.exact:
        found += [f"{key} never ran" for key in expected.tasks.keys() - latest.keys()]
        output = _plain(execution.output)
        # What the failure workflow adds is not the definition's.
        if output != _stable(expected.output):
            found.append(f"output of {execution.name}: {output} and not {_stable(expected.output)}")
        found += _variables(execution.variables, expected)
    for key, row in latest.items():
        found += _task(harness, row, key, attempts[key], expected, faults)
    return found


def _variables(stored: str, expected: Result) -> list[str]:
    if _plain(stored) != _stable(expected.variables):
        return [f"variables: {_plain(stored)} and not {_stable(expected.variables)}"]
    return []


def _task(
    harness: Harness, row: TaskRow, key: tuple[str, Path], attempts: int, expected: Result, faults: bool
) -> list[str]:
    if row.status == "CANCELED" and not expected.exact:
        return []
    ran = expected.tasks.get(key)
    if ran is None:
        return [f"{key} ran, and should not have: {row.status}"]
    if row.status in ("SCHEDULED", "IN_PROGRESS"):
        return [f"{key} is still {row.status}"]
    found = []
    if row.status != ran.status and (expected.exact or row.status == "COMPLETED"):
        found.append(f"{key} is {row.status} and not {ran.status}: {row.reason}")
    known = ran.child is None or ran.child.exact
    if known and _plain(row.output) != _stable(ran.output):
        found.append(f"{key} put out {_plain(row.output)} and not {_stable(ran.output)}")
    if not faults and attempts != ran.attempts and expected.exact:
        found.append(f"{key} had {attempts} attempts and not {ran.attempts}")
    if ran.child is not None and row.sub_workflow_id is not None:
        found += differences(harness, row.sub_workflow_id, ran.child, faults=faults)
    return found


def calls_by_task(harness: Harness) -> dict[str, int]:
    """How often each attempt's worker task was called, by the attempt's id."""
    return Counter(call.attempt.task_id for call in harness.calls)


def _plain(text: str | None) -> Json:
    return _stable(orjson.loads(text)) if text else {}


def _stable(value: Json) -> Json:
    """Without ids that differ from run to run; nothing at all is an empty object."""
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items() if key != "subWorkflowId"}
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value
