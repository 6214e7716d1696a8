"""The example shop: what a team's own worker tasks look like.

Each module holds a few plain Celery tasks and, under them, the functions that do the work in a transaction.
Tasks are idempotent by the order's id: called as plain Celery they may end with their work done and their answer
lost. In a workflow their rows are committed with their completion, so that exactly what completed is there to be
undone.
"""

from __future__ import annotations

from tasks.shop import notify, orders, payment, shipping, stock

__all__ = ["notify", "orders", "payment", "shipping", "stock"]
