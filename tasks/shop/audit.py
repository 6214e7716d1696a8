"""The shop's audit: whether money and goods agree with the orders, whatever happened on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, case, func, select

from tasks.shop.database import transaction
from tasks.shop.states import LedgerKind, OrderState, ReservationState
from tasks.shop.tables import call, ledger, order, reservation, stock


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not agree."""

    rule: str
    """A stable name of the rule: `charged-twice`."""
    message: str
    """What was found, with the order or sku."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit. Amounts are cents."""

    orders: dict[str, int]
    """Number of orders by state."""
    open_orders: tuple[str, ...]
    """Orders that are still being fulfilled; what they hold and were charged is no violation."""
    paid_cents: dict[str, int]
    """Charged and not refunded, by order; orders without an entry in the ledger are absent."""
    charged_cents: int
    refunded_cents: int
    completed_cents: int
    """Totals of the completed orders."""
    shipped: int
    """Pieces that are with the carrier."""
    calls: int
    """Attempts of the shop's tasks that began."""
    violations: tuple[Violation, ...]

    @property
    def clean(self) -> bool:
        """Whether no rule is violated."""
        return not self.violations


def audit(engine: Engine) -> Audit:
    """Check the shop's books, in one transaction."""
    with transaction(engine) as connection:
        return Audit(
            orders=_orders(connection),
            open_orders=_open_orders(connection),
            paid_cents=_paid(connection),
            charged_cents=_sum(connection, LedgerKind.CHARGE),
            refunded_cents=_sum(connection, LedgerKind.REFUND),
            completed_cents=_completed(connection),
            shipped=_shipped(connection),
            calls=connection.execute(select(func.count()).select_from(call)).scalar_one(),
            violations=(
                *_money(connection),
                *_goods(connection),
                *_leftovers(connection),
                *_attempts(connection),
            ),
        )


def _money(connection: Connection) -> Iterator[Violation]:
    entries: dict[str, dict[str, list[int]]] = {}
    for row in connection.execute(select(ledger.c.order_id, ledger.c.kind, ledger.c.amount_cents)):
        entries.setdefault(row.order_id, {}).setdefault(row.kind, []).append(row.amount_cents)
    orders = connection.execute(select(order.c.order_id, order.c.state, order.c.total_cents))
    states: dict[str, tuple[str, int]] = {row.order_id: (row.state, row.total_cents) for row in orders}
    for order_id in sorted({*entries, *states}):
        charges = entries.get(order_id, {}).get(LedgerKind.CHARGE, [])
        kept = sum(charges) - sum(entries.get(order_id, {}).get(LedgerKind.REFUND, []))
        if len(charges) > 1:
            yield Violation(
                "charged-twice", f"order {order_id} was charged {len(charges)} times: {charges} cents"
            )
        state, total = states.get(order_id, ("unknown", 0))
        due = total if state == OrderState.COMPLETED else 0
        if kept != due and state != OrderState.OPEN:
            yield Violation("money", f"order {order_id} ({state}) has paid {kept} cents, it should be {due}")


def _goods(connection: Connection) -> Iterator[Violation]:
    statement = select(reservation.c.sku, reservation.c.state, func.sum(reservation.c.qty)).group_by(
        reservation.c.sku, reservation.c.state
    )
    sums = {(row[0], row[1]): int(row[2]) for row in connection.execute(statement)}
    for row in connection.execute(select(stock).order_by(stock.c.sku)):
        held = sums.get((row.sku, ReservationState.HELD), 0)
        shipped = sums.get((row.sku, ReservationState.SHIPPED), 0)
        if row.reserved != held:
            yield Violation("reserved", f"{row.sku}: {row.reserved} reserved in stock, {held} held by orders")
        found = row.on_hand + row.reserved + shipped
        if found != row.initial:
            yield Violation(
                "stock-leak",
                f"{row.sku}: {row.on_hand} on hand + {row.reserved} reserved + {shipped} shipped = {found}, "
                f"there were {row.initial}",
            )


def _leftovers(connection: Connection) -> Iterator[Violation]:
    statement = (
        select(reservation, order.c.state.label("order_state"))
        .outerjoin(order, order.c.order_id == reservation.c.order_id)
        .where(reservation.c.state != ReservationState.RELEASED)
        .order_by(reservation.c.order_id, reservation.c.sku)
    )
    for row in connection.execute(statement):
        what = (
            f"order {row.order_id} ({row.order_state or 'unknown'}): {row.qty} of {row.sku} are {row.state}"
        )
        if row.order_state in (OrderState.CANCELLED, None):
            yield Violation("cancelled-holds", what)
        elif row.order_state == OrderState.COMPLETED and row.state == ReservationState.HELD:
            yield Violation("completed-not-shipped", what)


def _attempts(connection: Connection) -> Iterator[Violation]:
    statement = (
        select(call.c.order_id, call.c.task, call.c.attempt, func.count().label("begun"))
        .where(call.c.task_id.is_not(None))
        .group_by(call.c.task_id, call.c.order_id, call.c.task, call.c.attempt)
        .having(func.count() > 1)
        .order_by(call.c.order_id, call.c.task)
    )
    for row in connection.execute(statement):
        what = f"order {row.order_id}: attempt {row.attempt} of {row.task} began {row.begun} times"
        yield Violation("attempt-twice", what)


def _orders(connection: Connection) -> dict[str, int]:
    statement = select(order.c.state, func.count()).group_by(order.c.state).order_by(order.c.state)
    return {row[0]: row[1] for row in connection.execute(statement)}


def _open_orders(connection: Connection) -> tuple[str, ...]:
    statement = select(order.c.order_id).where(order.c.state == OrderState.OPEN).order_by(order.c.order_id)
    return tuple(connection.execute(statement).scalars())


def _paid(connection: Connection) -> dict[str, int]:
    signed = case((ledger.c.kind == LedgerKind.REFUND, -ledger.c.amount_cents), else_=ledger.c.amount_cents)
    statement = (
        select(ledger.c.order_id, func.sum(signed))
        .where(ledger.c.kind != LedgerKind.AUTHORISATION)
        .group_by(ledger.c.order_id)
        .order_by(ledger.c.order_id)
    )
    return {row[0]: int(row[1]) for row in connection.execute(statement)}


def _sum(connection: Connection, kind: LedgerKind) -> int:
    statement = select(func.coalesce(func.sum(ledger.c.amount_cents), 0)).where(ledger.c.kind == kind)
    return int(connection.execute(statement).scalar_one())


def _completed(connection: Connection) -> int:
    statement = select(func.coalesce(func.sum(order.c.total_cents), 0)).where(
        order.c.state == OrderState.COMPLETED
    )
    return int(connection.execute(statement).scalar_one())


def _shipped(connection: Connection) -> int:
    statement = select(func.coalesce(func.sum(reservation.c.qty), 0)).where(
        reservation.c.state == ReservationState.SHIPPED
    )
    return int(connection.execute(statement).scalar_one())
