"""Worker tasks of the end-to-end tests, written as any team writes theirs."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.celery import app
from tasks.context import podium_context
from tasks.errors import TerminalError


def add_line(out: str, line: str) -> None:
    """Append a line; short lines of several processes do not mix."""
    with Path(out).open("a") as file:
        file.write(line + "\n")


@app.task(name="flow.add", ignore_result=False)
def add(a: int, b: int = 1) -> dict[str, int]:
    """Return the sum; its result is kept when it is called as plain Celery."""
    return {"sum": a + b}


@app.task(name="flow.echo")
def echo(value: Any) -> Any:
    """Return the value, whatever it is."""
    return value


@app.task(name="flow.mark")
def mark(out: str, **given: Any) -> dict[str, Any]:
    """Write down that this attempt ran."""
    context = podium_context()
    assert context is not None
    add_line(out, f"{context.ref} {context.attempt}")
    return {"ref": context.ref, **given}


@app.task(name="flow.fail")
def fail(out: str, times: int = 1_000_000) -> dict[str, int]:
    """Fail that often, then succeed."""
    context = podium_context()
    assert context is not None
    add_line(out, f"{context.ref} {context.attempt}")
    if context.attempt < times:
        raise ValueError(f"attempt {context.attempt} fails")
    return {"attempt": context.attempt}


@app.task(name="flow.decline")
def decline(out: str) -> None:
    """Fail for good."""
    mark.run(out)
    raise TerminalError("the card was declined")


class Basket(BaseModel):
    """What somebody buys."""

    skus: list[str]
    discount: float = 0.0


class Price(BaseModel):
    """What it costs."""

    cents: int
    basket: Basket


@app.task(name="flow.price", pydantic=True)
def price(basket: Basket, each: int) -> Price:
    """Return the price of a basket."""
    return Price(cents=round(len(basket.skus) * each * (1 - basket.discount)), basket=basket)


@app.task(name="flow.poll")
def poll(out: str, times: int) -> Any:
    """Say twice that it is not finished, and remember how far it was."""
    context = podium_context()
    assert context is not None
    done = (context.previous_output or {"done": 0})["done"] + 1
    add_line(out, f"{context.ref} {context.attempt} poll {context.polls}")
    if done < times:
        return context.in_progress(callback_after=0.3, output={"done": done})
    return {"done": done}


@app.task(name="flow.whoami")
def whoami() -> dict[str, Any]:
    """Return what a task may know of its execution, and write to its log in three ways."""
    context = podium_context()
    assert context is not None
    context.log("by hand")
    context.log("a problem", level="warning")
    context.logger.info("by a logger, %s", context.ref)
    names = ("execution_id", "workflow", "version", "ref", "iteration", "attempt", "task_id")
    return {name: getattr(context, name) for name in names} | {"key": context.idempotency_key}


@app.task(name="flow.no_json")
def no_json() -> dict[str, Any]:
    """Return what is no JSON."""
    return {"lock": object()}


@app.task(name="flow.large")
def large(size: int) -> str:
    """Return a text of that many bytes."""
    return "x" * size


@app.task(name="flow.hold")
def hold(out: str, release: str) -> dict[str, int]:
    """Write down the process, and go on only when there is a file `release` with the attempt's number behind it."""
    context = podium_context()
    assert context is not None
    add_line(out, f"{context.ref} {context.attempt} begun {os.getpid()}")
    while not Path(f"{release}{context.attempt}").exists():
        time.sleep(0.01)
    add_line(out, f"{context.ref} {context.attempt} left")
    return {"attempt": context.attempt}


@app.task(name="flow.needs")
def needs(out: str, file: str) -> dict[str, Any]:
    """Fail while a file is not there."""
    context = podium_context()
    assert context is not None
    there = Path(file).exists()
    add_line(out, f"{context.ref} {context.attempt}" + ("" if there else " failed"))
    if not there:
        raise FileNotFoundError(file)
    return {"ref": context.ref}


@app.task(name="flow.careless")
def careless(key: str, fail: bool = False) -> dict[str, str]:
    """Tell a key to everybody who listens; the digest shows that it was the right one."""
    context = podium_context()
    assert context is not None
    context.log(f"by hand {key}")
    context.logger.warning("by a logger %s", key)
    if fail:
        raise ValueError(f"401 for {key}")
    return {"digest": hashlib.sha256(key.encode()).hexdigest(), "said": f"Bearer {key}"}


@app.task(name="flow.card_of")
def card_of(customer: dict[str, Any]) -> dict[str, Any]:
    """Use what nobody is to see."""
    return {"digits": sum(letter.isdigit() for letter in customer["card"]), "customer": customer}
