"""Celery's configuration follows the settings."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from celery import Celery
from celery.app.defaults import DEFAULTS
from kombu.exceptions import OperationalError

from config.celery import celery_config
from config.settings import Settings

REDIS_ONLY = {"visibility_timeout", "unacked_restore_interval", "unacked_restore_throttle", "socket_timeout"}


def test_redis_options_go_to_redis_only() -> None:
    on_redis = celery_config(Settings(visibility_timeout_seconds=77))["broker_transport_options"]
    on_rabbitmq = celery_config(Settings(broker_url="amqp://h"))["broker_transport_options"]

    assert set(on_redis) >= REDIS_ONLY
    assert on_redis["visibility_timeout"] == 77
    assert not REDIS_ONLY & set(on_rabbitmq)


def test_celery_knows_every_key_of_the_configuration() -> None:
    # The Redis backend reads this one, though Celery's table of settings lacks it.
    known = set(DEFAULTS) | {"redis_backend_health_check_interval"}

    assert set(celery_config(Settings())) <= known


@pytest.mark.parametrize("broker_url", [None, "redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//"])
def test_a_publish_to_a_broker_that_is_down_fails_within_seconds(
    tmp_path: Path, broker_url: str | None
) -> None:
    app = Celery("down", set_as_current=False)
    app.conf.update(celery_config(Settings(state_dir=tmp_path, broker_url=broker_url)))

    began = time.monotonic()
    with pytest.raises(OperationalError):
        app.send_task("any", ignore_result=True)

    assert time.monotonic() - began < 3
