"""No terminal: what commands write does not depend on where the tests run."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of pytest-xdist are told a width that nobody sees."""
    monkeypatch.delenv("COLUMNS", raising=False)
