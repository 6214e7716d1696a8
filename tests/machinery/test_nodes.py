"""pytest-celery's cluster on processes or containers: nothing here knows which of the two."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from celery import Celery, chain, chord
from pytest_celery import CeleryTestSetup

from tests.machinery import flow_tasks


@pytest.fixture
def default_worker_tasks(default_worker_tasks: set[ModuleType]) -> set[ModuleType]:
    """The tasks that the worker has."""
    return default_worker_tasks | {flow_tasks}


@pytest.fixture
def default_worker_app(default_worker_app: Celery) -> Celery:
    """A worker that takes one message at a time, with two children."""
    default_worker_app.conf.update(
        worker_prefetch_multiplier=1, worker_concurrency=2, broker_connection_retry_on_startup=True
    )
    return default_worker_app


@pytest.fixture
def default_worker_command(default_worker_container_cls: Any) -> list[str]:
    """Mingle alone would wait a second."""
    return list(default_worker_container_cls.command("--without-mingle", "--without-gossip"))


def test_a_worker_runs_chains_and_chords_on_every_broker(celery_setup: CeleryTestSetup) -> None:
    doubled = chain(flow_tasks.double.s(1), flow_tasks.double.s(), flow_tasks.double.s()).apply_async()
    summed = chord([flow_tasks.double.s(n) for n in range(10)], flow_tasks.total.s()).apply_async()

    assert doubled.get(timeout=20) == 8
    assert summed.get(timeout=20) == 90


def test_a_worker_that_was_killed_works_again_after_a_restart(celery_setup: CeleryTestSetup) -> None:
    celery_setup.worker.kill()
    assert celery_setup.worker.container.status == "exited"

    celery_setup.worker.restart()

    assert flow_tasks.double.delay(4).get(timeout=20) == 8
