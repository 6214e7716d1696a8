"""The example shop: what a team's own worker tasks look like.

Each module holds a few plain Celery tasks and, under them, the functions that do the work in a transaction.
Tasks are idempotent by the order's id: an attempt may end with its work done and its answer lost.
"""

from __future__ import annotations

from tasks.shop import notify, orders, payment, shipping, stock

__all__ = ["notify", "orders", "payment", "shipping", "stock"]
