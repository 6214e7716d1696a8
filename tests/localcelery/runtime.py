"""Which of the two runtimes the nodes of pytest-celery use."""

from __future__ import annotations

import functools
import os

import docker
from docker.errors import DockerException


@functools.cache
def docker_available() -> bool:
    """Say whether nodes are containers; asking takes some 2 ms where there is no engine."""
    forced = os.environ.get("PYTEST_CELERY_RUNTIME")
    if forced is not None:
        return forced == "docker"
    try:
        client = docker.from_env(timeout=3)
        try:
            client.ping()
        finally:
            client.close()
    except DockerException:
        return False
    return True
