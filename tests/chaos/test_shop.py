"""200 orders of the shop run while everything is killed, one after the other; then its books are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from pytest_celery import CeleryTestNode, CeleryTestSetup
from sqlalchemy import Engine, select

from app.client import Execution, Podium
from app.demo.orders import DemoOrder, make_orders
from app.demo.run import DEFINITIONS, WORKFLOW
from app.errors import WrongState
from config.database import create_engine
from config.settings import Settings
from tasks.shop.audit import audit
from tasks.shop.database import setup
from tasks.shop.tables import call
from tests.chaos.faults import kill_and_restart, lose, pids, send
from tests.e2e.flow import wait_for
from tests.e2e.nodes import REPOSITORY
from tests.e2e.platforms import Platform
from workflows.status import TaskStatus, WorkflowStatus

ORDERS = 200
TROUBLE = {"failure_rate": 0.05, "work_ms": 5, "seed": 7}
PATIENCE_SECONDS = 120.0


class Rush:
    """The orders' executions, followed until all have ended."""

    def __init__(self, podium: Podium) -> None:
        self._podium = podium
        self.orders: list[tuple[DemoOrder, Execution]] = []

    def start(self) -> None:
        """Start all orders."""
        for order in make_orders(ORDERS, seed=7):
            document = {**order.input, "trouble": TROUBLE}
            self.orders.append((order, self._podium.start(WORKFLOW, document)))

    def wait_for_ended(self, share: float) -> None:
        """Wait until so large a share of the orders has ended; reviews are decided meanwhile."""
        wanted = int(ORDERS * share)
        wait_for(f"{wanted} orders have ended", lambda: self._look() >= wanted, PATIENCE_SECONDS)

    def _look(self) -> int:
        open_ids = {
            state.id for state in self._podium.executions(name=WORKFLOW, status="RUNNING", limit=ORDERS)
        }
        for order, execution in self.orders:
            if order.decision is not None and execution.id in open_ids:
                self._decide(execution, order.decision)
        return ORDERS - len(open_ids)

    def _decide(self, execution: Execution, decision: dict[str, str]) -> None:
        if any(task.ref == "review" and task.status is TaskStatus.IN_PROGRESS for task in execution.tasks):
            try:
                execution.complete("review", decision)
            except WrongState:
                # Another answer was carried out although it was lost.
                return

    def all_executions(self) -> list[Execution]:
        """The orders, their compensations and the sub-workflows of both; waits for the end of the compensations."""
        found = [execution for _, execution in self.orders]
        compensations = [undoing for execution in found if (undoing := execution.compensation) is not None]
        for undoing in compensations:
            assert undoing.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
        found += compensations
        return found + [
            self._podium.execution(task.sub_workflow_id)
            for execution in found
            for task in execution.tasks
            if task.sub_workflow_id
        ]


@pytest.fixture
def books(settings: Settings) -> Iterator[Engine]:
    """The shop's database."""
    engine = create_engine(settings)
    setup(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def rush(podium: Podium) -> Rush:
    """The orders of this test."""
    for name in DEFINITIONS:
        podium.register(REPOSITORY / "workflows" / "definitions" / f"{name}.json")
    return Rush(podium)


def test_all_orders_end_and_the_books_agree_whatever_is_killed(
    books: Engine,
    rush: Rush,
    celery_setup: CeleryTestSetup,
    celery_beat: CeleryTestNode,
    platform: Platform,
) -> None:
    incidents: dict[float, Callable[[], None]] = {
        0.1: lambda: send(celery_setup.worker, "KILL", pids(celery_setup.worker)[-1]),
        0.3: lambda: kill_and_restart(celery_setup.worker_cluster[1]),
        0.5: lambda: kill_and_restart(celery_beat),
        0.7: lambda: lose(celery_setup.broker, platform),
    }
    rush.start()
    for share, incident in incidents.items():
        rush.wait_for_ended(share)
        incident()
    rush.wait_for_ended(1)

    executions = rush.all_executions()
    assert {o.order_id: e.status for o, e in rush.orders} == {o.order_id: o.expected for o, _ in rush.orders}
    found = audit(books)
    assert found.clean, found.violations
    assert found.open_orders == ()
    assert sum(found.orders.values()) == ORDERS
    completed = [t for e in executions for t in e.tasks if t.status is TaskStatus.COMPLETED]
    assert len({(t.ref, t.path, t.id) for t in completed}) == len(completed)
    begun = _calls_of_attempts(books)
    assert {begun[t.id] for t in completed if t.type.startswith("shop.")} == {1}
    for execution in executions:
        ended = Counter((t.ref, t.path) for t in execution.tasks if t.status is TaskStatus.COMPLETED)
        assert set(ended.values()) <= {1}


def _calls_of_attempts(books: Engine) -> Counter[str]:
    """How often the work of each attempt has begun, by the attempt's id."""
    with books.connect() as connection:
        return Counter(row.task_id for row in connection.execute(select(call.c.task_id)))
