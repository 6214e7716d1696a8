"""The load generator's figures."""

from __future__ import annotations

from bench.load import Latencies


def test_a_percentile_is_a_call_that_happened() -> None:
    found = Latencies(seconds=2.0, calls=[n / 1000 for n in range(1, 101)])

    assert found.percentile(0.5) == 50.0
    assert found.percentile(0.99) == 99.0
    assert found.percentile(1.0) == 100.0
    assert found.per_second == 50.0


def test_one_call_is_every_percentile() -> None:
    assert Latencies(seconds=1.0, calls=[0.004]).percentile(0.99) == 4.0
