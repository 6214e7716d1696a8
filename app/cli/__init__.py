"""The command line: `podium …`, and the same commands as `celery -A app workflow …`.

Each command is one file in `commands/`: it parses, calls one operation of `app.client`, and renders.
"""

from __future__ import annotations

from app.cli.group import main, workflow

__all__ = ["main", "workflow"]
