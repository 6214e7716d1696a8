"""Two faults of kombu 5.7's Redis transport, mended from outside.

One: it makes a new `redis.Redis` object for every command, which costs more than the command. A channel keeps one
here; it draws its connections from the channel's pool, as before.

Two: keep a worker alive when Redis goes away while it holds an unacknowledged message.

In Celery 5.7.0 the worker's main process then exits: `Consumer.on_connection_error_after_connected` collects
the transport and afterwards closes a channel, which restores its unacknowledged messages through the
transport that is gone (`AttributeError: 'NoneType' object has no attribute 'hostname'`). A ConnectionError in
its place is handled by every caller. The message stays in the broker's `unacked` hash and returns after the
visibility timeout.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError

_MARK = "podium_guard"
_KEPT = "_podium_client"


def install() -> None:
    """Mend kombu's Redis channel; further calls do nothing."""
    channel_class: Any = kombu_redis.Channel
    original = channel_class._connparams
    if hasattr(original, _MARK):
        return

    def _connparams(channel: Any, asynchronous: bool = False) -> Any:
        if getattr(channel.connection, "client", None) is None:
            raise RedisConnectionError("channel belongs to a closed transport")
        return original(channel, asynchronous=asynchronous)

    setattr(_connparams, _MARK, True)
    channel_class._connparams = _connparams
    make = channel_class._create_client

    def _create_client(channel: Any, asynchronous: bool = False) -> Any:
        if asynchronous:
            return make(channel, asynchronous=True)
        pool = channel.pool
        kept = channel.__dict__.get(_KEPT)
        if kept is None or kept.connection_pool is not pool:
            kept = channel.__dict__[_KEPT] = make(channel)
        return kept

    channel_class._create_client = _create_client
