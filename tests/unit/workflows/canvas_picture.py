"""Canvases as a line of text: `chord([a > b, c], join?)`, with `~` before a step that is part of a chord."""

from __future__ import annotations

from typing import Any

from workflows.builder import Part, simple, workflow
from workflows.canvas import HEADER, Order, canvases
from workflows.program import Program


def steps(*refs: str) -> list[Part]:
    """Worker tasks of these references."""
    return [simple("work", ref=ref) for ref in refs]


def order(*parts: Part, **how: Any) -> Order:
    """The order of an execution of these parts."""
    return Order("execution", 1, Program(workflow("w")(*parts)), **how)


def picture(canvas: Any) -> str:
    """A canvas as text: references, `[1]` for the path in loops, `?` behind a JOIN that is asked."""
    kind = canvas["task"]
    if kind == "celery.chain":
        return " > ".join(picture(step) for step in canvas["kwargs"]["tasks"])
    if kind == "celery.group":
        return f"group([{', '.join(picture(part) for part in canvas['kwargs']['tasks'])}])"
    if kind == "celery.chord":
        header = ", ".join(picture(part) for part in canvas["kwargs"]["header"])
        return f"chord([{header}], {picture(canvas['kwargs']['body'])})"
    header = canvas["options"]["headers"][HEADER]
    names = "+".join(ref + (str(path) if path else "") for ref, path, _attempt in header["at"])
    return f"{'~' if 'fork' in header else ''}{names}{'?' if header.get('ask') else ''}"


def pictures(*parts: Part, **how: Any) -> list[str]:
    """Every canvas of a workflow of these parts."""
    return [picture(canvas) for _, canvas in canvases(order(*parts, **how))]
