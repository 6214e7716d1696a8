"""`python -m app.demo`: the shop's orders on a Podium of its own, from nothing to the cleaned-up end."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

import workflows
from app.client import Podium
from app.demo.board import LiveBoard, PlainBoard
from app.demo.orders import make_orders
from app.demo.report import outcomes, print_audit, print_further, surprises
from app.demo.run import DEFINITIONS, Course
from app.demo.stage import on_stage, private_settings
from config.database import create_engine
from config.settings import Settings
from tasks.shop.audit import Audit, audit
from tasks.shop.database import setup
from workflows.errors import PodiumError

WIDTH_WITHOUT_TERMINAL = 140


@click.command()
@click.option(
    "--orders", "count", type=click.IntRange(1, 200), default=10, show_default=True, help="How many."
)
@click.option(
    "--seed", type=int, default=7, show_default=True, help="Decides the orders and which calls fail."
)
@click.option("--keep", is_flag=True, help="Keep the state directory, to look further.")
def main(count: int, seed: int, keep: bool) -> None:
    """Run ORDERS through the workflow order_fulfillment and show what happens.

    Ends with 1 when an order does not end as it has to, or the shop's books do not agree.
    """
    # Ended by a supervisor or by CI, it still stops its processes and removes its files.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else WIDTH_WITHOUT_TERMINAL)
    state_dir = Path(tempfile.mkdtemp(prefix="podium-demo-"))
    try:
        code = _demonstrate(console, state_dir, count, seed, keep)
    except PodiumError as exc:
        console.print(f"[red]the demonstration failed[/red]: {exc}", highlight=False, soft_wrap=True)
        code = 1
    except KeyboardInterrupt:
        console.print("stopped")
        code = 130
    finally:
        if not keep:
            shutil.rmtree(state_dir, ignore_errors=True)
    sys.exit(code)


def _demonstrate(console: Console, state_dir: Path, count: int, seed: int, keep: bool) -> int:
    began = time.monotonic()
    settings, orders = private_settings(state_dir), make_orders(count, seed)
    console.print("Starting a broker, a worker with two processes, beat and Flower …", highlight=False)
    with on_stage(settings) as stage:
        addresses = stage.addresses
        assert addresses is not None
        console.print(
            f"Ready after {time.monotonic() - began:.1f} s; Flower, as long as this runs: {addresses.flower}",
            highlight=False,
        )
        podium = Podium(broker_url=settings.resolved_broker_url, database_url=settings.resolved_database_url)
        _prepare(podium, settings)
        course = Course(podium, orders)
        console.print(
            f"{count} orders, seed {seed}; of the calls of the shop's tasks one in five fails",
            highlight=False,
        )
        with LiveBoard(console) if console.is_terminal else PlainBoard(console) as board:
            course.run(board, stage.check, limit_seconds=40 + 2 * count)
    books = _audit(settings)
    console.print(outcomes(orders, course.progress, books, console.width))
    print_audit(console, books)
    wrong = surprises(orders, course.progress, books)
    for sentence in wrong:
        console.print(f"[red]not as expected[/red]: {sentence}", highlight=False)
    retried = max(course.progress.values(), key=lambda order: order.retries)
    print_further(console, retried.execution_id, state_dir if keep else None)
    console.print(f"{time.monotonic() - began:.1f} s in all", highlight=False)
    return 1 if wrong else 0


def _prepare(podium: Podium, settings: Settings) -> None:
    engine = create_engine(settings)
    try:
        setup(engine)
    finally:
        engine.dispose()
    for name in DEFINITIONS:
        podium.register(Path(workflows.__file__).parent / "definitions" / f"{name}.json")


def _audit(settings: Settings) -> Audit:
    engine = create_engine(settings)
    try:
        return audit(engine)
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
