"""The work of the shop's tasks: once, again, at the same time, and too late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from tasks.errors import TerminalError
from tasks.shop import notify, orders, payment, shipping, stock
from tasks.shop.audit import audit
from tasks.shop.database import setup, transaction
from tasks.shop.models import Trouble
from tasks.shop.payment import CardDeclined
from tasks.shop.shipping import CarrierRefused
from tasks.shop.states import LedgerKind, OrderState
from tasks.shop.tables import ledger, outbox
from tasks.shop.tables import stock as stock_table
from tests.unit.tasks.shop.fulfilment import (
    ADDRESS,
    LINES,
    TOTAL,
    accept,
    an_order,
    fulfil,
    give_up,
    ship,
    up_to_charge,
)

AGAIN = 8


def on_hand(engine: Engine, sku: str) -> int:
    with engine.connect() as connection:
        statement = select(stock_table.c.on_hand).where(stock_table.c.sku == sku)
        return int(connection.execute(statement).scalar_one())


def at_once(engine: Engine, work: Callable[[Connection], Any], threads: int = AGAIN) -> list[Any]:
    """Run `work` in as many transactions at the same time; an exception is its answer."""
    barrier = Barrier(threads)

    def run(_: int) -> Any:
        barrier.wait()
        try:
            with transaction(engine) as connection:
                return work(connection)
        except TerminalError as exc:
            return exc

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_an_order_goes_through_and_the_books_agree(engine: Engine) -> None:
    fulfil(engine)

    result = audit(engine)
    assert result.clean
    assert result.orders == {OrderState.COMPLETED: 1}
    assert (result.charged_cents, result.refunded_cents, result.completed_cents) == (TOTAL, 0, TOTAL)
    assert result.paid_cents == {"o1": TOTAL}
    assert result.shipped == 3
    assert on_hand(engine, "beans-1kg") == 9_998


def test_every_step_done_twice_leaves_the_books_as_once(engine: Engine) -> None:
    fulfil(engine)
    once = audit(engine)

    fulfil(engine)

    assert audit(engine) == once


def test_attempts_that_run_at_the_same_time_charge_once_and_reserve_once(engine: Engine) -> None:
    answers = at_once(engine, up_to_charge)

    assert answers == [None] * AGAIN
    with engine.connect() as connection:
        charges = select(func.count()).select_from(ledger).where(ledger.c.kind == LedgerKind.CHARGE)
        assert connection.execute(charges).scalar_one() == 1
    assert on_hand(engine, "grinder") == 9_999


def test_parcels_that_are_handed_over_twice_at_the_same_time_leave_once(engine: Engine) -> None:
    with transaction(engine) as connection:
        up_to_charge(connection)

    at_once(engine, ship)

    result = audit(engine)
    assert result.shipped == 3
    assert result.clean


def test_the_last_goods_go_to_as_many_orders_as_there_are_goods(engine: Engine) -> None:
    numbers = iter(range(AGAIN))

    def buy(connection: Connection) -> str:
        order_id = f"cup-{next(numbers)}"
        line = {"sku": "anniversary-cup", "qty": 1}
        orders.validate(connection, an_order(order_id, [line]), Trouble())
        stock.reserve(connection, order_id, [line])
        return order_id

    answers = at_once(engine, buy)

    assert sum(isinstance(answer, str) for answer in answers) == 3
    assert on_hand(engine, "anniversary-cup") == 0
    assert audit(engine).clean


def test_an_order_that_can_not_be_filled_reserves_nothing(engine: Engine) -> None:
    with transaction(engine) as connection:
        accept(connection)

    with (
        pytest.raises(TerminalError, match="fewer than 4 of anniversary-cup"),
        transaction(engine) as connection,
    ):
        stock.reserve(connection, "o1", [*LINES, {"sku": "anniversary-cup", "qty": 4}])

    assert on_hand(engine, "grinder") == 10_000


def test_a_cancelled_order_gets_its_money_and_gives_back_its_goods_also_those_on_the_way(
    engine: Engine,
) -> None:
    with transaction(engine) as connection:
        up_to_charge(connection)
        shipping.label(connection, "o1", 1, ["beans-1kg"], ADDRESS)
        shipping.hand_over(connection, "o1", 1)

    give_up(engine)
    give_up(engine)

    result = audit(engine)
    assert result.clean
    assert (result.charged_cents, result.refunded_cents, result.shipped) == (TOTAL, TOTAL, 0)
    assert result.paid_cents == {"o1": 0}
    assert on_hand(engine, "beans-1kg") == on_hand(engine, "grinder") == 10_000


@pytest.mark.parametrize(
    "late",
    [
        lambda connection: accept(connection),
        lambda connection: stock.reserve(connection, "o1", LINES),
        lambda connection: payment.authorise(connection, "o1", TOTAL, "valid"),
        lambda connection: payment.charge(connection, "o1", TOTAL),
        lambda connection: shipping.label(connection, "o1", 1, ["grinder"], ADDRESS),
        lambda connection: shipping.hand_over(connection, "o1", 1),
        lambda connection: orders.complete(connection, "o1", TOTAL),
    ],
    ids=["validate", "reserve", "authorise", "charge", "label", "hand_over", "complete"],
)
def test_a_task_that_comes_after_the_cancellation_is_refused(
    engine: Engine, late: Callable[[Connection], Any]
) -> None:
    with transaction(engine) as connection:
        up_to_charge(connection)
        shipping.label(connection, "o1", 1, ["grinder"], ADDRESS)
    give_up(engine)

    with pytest.raises(TerminalError, match="was cancelled"), transaction(engine) as connection:
        late(connection)

    assert audit(engine).clean


def test_a_cancellation_leaves_a_completed_order_as_it_is(engine: Engine) -> None:
    fulfil(engine)

    with transaction(engine) as connection:
        answer = orders.cancel(connection, "o1")

    assert answer == {"state": "COMPLETED", "charged_cents": TOTAL}
    assert audit(engine).clean


def test_an_order_that_was_cancelled_before_it_was_accepted_stays_cancelled(engine: Engine) -> None:
    give_up(engine)

    with pytest.raises(TerminalError, match="was cancelled"), transaction(engine) as connection:
        accept(connection)


def test_a_declined_card_is_final(engine: Engine) -> None:
    with transaction(engine) as connection:
        accept(connection)

    with (
        pytest.raises(CardDeclined, match="order o1: the card was declined"),
        transaction(engine) as connection,
    ):
        payment.authorise(connection, "o1", TOTAL, "declined")


def test_an_address_that_no_carrier_knows_is_final(engine: Engine) -> None:
    with transaction(engine) as connection:
        up_to_charge(connection)

    with (
        pytest.raises(CarrierRefused, match="order o1: no carrier delivers to 'nowhere'"),
        transaction(engine) as connection,
    ):
        shipping.label(connection, "o1", 1, ["grinder"], "nowhere")


def test_more_than_was_authorised_is_not_charged(engine: Engine) -> None:
    with transaction(engine) as connection:
        accept(connection)
        payment.authorise(connection, "o1", 100, "valid")

    with (
        pytest.raises(TerminalError, match="101 cents asked for, 100 authorised"),
        transaction(engine) as connection,
    ):
        payment.charge(connection, "o1", 101)


def test_an_unknown_product_is_named_with_the_catalogue(engine: Engine) -> None:
    order = an_order(lines=[{"sku": "teapot", "qty": 1}])

    with (
        pytest.raises(TerminalError, match=r"no product teapot; the catalogue has .*grinder"),
        transaction(engine) as connection,
    ):
        orders.validate(connection, order, Trouble())


def test_lines_of_one_product_are_merged_and_priced(engine: Engine) -> None:
    order = an_order(
        lines=[{"sku": "kettle", "qty": 1}, {"sku": "beans-1kg", "qty": 1}, {"sku": "kettle", "qty": 2}]
    )

    with transaction(engine) as connection:
        accepted = orders.validate(connection, order, Trouble())

    assert [(line.sku, line.qty, line.unit_cents, line.warehouse) for line in accepted.lines] == [
        ("beans-1kg", 1, 2_400, "north"),
        ("kettle", 3, 6_900, "south"),
    ]


def test_a_customer_gets_a_message_of_one_kind_once(engine: Engine) -> None:
    at_once(
        engine, lambda connection: notify.send(connection, "o1", "shipped", "ada@example.com", "on its way")
    )

    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar_one() == 1


def test_setting_up_again_and_at_the_same_time_keeps_the_stock(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(update(stock_table).where(stock_table.c.sku == "kettle").values(on_hand=7))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(setup, [engine] * 4))

    assert on_hand(engine, "kettle") == 7


def test_a_transaction_that_raises_leaves_nothing(engine: Engine) -> None:
    def broken() -> None:
        with transaction(engine) as connection:
            accept(connection)
            raise KeyError("the process can't go on")

    with pytest.raises(KeyError):
        broken()

    assert audit(engine).orders == {}
