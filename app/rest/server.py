"""The server of one API process: uvicorn, on the address of the settings."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn

from app.bootstrap import Process, connect
from app.operations.access import any_key
from app.rest.access import Access
from app.rest.application import create_app
from app.rest.context import Context
from config.settings import Settings
from workflows.errors import PodiumError

_GRACE_SECONDS = 10
_KEEP_ALIVE_SECONDS = 75
"""Longer than the minute for which balancers keep theirs: who closes first must not be the one that is called."""


class ApiAddressError(PodiumError):
    """The API can't, or must not, listen where the settings say."""


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `on_ready` is called with the URL once it listens.

    Raises:
        ApiAddressError: the address is open to the network and there is no API key, or it can't be listened on.
        StoreError: the database does not answer, or has another schema.
    """
    process = connect(settings)
    try:
        loopback = is_loopback(settings.api_address)
        if not loopback and not any_key(process.engine):
            raise ApiAddressError(
                f"the API would be open to everybody who reaches {settings.api_address}; "
                "make a key with 'podium keys create NAME --role admin', or set PODIUM_API_ADDRESS=127.0.0.1"
            )
        Server(process, loopback=loopback, port=settings.api_port, on_ready=on_ready).run()
    finally:
        process.close()


class Server:
    """One API process on the address of its settings.

    port: 0: any that is free.
    on_ready: called with the URL once it listens.
    """

    def __init__(
        self, process: Process, *, loopback: bool, port: int, on_ready: Callable[[str], None]
    ) -> None:
        context = Context(process, Access(process.engine, loopback=loopback))
        config = uvicorn.Config(
            create_app(context),
            host=process.engine.settings.api_address,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            # Nobody asks where a call comes from.
            proxy_headers=False,
        )
        self._server = _Uvicorn(config, context.hub.close, on_ready)

    def run(self) -> None:
        """Serve until a signal, or `stop`.

        Raises:
            ApiAddressError: it can't listen there.
        """
        if threading.current_thread() is not threading.main_thread():
            self._server.run()
            return
        # When all is done uvicorn raises the signal that stopped it once more: with SIGTERM's default the process would
        # end as one that was killed, and close nothing.
        before = signal.signal(signal.SIGTERM, lambda *_: self.stop())
        try:
            self._server.run()
        finally:
            signal.signal(signal.SIGTERM, before)

    def stop(self) -> None:
        """Make `run` return; from any thread."""
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    """Says when it listens, and lets those go who wait when it is to stop."""

    def __init__(
        self, config: uvicorn.Config, let_go: Callable[[], None], on_ready: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._let_go = let_go
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does."""
        try:
            await super().startup(sockets)
        except SystemExit:
            where = f"{self.config.host} port {self.config.port}"
            raise ApiAddressError(
                f"can't listen on {where}; stop what listens there, or set PODIUM_API_PORT to another"
            ) from None
        if self.started:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            self._on_ready(f"http://{host}:{self.servers[0].sockets[0].getsockname()[1]}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; calls that wait are answered first."""
        self._let_go()
        await super().shutdown(sockets)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
