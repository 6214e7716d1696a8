"""Text and JSON on stdout. Colours and the terminal's width where there is a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from typing import Any

import click
import orjson
from rich.console import Console

_WIDE = 10_000
"""Columns where nobody looks: lines in a file or a pipe are not to be cut."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Text of a definition, a task or a server, unable to steer the terminal: control characters made visible."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def show(*renderables: Any) -> None:
    """Write what rich can render to stdout."""
    terminal = sys.stdout.isatty()
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=True if terminal else None,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=width(),
        markup=False,
        emoji=False,
        highlight=False,
    )
    for renderable in renderables:
        console.print(renderable)
    lines = buffer.getvalue().splitlines()
    # Cells are filled up with spaces, which nobody wants at the end of a line of a file.
    write("\n".join(line if terminal else line.rstrip() for line in lines))


def write(text: str) -> None:
    """Write text and a newline to stdout, whatever encoding it has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # Whether there are colours is decided when they are made: click is to leave them alone.
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), color=True)


def write_json(document: Any, *, lines: bool = False) -> None:
    """Write a JSON document, indented; `lines`: as one line, for a stream of them."""
    options = orjson.OPT_NON_STR_KEYS if lines else orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2
    click.echo(orjson.dumps(document, option=options))


def width() -> int:
    """Columns that a line may have."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size().columns if known else _WIDE
