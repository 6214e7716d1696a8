"""200 orders run while everything is killed, one after the other; then the shop's books are read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import Execution
from app.demo.orders import make_orders
from app.errors import WrongState
from tasks.shop.audit import audit
from tasks.shop.database import setup
from tests.chaos.stack import ROOT, Stack, wait_for
from workflows.status import TaskStatus

ORDERS = 200
DEFINITIONS = ROOT / "workflows" / "definitions"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state", database_url, ("tasks",))
    setup(stack.podium.engine.store.engine)
    for name in ("shop_tasks", "ship_parcels", "order_compensation", "order_fulfillment"):
        stack.podium.register(DEFINITIONS / f"{name}.json")
    yield stack
    stack.close()


def test_all_orders_end_and_the_books_agree(shop: Stack) -> None:
    shop.beat()
    shop.worker("one")
    shop.worker("two")
    orders = make_orders(ORDERS, seed=11)
    started: list[tuple[Execution, dict[str, str] | None]] = []
    for order in orders:
        document = {**order.input, "trouble": {**order.input["trouble"], "work_ms": 5}}
        started.append((shop.podium.start("order_fulfillment", document), order.decision))
    begun = shop.running()

    def down_to(count: int) -> None:
        """Wait until so few are open, and decide the reviews that wait."""
        wait_for(f"{count} executions are left", lambda: _review(started) or shop.running() <= count, 240)

    down_to(int(begun * 0.9))
    os.kill(shop.pool_children("one")[0], signal.SIGKILL)
    down_to(int(begun * 0.75))
    shop.kill("one")
    shop.worker("three")
    down_to(int(begun * 0.55))
    shop.kill("beat")
    shop.beat("beat2")
    down_to(int(begun * 0.35))
    shop.lose_broker()
    down_to(0)

    books = audit(shop.podium.engine.store.engine)
    assert books.clean, books.violations
    assert not books.open_orders
    assert all(execution.status.terminal for execution, _ in started)
    for execution, _ in started:
        completed = [row.ref for row in execution.tasks if row.status is TaskStatus.COMPLETED]
        assert len(completed) == len(set(completed)), "a completed step ran again"


def _review(started: list[tuple[Execution, dict[str, str] | None]]) -> bool:
    """Decide the reviews that wait. False, so that it may stand before a condition."""
    for execution, decision in started:
        if decision is None:
            continue
        waiting = [row for row in execution.tasks if row.ref == "review" and not row.status.terminal]
        if waiting:
            try:
                execution.complete("review", decision, actor="chaos")
            except WrongState:
                continue
    return False
