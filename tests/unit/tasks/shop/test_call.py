"""A call of a task: recorded, and failing as the order's simulated trouble says."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.celery import app
from config import settings
from tasks.shop.call import call
from tasks.shop.database import shop_engine, transaction
from tasks.shop.models import Trouble
from tasks.shop.orders import validate
from tasks.shop.tables import call as call_table
from tasks.shop.tables import order
from tasks.shop.trouble import ResponseLost, ServiceUnavailable, Weather
from tests.unit.tasks.shop.fulfilment import an_order

CALM = Trouble(failure_rate=0, work_ms=0)


def weather(seed: int, order_id: str = "o1", attempt: int = 0, rate: float = 0.2) -> Weather:
    return Weather(Trouble(failure_rate=rate, work_ms=0, seed=seed), "charge_payment", order_id, "", attempt)


def fate(weather: Weather) -> tuple[bool, bool]:
    return weather.fails, weather.answer_lost


def test_the_same_seed_gives_the_same_failures_and_another_gives_others() -> None:
    fates = [fate(weather(7, f"o{number}")) for number in range(100)]

    assert fates == [fate(weather(7, f"o{number}")) for number in range(100)]
    assert fates != [fate(weather(8, f"o{number}")) for number in range(100)]


def test_the_failure_rate_is_the_share_of_calls_that_fail_and_half_of_them_lose_the_answer() -> None:
    many = [weather(1, f"o{number}", attempt) for number in range(1000) for attempt in range(2)]

    failing = [one for one in many if one.fails]
    assert 0.17 < len(failing) / len(many) < 0.23
    assert 0.4 < sum(one.answer_lost for one in failing) / len(failing) < 0.6


def seed_where(answer_lost: bool) -> int:
    return next(seed for seed in range(100) if weather(seed, rate=1).answer_lost is answer_lost)


@pytest.mark.parametrize(
    ("answer_lost", "failure", "rows"), [(False, ServiceUnavailable, 0), (True, ResponseLost, 1)]
)
def test_a_failing_call_has_its_effect_only_where_the_answer_was_lost(
    engine: Engine, answer_lost: bool, failure: type[Exception], rows: int
) -> None:
    trouble = Trouble(failure_rate=1, work_ms=0, seed=seed_where(answer_lost))

    with pytest.raises(failure, match="charge_payment of order o1, attempt 0"):
        call(
            "charge_payment",
            "o1",
            partial(validate, wanted=an_order(), trouble=CALM),
            trouble=trouble,
            engine=engine,
        )

    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(order)).scalar_one() == rows
        assert connection.execute(select(func.count()).select_from(call_table)).scalar_one() == 1


def test_a_task_meets_the_trouble_that_was_noted_for_its_order(engine: Engine) -> None:
    with transaction(engine) as connection:
        validate(connection, an_order("noted"), Trouble(failure_rate=1, work_ms=0))

    with pytest.raises((ServiceUnavailable, ResponseLost)):
        call("reserve_stock", "noted", lambda _: None, engine=engine)
    assert call("reserve_stock", "unknown", lambda _: 7, engine=engine) == 7


@pytest.fixture
def own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PODIUM_DATABASE_URL", f"sqlite:///{tmp_path / 'podium.db'}")
    settings.current.cache_clear()
    yield
    shop_engine().dispose()
    settings.current.cache_clear()


@pytest.mark.usefixtures("own_database")
def test_a_task_is_plain_celery_and_makes_its_tables_on_first_use() -> None:
    validate_order, cancel_order = app.tasks["shop.validate_order"], app.tasks["shop.cancel_order"]
    order = {"order_id": "o1", "email": "ada@example.com", "lines": [{"sku": "kettle", "qty": 1}]}

    accepted = validate_order(order=order, trouble={"failure_rate": 0, "work_ms": 0})

    assert accepted["lines"] == [{"sku": "kettle", "qty": 1, "unit_cents": 6_900, "warehouse": "south"}]
    assert cancel_order(order_id="o1") == {"state": "CANCELLED", "charged_cents": 0}


@pytest.mark.usefixtures("own_database")
def test_the_risk_of_an_order_grows_with_its_amount() -> None:
    check_fraud = app.tasks["shop.check_fraud"]

    assert check_fraud(order_id="o1", amount_cents=99_999) == {"risk": "low", "score": 49}
    assert check_fraud(order_id="o1", amount_cents=100_000) == {"risk": "high", "score": 50}
