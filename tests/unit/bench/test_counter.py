from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.counter import Tally, Total


def test_a_total_is_what_all_tallies_of_the_directory_have_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total, tally = Total(tmp_path), Tally(tmp_path)
    tally.count()
    tally.count()
    assert total.read() == 2

    # What a forked child sees: the same object, another process id.
    monkeypatch.setattr(os, "getpid", lambda: 999_999)
    tally.count()
    assert total.read() == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_a_total_of_a_directory_that_nobody_counted_in_is_nothing(tmp_path: Path) -> None:
    assert Total(tmp_path / "counts").read() == 0
