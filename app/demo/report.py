"""What the demonstration says at its end: outcomes, the shop's audit, where to look further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from app.demo.board import coloured
from app.demo.orders import DemoOrder
from app.demo.progress import Progress
from tasks.shop.audit import Audit


def euros(cents: int) -> str:
    """An amount of cents for people."""
    return f"{cents / 100:,.2f} EUR"


WIDTH_WITH_IDS = 125
"""Columns that the table needs to show the executions' ids too."""


def outcomes(orders: Sequence[DemoOrder], ends: Mapping[str, Progress], books: Audit, width: int) -> Table:
    """The table of outcomes, one line for each order, for a terminal of `width` columns."""
    with_ids = width >= WIDTH_WITH_IDS
    table = Table(title="Outcomes", title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for title in ("order", "execution", "status") if with_ids else ("order", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("steps", "retries", "seconds", "paid"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what is special")
    for order in orders:
        end = ends[order.order_id]
        table.add_row(
            order.order_id,
            *([end.execution_id] if with_ids else []),
            coloured(end.status),
            str(end.attempts),
            str(end.retries or ""),
            f"{end.seconds:.1f}",
            euros(books.paid_cents.get(order.order_id, 0)),
            order.story,
        )
    return table


def surprises(orders: Sequence[DemoOrder], ends: Mapping[str, Progress], books: Audit) -> list[str]:
    """All that did not end as it had to, one sentence each."""
    found = [
        f"{order.order_id} is {ends[order.order_id].status}, expected: {order.expected}"
        for order in orders
        if ends[order.order_id].status != order.expected
    ]
    found += [f"the shop still has {order_id} open" for order_id in books.open_orders]
    return found + [f"audit, {violation.rule}: {violation.message}" for violation in books.violations]


def print_audit(console: Console, books: Audit) -> None:
    """The shop's books in three lines."""
    verdict = "[green]all agree[/green]" if books.clean else f"[red]{len(books.violations)} violations[/red]"
    states = ", ".join(f"{count} {state.lower()}" for state, count in books.orders.items())
    console.print(f"[bold]The shop's books[/bold]: {verdict}", highlight=False)
    console.print(
        f"  orders: {states}; {books.calls} calls of its tasks; {books.shipped} pieces shipped",
        highlight=False,
    )
    console.print(
        f"  charged {euros(books.charged_cents)} - refunded {euros(books.refunded_cents)} = "
        f"completed orders {euros(books.completed_cents)}; no order charged twice, no stock lost"
        if books.clean
        else f"  charged {euros(books.charged_cents)}, refunded {euros(books.refunded_cents)}, "
        f"completed orders {euros(books.completed_cents)}",
        highlight=False,
    )


def print_further(console: Console, example_id: str, kept: Path | None) -> None:
    """The commands to look further; `kept` is the state directory, None where it is removed."""
    console.print("[bold]Look further[/bold]", highlight=False)
    if kept is None:
        console.print(
            "  python -m app.demo --keep   run it again and keep its state for the commands below",
            highlight=False,
        )
        prefix = ""
    else:
        prefix = f"PODIUM_STATE_DIR={kept} "
    for command, meaning in (
        ("podium up", "the same processes in the foreground, and Flower on http://127.0.0.1:5555"),
        (f"podium show {example_id}", "one execution as a tree of tasks: attempts, durations, reasons"),
        ("podium list --status FAILED", "the executions that failed"),
        (
            "podium compile workflows/definitions/order_fulfillment.json --format mermaid",
            "the workflow as a picture",
        ),
    ):
        console.print(f"  {prefix}{command}\n      {meaning}", highlight=False, soft_wrap=True)
