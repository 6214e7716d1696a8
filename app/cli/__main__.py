"""`python -m app.cli` is `podium`."""

from __future__ import annotations

from app.cli import main

main(prog_name="podium")
