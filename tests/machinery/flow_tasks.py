"""Tasks for workers of pytest-celery, which copies this file into each."""

from __future__ import annotations

from celery import shared_task


@shared_task
def double(number: int) -> int:
    """Return twice the number."""
    return number * 2


@shared_task
def total(numbers: list[int]) -> int:
    """Return the sum."""
    return sum(numbers)
