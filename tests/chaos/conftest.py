"""A stack for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(tmp_path: Path, database_url: str) -> Iterator[MakeStack]:
    """Makes the test's stack; everything is killed afterwards."""
    made: list[Stack] = []

    def make(*imports: str) -> Stack:
        made.append(Stack(tmp_path / "state", database_url, ("tasks", *imports)))
        return made[-1]

    yield make
    for stack in made:
        stack.close()
