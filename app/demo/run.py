"""The demonstration's course: start the orders, watch them, answer the reviews, await compensations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from app.client import Execution, Podium
from app.demo.orders import DemoOrder
from app.demo.progress import Progress
from app.demo.stage import DemoError
from workflows.status import LIVE, TaskStatus, WorkflowStatus

WORKFLOW = "order_fulfillment"
DEFINITIONS = ("shop_tasks", "ship_parcels", "order_cancellation", WORKFLOW)
"""Files of `workflows/definitions` in the order of registration: a workflow after those that it names."""

POLL_SECONDS = 0.2
REVIEW_SECONDS = 1.5
"""How long an order is left to wait for its review, so that it is to be seen."""


class Board(Protocol):
    """Where progress is shown."""

    def show(self, orders: Sequence[Progress]) -> None:
        """Show the orders as they are now."""


class Course:
    """The executions of the demonstration's orders. Times are seconds of the monotonic clock."""

    def __init__(self, podium: Podium, orders: Sequence[DemoOrder]) -> None:
        self._podium, self._orders = podium, orders
        self._ids: dict[str, str] = {}
        self._began: dict[str, float] = {}
        self._reviewable_since: dict[str, float] = {}
        self._reviewed: set[str] = set()
        self._compensations: dict[str, str] = {}
        self.progress: dict[str, Progress] = {}

    def run(self, board: Board, check: Callable[[], None], limit_seconds: float) -> None:
        """Run all orders to their end, compensations included.

        `check` is called again and again, and raises when there is no use in waiting.

        Raises:
            DemoError: they have not ended in time.
        """
        deadline = time.monotonic() + limit_seconds
        for order in self._orders:
            self._start(order)
        while not self._ended():
            check()
            self._look()
            board.show(list(self.progress.values()))
            if time.monotonic() > deadline:
                raise DemoError(f"not done after {limit_seconds:.0f} s: {', '.join(self._open())}")
            time.sleep(POLL_SECONDS)

    def _start(self, order: DemoOrder) -> None:
        self._began[order.order_id] = time.monotonic()
        execution = self._podium.start(
            WORKFLOW, order.input, correlation_id=order.order_id, idempotency_key=order.order_id
        )
        self._ids[order.order_id] = execution.id
        self.progress[order.order_id] = Progress(
            order.order_id, execution.id, WorkflowStatus.RUNNING, order.story
        )

    def _look(self) -> None:
        for order in self._orders:
            seen = self.progress[order.order_id]
            if WorkflowStatus(seen.status).terminal:
                continue
            execution = self._podium.execution(self._ids[order.order_id])
            picture = _picture(self._podium, execution, seen)
            self.progress[order.order_id] = replace(
                picture, seconds=time.monotonic() - self._began[order.order_id]
            )
            self._review(order, picture)
            compensation = execution.compensation
            if compensation is not None:
                self._compensations[order.order_id] = compensation.id

    def _review(self, order: DemoOrder, picture: Progress) -> None:
        if "review" not in picture.current or order.decision is None or order.order_id in self._reviewed:
            return
        since = self._reviewable_since.setdefault(order.order_id, time.monotonic())
        if time.monotonic() - since >= REVIEW_SECONDS:
            self._podium.complete_task(picture.execution_id, "review", order.decision)
            self._reviewed.add(order.order_id)

    def _ended(self) -> bool:
        return bool(self.progress) and not self._open()

    def _open(self) -> list[str]:
        """What has not ended: orders, and compensations of orders that failed."""
        waiting = [o.order_id for o in self.progress.values() if not WorkflowStatus(o.status).terminal]
        return waiting + [
            f"compensation of {order_id}"
            for order_id, execution_id in self._compensations.items()
            if not WorkflowStatus(self._podium.execution(execution_id).status).terminal
        ]


def _picture(podium: Podium, execution: Execution, seen: Progress) -> Progress:
    tasks = list(execution.tasks)
    for task in execution.tasks:
        # A sub-workflow's steps are steps of the order too.
        if task.sub_workflow_id:
            tasks += podium.execution(task.sub_workflow_id).tasks
    return replace(
        seen,
        status=str(execution.status),
        done=sum(TaskStatus(task.status).successful for task in tasks),
        attempts=len(tasks),
        retries=sum(task.attempt > 0 for task in tasks),
        current=tuple(task.ref for task in tasks if TaskStatus(task.status) in LIVE),
    )
