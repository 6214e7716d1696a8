"""The orders of the demonstration, and how each of them has to end."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from workflows.status import WorkflowStatus

_EVERYDAY = ("beans-1kg", "filter-papers", "kettle", "grinder")
_EXPENSIVE = "espresso-machine"
_CUSTOMERS = ("ada", "grace", "edsger", "barbara", "donald", "frances", "niklaus", "radia", "tony", "karen")


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One order: the input of its execution, what a person decides, and the status it has to end with."""

    order_id: str
    input: dict[str, Any]
    expected: WorkflowStatus = WorkflowStatus.COMPLETED
    story: str = ""
    """What is special about it, for the reader."""
    decision: dict[str, str] | None = None
    """The answer to its manual review. None: it has none."""


def make_orders(count: int, seed: int) -> list[DemoOrder]:
    """The first `count` orders of a seed; the same seed always gives the same orders and the same failures.

    Of each ten the second's mail bounces, the fourth and the seventh are of high risk (one is approved, one
    rejected), no carrier delivers the sixth, and the ninth is paid with a declined card.
    """
    chance = random.Random(seed)
    return [_order(number, chance, seed) for number in range(1, count + 1)]


def _order(number: int, chance: random.Random, seed: int) -> DemoOrder:
    order_id = f"order-{number:02}"
    customer = _CUSTOMERS[(number - 1) % len(_CUSTOMERS)]
    skus = sorted(chance.sample(_EVERYDAY, chance.randint(1, 3)))
    lines = [{"sku": sku, "qty": chance.randint(1, 2)} for sku in skus]
    document = {
        "order_id": order_id,
        "customer": {
            "name": customer.title(),
            "email": f"{customer}@example.com",
            "address": f"{number} Main Street",
        },
        "lines": lines,
        "trouble": {"failure_rate": 0.2, "work_ms": 50, "seed": seed},
    }
    return _special(number % 10, order_id, document)


def _special(place: int, order_id: str, document: dict[str, Any]) -> DemoOrder:
    risky = {**document, "lines": [*document["lines"], {"sku": _EXPENSIVE, "qty": 1}]}
    if place == 2:
        bouncing = {**document["customer"], "email": "nobody@bounce.example"}
        return DemoOrder(order_id, {**document, "customer": bouncing}, story="mail bounces")
    if place == 4:
        decision = {"decision": "approve", "reviewer": "demo", "comment": "known customer"}
        return DemoOrder(order_id, risky, story="high risk, approved", decision=decision)
    if place == 6:
        unknown = {**document["customer"], "address": "nowhere"}
        story = "charged, not deliverable: refunded"
        return DemoOrder(order_id, {**document, "customer": unknown}, WorkflowStatus.FAILED, story)
    if place == 7:
        decision = {"decision": "reject", "reviewer": "demo", "comment": "the address does not exist"}
        return DemoOrder(order_id, risky, WorkflowStatus.FAILED, "high risk, rejected", decision)
    if place == 9:
        return DemoOrder(order_id, {**document, "card": "declined"}, WorkflowStatus.FAILED, "card declined")
    return DemoOrder(order_id, document)
