"""A cluster for each platform, kept for all tests of the platform, and what tests say to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by their platforms: each platform's processes are started once, in one process of pytest."""
    ours = [item for item in items if _HERE in item.path.parents]
    in_order = iter(sorted(ours, key=_platform))
    items[:] = [next(in_order) if _HERE in item.path.parents else item for item in items]


def _platform(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("platform", "")) if callspec else ""


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """The local processes, kept from test to test."""
    kept = Nodes()
    yield kept
    kept.end()


@pytest.fixture(scope="session")
def home(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Home:
    """Where the platform in use keeps its state."""
    return Home(nodes, tmp_path_factory.mktemp("e2e"), request)


@pytest.fixture
def flow(podium: Podium, tmp_path: Path) -> Flow:
    """Defines and runs the test's workflows."""
    return Flow(podium, tmp_path)
