"""One call of a task of the shop: recorded, exposed to simulated trouble, its effects in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from celery import current_task
from sqlalchemy import Connection, Engine, insert, select

from tasks.context import podium_context
from tasks.shop.database import shop_engine, transaction
from tasks.shop.models import Trouble
from tasks.shop.tables import call as call_table
from tasks.shop.tables import order
from tasks.shop.trouble import Weather

Output = TypeVar("Output")
_FAIR = Trouble(failure_rate=0, work_ms=0)


def call(
    task: str,
    order_id: str,
    work: Callable[[Connection], Output],
    *,
    part: str = "",
    trouble: Trouble | None = None,
    engine: Engine | None = None,
) -> Output:
    """Do a task's work in a transaction, which in a workflow is that of its completion too; what the work answers.

    `part` tells calls of one task for one order apart (the parcel's number). `trouble` not given: what
    `validate_order` noted for the order, and none for an order that is not known. `engine` not given: this
    process's.

    Raises:
        ServiceUnavailable, ResponseLost: the simulated failures.
    """
    engine = engine or shop_engine()
    context = podium_context()
    attempt = context.attempt if context else _celery_retries()
    with transaction(engine) as connection:
        task_id = context.task_id if context else None
        connection.execute(
            insert(call_table).values(order_id=order_id, task=task, task_id=task_id, attempt=attempt)
        )
        trouble = trouble or _noted_trouble(connection, order_id)
    weather = Weather(trouble, task, order_id, part, attempt)
    weather.before()
    if context is None:
        with transaction(engine) as connection:
            output = work(connection)
        weather.after()
        return output
    with engine.connect() as connection, context.effect(connection) as effect:
        effect.output = output = work(connection)
        weather.after()
    return output


def note(message: str) -> None:
    """Write a line to the task's log; outside of a workflow there is none, and nothing happens."""
    context = podium_context()
    if context:
        context.log(message)


def _noted_trouble(connection: Connection, order_id: str) -> Trouble:
    statement = select(order.c.failure_rate, order.c.work_ms, order.c.seed).where(
        order.c.order_id == order_id
    )
    row = connection.execute(statement).one_or_none()
    return Trouble(failure_rate=row.failure_rate, work_ms=row.work_ms, seed=row.seed) if row else _FAIR


def _celery_retries() -> int:
    return int(current_task.request.retries or 0) if current_task else 0
