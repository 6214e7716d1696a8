"""Payment: authorised, charged, refunded, checked for fraud."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from app.celery import app
from tasks.errors import TerminalError
from tasks.shop.call import call, note
from tasks.shop.database import insert_new
from tasks.shop.orders import cancel, lock_order
from tasks.shop.states import LedgerKind, OrderState
from tasks.shop.tables import ledger

HIGH_RISK_CENTS = 100_000
"""An order of this amount or more is of high risk."""


class CardDeclined(TerminalError):
    """The bank said no, and will say no again."""


@app.task(name="shop.authorise_payment")
def authorise_payment(order_id: str, amount_cents: int, card: str) -> dict[str, Any]:
    """Have the bank promise the amount. The card `declined` is declined."""
    return call(
        "authorise_payment", order_id, lambda connection: authorise(connection, order_id, amount_cents, card)
    )


@app.task(name="shop.check_fraud")
def check_fraud(order_id: str, amount_cents: int) -> dict[str, Any]:
    """Say how risky an order is: `risk` is `low` or `high`, `score` goes from 0 to 100."""
    return call("check_fraud", order_id, lambda _: risk(amount_cents))


@app.task(name="shop.charge_payment")
def charge_payment(order_id: str, amount_cents: int) -> dict[str, Any]:
    """Take the authorised amount."""
    return call("charge_payment", order_id, lambda connection: charge(connection, order_id, amount_cents))


@app.task(name="shop.refund_payment")
def refund_payment(order_id: str) -> dict[str, Any]:
    """Give back what was charged to an order, which is cancelled; a completed one stays as it is."""
    return call("refund_payment", order_id, lambda connection: refund(connection, order_id))


def authorise(connection: Connection, order_id: str, amount_cents: int, card: str) -> dict[str, Any]:
    """What `authorise_payment` does, in the given transaction.

    Raises:
        CardDeclined: no other attempt can succeed.
    """
    lock_order(connection, order_id)
    if card == "declined":
        raise CardDeclined(f"order {order_id}: the card was declined")
    key = _enter(connection, order_id, LedgerKind.AUTHORISATION, amount_cents)
    return {"authorisation_id": key, "amount_cents": amount_cents}


def risk(amount_cents: int) -> dict[str, Any]:
    """What `check_fraud` answers."""
    score = min(100, 50 * amount_cents // HIGH_RISK_CENTS)
    return {"risk": "high" if amount_cents >= HIGH_RISK_CENTS else "low", "score": score}


def charge(connection: Connection, order_id: str, amount_cents: int) -> dict[str, Any]:
    """What `charge_payment` does, in the given transaction.

    Raises:
        TerminalError: this amount is not authorised.
    """
    lock_order(connection, order_id)
    statement = select(ledger.c.amount_cents).where(
        ledger.c.order_id == order_id, ledger.c.kind == LedgerKind.AUTHORISATION
    )
    authorised = connection.execute(statement).scalar_one_or_none() or 0
    if amount_cents > authorised:
        raise TerminalError(f"order {order_id}: {amount_cents} cents asked for, {authorised} authorised")
    key = _enter(connection, order_id, LedgerKind.CHARGE, amount_cents)
    return {"charge_id": key, "amount_cents": amount_cents}


def refund(connection: Connection, order_id: str) -> dict[str, Any]:
    """What `refund_payment` does, in the given transaction."""
    cancelled = cancel(connection, order_id)
    amount_cents = cancelled["charged_cents"]
    if amount_cents and cancelled["state"] == OrderState.CANCELLED:
        _enter(connection, order_id, LedgerKind.REFUND, amount_cents)
    statement = select(ledger.c.amount_cents).where(
        ledger.c.order_id == order_id, ledger.c.kind == LedgerKind.REFUND
    )
    return {"refunded_cents": connection.execute(statement).scalar_one_or_none() or 0}


def _enter(connection: Connection, order_id: str, kind: LedgerKind, amount_cents: int) -> str:
    # The key is made of the order and not of the attempt: a second attempt must find the first one's entry.
    key = f"{order_id}:{kind.lower()}"
    row = {"order_id": order_id, "kind": kind, "amount_cents": amount_cents, "idempotency_key": key}
    if not insert_new(connection, ledger, row):
        note(f"{kind.lower()} is in the ledger already, entered by an earlier attempt")
    return key
