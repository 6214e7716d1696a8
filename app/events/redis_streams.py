"""Events of Redis and Valkey streams: `redis:<stream>`. kombu has no transport for streams.

Options: `group` (podium), `maxlen` (about how many entries are kept when Podium publishes).
An entry has the fields `payload` (JSON) and `message_id`; of one that has no `payload`, all fields are the message.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import redis

from app.events.provider import Incoming, ProviderMissing, Take
from config.celery import CONNECT_SECONDS
from config.settings import Settings
from workflows.events import EventName

_BLOCK_MS = 250
_COUNT = 64
_ABANDONED_MS = 30_000
"""An entry that its reader has not acknowledged for so long is another reader's."""


def connect(settings: Settings) -> RedisProvider:
    """The provider for these settings.

    Raises:
        ProviderMissing: there is no Redis.
    """
    url = settings.resolved_event_redis_url
    if url is None:
        raise ProviderMissing("there is no Redis: set PODIUM_EVENT_REDIS_URL to redis://…")
    return RedisProvider(url)


class RedisProvider:
    """One Redis or Valkey."""

    def __init__(self, url: str) -> None:
        self._client = _client(url)
        self._reader = f"{socket.gethostname()}-{os.getpid()}"

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        maxlen = int(name.options["maxlen"]) if "maxlen" in name.options else None
        entry: Any = {"payload": body, "message_id": message_id}
        self._client.xadd(name.address, entry, maxlen=maxlen, approximate=True)

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        # One group may read many streams in one call.
        groups: dict[str, dict[str, str]] = {}
        for event in events:
            name = EventName.parse(event)
            group = name.options.get("group", "podium")
            groups.setdefault(group, {})[name.address] = event
            self._ensure_group(name.address, group)
        looked = 0.0
        while not stop.is_set():
            if time.monotonic() - looked > _ABANDONED_MS / 2000:
                self._adopt(groups, take)
                looked = time.monotonic()
            for group, streams in groups.items():
                found: Any = self._client.xreadgroup(
                    group, self._reader, dict.fromkeys(streams, ">"), count=_COUNT, block=_BLOCK_MS
                )
                for stream, entries in found or ():
                    self._hand_over(stream.decode(), group, streams[stream.decode()], entries, take)

    def _adopt(self, groups: Mapping[str, Mapping[str, str]], take: Take) -> None:
        """What a reader took and did not acknowledge, because it died."""
        for group, streams in groups.items():
            for stream, event in streams.items():
                start: Any = "0-0"
                while True:
                    start, entries, *_ = self._client.xautoclaim(
                        stream, group, self._reader, min_idle_time=_ABANDONED_MS, start_id=start, count=_COUNT
                    )
                    self._hand_over(stream, group, event, entries, take)
                    if start in (b"0-0", "0-0"):
                        break

    def _hand_over(self, stream: str, group: str, event: str, entries: Any, take: Take) -> None:
        for entry_id, fields in entries:
            if fields is not None:
                take(_incoming(event, entry_id, fields))
            self._client.xack(stream, group, entry_id)

    def _ensure_group(self, stream: str, group: str) -> None:
        try:
            self._client.xgroup_create(stream, group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def close(self) -> None:
        self._client.close()


def _incoming(event: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Incoming:
    body = fields.get(b"payload")
    if body is None:
        body = orjson.dumps({_text(key): _text(value) for key, value in fields.items()})
    return Incoming(event, (fields.get(b"message_id") or entry_id).decode(), body)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _client(url: str) -> redis.Redis:
    options: dict[str, Any] = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": 30.0}
    if url.startswith("redis+socket://"):
        # Celery's way of writing a socket, which redis-py writes in another.
        parts = urlsplit(url)
        database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        return redis.Redis(unix_socket_path=parts.path, db=int(database), **options)
    return redis.Redis.from_url(url, **options)
