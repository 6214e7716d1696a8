"""What goes into and comes out of the shop's tasks, where it is more than a few plain values."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Trouble(BaseModel):
    """How unreliable the simulated world is. The same values always give the same failures.

    Each call sleeps `work_ms` and then fails with probability `failure_rate`, decided by a hash of `seed`,
    the order, the task and the attempt.
    """

    failure_rate: float = Field(default=0.2, ge=0, le=1)
    work_ms: int = Field(default=50, ge=0, le=60_000)
    seed: int = 0


class Line(BaseModel):
    """A line of an order as the customer sends it."""

    sku: str = Field(min_length=1, max_length=64)
    qty: int = Field(ge=1, le=1000)


class Order(BaseModel):
    """An order as the customer sends it."""

    order_id: str = Field(min_length=1, max_length=64)
    email: str = Field(min_length=3, max_length=254)
    lines: list[Line] = Field(min_length=1)


class PricedLine(Line):
    """A line with what the catalogue knows of it."""

    unit_cents: int
    warehouse: str


class ValidatedOrder(BaseModel):
    """An accepted order: lines of the same sku are merged, and sorted by sku."""

    order_id: str
    email: str
    lines: list[PricedLine]
