"""Events of NATS: `nats:<subject>`, and of its JetStream: `jsm:<subject>`. kombu has no transport for NATS.

Option of `nats`: `queue` (podium), the group that shares a subject's messages. NATS keeps none and knows no
acknowledgement: what comes while nobody receives, or can't be stored, is lost.

Options of `jsm`: `stream` (the one that has the subject; where there is none, it is made), `durable` (podium), the consumer.
JetStream delivers again what was not acknowledged. The header `Nats-Msg-Id` is the message's id; of a message of
JetStream that has none, it is the stream and the sequence.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from app.events.provider import Incoming, ProviderMissing, Take
from app.runtime.clock import new_id
from config.celery import CONNECT_SECONDS
from config.settings import Settings
from workflows.events import EventName

ID_HEADER = "Nats-Msg-Id"
_WAIT_SECONDS = 0.25
_COUNT = 64
_PUBLISH_SECONDS = 10.0
_ABANDONED_SECONDS = 30.0
"""What its receiver has not acknowledged for so long is another's."""
_ERRORS = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)

T = TypeVar("T")


def connect(settings: Settings) -> NatsProvider:
    """The provider for these settings.

    Raises:
        ProviderMissing: there is no NATS.
    """
    url = settings.event_nats_url
    if url is None:
        raise ProviderMissing("there is no NATS: set PODIUM_EVENT_NATS_URL to nats://…")
    return NatsProvider(url)


class NatsProvider:
    """One NATS, or a cluster of it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._known: set[str] = set()

    # --- publishing: the client is asyncio's, and lives in a thread of its own -----------------------------------

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        with self._lock:
            try:
                self._run(self._publish(name, body, message_id))
            except _ERRORS:
                if self._client is None:
                    raise
                # The server may have been restarted since the last event: once more, on a new connection.
                self._run(self._drop())
                self._run(self._publish(name, body, message_id))

    async def _publish(self, name: EventName, body: bytes, message_id: str) -> None:
        if self._client is None or self._client.is_closed:
            self._client = await _connect(self._url)
            self._known.clear()
        headers = {ID_HEADER: message_id, "Content-Type": "application/json"}
        if name.provider == "nats":
            await self._client.publish(name.address, body, headers=headers)
            # It returns when the server has answered, and so has what was sent before.
            await self._client.flush(int(_PUBLISH_SECONDS))
            return
        jetstream = self._client.jetstream(timeout=_PUBLISH_SECONDS)
        if name.text not in self._known:
            await _stream(jetstream, name)
            self._known.add(name.text)
        await jetstream.publish(name.address, body, headers=headers, stream=name.options.get("stream"))

    async def _drop(self) -> None:
        broken, self._client = self._client, None
        if broken is not None:
            with contextlib.suppress(*_ERRORS):
                await broken.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(self._loop,), name="podium-nats", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._run(self._drop())
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    # --- receiving: in the loop of the thread that receives ------------------------------------------------------

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        asyncio.run(self._receive([EventName.parse(event) for event in events], take, stop))

    async def _receive(self, names: Sequence[EventName], take: Take, stop: threading.Event) -> None:
        client = await _connect(self._url)
        try:
            receivers = [
                asyncio.ensure_future(
                    _core(client, name, take, stop)
                    if name.provider == "nats"
                    else _jetstream(client, name, take, stop)
                )
                for name in names
            ]
            try:
                await asyncio.gather(*receivers)
            finally:
                for receiver in receivers:
                    receiver.cancel()
                await asyncio.gather(*receivers, return_exceptions=True)
        finally:
            with contextlib.suppress(*_ERRORS):
                await client.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _core(client: Client, name: EventName, take: Take, stop: threading.Event) -> None:
    subscription = await client.subscribe(name.address, queue=name.options.get("queue", "podium"))
    while not stop.is_set():
        try:
            message = await subscription.next_msg(_WAIT_SECONDS)
        except TimeoutError:
            _check(client)
            continue
        take(Incoming(name.text, _sent_id(message) or new_id(), message.data))


async def _jetstream(client: Client, name: EventName, take: Take, stop: threading.Event) -> None:
    jetstream = client.jetstream(timeout=_PUBLISH_SECONDS)
    stream = await _stream(jetstream, name)
    subscription = await jetstream.pull_subscribe(
        name.address,
        # One stream may have several subjects, each with a handler.
        durable=name.options.get("durable") or f"podium-{_word(name.address)}",
        stream=stream,
        config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=_ABANDONED_SECONDS),
    )
    while not stop.is_set():
        try:
            messages = await subscription.fetch(_COUNT, _WAIT_SECONDS)
        except TimeoutError:
            _check(client)
            continue
        for place, message in enumerate(messages):
            own_id = f"{message.metadata.stream}-{message.metadata.sequence.stream}"
            try:
                take(Incoming(name.text, _sent_id(message) or own_id, message.data))
            except BaseException:
                # They need not wait until they count as abandoned.
                for left in messages[place:]:
                    await left.nak()
                await client.flush()
                raise
            await message.ack()
        await client.flush()


async def _stream(jetstream: JetStreamContext, name: EventName) -> str:
    """The stream that has the subject; where there is none, it is made."""
    given = name.options.get("stream")
    try:
        return given or await jetstream.find_stream_name_by_subject(name.address)
    except nats.js.errors.NotFoundError:
        made = _word(name.address)
        await jetstream.add_stream(name=made, subjects=[name.address])
        return made


def _check(client: Client) -> None:
    if client.is_closed:
        raise ConnectionError("the connection to NATS has ended")


def _sent_id(message: Msg) -> str | None:
    return (message.headers or {}).get(ID_HEADER)


def _word(subject: str) -> str:
    """A subject as the name of a stream or a consumer, which has neither dots nor wildcards."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", subject)


async def _connect(url: str) -> Client:
    address, _, parameters = url.partition("?")
    credentials = parse_qs(parameters).get("credentials")
    scheme, separator, places = address.partition("://")
    servers = [
        place if "://" in place else f"{scheme}{separator}{place}" for place in places.split(",") if place
    ]
    problems: list[str] = []

    async def note(error: Exception) -> None:
        problems.append(str(error) or type(error).__name__)

    # Whoever uses it connects anew itself: a client that does so by itself would hide that messages were lost.
    connecting = nats.connect(
        servers,
        name="podium",
        connect_timeout=int(CONNECT_SECONDS),
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        error_cb=note,
        user_credentials=credentials[0] if credentials else None,
    )
    try:
        return await asyncio.wait_for(connecting, CONNECT_SECONDS * 2)
    except (nats.errors.Error, TimeoutError) as error:
        raise ConnectionError(f"no connection to NATS: {problems[-1] if problems else error}") from error
