"""The order of the tests, which must be the same in every process of xdist."""

from __future__ import annotations

from pathlib import Path

import pytest

_NODES = Path(__file__).parent / "test_nodes.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort what pytest-celery parametrizes: it keeps its brokers in a set, which has another order in each process."""
    in_order = iter(sorted((item for item in items if item.path == _NODES), key=lambda item: item.nodeid))
    items[:] = [next(in_order) if item.path == _NODES else item for item in items]
