"""What is run: shapes of workflows, each as a Conductor definition and as a plain canvas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from celery import Celery, chain, chord, group
from celery.canvas import Signature

from bench.tasks import NOOP, SLEEP


@dataclass(frozen=True, slots=True)
class Workload:
    """So many executions of one shape."""

    name: str
    shape: Literal["chain", "fork"]
    width: int
    """Steps of a chain, branches of a fork."""
    executions: int = 1
    task: str = NOOP
    """The task of a fork's branches."""
    plain: bool = True
    """Whether plain Celery can run it at all."""

    @property
    def title(self) -> str:
        """What it is, for people."""
        shape = (
            "steps" if self.shape == "chain" else "branches that sleep" if self.task == SLEEP else "branches"
        )
        return f"{self.width:,} {shape if self.width > 1 else 'step'} x {self.executions:,}"

    @property
    def steps(self) -> int:
        """Worker tasks of one execution; a fork has one more, after its join."""
        return self.width + (self.shape == "fork")

    @property
    def all_steps(self) -> int:
        """Worker tasks of all executions."""
        return self.steps * self.executions

    @property
    def definition(self) -> dict[str, Any]:
        """The Conductor definition, registered under the workload's name."""
        tasks = self._fork() if self.shape == "fork" else [_simple(f"t{i}", NOOP) for i in range(self.width)]
        return {"name": self.name, "version": 1, "tasks": tasks}

    def canvas(self, app: Celery) -> Signature:
        """The plain canvas of one execution; it may be applied many times."""

        def step(name: str) -> Signature:
            return app.signature(name, immutable=True)

        if self.shape == "fork":
            branches = [step(self.task) for _ in range(self.width)]
            return chord(group(branches, app=app), step(NOOP), app=app)
        return step(NOOP) if self.width == 1 else chain(*[step(NOOP) for _ in range(self.width)], app=app)

    def small(self) -> Workload:
        """The same shape in a size that ends in a moment."""
        return replace(self, width=min(self.width, 20), executions=min(self.executions, 5))

    def _fork(self) -> list[dict[str, Any]]:
        refs = [f"b{i}" for i in range(self.width)]
        branches = [[_simple(ref, self.task)] for ref in refs]
        return [
            {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": branches},
            {"name": "join", "taskReferenceName": "join", "type": "JOIN", "joinOn": refs},
            _simple("after", NOOP),
        ]


def _simple(ref: str, name: str) -> dict[str, Any]:
    return {"name": name, "taskReferenceName": ref, "type": "SIMPLE"}


WORKLOADS = (
    Workload("sequential", "chain", 10, 200),
    Workload("fork", "fork", 100, 20),
    Workload("sleeping_fork", "fork", 100, task=SLEEP),
    Workload("start", "chain", 1, 2000),
    Workload("chain_100", "chain", 100),
    Workload("chain_1000", "chain", 1000),
    # Each message of a plain chain carries all that follow it: 10,000 steps would be some 20 GB of messages.
    Workload("chain_10000", "chain", 10_000, plain=False),
)
