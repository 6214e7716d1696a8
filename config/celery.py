"""Celery's configuration, made from the settings. Every value that differs from Celery's default says why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from config.settings import Settings

CONNECT_SECONDS = 2.0


class PrioritySteps(list[int]):
    """The steps of priorities on Redis, each a list of its own, of which workers empty the highest first.

    kombu looks a step up by its place, and asks for messages in the order of iteration: there 0 would be the most
    urgent, unlike on RabbitMQ, and what says nothing would go before all that does.
    """

    def __init__(self, steps: Iterable[int]) -> None:
        super().__init__(sorted(steps))

    def __iter__(self) -> Iterator[int]:
        return reversed(self)

    def __reduce__(self) -> tuple[type[PrioritySteps], tuple[list[int]]]:
        return PrioritySteps, (sorted(self),)


_DAY = 86400
_TWICE = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5}


def celery_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for `Celery.conf.update`.

    A publish to a broker that is down fails within about 3 s: whoever waits gets an error, not a hang.
    """
    return {
        "broker_url": settings.resolved_broker_url,
        "result_backend": settings.resolved_result_backend,
        "imports": settings.imports,
        **_MESSAGES,
        **_WORKER,
        # x-max-priority of queues of RabbitMQ that are declared from now on; those that exist are not changed.
        **({"task_queue_max_priority": settings.queue_max_priority} if settings.queue_max_priority else {}),
        **_BEAT,
        **_keepalive(settings.resolved_result_backend),
        "beat_schedule_filename": str(settings.state_dir / "beat-schedule"),
        "broker_transport_options": _transport_options(settings),
        **(
            _REDIS_BACKEND
            if (settings.resolved_result_backend or "").startswith(("redis", "sentinel"))
            else {}
        ),
    }


_MESSAGES: dict[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "timezone": "UTC",
    "enable_utc": True,
    # Outputs are rows of the database; the result backend holds a chord's counters and nothing else.
    "task_ignore_result": True,
    "result_expires": _DAY,
    # A branch may wait for a person; bookkeeping that expires leaves a chord hanging without a word.
    "result_chord_expires": 30 * _DAY,
    # A second message for each one sent. Flower learns of a step when a worker receives it.
    "task_send_sent_event": False,
    "task_publish_retry_policy": _TWICE,
    # Celery sends the next step of a chain itself, with the priority that this one came with.
    "task_inherit_parent_priority": True,
    "broker_connection_timeout": CONNECT_SECONDS,
}

_WORKER: dict[str, Any] = {
    # Leases in the database and the sweeper recover a lost step in seconds; late acks would only add a second
    # delivery after the visibility timeout, and endless ones of a task that kills its process.
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    "worker_send_task_events": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 10.0,
    # 4 s is too little for a child that is forked on a busy machine; it would be killed and forked again.
    "worker_proc_alive_timeout": 30.0,
    "broker_connection_retry_on_startup": True,
    # Celery gives up after 100 attempts; a worker should outlast any outage of its broker.
    "broker_connection_max_retries": None,
    "worker_consumer": "tasks.consumer:Consumer",
}

_BEAT: dict[str, Any] = {"beat_scheduler": "tasks.beat:Scheduler"}

# Celery's 20 attempts a second apart would hold a step for 20 s when the result backend is down.
_REDIS_BACKEND: dict[str, Any] = {
    "redis_socket_connect_timeout": CONNECT_SECONDS,
    "redis_socket_timeout": 30.0,
    "redis_backend_health_check_interval": 25,
    "result_backend_transport_options": {
        "retry_policy": {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.3, "interval_max": 1.0}
    },
}


def _keepalive(result_backend: str | None) -> dict[str, Any]:
    # redis-py refuses the option for a Unix socket.
    return {} if "socket://" in (result_backend or "") else {"redis_socket_keepalive": True}


def _transport_options(settings: Settings) -> dict[str, Any]:
    # kombu connects with 100 attempts unless told otherwise, whatever the publish's own retry policy says.
    if not settings.redis_broker:
        return dict(_TWICE)
    return _TWICE | {
        "priority_steps": PrioritySteps((0, 3, 6, 9)),
        "visibility_timeout": settings.visibility_timeout_seconds,
        # kombu looks for messages to restore each 10 x 10 s; a killed worker's would be late by up to 100 s.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # Without a timeout a publish on a connection that a firewall has dropped waits for ever.
        "socket_timeout": 30.0,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
