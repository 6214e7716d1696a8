"""Live progress in the terminal: a table that is redrawn, or plain lines where the output is no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from app.demo.progress import Progress

COLOURS = {"RUNNING": "cyan", "COMPLETED": "green", "FAILED": "red", "TERMINATED": "red", "TIMED_OUT": "red"}


def coloured(status: str) -> Text:
    """A status in its colour."""
    return Text(status, style=COLOURS.get(status, "yellow"))


class LiveBoard:
    """One line per order, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, orders: Sequence[Progress]) -> None:
        """Draw the orders as they are now."""
        self._live.update(_table(orders), refresh=True)


class PlainBoard:
    """A line for each change of an order's status, and for each review that it waits for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, tuple[str, bool]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.clear()

    def show(self, orders: Sequence[Progress]) -> None:
        """Print what has changed since the last time."""
        for order in orders:
            waits = "review" in order.current
            if self._shown.get(order.order_id) == (order.status, waits):
                continue
            self._shown[order.order_id] = (order.status, waits)
            self._console.print(_line(order, waits), highlight=False, soft_wrap=True)


def _line(order: Progress, waits: bool) -> str:
    what = "waits for a review" if waits else order.status
    retries = f", {order.retries} retries" if order.retries else ""
    effort = f"{order.done} steps{retries}"
    return f"{order.order_id}  {order.execution_id}  {what} after {order.seconds:.1f} s, {effort}"


def _table(orders: Sequence[Progress]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("order", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("retries", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True, width=10)
    table.add_column("now", no_wrap=True, overflow="ellipsis")
    for order in orders:
        table.add_row(
            order.order_id,
            ProgressBar(total=1.0, completed=order.share, width=24, finished_style="green"),
            str(order.done),
            str(order.retries or ""),
            coloured(order.status),
            ", ".join(order.current),
        )
    return table
