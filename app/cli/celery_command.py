"""What Celery loads for `celery -A app workflow`, and before any other of its commands: `flower` finds its section."""

from __future__ import annotations

from app.cli.group import workflow
from app.flower import install

install()

__all__ = ["workflow"]
