"""Orders: accepted, completed, cancelled."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from app.celery import app
from tasks.errors import TerminalError
from tasks.shop.call import call
from tasks.shop.database import insert_new
from tasks.shop.models import Order, PricedLine, Trouble, ValidatedOrder
from tasks.shop.states import LedgerKind, OrderState
from tasks.shop.tables import ledger, order, stock


@app.task(name="shop.validate_order", pydantic=True)
def validate_order(order: Order, trouble: Trouble | None = None) -> ValidatedOrder:
    """Accept an order of known goods that was not cancelled, and add prices and warehouses to its lines."""
    trouble = trouble or Trouble()
    return call(
        "validate_order",
        order.order_id,
        lambda connection: validate(connection, order, trouble),
        trouble=trouble,
    )


@app.task(name="shop.complete_order")
def complete_order(order_id: str, total_cents: int) -> dict[str, Any]:
    """Note that the order is paid and on its way."""
    return call("complete_order", order_id, lambda connection: complete(connection, order_id, total_cents))


@app.task(name="shop.cancel_order")
def cancel_order(order_id: str) -> dict[str, Any]:
    """Give an order up. From here on every other task of it is refused, also one that is still running."""
    return call("cancel_order", order_id, lambda connection: cancel(connection, order_id))


def validate(connection: Connection, wanted: Order, trouble: Trouble) -> ValidatedOrder:
    """What `validate_order` does, in the given transaction.

    Raises:
        TerminalError: a product is not in the catalogue, or the order was cancelled before.
    """
    quantities: dict[str, int] = {}
    for line in wanted.lines:
        quantities[line.sku] = quantities.get(line.sku, 0) + line.qty
    statement = select(stock.c.sku, stock.c.price_cents, stock.c.warehouse)
    catalogue = {row.sku: row for row in connection.execute(statement)}
    unknown = sorted(set(quantities) - set(catalogue))
    if unknown:
        raise TerminalError(
            f"order {wanted.order_id}: no product {', '.join(unknown)}; "
            f"the catalogue has {', '.join(sorted(catalogue))}"
        )
    row = {"order_id": wanted.order_id, "state": OrderState.OPEN, "email": wanted.email}
    insert_new(connection, order, row | trouble.model_dump())
    lock_order(connection, wanted.order_id)
    lines = [
        PricedLine(
            sku=sku, qty=qty, unit_cents=catalogue[sku].price_cents, warehouse=catalogue[sku].warehouse
        )
        for sku, qty in sorted(quantities.items())
    ]
    return ValidatedOrder(order_id=wanted.order_id, email=wanted.email, lines=lines)


def complete(connection: Connection, order_id: str, total_cents: int) -> dict[str, Any]:
    """What `complete_order` does, in the given transaction."""
    lock_order(connection, order_id)
    connection.execute(
        update(order)
        .where(order.c.order_id == order_id, order.c.state == OrderState.OPEN)
        .values(state=OrderState.COMPLETED, total_cents=total_cents)
    )
    return {"state": OrderState.COMPLETED.value, "total_cents": total_cents}


def cancel(connection: Connection, order_id: str) -> dict[str, Any]:
    """What `cancel_order` does, in the given transaction.

    A completed order stays as it is: the customer has paid and the goods are on their way.
    """
    # An order that failed before it was accepted gets a row too: a late attempt of `validate_order` finds it.
    row = {"order_id": order_id, "state": OrderState.CANCELLED, "email": ""}
    insert_new(connection, order, row)
    connection.execute(
        update(order)
        .where(order.c.order_id == order_id, order.c.state == OrderState.OPEN)
        .values(state=OrderState.CANCELLED)
    )
    state = connection.execute(select(order.c.state).where(order.c.order_id == order_id)).scalar_one()
    return {"state": state, "charged_cents": net_charged(connection, order_id)}


def lock_order(connection: Connection, order_id: str) -> None:
    """Make every other task of the order wait until this transaction has ended.

    Raises:
        TerminalError: the order is not known, or it was cancelled.
    """
    statement = select(order.c.state).where(order.c.order_id == order_id).with_for_update()
    state = connection.execute(statement).scalar_one_or_none()
    if state is None:
        raise TerminalError(f"order {order_id} is not known; run shop.validate_order for it first")
    if state == OrderState.CANCELLED:
        raise TerminalError(f"order {order_id} was cancelled; place a new order")


def net_charged(connection: Connection, order_id: str) -> int:
    """What was charged to an order and not given back, in cents."""
    statement = (
        select(ledger.c.kind, func.sum(ledger.c.amount_cents))
        .where(ledger.c.order_id == order_id)
        .group_by(ledger.c.kind)
    )
    sums: dict[str, int] = {row[0]: int(row[1]) for row in connection.execute(statement)}
    return sums.get(LedgerKind.CHARGE, 0) - sums.get(LedgerKind.REFUND, 0)
