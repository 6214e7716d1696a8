"""A worker task that makes a span of its own."""

from __future__ import annotations

from celery import shared_task
from opentelemetry import trace


@shared_task(name="traced.work")
def work() -> dict[str, str]:
    """Tell in whose trace it runs."""
    current = trace.get_current_span().get_span_context()
    return {"trace": f"{current.trace_id:032x}", "span": f"{current.span_id:016x}"}
