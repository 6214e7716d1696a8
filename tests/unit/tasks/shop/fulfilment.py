"""The steps of an order in their order, as the workflow runs them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from tasks.shop import orders, payment, shipping, stock
from tasks.shop.database import transaction
from tasks.shop.models import Line, Order, Trouble

TOTAL = 31_800
LINES: list[dict[str, Any]] = [{"sku": "beans-1kg", "qty": 2}, {"sku": "grinder", "qty": 1}]
ADDRESS = "1 Main Street"
PARCELS: list[list[str]] = [["beans-1kg"], ["grinder"]]


def an_order(order_id: str = "o1", lines: list[dict[str, Any]] | None = None) -> Order:
    return Order(order_id=order_id, email="ada@example.com", lines=[Line(**line) for line in lines or LINES])


def accept(connection: Connection, order_id: str = "o1") -> None:
    orders.validate(connection, an_order(order_id), Trouble(failure_rate=0, work_ms=0))


def up_to_charge(connection: Connection, order_id: str = "o1") -> None:
    accept(connection, order_id)
    stock.reserve(connection, order_id, LINES)
    payment.authorise(connection, order_id, TOTAL, "valid")
    payment.charge(connection, order_id, TOTAL)


def ship(connection: Connection, order_id: str = "o1") -> None:
    for number, skus in enumerate(PARCELS, start=1):
        shipping.label(connection, order_id, number, skus, ADDRESS)
        shipping.hand_over(connection, order_id, number)


def fulfil(engine: Engine, order_id: str = "o1") -> None:
    with transaction(engine) as connection:
        up_to_charge(connection, order_id)
        ship(connection, order_id)
        orders.complete(connection, order_id, TOTAL)


def give_up(engine: Engine, order_id: str = "o1") -> None:
    with transaction(engine) as connection:
        orders.cancel(connection, order_id)
        stock.release(connection, order_id)
        payment.refund(connection, order_id)
