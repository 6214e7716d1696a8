"""The demonstration's orders, what it prints, and what it finds wrong."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from app.demo.board import LiveBoard, PlainBoard
from app.demo.orders import DemoOrder, make_orders
from app.demo.progress import Progress
from app.demo.report import outcomes, print_audit, surprises
from tasks.shop.audit import Audit, Violation
from tasks.shop.database import CATALOGUE
from tasks.shop.payment import HIGH_RISK_CENTS

PRICES = {sku: price for sku, _, price, _ in CATALOGUE}
BOOKS = Audit(
    orders={"COMPLETED": 1},
    open_orders=(),
    paid_cents={"order-01": 490},
    charged_cents=490,
    refunded_cents=0,
    completed_cents=490,
    shipped=1,
    calls=9,
    violations=(),
)


def total(order: DemoOrder) -> int:
    return sum(PRICES[line["sku"]] * line["qty"] for line in order.input["lines"])


def printed(width: int = 200) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=width, color_system=None), text


def ended(status: str = "COMPLETED") -> Progress:
    return Progress("order-01", "e-1", status, done=15, attempts=17, retries=2, seconds=3.25)


def test_the_same_seed_gives_the_same_orders_and_another_gives_others() -> None:
    assert make_orders(10, 7) == make_orders(10, 7)
    assert make_orders(10, 7) != make_orders(10, 8)


@pytest.mark.parametrize("seed", range(20))
def test_exactly_the_orders_with_a_decision_are_of_high_risk(seed: int) -> None:
    for order in make_orders(30, seed):
        assert (total(order) >= HIGH_RISK_CENTS) is (order.decision is not None)


def test_an_order_that_ends_otherwise_than_it_has_to_is_a_surprise() -> None:
    order = make_orders(1, 7)[0]

    assert surprises([order], {"order-01": ended()}, BOOKS) == []
    assert surprises([order], {"order-01": ended("FAILED")}, BOOKS) == [
        "order-01 is FAILED, expected: COMPLETED"
    ]


def test_an_open_order_and_a_violation_of_the_books_are_surprises() -> None:
    order = make_orders(1, 7)[0]
    books = replace(BOOKS, open_orders=("order-01",), violations=(Violation("money", "1 cent is missing"),))

    assert surprises([order], {"order-01": ended()}, books) == [
        "the shop still has order-01 open",
        "audit, money: 1 cent is missing",
    ]


def test_books_with_violations_are_not_called_in_order() -> None:
    console, text = printed()

    print_audit(console, replace(BOOKS, violations=(Violation("money", "1 cent is missing"),)))

    assert "1 violations" in text.getvalue()
    assert "no order charged twice" not in text.getvalue()


@pytest.mark.parametrize(("width", "with_id"), [(140, True), (80, False)])
def test_the_outcomes_fit_the_terminal(width: int, with_id: bool) -> None:
    console, text = printed(width)

    console.print(outcomes(make_orders(1, 7), {"order-01": ended()}, BOOKS, width))

    assert ("e-1" in text.getvalue()) is with_id
    assert all(part in text.getvalue() for part in ("order-01", "COMPLETED", "17", "3.2", "4.90 EUR"))
    assert "…" not in text.getvalue()


def test_without_a_terminal_a_change_is_printed_once() -> None:
    console, text = printed()
    running = Progress("order-01", "e-1", "RUNNING", done=4, current=("review",))

    with PlainBoard(console) as board:
        board.show([running])
        board.show([replace(running, seconds=1.0)])
        board.show([ended()])

    assert text.getvalue().splitlines() == [
        "order-01  e-1  waits for a review after 0.0 s, 4 steps",
        "order-01  e-1  COMPLETED after 3.2 s, 15 steps, 2 retries",
    ]


def test_in_a_terminal_each_order_has_a_line_with_its_bar_and_what_runs_now() -> None:
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=True, color_system=None)

    with LiveBoard(console) as board:
        board.show(
            [Progress("order-01", "e-1", "RUNNING", done=5, retries=1, current=("authorise", "fraud"))]
        )

    line = next(line for line in text.getvalue().splitlines() if "order-01" in line)
    assert "━" in line
    assert "authorise, fraud" in line
