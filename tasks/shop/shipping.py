"""Shipping: a label for each parcel, then the hand-over to the carrier."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, select, update

from app.celery import app
from tasks.errors import TerminalError
from tasks.shop.call import call, note
from tasks.shop.database import insert_new
from tasks.shop.orders import lock_order
from tasks.shop.states import ParcelState, ReservationState
from tasks.shop.tables import parcel, reservation, stock


class CarrierRefused(TerminalError):
    """The carrier does not deliver to this address."""


@app.task(name="shop.create_label")
def create_label(order_id: str, number: int, skus: list[str], address: str) -> dict[str, Any]:
    """Print the label of parcel `number` (from 1) with the goods of these skus. `nowhere` is refused."""
    return call(
        "create_label",
        order_id,
        lambda connection: label(connection, order_id, number, skus, address),
        part=str(number),
    )


@app.task(name="shop.hand_over_parcel")
def hand_over_parcel(order_id: str, number: int) -> dict[str, Any]:
    """Give a labelled parcel to the carrier."""
    return call(
        "hand_over_parcel",
        order_id,
        lambda connection: hand_over(connection, order_id, number),
        part=str(number),
    )


def label(
    connection: Connection, order_id: str, number: int, skus: list[str], address: str
) -> dict[str, Any]:
    """What `create_label` does, in the given transaction.

    Raises:
        CarrierRefused: no other attempt can succeed.
    """
    lock_order(connection, order_id)
    if address == "nowhere":
        raise CarrierRefused(f"order {order_id}: no carrier delivers to {address!r}")
    tracking = "PD" + hashlib.sha256(f"{order_id}/{number}".encode()).hexdigest()[:10].upper()
    row = {
        "order_id": order_id,
        "number": number,
        "skus": skus,
        "tracking": tracking,
        "state": ParcelState.LABELLED,
    }
    if not insert_new(connection, parcel, row):
        note(f"parcel {number} has a label already, from an earlier attempt")
    return {"number": number, "tracking": tracking}


def hand_over(connection: Connection, order_id: str, number: int) -> dict[str, Any]:
    """What `hand_over_parcel` does, in the given transaction.

    Raises:
        TerminalError: the parcel has no label.
    """
    lock_order(connection, order_id)
    this = (parcel.c.order_id == order_id) & (parcel.c.number == number)
    row = connection.execute(select(parcel).where(this)).one_or_none()
    if row is None:
        raise TerminalError(f"order {order_id} has no parcel {number}; run shop.create_label for it first")
    if row.state == ParcelState.LABELLED:
        connection.execute(update(parcel).where(this).values(state=ParcelState.HANDED_OVER))
        for sku in sorted(row.skus):
            _ship(connection, order_id, sku)
    return {"number": number, "tracking": row.tracking, "skus": row.skus}


def _ship(connection: Connection, order_id: str, sku: str) -> None:
    held = (
        (reservation.c.order_id == order_id)
        & (reservation.c.sku == sku)
        & (reservation.c.state == ReservationState.HELD)
    )
    qty = connection.execute(select(reservation.c.qty).where(held)).scalar_one_or_none()
    if qty is None:
        raise TerminalError(f"order {order_id} holds no {sku}; run shop.reserve_stock for it first")
    connection.execute(update(reservation).where(held).values(state=ReservationState.SHIPPED))
    connection.execute(update(stock).where(stock.c.sku == sku).values(reserved=stock.c.reserved - qty))
