"""Celery signatures as text that reads like the Python that makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.canvas import HEADER

_WIDTH = 100
_PAD = "  "


def canvas_text(canvas: Mapping[str, Any]) -> str:
    """`chain(shop.charge(charge), podium.SWITCH(risk))`: each Celery task with the references that it runs.

    On several lines where one would be longer than 100 columns, and for every chord and group.
    """
    return "\n".join(_lines(canvas))


def _lines(canvas: Mapping[str, Any]) -> Iterator[str]:
    name, parts = _parts(canvas)
    line = _one_line(canvas)
    if not parts or (name == "chain" and len(line) <= _WIDTH):
        yield line
        return
    yield f"{name}("
    for part in parts:
        lines = list(_lines(part))
        lines[-1] += ","
        yield from (_PAD + inner for inner in lines)
    yield ")"


def _one_line(canvas: Mapping[str, Any]) -> str:
    name, parts = _parts(canvas)
    return f"{name}({', '.join(map(_one_line, parts))})" if parts else _step(canvas)


def _parts(canvas: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    name, arguments = canvas["task"].removeprefix("celery."), canvas["kwargs"]
    if name == "chord":
        return name, [{"task": "celery.group", "kwargs": {"tasks": arguments["header"]}}, arguments["body"]]
    return name, list(arguments.get("tasks", ())) if name in ("chain", "group") else []


def _step(canvas: Mapping[str, Any]) -> str:
    refs = [ref for ref, _path, _attempt in canvas["options"]["headers"][HEADER]["at"]]
    return f"{canvas['task']}({', '.join(refs)})"
