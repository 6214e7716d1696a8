"""How a test defines its workflows, runs them and counts what its tasks did."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.client import Execution, Podium
from workflows.builder import Part, simple, workflow
from workflows.status import TaskStatus

PATIENCE_SECONDS = 30.0


def wait_for(what: str, condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until the condition holds and return what it gave; fails with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return answer


class Flow:
    """The workflows of one test. Their tasks write a line to `out` each time they run."""

    def __init__(self, podium: Podium, folder: Path) -> None:
        self.podium = podium
        self.folder = folder
        self.out = folder / "out"

    def mark(self, ref: str, input: Mapping[str, Any] | None = None, **fields: Any) -> Part:
        """A task that writes its reference and attempt to `out`; its output is its input and `ref`."""
        return simple("flow.mark", ref=ref, input={"out": str(self.out), **(input or {})}, **fields)

    def define(self, *parts: Part, name: str | None = None, **fields: Any) -> str:
        """Register a workflow of these parts; its name."""
        name = name or f"flow-{uuid.uuid4()}"
        self.podium.register(workflow(name, **fields)(*parts))
        return name

    def start(self, *parts: Part, input: Mapping[str, Any] | None = None, **fields: Any) -> Execution:
        """Define a workflow and start it."""
        return self.podium.start(self.define(*parts, **fields), input)

    def run(self, *parts: Part, input: Mapping[str, Any] | None = None, **fields: Any) -> Execution:
        """Define a workflow, start it and wait for its end."""
        execution = self.start(*parts, input=input, **fields)
        execution.wait(timeout=PATIENCE_SECONDS)
        return execution

    def lines(self) -> list[str]:
        """What tasks have written, in their order."""
        return self.out.read_text().splitlines() if self.out.exists() else []

    def runs(self) -> Counter[str]:
        """How often each `reference attempt` has run."""
        return Counter(self.lines())

    def runs_of(self, *lines: str) -> Counter[str]:
        """What `runs` gives when these lines were written."""
        return Counter(lines)

    def once(self, *refs: str) -> Counter[str]:
        """What `runs` gives when each of these tasks has run once, in its first attempt."""
        return Counter(f"{ref} 0" for ref in refs)


def attempts(execution: Execution, ref: str) -> list[TaskStatus]:
    """The statuses of all attempts of a task."""
    return [task.status for task in execution.tasks if task.ref == ref]


def statuses(execution: Execution) -> dict[str, TaskStatus]:
    """The status of each task's latest attempt."""
    return {task.ref: task.status for task in execution.tasks}


def waiting(execution: Execution, ref: str) -> bool:
    """Whether a task is in progress."""
    return statuses(execution).get(ref) is TaskStatus.IN_PROGRESS
