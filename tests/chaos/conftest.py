"""A cluster of its own for each test: its nodes are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pytest_celery import CeleryTestNode, CeleryTestWorker, CeleryWorkerCluster

from app.client import Podium
from tests.e2e.cluster import *  # noqa: F403  pytest-celery's fixtures for our platforms
from tests.e2e.cluster import Home
from tests.e2e.flow import Flow
from tests.e2e.nodes import Nodes
from tests.localcelery import docker_available

if docker_available():
    from tests.e2e.containers import *  # noqa: F403
else:
    from tests.e2e.local import *  # noqa: F403


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """The local processes of this test."""
    own = Nodes()
    yield own
    own.end()


@pytest.fixture
def home(nodes: Nodes, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    """Where this test's platform keeps its state."""
    return Home(nodes, tmp_path, request)


@pytest.fixture  # type: ignore[no-redef]  # in place of the cluster's
def imports() -> tuple[str, ...]:
    """PODIUM_IMPORTS."""
    return ("tasks", "tests.e2e.flow_tasks", "tests.chaos.chaos_tasks")


@pytest.fixture
def celery_worker_cluster(
    celery_worker: CeleryTestWorker,
    second_worker_container: Any,
    default_worker_cls: Any,
    celery_setup_app: Celery,
) -> CeleryWorkerCluster:
    """Two workers with two processes each."""
    return CeleryWorkerCluster(celery_worker, default_worker_cls(second_worker_container, celery_setup_app))


@pytest.fixture
def flow(podium: Podium, tmp_path: Path) -> Flow:
    """Defines and runs the test's workflows."""
    return Flow(podium, tmp_path)


@pytest.fixture
def broker(celery_broker: CeleryTestNode) -> CeleryTestNode:
    """The broker that is to be lost."""
    return celery_broker
