"""What the sweeper does while there is no broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import BrokerUnavailable
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness
from workflows.builder import simple, wait, workflow
from workflows.status import TaskStatus, WorkflowStatus

OUTAGE_SECONDS = 600


@pytest.fixture
def harness(sqlite_url: str) -> Iterator[Harness]:
    engine = create_engine(sqlite_url)
    migrations.upgrade(engine)
    yield Harness(Store(engine))
    engine.dispose()


class Outage:
    """A broker that is away for a block."""

    def __init__(self, harness: Harness) -> None:
        self._wire = harness.wire

    def __enter__(self) -> None:
        def refused() -> None:
            raise BrokerUnavailable("redis://there", ConnectionRefusedError())

        self._wire.ready = refused  # type: ignore[method-assign]  # the seam is the object's own method
        self._wire.lose_all()

    def __exit__(self, *_: object) -> None:
        del self._wire.ready


def test_what_was_lost_goes_out_within_seconds_of_the_brokers_return(harness: Harness) -> None:
    harness.register({"workflows": [workflow("short")(simple("work", ref="a")).to_json()]})
    execution_id = harness.start("short")

    with Outage(harness):
        for _ in range(OUTAGE_SECONDS):
            harness.advance(1_000)
        assert harness.wire.queue == []
        assert [row.sends for row in harness.rows(execution_id)] == [0]
    harness.advance(2_000)

    assert len(harness.wire.queue) == 1
    harness.drain()
    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED


def test_timers_go_on_without_a_broker(harness: Harness) -> None:
    definition = workflow("slow")(wait(duration="5 seconds"), simple("work", ref="a"))
    harness.register({"workflows": [definition.to_json()]})
    execution_id = harness.start("slow")

    with Outage(harness):
        for _ in range(10):
            harness.advance(1_000)

    assert [(row.ref, row.status) for row in harness.rows(execution_id)] == [
        ("wait", TaskStatus.COMPLETED),
        ("a", TaskStatus.SCHEDULED),
    ]
