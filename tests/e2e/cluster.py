"""pytest-celery's fixtures, told which broker, result backend and database a test's platform has.

Above the containers everything is pytest-celery's own: `celery_setup` and its clusters of brokers, backends and
workers. The workers are the project's (`celery -A app worker`), with settings from PODIUM_*.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pytest_celery import CeleryBackendCluster, CeleryTestNode, CeleryTestSetup

from app.client import Podium
from app.store import migrations
from config.database import create_engine
from config.settings import Settings
from tests.e2e.flow import wait_for
from tests.e2e.nodes import REPOSITORY, Nodes, worker_command
from tests.e2e.platforms import MAIN, Platform
from tests.servers import Postgres

__all__ = [
    "celery_backend_cluster",
    "celery_beat",
    "celery_broker",
    "celery_setup_config",
    "celery_worker",
    "default_worker_app",
    "default_worker_command",
    "default_worker_env",
    "imports",
    "platform",
    "podium",
    "second_worker_command",
    "settings",
    "state_url",
]

READY_SECONDS = 60.0


class Home:
    """The directory and the database of the platform that is in use."""

    def __init__(self, nodes: Nodes, folder: Path, request: pytest.FixtureRequest) -> None:
        self._nodes, self._folder, self._request = nodes, folder, request
        self._count = 0
        self.state_dir = folder
        self.database_url = ""

    def move(self, platform: Platform) -> None:
        """Have an empty, migrated database of the platform's kind, unless the platform is in use already."""
        if not self._nodes.use(platform):
            return
        self._count += 1
        self.state_dir = self._folder / f"{platform}-{self._count}"
        self.state_dir.mkdir()
        if platform.database == "sqlite":
            self.database_url = f"sqlite:///{self.state_dir / 'podium.db'}"
        else:
            server: Postgres = self._request.getfixturevalue("postgres_server")
            self.database_url = server.create(f"{self._folder.name}-{self._count}")
        engine = create_engine(self.database_url)
        migrations.upgrade(engine)
        engine.dispose()


@pytest.fixture(params=MAIN, ids=str)
def platform(request: pytest.FixtureRequest, home: Home) -> Platform:
    """What the test runs on."""
    chosen: Platform = request.param
    home.move(chosen)
    return chosen


@pytest.fixture
def state_url(home: Home, platform: Platform) -> str:
    """The URL of the platform's database."""
    return home.database_url


@pytest.fixture
def celery_broker(request: pytest.FixtureRequest, platform: Platform) -> CeleryTestNode:
    """pytest-celery's broker node of the platform's kind."""
    return request.getfixturevalue(f"celery_{platform.broker}_broker")


@pytest.fixture
def celery_backend_cluster(request: pytest.FixtureRequest, platform: Platform) -> CeleryBackendCluster | None:
    """pytest-celery's backend cluster; none where the broker or the database holds results."""
    if platform.backend != "redis":
        return None
    return CeleryBackendCluster(request.getfixturevalue("celery_redis_backend"))


@pytest.fixture
def imports() -> tuple[str, ...]:
    """PODIUM_IMPORTS."""
    return ("tasks", "tests.e2e.flow_tasks")


@pytest.fixture
def settings(
    platform: Platform,
    home: Home,
    imports: tuple[str, ...],
    celery_broker_cluster_config: dict[str, Any],
    celery_backend_cluster_config: dict[str, Any] | None,
) -> Settings:
    """The settings of all processes of the test; intervals and limits are the defaults."""
    backend = celery_backend_cluster_config["host_urls"][0] if celery_backend_cluster_config else None
    return Settings(
        state_dir=home.state_dir,
        broker_url=celery_broker_cluster_config["host_urls"][0],
        result_backend=home.database_url if platform.backend == "database" else backend,
        database_url=home.database_url,
        imports=imports,
        log_level="info",
    )


@pytest.fixture
def default_worker_env(settings: Settings) -> dict[str, str]:
    """The environment of every process of the project."""
    more = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "FLOWER_UNAUTHENTICATED_API": "true"}
    return {**settings.environment(), **more}


@pytest.fixture
def default_worker_command() -> list[str]:
    """The worker's command."""
    return worker_command("celery_test_worker", 2)


@pytest.fixture
def second_worker_command() -> list[str]:
    """Another worker's command."""
    return worker_command("second_worker", 2)


@pytest.fixture
def default_worker_app(celery_setup_app: Celery) -> Celery:
    """The application that pytest-celery talks to the worker with."""
    return celery_setup_app


@pytest.fixture
def celery_worker(request: pytest.FixtureRequest) -> CeleryTestNode:
    """pytest-celery's worker node."""
    return request.getfixturevalue("celery_setup_worker")


@pytest.fixture
def celery_setup_config(settings: Settings) -> dict[str, Any]:
    """The configuration of that application."""
    return {
        "broker_url": settings.resolved_broker_url,
        "result_backend": settings.resolved_result_backend,
    }


@pytest.fixture
def celery_beat(beat_container: Any) -> CeleryTestNode:
    """Beat as a node."""
    return CeleryTestNode(beat_container)


@pytest.fixture
def podium(
    settings: Settings, celery_setup: CeleryTestSetup, celery_beat: CeleryTestNode
) -> Iterator[Podium]:
    """A client of the cluster, whose nodes are all ready."""
    wait_for(
        "the nodes are ready", lambda: celery_setup.ready(docker=True) and celery_beat.ready(), READY_SECONDS
    )
    with Podium(settings) as client:
        yield client
