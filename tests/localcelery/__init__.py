"""pytest-celery's nodes as plain processes, for machines without a Docker engine.

`PYTEST_CELERY_RUNTIME=docker|local` forces one of the two; not set, the engine is asked once.
"""

from tests.localcelery.runtime import docker_available

__all__ = ["docker_available"]
