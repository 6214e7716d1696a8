"""Stock: reserved for an order, put back when it is given up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from app.celery import app
from tasks.errors import TerminalError
from tasks.shop.call import call, note
from tasks.shop.database import insert_new
from tasks.shop.orders import cancel, lock_order
from tasks.shop.states import OrderState, ParcelState, ReservationState
from tasks.shop.tables import parcel, reservation, stock


@app.task(name="shop.reserve_stock")
def reserve_stock(order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the goods of all lines off the shelf, or none. `lines`: `{"sku", "qty"}`, each sku once."""
    return call("reserve_stock", order_id, lambda connection: reserve(connection, order_id, lines))


@app.task(name="shop.release_stock")
def release_stock(order_id: str) -> dict[str, Any]:
    """Put back all that an order holds, which is cancelled; parcels that are with the carrier are called back.

    A completed order stays as it is.
    """
    return call("release_stock", order_id, lambda connection: release(connection, order_id))


def reserve(connection: Connection, order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What `reserve_stock` does, in the given transaction. Done before: nothing.

    Raises:
        TerminalError: there is not enough of something; nothing is reserved.
    """
    lock_order(connection, order_id)
    # In one order for everybody, so that two orders that want the same goods can't wait for each other.
    for line in sorted(lines, key=lambda line: str(line["sku"])):
        _hold(connection, order_id, str(line["sku"]), int(line["qty"]))
    return {"order_id": order_id, "reserved": {line["sku"]: line["qty"] for line in lines}}


def release(connection: Connection, order_id: str) -> dict[str, Any]:
    """What `release_stock` does, in the given transaction. Done before: nothing."""
    if cancel(connection, order_id)["state"] == OrderState.COMPLETED:
        return {"order_id": order_id, "released": {}}
    statement = (
        select(reservation)
        .where(reservation.c.order_id == order_id, reservation.c.state != ReservationState.RELEASED)
        .order_by(reservation.c.sku)
        .with_for_update()
    )
    rows = connection.execute(statement).all()
    for row in rows:
        held = row.qty if row.state == ReservationState.HELD else 0
        connection.execute(
            update(stock)
            .where(stock.c.sku == row.sku)
            .values(on_hand=stock.c.on_hand + row.qty, reserved=stock.c.reserved - held)
        )
    connection.execute(
        update(reservation).where(reservation.c.order_id == order_id).values(state=ReservationState.RELEASED)
    )
    connection.execute(update(parcel).where(parcel.c.order_id == order_id).values(state=ParcelState.RECALLED))
    return {"order_id": order_id, "released": {row.sku: row.qty for row in rows}}


def _hold(connection: Connection, order_id: str, sku: str, qty: int) -> None:
    row = {"order_id": order_id, "sku": sku, "qty": qty, "state": ReservationState.HELD}
    if not insert_new(connection, reservation, row):
        note(f"{sku} is reserved already, by an earlier attempt")
        return
    taken = connection.execute(
        update(stock)
        .where(stock.c.sku == sku, stock.c.on_hand >= qty)
        .values(on_hand=stock.c.on_hand - qty, reserved=stock.c.reserved + qty)
    )
    if taken.rowcount == 0:
        raise TerminalError(f"order {order_id}: fewer than {qty} of {sku} are left")
