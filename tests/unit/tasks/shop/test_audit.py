"""The audit finds each kind of damage; every test breaks the books in one way."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, Executable, delete, insert, update

from tasks.shop.audit import Audit, audit
from tasks.shop.database import transaction
from tasks.shop.states import LedgerKind, OrderState, ReservationState
from tasks.shop.tables import call, ledger, order, reservation, stock
from tests.unit.tasks.shop.fulfilment import TOTAL, fulfil, give_up, up_to_charge


def after(engine: Engine, *statements: Executable) -> Audit:
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(statement)
    return audit(engine)


def entry(kind: LedgerKind, key: str, amount_cents: int = TOTAL, order_id: str = "o1") -> Executable:
    row = {"order_id": order_id, "kind": kind, "amount_cents": amount_cents, "idempotency_key": key}
    return insert(ledger).values(**row)


def rules(result: Audit) -> list[str]:
    return [violation.rule for violation in result.violations]


@pytest.fixture
def completed(engine: Engine) -> Engine:
    fulfil(engine)
    assert audit(engine).clean
    return engine


@pytest.fixture
def cancelled(engine: Engine) -> Engine:
    with transaction(engine) as connection:
        up_to_charge(connection)
    give_up(engine)
    assert audit(engine).clean
    return engine


def test_a_second_charge_is_found(completed: Engine) -> None:
    result = after(completed, entry(LedgerKind.CHARGE, "another key"))

    assert rules(result) == ["charged-twice", "money"]
    assert result.violations[0].message == f"order o1 was charged 2 times: [{TOTAL}, {TOTAL}] cents"


def test_a_second_charge_that_was_refunded_is_found_all_the_same(completed: Engine) -> None:
    result = after(completed, entry(LedgerKind.CHARGE, "another key"), entry(LedgerKind.REFUND, "its refund"))

    assert rules(result) == ["charged-twice"]


def test_a_missing_charge_is_found(completed: Engine) -> None:
    result = after(completed, delete(ledger).where(ledger.c.kind == LedgerKind.CHARGE))

    assert rules(result) == ["money"]
    assert result.violations[0].message == f"order o1 (COMPLETED) has paid 0 cents, it should be {TOTAL}"


def test_a_missing_refund_is_found(cancelled: Engine) -> None:
    assert rules(after(cancelled, delete(ledger).where(ledger.c.kind == LedgerKind.REFUND))) == ["money"]


def test_a_charge_of_an_order_that_nobody_knows_is_found(completed: Engine) -> None:
    result = after(completed, entry(LedgerKind.CHARGE, "stray", order_id="ghost"))

    assert [violation.message for violation in result.violations] == [
        f"order ghost (unknown) has paid {TOTAL} cents, it should be 0"
    ]


def test_goods_that_vanish_are_found(completed: Engine) -> None:
    result = after(
        completed, update(stock).where(stock.c.sku == "grinder").values(on_hand=stock.c.on_hand - 1)
    )

    assert rules(result) == ["stock-leak"]
    assert (
        "grinder: 9998 on hand + 0 reserved + 1 shipped = 9999, there were 10000"
        in result.violations[0].message
    )


def test_a_reservation_in_stock_that_no_order_holds_is_found(completed: Engine) -> None:
    moved = {"on_hand": stock.c.on_hand - 1, "reserved": stock.c.reserved + 1}

    assert rules(after(completed, update(stock).where(stock.c.sku == "kettle").values(**moved))) == [
        "reserved"
    ]


def test_goods_that_a_cancelled_order_still_holds_are_found(cancelled: Engine) -> None:
    moved = {"on_hand": stock.c.on_hand - 1, "reserved": stock.c.reserved + 1}
    held = update(reservation).where(reservation.c.sku == "grinder").values(state=ReservationState.HELD)

    result = after(cancelled, held, update(stock).where(stock.c.sku == "grinder").values(**moved))

    assert rules(result) == ["cancelled-holds"]


def test_goods_of_a_completed_order_that_never_left_are_found(completed: Engine) -> None:
    held = update(reservation).where(reservation.c.sku == "grinder").values(state=ReservationState.HELD)

    result = after(completed, held, update(stock).where(stock.c.sku == "grinder").values(reserved=1))

    assert rules(result) == ["completed-not-shipped"]


def test_an_attempt_that_began_twice_is_found_and_two_attempts_are_not(completed: Engine) -> None:
    first = {"order_id": "o1", "task": "charge_payment", "task_id": "t1", "attempt": 0}
    second = first | {"task_id": "t2", "attempt": 1}

    assert after(completed, insert(call).values([first, second])).clean
    result = after(completed, insert(call).values(first))

    assert rules(result) == ["attempt-twice"]
    assert result.violations[0].message == "order o1: attempt 0 of charge_payment began 2 times"


def test_calls_outside_of_a_workflow_are_not_held_against_each_other(completed: Engine) -> None:
    outside = {"order_id": "o1", "task": "charge_payment", "attempt": 0}

    assert after(completed, insert(call).values([outside, outside])).clean


def test_an_open_order_is_no_violation_but_is_named(engine: Engine) -> None:
    with transaction(engine) as connection:
        up_to_charge(connection, "o2")

    result = audit(engine)
    assert result.clean
    assert result.open_orders == ("o2",)
    assert result.orders == {OrderState.OPEN: 1}


def test_a_completed_order_with_another_total_than_its_charge_is_found(completed: Engine) -> None:
    assert rules(after(completed, update(order).values(total_cents=TOTAL - 1))) == ["money"]
