"""The worker tasks of the tests: their output follows from their input, and some fail."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from workflows.operator import Done, Failed, Outcome

NAMES = ("work", "far", "limited", "flaky", "later", "broken", "fatal")
"""far: of another queue; limited: the pool must enforce its limits; flaky, later: succeed at the second attempt,
at once or after a delay; broken: fails always, retried once; fatal: fails with an error that is not retried."""
FAILURES = {"flaky": 1, "later": 1, "broken": 10**9, "fatal": 10**9}
"""How many attempts fail."""
RETRIES = {"broken": 1}
"""retryCount; of the others it is large, because lost attempts count too."""
DELAY_SECONDS = 30

TASK_DEFS = [
    {
        "name": name,
        "retryCount": RETRIES.get(name, 1000),
        "retryDelaySeconds": DELAY_SECONDS if name == "later" else 0,
        "responseTimeoutSeconds": 86_400,
        "timeoutSeconds": 0,
    }
    for name in NAMES
]


def output_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a task puts out: a fingerprint of all that it was given."""
    print_ = zlib.crc32(json.dumps(_stable(given), sort_keys=True).encode())
    return {"n": print_ % 97, "few": print_ % 3, "case": "abc"[print_ // 7 % 3]}


def outcome_of(name: str, given: Mapping[str, Any], attempt: int) -> Outcome:
    """How an attempt of the task ends."""
    if attempt < FAILURES.get(name, 0):
        return Failed(f"{name} fails", terminal=name == "fatal")
    return Done(output_of(given))


def _stable(value: Any) -> Any:
    """Without the ids of child executions, which differ from run to run."""
    if isinstance(value, Mapping):
        return {key: _stable(item) for key, item in value.items() if key != "subWorkflowId"}
    return [_stable(item) for item in value] if isinstance(value, list) else value
